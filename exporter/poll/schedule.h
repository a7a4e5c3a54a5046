#pragma once

#include <array>
#include <list>
#include <optional>
#include <variant>

#include "base/clock.h"
#include "metadata/catalog.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The request without a session token that tells whether normal mode is open.
struct NormalModeProbe {
  friend bool operator==(const NormalModeProbe&, const NormalModeProbe&) = default;
};

// What one request reads.
using Target = std::variant<ItemInstance, Directory, NormalModeProbe>;

[[nodiscard]] RefreshClass RefreshOf(const Target& target);
[[nodiscard]] std::string PathOf(const Target& target);

// Spot and credentials: what does not wait for anything but its time.
[[nodiscard]] bool IsUrgent(const Target& target);

// When each target is to be read: every one again an interval after the last time, urgent ones as
// soon as they are due, the rest spread out.
//
// The first fill reads everything once, in the order spot, scalars, role, the rest, and is not
// spread. Afterwards every instance of a fleet has a phase of its own, in which it reads the spot
// notice and spreads the rest; the targets of an interval come at well-spread moments of it, and
// two requests that are not for the spot notice keep a distance (Spacing), so that even a newly
// attached interface, whose dozen items are all due at once, makes no burst. A credential is never
// kept waiting by that; the next one behind it waits longer instead.
//
// Knows nothing of tokens, budgets or answers' contents. Not thread-safe.
class Schedule {
 public:
  // By RefreshClass; all > 0.
  using Intervals = std::array<Duration, kRefreshClasses.size()>;

  struct Job {
    Target target;
    SteadyTime due;
    SteadyTime slot;         // the target's place in its interval, which lateness does not move
    unsigned failures = 0;   // in a row
    bool attempted = false;  // answered or failed at least once
    unsigned throttled = 0;  // since it was answered
    bool repeated = false;   // for the caller: it is being asked again
    bool pressing = false;   // does not wait for the background's distance
    std::optional<SteadyTime> doubted_at;  // for the caller: since when its answer is not believed
    bool forgivable = false;               // it failed while nobody answered anything
  };

  // `phase`: in [0, 1), where in an interval this instance's turns begin.
  explicit Schedule(const Intervals& intervals, double phase = 0)
      : intervals_(intervals), phase_(phase) {}

  void Add(const Target& target, SteadyTime now);
  void Remove(const Target& target);

  // What to read next and when: the job that comes first, and its time (at least `now`). The
  // pointer is valid until the job is removed. REQUIRES: something was added.
  struct Next {
    Job* job = nullptr;
    SteadyTime at;
  };
  [[nodiscard]] Next Peek(SteadyTime now);

  // When a background request outside of the schedule (a token renewed ahead of time) may be sent,
  // if it is due at `due`.
  [[nodiscard]] SteadyTime BackgroundAt(SteadyTime due) const;

  // A request other than for the spot notice was sent at `now`.
  void OnBackgroundSent(SteadyTime now);

  // Holds back everything but spot and credentials until then, also during the first fill: nobody
  // answers. A time in the past lets it go again.
  void HoldBackgroundUntil(SteadyTime time) { background_held_until_ = time; }

  // The job's request, sent at `sent`, was answered. The next is an interval later, or at `sooner`
  // if that is earlier. For the spot class: at the next turn, or at `sooner`.
  void OnAnswered(Job& job, SteadyTime sent, std::optional<SteadyTime> sooner = std::nullopt);

  // The job's request failed: tried again after a back-off that doubles, up to its interval or five
  // minutes; a minute for a credential, 20 s for the instance ID; or at `sooner` if that is
  // earlier. With `in_silence`, nobody answers anything: that may not be the job's fault.
  void OnFailed(Job& job, SteadyTime sent, bool in_silence = false,
                std::optional<SteadyTime> sooner = std::nullopt);

  // The target, if it is one of these, is due at `time` if it is not due sooner. `pressing`: then
  // it does not wait for the background's distance, this once.
  void Hasten(const Target& target, SteadyTime time, bool pressing = false);

  // The service would not answer the job's request before `resume`. That says nothing about the
  // job, so it stays due, but behind those that are due longer; and if it happens again and again,
  // now and then behind all others, in case it is this path alone.
  void OnThrottled(Job& job, SteadyTime resume);

  // Somebody answers again: what failed in silence is due now, as if it had not.
  void OnSilenceEnded(SteadyTime now);

  // True once everything was attempted at least once.
  [[nodiscard]] bool filled() const { return filled_; }

  // The least distance between two requests of the background: 20 s, or less where that would not
  // be enough to read everything in its interval.
  [[nodiscard]] Duration Spacing() const;

 private:
  [[nodiscard]] Duration Interval(const Target& target) const {
    return intervals_[static_cast<std::size_t>(RefreshOf(target))];
  }
  [[nodiscard]] bool Before(const Job& a, const Job& b, SteadyTime now) const;
  [[nodiscard]] SteadyTime EligibleAt(const Job& job) const;
  void OnAttempted(Job& job, SteadyTime sent);
  [[nodiscard]] SteadyTime NextTurn(Duration interval, SteadyTime after) const;
  [[nodiscard]] double Place(std::size_t n) const;

  Intervals intervals_;
  double phase_;
  std::list<Job> jobs_;  // in the order of arrival; a list, so that a Job* stays valid
  std::array<std::size_t, kRefreshClasses.size()> placed_{};  // slots given out, by class
  std::size_t unattempted_ = 0;
  bool filled_ = false;
  SteadyTime background_free_at_{};
  SteadyTime background_held_until_{};
};

}  // namespace aliyun_ecs
