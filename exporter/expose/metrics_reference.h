#pragma once

#include <string>

namespace aliyun_ecs {

// exporter/METRICS.md, made from the catalog: every family, and for every item of the vendor's
// list where it ends or that it is withheld.
[[nodiscard]] std::string MetricsReference();

}  // namespace aliyun_ecs
