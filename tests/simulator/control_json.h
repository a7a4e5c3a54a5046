#pragma once

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

// The tags of {"env": "prod", …}, at most 100 with values of at most 256 bytes.
[[nodiscard]] std::map<std::string, std::string> TagsFromJson(const Json& json,
                                                              const std::string& place,
                                                              Complaints& complaints);

// Almost in the form that FaultsFromJson takes: with how often each fault matched and struck.
[[nodiscard]] Json ToJson(const std::vector<FaultList::Entry>& entries);
[[nodiscard]] Json ToJson(const Throttle& throttle);

}  // namespace aliyun_ecs::simulator
