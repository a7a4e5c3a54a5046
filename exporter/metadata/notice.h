#pragma once

#include <cstdint>
#include <optional>

#include "metadata/snapshot.h"

// What the answers about the spot notice mean, one after the other. Pure; the poller feeds it.

namespace aliyun_ecs {

// A notice is over ten minutes past its time: by then the instance is gone, or was spared.
inline constexpr auto kNoticeOutlivesItsTime = std::chrono::minutes(10);

// True when a notice stands and is not over.
[[nodiscard]] inline bool Stands(const SpotHistory& spot, SteadyTime now) {
  return spot.termination && now < spot.ends_at + kNoticeOutlivesItsTime;
}

enum class NoticeEvent : std::uint8_t {
  kNothingNew,
  kScheduled,  // a notice that was not there before
  kMoved,      // the one that stands got another time
  kWithdrawn,  // the one that stood was taken back before its time
  kGone,       // the one that stood is no longer told of, after its time
  kLeftOver,   // a time so long past that it is no notice
};

// Takes one successful answer into the history: a termination time, or that there is none.
// `service_time` is the service's wall clock at that moment, as far as it is known.
//
// A time that is over by our clock and the service's is a left-over, unless the answer before said
// that there is no notice: what comes then is new, and it is our clocks that are wrong. The vendor
// tells five minutes ahead, so that is when such a notice ends.
[[nodiscard]] NoticeEvent ObserveNotice(SpotHistory& spot, std::optional<SystemTime> termination,
                                        Instant at, SystemTime service_time);

}  // namespace aliyun_ecs
