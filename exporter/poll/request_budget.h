#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/token_bucket.h"

namespace aliyun_ecs {

// Our promise not to be throttled, and what we do when we are: a token bucket that every request
// passes, whatever it is for, and a pause of all requests after a 429 or 503. The pause doubles
// with each such answer, is jittered so that a fleet does not come back in step, and is at least
// what the service asked for. The first request after a pause is a probe: nothing else is sent
// until it was answered, because requests are sent one at a time. Behind it the requests come
// slowly at first, and with each answer a little faster. Not thread-safe.
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

  // The service answered something else: the pauses start small again, and requests come faster.
  void OnAnswered();

  [[nodiscard]] SteadyTime paused_until() const { return paused_until_; }
  [[nodiscard]] const TokenBucket& bucket() const { return bucket_; }

  // What a process that comes after this one has to know so that both together keep the promise.
  struct Saved {
    TokenBucket::Level level;
    unsigned owed = 0;  // requests that may have been sent since
    SteadyTime paused_until;
    unsigned throttled_in_a_row = 0;

    friend bool operator==(const Saved&, const Saved&) = default;
  };

  // True when Lease() is to be called, and its outcome saved, before the next request is sent.
  [[nodiscard]] bool NeedsLease() const { return leased_ == 0; }

  // What to save before the next requests are sent: some are owed already, so that not each of them
  // has to be saved. However this process ends, its successor does not get what was spent.
  [[nodiscard]] Saved Lease(SteadyTime now);

  // What to save at an orderly end: nothing is sent any more.
  [[nodiscard]] Saved Final(SteadyTime now) const;

  // Goes on where another process of the same boot left it. A pause that could not have been made
  // is cut to the longest that could.
  void Restore(const Saved& saved, SteadyTime now);

 private:
  TokenBucket bucket_;
  Jitter jitter_;
  unsigned throttled_in_a_row_ = 0;
  SteadyTime paused_until_;
  Duration distance_{};       // between two requests while the service recovers; 0: recovered
  SteadyTime distant_until_;  // the next request's earliest time because of it
  unsigned leased_ = 0;       // requests that may be sent before the next Lease
};

}  // namespace aliyun_ecs
