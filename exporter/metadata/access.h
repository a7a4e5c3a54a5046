#pragma once

#include <cstdint>
#include <string_view>

namespace aliyun_ecs {

// How the metadata service lets itself be read. What an operator has to do differs for each.
enum class AccessState : std::uint8_t {
  kUnknown,          // not asked yet
  kGood,             // it answers
  kThrottled,        // 429 or 503
  kNotOnEcs,         // no connection, or no answer in time, on a machine that is no ECS instance
  kUnreachable,      // the same on an ECS instance, or on a machine that does not say what it is
  kChannelDisabled,  // 403 to the request for a session token, and to everything else
  kProxy,            // 403 to the request for a session token only, or a Via header beside it
  kNoTokenPath,      // 404 or 405 to the request for a session token
  kTokenRefused,     // 401 to a session token that was just given
  kHardenedOnly,     // 403 in normal mode
  kNotTheService,    // any other answer: a server error, a login page, nonsense
};
inline constexpr std::size_t kAccessStateCount = 11;

// "channel_disabled": for logs and /snapshot.
[[nodiscard]] std::string_view Name(AccessState state);

// What the state means, and what to do about it: sentences for a person; the second is empty where
// there is nothing to do.
struct AccessAdvice {
  std::string_view meaning;
  std::string_view advice;
};
[[nodiscard]] const AccessAdvice& AdviceOn(AccessState state);

// False for what an operator should hear of.
[[nodiscard]] constexpr bool IsGood(AccessState state) {
  return state == AccessState::kUnknown || state == AccessState::kGood;
}

}  // namespace aliyun_ecs
