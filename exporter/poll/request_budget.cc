#include "poll/request_budget.h"

#include <algorithm>

#include "poll/backoff.h"

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kFirstPause = seconds(5);
// A notice lives five minutes: a longer pause of our own could sleep through it.
constexpr Duration kLongestPause = minutes(1);
constexpr Duration kLongestRetryAfter = minutes(10);

}  // namespace

RequestBudget::RequestBudget(double rate, double burst, std::uint64_t jitter_seed, SteadyTime now)
    : bucket_(rate, burst, now), random_(jitter_seed), paused_until_(now) {}

SteadyTime RequestBudget::AvailableAt(SteadyTime now) const {
  return std::max(bucket_.AvailableAt(now), paused_until_);
}

bool RequestBudget::TryTake(SteadyTime now) { return now >= paused_until_ && bucket_.TryTake(now); }

void RequestBudget::OnThrottled(SteadyTime now, std::optional<Duration> retry_after) {
  ++throttled_in_a_row_;
  const Duration pause = DoublingBackoff(throttled_in_a_row_, kFirstPause, kLongestPause);
  const double stretch = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
  const auto jittered = std::chrono::duration_cast<Duration>(pause * stretch);
  const Duration asked = std::min(retry_after.value_or(Duration::zero()), kLongestRetryAfter);
  paused_until_ = now + std::max(jittered, asked);
}

}  // namespace aliyun_ecs
