#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace aliyun_ecs::simulator {

// What every session token begins with, so that a grep finds one where it must not be.
inline constexpr std::string_view kSessionTokenPrefix = "SIMULATED-SESSION-TOKEN-";

enum class TokenState : std::uint8_t {
  kValid,
  kExpired,
  kForeign,  // good, but of another instance
  kUnknown,
};

// The session tokens that were given out. There may be very many of them; of those past their time
// it only remembers the newest kMostExpired, to tell them from tokens that never were. Not
// thread-safe; Service guards it.
class TokenStore {
 public:
  static constexpr auto kShortestLife = std::chrono::seconds(1);
  static constexpr auto kLongestLife = std::chrono::seconds(21600);

  static constexpr std::size_t kMostExpired = 10'000;
  // The vendor sets no limit; memory does. Beyond it those that end first are forgotten.
  static constexpr std::size_t kMostLive = 1'000'000;

  // A new token for that instance: printable ASCII, no line end.
  // REQUIRES: kShortestLife <= life <= kLongestLife.
  [[nodiscard]] std::string Issue(int instance, std::chrono::seconds life, SteadyTime now);

  // Valid until the token's time is over. A token serves only the instance it was issued for.
  [[nodiscard]] TokenState StateOf(int instance, std::string_view token, SteadyTime now) const;
  [[nodiscard]] bool IsValid(int instance, std::string_view token, SteadyTime now) const {
    return StateOf(instance, token, now) == TokenState::kValid;
  }

  void Clear();

  // How many are remembered but for those kMostExpired: the valid ones, and those whose time ended
  // since the last Issue.
  [[nodiscard]] std::size_t size() const { return tokens_.size(); }

 private:
  struct Entry {
    int instance;
    SteadyTime end;
  };

  std::unordered_map<std::string, Entry> tokens_;
  std::multimap<SteadyTime, std::string> by_end_;
  std::unordered_set<std::string> expired_;
  std::deque<std::string> expired_in_order_;
};

}  // namespace aliyun_ecs::simulator
