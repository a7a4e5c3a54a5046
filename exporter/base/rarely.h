#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace aliyun_ecs {

// Keeps a log quiet: says of each topic at most once in an interval, whatever goes on. Remembers a
// bounded number of topics. Not thread-safe.
class Rarely {
 public:
  explicit Rarely(Duration interval) : interval_(interval) {}

  // True, and counted as said, when nothing was said of `topic` in the last interval.
  [[nodiscard]] bool MaySay(std::string_view topic, SteadyTime now);

 private:
  Duration interval_;
  std::map<std::string, SteadyTime, std::less<>> said_;  // when last, by topic
};

}  // namespace aliyun_ecs
