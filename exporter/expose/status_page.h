#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/build_info.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The page for people at "/": who the instance is, what is about to happen to it, how fresh that
// is, what has changed, and where to go from here. It refreshes itself and counts down to a spot
// termination; without script it does both with each reload. Nothing is loaded from elsewhere, and
// everything that came from the service is escaped.
[[nodiscard]] std::string StatusPage(const Snapshot& snapshot, Instant now, const BuildInfo& build,
                                     std::string_view telemetry_path);

// The header fields that the page is to be sent with: a content security policy under which only
// its own style and script work and only this exporter is asked; no referrer, no copy kept.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> StatusPageHeaders();

}  // namespace aliyun_ecs
