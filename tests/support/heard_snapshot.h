#pragma once

#include <optional>
#include <string>
#include <tuple>

#include "metadata/judge.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// A snapshot as the poller would have made it from answers about the spot notice and the instance.
struct HeardSnapshot : Snapshot {
  HeardSnapshot() {
    refresh_intervals[static_cast<std::size_t>(RefreshClass::kSpot)] = std::chrono::seconds(5);
    token_expiration = SystemTime(std::chrono::hours(24 * 365 * 100));
  }

  void Hear(std::optional<SystemTime> termination, Instant at) {
    Answer& answer = readings[{kSpotTerminationTime, ""}].answer.emplace();
    answer.at = at;
    if (termination) answer.value = *termination;
    std::ignore = ObserveNotice(spot, termination, at, ServiceTime(at.system));
  }

  // All labels of aliyun_ecs_instance_info; those of alerts as given.
  void Identify(const std::string& name = "web-1") {
    for (const ItemId item : ItemsOf(FamilyAt("aliyun_ecs_instance_info"))) {
      const std::string label(Row(item).label);
      readings[{item, ""}].answer.emplace().value = label == "instance_name"   ? name
                                                    : label == "instance_id"   ? "i-simulated"
                                                    : label == "instance_type" ? "ecs.g6e.large"
                                                    : label == "zone_id"       ? "cn-hangzhou-i"
                                                                               : label;
    }
  }
};

}  // namespace aliyun_ecs
