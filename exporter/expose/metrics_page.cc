#include "expose/metrics_page.h"

#include <map>
#include <string_view>
#include <utility>

#include "expose/metric_families.h"

namespace aliyun_ecs {

namespace {

// What stands above the samples of a family.
struct Heading {
  explicit Heading(std::string heading) : text(std::move(heading)), deflated(text) {}
  std::string text;
  DeflatedText deflated;
};

// Of every family of the catalog, by name. They never change, so they are made once.
using Headings = std::map<std::string_view, Heading>;

Headings MakeHeadings(Exposition exposition) {
  Headings headings;
  for (const Family& row : kFamilies) {
    std::string text;
    TextFormat(exposition).AppendHeading(text, EmptyFamily(row));
    headings.emplace(row.name, std::move(text));
  }
  return headings;
}

const Headings& HeadingsOf(Exposition exposition) {
  static const Headings text = MakeHeadings(Exposition::kText);
  static const Headings open_metrics = MakeHeadings(Exposition::kOpenMetrics);
  return exposition == Exposition::kText ? text : open_metrics;
}

}  // namespace

MetricsPage::MetricsPage(const SnapshotStore& store, const Clock& clock, const BuildInfo& build,
                         const AnswerCounter* answers)
    : store_(store), clock_(clock), build_(build), answers_(answers) {}

template <typename Form>
MetricsPage::Kept<Form> MetricsPage::FixedPart(ByExposition<Kept<Form>>& kept,
                                               Exposition exposition) const {
  auto& slot = kept[static_cast<std::size_t>(exposition)];
  const auto snapshot = store_.Current();
  {
    const std::lock_guard lock(mutex_);
    if (slot.snapshot == snapshot) return slot;
  }
  // Two scrapes may do this at once. That costs less than one waiting for the other.
  std::string text;
  TextFormat(exposition).Append(text, FixedFamilies(*snapshot, build_));
  Kept<Form> made{snapshot, std::make_shared<const Form>(std::move(text))};
  const std::lock_guard lock(mutex_);
  slot = made;
  return made;
}

std::vector<prometheus::MetricFamily> MetricsPage::LivePart(const Snapshot& snapshot) const {
  const Instant now = Now(clock_);
  auto families = LiveFamilies(snapshot, now);
  if (answers_ == nullptr) return families;
  for (auto& family : ProcessFamilies(Process(now.steady), answers_->Counts())) {
    families.push_back(std::move(family));
  }
  return families;
}

// The system calls for these cost more than all else on the page, and say nothing new so soon.
ProcessStatistics MetricsPage::Process(SteadyTime now) const {
  constexpr Duration kFresh = std::chrono::milliseconds(100);
  const std::lock_guard lock(mutex_);
  if (!process_read_ || now - *process_read_ >= kFresh) {
    process_ = ProcessStatistics::Read();
    process_read_ = now;
  }
  return process_;
}

std::string MetricsPage::Text(Exposition exposition) const {
  const TextFormat format(exposition);
  const Headings& headings = HeadingsOf(exposition);
  const auto fixed = FixedPart(texts_, exposition);
  std::string page;
  constexpr std::size_t kUsualLivePart = 8 * 1024;
  page.reserve(fixed.form->size() + kUsualLivePart);
  page += *fixed.form;
  for (const auto& family : LivePart(*fixed.snapshot)) {
    page += headings.at(family.name).text;
    format.AppendSamples(page, family);
  }
  page += format.end();
  return page;
}

std::string MetricsPage::Gzip(Exposition exposition) const {
  const TextFormat format(exposition);
  const Headings& headings = HeadingsOf(exposition);
  const auto fixed = FixedPart(deflated_, exposition);
  GzipMember page;
  page.Add(*fixed.form);
  std::string samples;
  for (const auto& family : LivePart(*fixed.snapshot)) {
    page.Add(headings.at(family.name).deflated);
    samples.clear();
    format.AppendSamples(samples, family);
    page.AddStored(samples);
  }
  page.AddStored(format.end());
  return page.Finish();
}

}  // namespace aliyun_ecs
