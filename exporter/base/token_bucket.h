#pragma once

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

 private:
  double rate_;
  double burst_;
  double level_;
  SteadyTime level_at_;
};

}  // namespace aliyun_ecs
