#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace aliyun_ecs::simulator {

// What every session token begins with, so that a grep finds one where it must not be.
inline constexpr std::string_view kSessionTokenPrefix = "SIMULATED-SESSION-TOKEN-";

// The session tokens that were given out. There may be any number of them; those past their time
// are forgotten. Not thread-safe; Service guards it.
class TokenStore {
 public:
  static constexpr auto kShortestLife = std::chrono::seconds(1);
  static constexpr auto kLongestLife = std::chrono::seconds(21600);

  // A new token for that instance: printable ASCII, no line end.
  // REQUIRES: kShortestLife <= life <= kLongestLife.
  [[nodiscard]] std::string Issue(int instance, std::chrono::seconds life, SteadyTime now);

  // True until the token's time is over. A token serves only the instance it was issued for.
  [[nodiscard]] bool IsValid(int instance, std::string_view token, SteadyTime now) const;

  void Clear();

  // How many are remembered.
  [[nodiscard]] std::size_t size() const { return tokens_.size(); }

 private:
  struct Entry {
    int instance;
    SteadyTime end;
  };

  std::unordered_map<std::string, Entry> tokens_;
  std::multimap<SteadyTime, std::string> by_end_;
};

}  // namespace aliyun_ecs::simulator
