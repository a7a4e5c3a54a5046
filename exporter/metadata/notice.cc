#include "metadata/notice.h"

#include <algorithm>
#include <utility>

namespace aliyun_ecs {
namespace {

// Source: the vendor's page on the events of preemptible instances.
constexpr Duration kLead = std::chrono::minutes(5);

// More is no clock that was set wrong, but a time that means nothing.
constexpr Duration kLargestClockError = std::chrono::hours(24);

}  // namespace

NoticeEvent ObserveNotice(SpotHistory& spot, std::optional<SystemTime> termination, Instant at,
                          SystemTime service_time) {
  const auto standing = spot.termination;
  const bool ahead = standing && at.steady < spot.ends_at;
  const bool was_absent = std::exchange(spot.was_absent, !termination.has_value());
  if (termination && termination == standing) return NoticeEvent::kNothingNew;

  // How long until then; the later of both clocks' opinions, because it is the safer one.
  Duration left{};
  if (termination) left = *termination - std::min(at.system, service_time);
  // What has just gone after its time, and is told again, stands again but is not new.
  const bool again = termination == spot.ended && left <= Duration::zero();
  const bool is_new = (was_absent && termination != spot.ended) || ahead;
  if (is_new && left < Duration::zero() && left > -kLargestClockError) left = kLead;
  if (!termination || left <= -kNoticeOutlivesItsTime) {
    if (standing) spot.ended = standing;
    spot.termination.reset();
    spot.first_seen.reset();
    if (ahead) {
      ++spot.withdrawn;
      return NoticeEvent::kWithdrawn;
    }
    if (standing) return NoticeEvent::kGone;
    return termination ? NoticeEvent::kLeftOver : NoticeEvent::kNothingNew;
  }
  spot.termination = termination;
  spot.ends_at = at.steady + left;
  if (ahead) {
    ++spot.moved;
    return NoticeEvent::kMoved;
  }
  spot.first_seen = at.system;
  if (again) return NoticeEvent::kNothingNew;
  ++spot.notices;
  return NoticeEvent::kScheduled;
}

}  // namespace aliyun_ecs
