#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "base/build_info.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The page as plain structs: the families of the catalog, in its order, with the samples that this
// snapshot has at this moment. Families without a sample are left out. Pure, so that any number of
// scrapes can run at once and none of them costs the metadata service anything.
//
// An info family is shown only once all of its labels are settled (judge.h): half a set of labels
// would be another series, and break joins. No two samples
// of a family have the same labels, whatever the service says.
[[nodiscard]] std::vector<prometheus::MetricFamily> MetricFamilies(const Snapshot& snapshot,
                                                                   Instant now,
                                                                   const BuildInfo& build);

}  // namespace aliyun_ecs
