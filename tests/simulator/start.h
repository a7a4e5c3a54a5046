#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/instance.h"
#include "simulator/json_object.h"
#include "simulator/tree.h"

namespace aliyun_ecs::simulator {

inline constexpr std::string_view kDefaultRole = "SimulatedEcsRole";

// What flags and the "start" of a scenario may say of how the instances begin; nullopt where
// nothing was said. Every value is within its own limits.
struct StartOptions {
  std::optional<int> instances;
  std::optional<Profile> profile;
  std::optional<int> interfaces;
  std::optional<int> disks;
  std::optional<Ipv6> ipv6;
  std::optional<bool> key_pair;
  std::optional<bool> public_address;
  std::optional<bool> marketplace_image;
  std::optional<bool> spot;
  std::optional<std::string> role;  // "" for none
  std::optional<HttpTokens> http_tokens;
  std::optional<HttpEndpoint> http_endpoint;
  std::optional<Throttle> throttle;
  std::optional<std::chrono::seconds> credential_life;
  std::optional<std::chrono::seconds> credential_overlap;  // InstanceStart::offered_before_end
  std::optional<std::map<std::string, std::string>> tags;
  std::optional<std::string> user_data;
  std::optional<std::string> active_system_events;
  std::optional<bool> identity_document;
  std::optional<bool> meta_data_all;
};

inline constexpr auto kShortestCredentialLife = std::chrono::seconds(2);
inline constexpr auto kLongestCredentialLife = std::chrono::hours(24);
inline constexpr std::string_view kRoleNameRule =
    "must be 1 to 64 letters, digits, dots, hyphens or underscores";

// `first` where it says something, else `second`.
[[nodiscard]] StartOptions Merge(const StartOptions& first, const StartOptions& second);

// The members are those of the struct, with credential_life_seconds and credential_overlap_seconds;
// "role": null means none. Adds what is wrong to the complaints.
[[nodiscard]] StartOptions StartFromJson(const Json& json, const std::string& place,
                                         Complaints& complaints);

// The names of those members.
[[nodiscard]] const std::vector<std::string_view>& StartMembers();

// One start for each instance; with `tree` all serve that, and nothing is added to it unasked.
// Adds what does not go together to the complaints.
[[nodiscard]] std::vector<InstanceStart> MakeStarts(const StartOptions& options,
                                                    const std::optional<Tree>& tree,
                                                    Complaints& complaints);

}  // namespace aliyun_ecs::simulator
