#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "base/clock.h"
#include "base/token_bucket.h"

namespace aliyun_ecs {

// Our promise not to be throttled, and what we do when we are: a token bucket that every request
// passes, whatever it is for, and a pause of all requests after a 429 or 503. The pause doubles
// with each such answer, is jittered so that a fleet does not come back in step, and is at least
// what the service asked for. The first request after a pause is a probe: nothing else is sent
// until it was answered, because requests are sent one at a time. Not thread-safe.
class RequestBudget {
 public:
  // REQUIRES: rate > 0 (requests per second), burst >= 1.
  RequestBudget(double rate, double burst, std::uint64_t jitter_seed, SteadyTime now);

  // When the next request may be sent; `now` if at once.
  [[nodiscard]] SteadyTime AvailableAt(SteadyTime now) const;

  // Takes one request out of the budget, if it may be sent now.
  [[nodiscard]] bool TryTake(SteadyTime now);

  // The service throttles: 429 or 503, with the Retry-After it sent, if it did.
  void OnThrottled(SteadyTime now, std::optional<Duration> retry_after);

  // The service answered something else: the pauses start small again.
  void OnAnswered() { throttled_in_a_row_ = 0; }

  [[nodiscard]] SteadyTime paused_until() const { return paused_until_; }
  [[nodiscard]] const TokenBucket& bucket() const { return bucket_; }

 private:
  TokenBucket bucket_;
  std::mt19937_64 random_;
  unsigned throttled_in_a_row_ = 0;
  SteadyTime paused_until_;
};

}  // namespace aliyun_ecs
