#include "base/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace aliyun_ecs {

TokenBucket::TokenBucket(double rate, double burst, SteadyTime now)
    : rate_(rate), burst_(burst), level_{burst, now} {}

bool TokenBucket::TryTake(SteadyTime now) {
  const double tokens = Remaining(now);
  if (tokens < 1) return false;
  level_ = {tokens - 1, std::max(now, level_.at)};
  return true;
}

SteadyTime TokenBucket::AvailableAt(SteadyTime now) const {
  const double missing = 1 - Remaining(now);
  if (missing <= 0) return now;
  // Rounded up to a microsecond, so that a caller who comes back then is not told "almost".
  // From then on, if `now` is before it.
  return std::max(now, level_.at) +
         std::chrono::microseconds(std::llround(std::ceil(missing / rate_ * 1e6)) + 1);
}

double TokenBucket::Remaining(SteadyTime now) const {
  const double elapsed = ToSeconds(std::max(now, level_.at) - level_.at);
  return std::min(burst_, level_.tokens + elapsed * rate_);
}

void TokenBucket::Restore(const Level& level) {
  level_ = {level.tokens > 0 ? std::min(level.tokens, burst_) : 0.0, level.at};
}

}  // namespace aliyun_ecs
