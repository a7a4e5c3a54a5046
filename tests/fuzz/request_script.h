#pragma once

#include <string_view>
#include <vector>

#include "simulator/http.h"

namespace aliyun_ecs::fuzz {

// The requests of a text such as
//
//   PUT /latest/api/token
//   X-aliyun-ecs-metadata-token-ttl-seconds: 60
//   ---
//   GET /latest/meta-data/mac
//   X-aliyun-ecs-metadata-token: $TOKEN
//
// with a body after an empty line. Any text is one; at most kMostRequests are taken from it. What a
// method means that HTTP does not have ("wait 60") is up to the target.
inline constexpr std::size_t kMostRequests = 64;
[[nodiscard]] std::vector<simulator::Request> ParseRequests(std::string_view script);

// For a header's value: `token` where it says "$TOKEN".
[[nodiscard]] simulator::Request WithToken(simulator::Request request, std::string_view token);

}  // namespace aliyun_ecs::fuzz
