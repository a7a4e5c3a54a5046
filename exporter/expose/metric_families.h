#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "base/build_info.h"
#include "base/process_statistics.h"
#include "expose/answer_counter.h"
#include "metadata/catalog.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The page as plain structs: the families of the catalog, in its order, with the samples that this
// snapshot has. Families without a sample are left out. Pure, so that any number of scrapes can run
// at once and none of them costs the metadata service anything.
//
// An info family is shown only once all of its labels are settled (judge.h): half a set of labels
// would be another series, and break joins. No two samples of a family have the same labels,
// whatever the service says.

// A family of the catalog without samples.
[[nodiscard]] prometheus::MetricFamily EmptyFamily(const Family& row);

// Those that change only with the snapshot, so that a page can be kept until there is another. That
// nothing else goes into them is a matter of types: their functions are not given the time.
[[nodiscard]] std::vector<prometheus::MetricFamily> FixedFamilies(const Snapshot& snapshot,
                                                                  const BuildInfo& build);

// Those that change with time: countdowns, and verdicts that age.
[[nodiscard]] std::vector<prometheus::MetricFamily> LiveFamilies(const Snapshot& snapshot,
                                                                 Instant now);

// Those about the exporter's own process (--web.disable-exporter-metrics).
[[nodiscard]] std::vector<prometheus::MetricFamily> ProcessFamilies(
    const ProcessStatistics& process, const AnswerCounts& answers);

// The fixed ones, then the live ones.
[[nodiscard]] std::vector<prometheus::MetricFamily> MetricFamilies(const Snapshot& snapshot,
                                                                   Instant now,
                                                                   const BuildInfo& build);

}  // namespace aliyun_ecs
