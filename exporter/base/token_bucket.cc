#include "base/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace aliyun_ecs {

TokenBucket::TokenBucket(double rate, double burst, SteadyTime now)
    : rate_(rate), burst_(burst), level_(burst), level_at_(now) {}

bool TokenBucket::TryTake(SteadyTime now) {
  const double level = Remaining(now);
  if (level < 1) return false;
  level_ = level - 1;
  level_at_ = std::max(now, level_at_);
  return true;
}

SteadyTime TokenBucket::AvailableAt(SteadyTime now) const {
  const double missing = 1 - Remaining(now);
  if (missing <= 0) return now;
  // Rounded up to a microsecond, so that a caller who comes back then is not told "almost".
  // From then on, if `now` is before it.
  return std::max(now, level_at_) +
         std::chrono::microseconds(std::llround(std::ceil(missing / rate_ * 1e6)) + 1);
}

double TokenBucket::Remaining(SteadyTime now) const {
  const double elapsed = ToSeconds(std::max(now, level_at_) - level_at_);
  return std::min(burst_, level_ + elapsed * rate_);
}

}  // namespace aliyun_ecs
