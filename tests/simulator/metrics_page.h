#pragma once

#include <string>

#include "simulator/service.h"

namespace aliyun_ecs::simulator {

// What the simulator tells Prometheus of itself, in the text format. Every child of every family is
// there from the start.
[[nodiscard]] std::string MetricsPage(Service& service);
inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace aliyun_ecs::simulator
