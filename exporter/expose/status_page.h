#pragma once

#include <string>
#include <string_view>

#include "base/build_info.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The page for people at "/": who the instance is, what is about to happen to it, how fresh that
// is, and where to go from here. Plain HTML, no script, nothing loaded from elsewhere; everything
// that came from the service is escaped.
[[nodiscard]] std::string StatusPage(const Snapshot& snapshot, Instant now, const BuildInfo& build,
                                     std::string_view telemetry_path);

}  // namespace aliyun_ecs
