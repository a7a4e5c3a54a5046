#include "expose/metrics_page.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "expose/metric_families.h"
#include "fuzz/fuzz.h"
#include "fuzz/heard_instance.h"
#include "support/fake_clock.h"
#include "support/gunzip.h"
#include "support/text_page.h"

// From what the metadata service answers (the form is in heard_instance.h) to the page that
// Prometheus scrapes (the textfile is the same text), in both formats and compressed: it can be
// read, and what the service said stands in its labels.

namespace aliyun_ecs::fuzz {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Of every sample, by the name of its family in Prometheus' words.
std::vector<std::pair<std::string, Labels>> SamplesOf(const std::vector<PageFamily>& page) {
  std::vector<std::pair<std::string, Labels>> samples;
  for (const PageFamily& family : page) {
    ALWAYS(IsPrintableUtf8(family.help));
    for (const PageSample& sample : family.samples) {
      for (const auto& [name, value] : sample.labels) {
        ALWAYS(IsPrintableUtf8(value) && value.size() <= kMaxTextBytes);
        ALWAYS(!name.starts_with("__"));
      }
      samples.emplace_back(sample.name, sample.labels);
      // OpenMetrics writes 1.0 where the text format writes 1.
      if (!sample.labels.empty() && sample.labels.back().first == "le") {
        samples.back().second.back().second.clear();
      }
    }
  }
  return samples;
}

// The labels of a family's samples, without those that the input cannot change.
std::vector<Labels> LabelsOf(const std::vector<PageFamily>& page, std::string_view family) {
  const auto found = std::find_if(page.begin(), page.end(),
                                  [&](const PageFamily& one) { return one.name == family; });
  std::vector<Labels> labels;
  if (found == page.end()) return labels;
  for (const PageSample& sample : found->samples) labels.push_back(sample.labels);
  return labels;
}

// What was read of an item that is one label, or a list of them, is on the page.
void CheckIsShown(const Snapshot& snapshot, const std::vector<PageFamily>& page) {
  for (const auto& [key, reading] : snapshot.readings) {
    const Item& item = Row(key.item);
    if (item.label.empty() || reading.value() == nullptr) continue;
    std::vector<std::string> values;
    if (const auto* const text = reading.Get<std::string>()) values = {*text};
    if (const auto* const words = reading.Get<std::vector<std::string>>()) values = *words;
    const auto shown = LabelsOf(page, item.family);
    for (const auto& value : values) {
      const std::pair<std::string, std::string> label(item.label, value);
      ALWAYS(std::any_of(shown.begin(), shown.end(), [&](const Labels& labels) {
        return std::find(labels.begin(), labels.end(), label) != labels.end();
      }));
    }
  }
}

}  // namespace

void Fuzz(std::string_view input) {
  const FakeClock clock;
  SnapshotStore store;
  store.Publish(HearInstance(input, Now(clock)));
  const BuildInfo build{"1", "2", "3"};
  const MetricsPage page(store, clock, build, nullptr);

  const std::string text = page.Text(Exposition::kText);
  const std::string open_metrics = page.Text(Exposition::kOpenMetrics);
  const auto read = ReadTextPage(text), read_open_metrics = ReadOpenMetricsPage(open_metrics);
  ALWAYS(read.has_value() && read_open_metrics.has_value());
  ALWAYS(SamplesOf(*read) == SamplesOf(*read_open_metrics));
  CheckIsShown(*store.Current(), *read);

  ALWAYS(Gunzip(page.Gzip(Exposition::kText)) == text);
  ALWAYS(Gunzip(page.Gzip(Exposition::kOpenMetrics)) == open_metrics);
  ALWAYS(TextFormat().Serialize(MetricFamilies(*store.Current(), Now(clock), build)) == text);
}

}  // namespace aliyun_ecs::fuzz
