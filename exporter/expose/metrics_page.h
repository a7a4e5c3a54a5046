#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/build_info.h"
#include "base/clock.h"
#include "base/process_statistics.h"
#include "expose/answer_counter.h"
#include "expose/gzip.h"
#include "expose/text_format.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The page that Prometheus scrapes. What changes only with the snapshot is made, and compressed,
// once for each snapshot that somebody asks for; a scrape adds the samples of the few families that
// change with time. Safe to call from any number of threads, none of which waits for another's
// work.
class MetricsPage {
 public:
  // All of them outlive the page. Without `answers` it says nothing of the exporter's own process.
  MetricsPage(const SnapshotStore& store, const Clock& clock, const BuildInfo& build,
              const AnswerCounter* answers);

  [[nodiscard]] std::string Text(Exposition exposition) const;
  [[nodiscard]] std::string Gzip(Exposition exposition) const;

 private:
  // The fixed part of the page in some form, and the snapshot that it was made of.
  template <typename Form>
  struct Kept {
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const Form> form;
  };
  template <typename Value>
  using ByExposition = std::array<Value, 2>;

  template <typename Form>
  [[nodiscard]] Kept<Form> FixedPart(ByExposition<Kept<Form>>& kept, Exposition exposition) const;
  [[nodiscard]] std::vector<prometheus::MetricFamily> LivePart(const Snapshot& snapshot) const;
  [[nodiscard]] ProcessStatistics Process(SteadyTime now) const;

  const SnapshotStore& store_;
  const Clock& clock_;
  const BuildInfo& build_;
  const AnswerCounter* const answers_;
  mutable std::mutex mutex_;  // guards what follows
  mutable ByExposition<Kept<std::string>> texts_;
  mutable ByExposition<Kept<DeflatedText>> deflated_;
  mutable ProcessStatistics process_;
  mutable std::optional<SteadyTime> process_read_;
};

}  // namespace aliyun_ecs
