#include "expose/text_format.h"

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "support/text_page.h"

// The writers of both formats with whatever may be in a label, a help text and a value: a reader
// finds in them what was put in, and nothing else. The input is cut at zero bytes: the help text,
// then values of labels.

namespace aliyun_ecs::fuzz {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// A number made of a piece of input; of every kind that a double can be.
double NumberOf(std::string_view piece) {
  std::uint64_t bits = 0;
  for (const char c : piece) bits = bits << 8 | static_cast<unsigned char>(c);
  return std::bit_cast<double>(bits);
}

bool SameNumber(double one, double other) { return one == other || (one != one && other != other); }

MetricFamily MakeFamily(const std::string& name, MetricType type, const std::string& help,
                        const std::vector<std::string_view>& values) {
  MetricFamily family{name, help, type, {}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    ClientMetric metric;
    // The first makes the sample another than those before.
    metric.label = {{"number", std::to_string(i)}, {"text", std::string(values[i])}};
    const double number = NumberOf(values[i]);
    metric.gauge.value = name.ends_with("_info") ? 1 : number;
    metric.counter.value = number >= 0 ? number : 0;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

void Compare(const MetricFamily& family, const PageFamily& read, bool open_metrics) {
  ALWAYS(read.help == family.help);
  ALWAYS(read.samples.size() == family.metric.size());
  for (std::size_t i = 0; i < read.samples.size(); ++i) {
    const ClientMetric& metric = family.metric[i];
    ALWAYS(read.samples[i].labels.size() == metric.label.size());
    for (std::size_t j = 0; j < metric.label.size(); ++j) {
      ALWAYS(read.samples[i].labels[j].first == metric.label[j].name);
      ALWAYS(read.samples[i].labels[j].second == metric.label[j].value);
    }
    const bool counter = family.type == MetricType::Counter;
    ALWAYS(SameNumber(read.samples[i].value, counter ? metric.counter.value : metric.gauge.value));
  }
  if (open_metrics) ALWAYS(read.unit == (family.name == "a_seconds" ? "seconds" : ""));
}

}  // namespace

void Fuzz(std::string_view input) {
  auto pieces = Split(input, '\0');
  const std::string help(pieces.front());
  pieces.erase(pieces.begin());
  const std::vector<MetricFamily> families = {
      MakeFamily("a_info", MetricType::Gauge, help, pieces),
      MakeFamily("a_seconds", MetricType::Gauge, help, pieces),
      MakeFamily("b_total", MetricType::Counter, help, pieces),
  };
  for (const bool open_metrics : {false, true}) {
    const TextFormat format(open_metrics ? Exposition::kOpenMetrics : Exposition::kText);
    const std::string page = format.Serialize(families);
    const auto read = open_metrics ? ReadOpenMetricsPage(page) : ReadTextPage(page);
    ALWAYS(read.has_value());
    ALWAYS(read->size() == families.size());
    for (std::size_t i = 0; i < families.size(); ++i) {
      Compare(families[i], (*read)[i], open_metrics);
    }
  }
}

}  // namespace aliyun_ecs::fuzz
