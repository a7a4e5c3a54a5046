#include "poll/request_budget.h"

#include <algorithm>
#include <cmath>

#include "base/backoff.h"

namespace aliyun_ecs {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kFirstPause = seconds(5);
// A notice lives five minutes. Where only some of the answers are refusals, long pauses would sleep
// through it; a service that has refused this often in a row refuses all.
constexpr Duration kLongPause = seconds(10);
constexpr unsigned kRefusesAll = 10;
constexpr Duration kLongestPause = minutes(1);

Duration PauseAfter(unsigned throttled_in_a_row) {
  return throttled_in_a_row <= kRefusesAll
             ? DoublingBackoff(throttled_in_a_row, kFirstPause, kLongPause)
             : DoublingBackoff(throttled_in_a_row - kRefusesAll, 2 * kLongPause, kLongestPause);
}
constexpr Duration kLongestRetryAfter = minutes(10);

// After a pause. The longest still lets the spot notice be read at its interval.
constexpr Duration kFirstDistance = seconds(1);
constexpr Duration kLongestDistance = seconds(4);
constexpr Duration kNoDistance = milliseconds(100);
constexpr double kCloserByEachAnswer = 0.8;

constexpr unsigned kLeasedRequests = 16;

}  // namespace

RequestBudget::RequestBudget(double rate, double burst, std::uint64_t jitter_seed, SteadyTime now)
    : bucket_(rate, burst, now), jitter_(jitter_seed), paused_until_(now), distant_until_(now) {}

SteadyTime RequestBudget::AvailableAt(SteadyTime now) const {
  return std::max({bucket_.AvailableAt(now), paused_until_, distant_until_});
}

bool RequestBudget::TryTake(SteadyTime now) {
  if (now < paused_until_ || now < distant_until_ || !bucket_.TryTake(now)) return false;
  distant_until_ = now + distance_;
  if (leased_ > 0) --leased_;
  return true;
}

void RequestBudget::OnThrottled(SteadyTime now, std::optional<Duration> retry_after) {
  ++throttled_in_a_row_;
  const Duration pause = PauseAfter(throttled_in_a_row_);
  const Duration asked = std::min(retry_after.value_or(Duration::zero()), kLongestRetryAfter);
  paused_until_ = now + std::max(jitter_.Stretch(pause), asked);
  distance_ = std::clamp(distance_ * 2, kFirstDistance, kLongestDistance);
}

void RequestBudget::OnAnswered() {
  throttled_in_a_row_ = 0;
  distance_ = std::chrono::duration_cast<Duration>(distance_ * kCloserByEachAnswer);
  if (distance_ < kNoDistance) distance_ = Duration::zero();
}

RequestBudget::Saved RequestBudget::Lease(SteadyTime now) {
  const auto level = bucket_.LevelAt(now);
  leased_ = static_cast<unsigned>(std::min(std::floor(level.tokens), double{kLeasedRequests}));
  return {level, leased_, paused_until_, throttled_in_a_row_};
}

RequestBudget::Saved RequestBudget::Final(SteadyTime now) const {
  return {bucket_.LevelAt(now), 0, paused_until_, throttled_in_a_row_};
}

void RequestBudget::Restore(const Saved& saved, SteadyTime now) {
  // What was owed is subtracted after it has filled up: a bucket that is full does not get fuller,
  // so requests that were sent late are not made up for by the time before.
  bucket_.Restore({saved.level.tokens, std::min(saved.level.at, now)});
  bucket_.Restore({bucket_.Remaining(now) - saved.owed, now});
  paused_until_ = std::clamp(saved.paused_until, now, now + kLongestRetryAfter);
  throttled_in_a_row_ = saved.throttled_in_a_row;
  if (throttled_in_a_row_ > 0) distance_ = kFirstDistance;
}

}  // namespace aliyun_ecs
