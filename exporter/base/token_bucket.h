#pragma once

#include <algorithm>

#include "base/clock.h"

namespace aliyun_ecs {

// A token bucket: at most `burst` at once and `rate` per second in the long run, so never more
// than burst + rate x T in any T seconds. It starts full and does not wait: callers ask when.
// Not thread-safe.
class TokenBucket {
 public:
  // REQUIRES: rate > 0, burst >= 1.
  TokenBucket(double rate, double burst, SteadyTime now);

  // Takes one if there is one.
  [[nodiscard]] bool TryTake(SteadyTime now);

  // When TryTake would succeed next: `now` if at once.
  [[nodiscard]] SteadyTime AvailableAt(SteadyTime now) const;

  // How many could be taken now; has a fraction.
  [[nodiscard]] double Remaining(SteadyTime now) const;

  [[nodiscard]] double rate() const { return rate_; }
  [[nodiscard]] double burst() const { return burst_; }

  // How full it was at one moment.
  struct Level {
    double tokens = 0;
    SteadyTime at;

    friend bool operator==(const Level&, const Level&) = default;
  };
  [[nodiscard]] Level LevelAt(SteadyTime now) const {
    return {Remaining(now), std::max(now, level_.at)};
  }

  // Goes on from `level`, which another process left; more than the burst is the burst.
  void Restore(const Level& level);

 private:
  double rate_;
  double burst_;
  Level level_;
};

}  // namespace aliyun_ecs
