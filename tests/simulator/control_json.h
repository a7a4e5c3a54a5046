#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulator/fault.h"
#include "simulator/json_object.h"

namespace aliyun_ecs::simulator {

// The faults of {"faults": [{"fault": "status", "path": "*/spot/*", "status": 503}, …]}; README.md
// has all members. Adds what is wrong to the complaints.
[[nodiscard]] std::vector<Fault> FaultsFromJson(const Json& json, const std::string& place,
                                                Complaints& complaints);

// The throttle of {"rate": 2, "burst": 10}.
[[nodiscard]] std::optional<Throttle> ThrottleFromJson(const Json& json, const std::string& place,
                                                       Complaints& complaints);

// The value of a tag, or the name of a disk, in bytes.
inline constexpr std::size_t kLongestName = 256;

// The tags of {"env": "prod", …}, at most 100 with values of at most kLongestName.
[[nodiscard]] std::map<std::string, std::string> TagsFromJson(const Json& json,
                                                              const std::string& place,
                                                              Complaints& complaints);

// Almost in the form that FaultsFromJson takes: with how often each fault matched and struck.
[[nodiscard]] OrderedJson ToJson(const std::vector<FaultList::Entry>& entries);
[[nodiscard]] OrderedJson ToJson(const Throttle& throttle);

}  // namespace aliyun_ecs::simulator
