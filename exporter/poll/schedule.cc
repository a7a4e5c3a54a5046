#include "poll/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/backoff.h"

namespace aliyun_ecs {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

constexpr Duration kLongestSpacing = seconds(20);
constexpr Duration kFirstRetry = seconds(5);
constexpr Duration kLongestRetry = seconds(300);
constexpr Duration kLongestCredentialRetry = seconds(60);
// While it fails, nothing that the service says is gone is believed.
constexpr Duration kLongestInstanceIdRetry = seconds(20);

// Urgency, the smaller the more urgent. The first two do not wait for the spacing.
enum class Rank { kSpot, kCredentials, kScalar, kRoles, kListing, kEntry };

Rank RankOf(const Target& target) {
  if (const auto* const directory = std::get_if<Directory>(&target)) {
    return *directory == Directory::kRoles ? Rank::kRoles : Rank::kListing;
  }
  if (std::holds_alternative<NormalModeProbe>(target)) return Rank::kEntry;
  const ItemId item = std::get<ItemInstance>(target).item;
  if (item == kSpotTerminationTime) return Rank::kSpot;
  if (item == kRoleCredentials) return Rank::kCredentials;
  return DirectoryOf(item) ? Rank::kEntry : Rank::kScalar;
}

// What was read just now is not read again before this part of its interval.
constexpr double kSoonest = 1.0 / 64;

}  // namespace

bool IsUrgent(const Target& target) { return RankOf(target) <= Rank::kCredentials; }

RefreshClass RefreshOf(const Target& target) {
  if (std::holds_alternative<NormalModeProbe>(target)) return RefreshClass::kPosture;
  const auto* const instance = std::get_if<ItemInstance>(&target);
  return instance == nullptr ? RefreshClass::kListing : Row(instance->item).refresh;
}

std::string PathOf(const Target& target) {
  if (const auto* const directory = std::get_if<Directory>(&target)) {
    return std::string(Row(*directory).path);
  }
  if (std::holds_alternative<NormalModeProbe>(target)) return std::string(Row(kProbedItem).path);
  const auto& instance = std::get<ItemInstance>(target);
  return PathOf(instance.item, instance.index);
}

void Schedule::Add(const Target& target, SteadyTime now) {
  Job& job = jobs_.emplace_back();
  job.target = target;
  job.due = job.slot = now;
  ++unattempted_;
}

void Schedule::Remove(const Target& target) {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const Job& job) { return job.target == target; });
  if (found == jobs_.end()) return;
  if (!found->attempted) --unattempted_;
  jobs_.erase(found);
  filled_ = filled_ || unattempted_ == 0;
}

bool Schedule::Before(const Job& a, const Job& b, SteadyTime now) const {
  const SteadyTime a_at = std::max(EligibleAt(a), now);
  const SteadyTime b_at = std::max(EligibleAt(b), now);
  if (a_at != b_at) return a_at < b_at;
  const Rank a_rank = RankOf(a.target);
  const Rank b_rank = RankOf(b.target);
  // Later on, no rank of the background may starve another.
  const bool by_rank = !filled_ || IsUrgent(a.target) || IsUrgent(b.target);
  if (by_rank && a_rank != b_rank) return a_rank < b_rank;
  return a.due < b.due;
}

SteadyTime Schedule::EligibleAt(const Job& job) const {
  return IsUrgent(job.target) || job.pressing ? job.due : BackgroundAt(job.due);
}

SteadyTime Schedule::BackgroundAt(SteadyTime due) const {
  const SteadyTime at = std::max(due, background_held_until_);
  return filled_ ? std::max(at, background_free_at_) : at;
}

Schedule::Next Schedule::Peek(SteadyTime now) {
  const auto first = std::min_element(
      jobs_.begin(), jobs_.end(), [&](const Job& a, const Job& b) { return Before(a, b, now); });
  return {&*first, std::max(EligibleAt(*first), now)};
}

void Schedule::OnBackgroundSent(SteadyTime now) { background_free_at_ = now + Spacing(); }

void Schedule::OnAnswered(Job& job, SteadyTime sent, std::optional<SteadyTime> sooner) {
  OnAttempted(job, sent);
  job.failures = 0;
  job.throttled = 0;
  job.forgivable = false;
  // Whoever is in a hurry about the spot notice has a pace of his own, and not the turns besides.
  const bool own_pace = sooner && RankOf(job.target) == Rank::kSpot;
  const SteadyTime regular = own_pace ? sent + Interval(job.target) : job.slot;
  job.due = std::min(regular, sooner.value_or(regular));
}

void Schedule::OnThrottled(Job& job, SteadyTime resume) {
  constexpr unsigned kTurnsUntilLast = 3;
  constexpr Duration kBehindAllOthers = seconds(1);
  ++job.throttled;
  job.due = job.throttled % kTurnsUntilLast == 0 ? resume + kBehindAllOthers : resume;
}

void Schedule::OnSilenceEnded(SteadyTime now) {
  for (Job& job : jobs_) {
    if (!job.forgivable) continue;
    job.forgivable = false;
    job.failures = 0;
    job.due = std::min(job.due, now);
  }
}

void Schedule::OnFailed(Job& job, SteadyTime sent, bool in_silence,
                        std::optional<SteadyTime> sooner) {
  OnAttempted(job, sent);
  ++job.failures;
  job.forgivable = in_silence;
  const Rank rank = RankOf(job.target);
  const bool instance_id = job.target == Target(ItemInstance{kInstanceId, {}});
  const Duration longest = instance_id                  ? kLongestInstanceIdRetry
                           : rank == Rank::kCredentials ? kLongestCredentialRetry
                                                        : kLongestRetry;
  const Duration interval = Interval(job.target);
  const Duration pause = DoublingBackoff(job.failures, kFirstRetry, std::min(interval, longest));
  job.due = sent + pause;
  // In its turn again, or all of a fleet that fails together would ask together for ever.
  if (rank == Rank::kSpot && pause >= interval) job.due = job.slot;
  job.due = std::min(job.due, sooner.value_or(job.due));
}

void Schedule::Hasten(const Target& target, SteadyTime time, bool pressing) {
  for (Job& job : jobs_) {
    if (job.target != target) continue;
    job.due = std::min(job.due, time);
    job.pressing = job.pressing || pressing;
  }
}

void Schedule::OnAttempted(Job& job, SteadyTime sent) {
  const Duration interval = Interval(job.target);
  if (RankOf(job.target) == Rank::kSpot) {
    job.slot = NextTurn(interval, sent);
  } else if (!job.attempted) {
    auto& placed = placed_[static_cast<std::size_t>(RefreshOf(job.target))];
    job.slot = sent + duration_cast<Duration>(interval * Place(placed++));
  } else if (job.slot <= sent) {
    job.slot += interval * ((sent - job.slot) / interval + 1);
  }
  if (!job.attempted) --unattempted_;
  job.attempted = true;
  job.repeated = false;
  job.pressing = false;
  if (filled_ || unattempted_ > 0) return;
  filled_ = true;
  // A fleet that was filled together does not go on together.
  background_free_at_ = sent + duration_cast<Duration>(Spacing() * phase_);
}

// The turns of an interval come at the same moments for ever, however late a request was: so the
// instances of a fleet cannot fall into step.
SteadyTime Schedule::NextTurn(Duration interval, SteadyTime after) const {
  const SteadyTime first(duration_cast<Duration>(interval * phase_));
  const SteadyTime earliest = after + duration_cast<Duration>(interval * kSoonest);
  return first + interval * ((earliest - first) / interval + 1);
}

// The n-th of a sequence of places in an interval that is spread evenly however long it gets: the
// multiples of the golden ratio, beginning at the phase.
double Schedule::Place(std::size_t n) const {
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double whole = phase_ + static_cast<double>(n + 1) * kGoldenRatio;
  const double place = whole - std::floor(whole);
  return place < kSoonest ? place + 0.5 : place;
}

Duration Schedule::Spacing() const {
  double per_second = 0;
  for (const Job& job : jobs_) {
    if (RankOf(job.target) != Rank::kSpot) per_second += 1 / ToSeconds(Interval(job.target));
  }
  // A quarter faster than needed, so that a backlog shrinks.
  constexpr double kHeadroom = 1.25;
  const double needed = 1 / (per_second * kHeadroom);
  if (needed >= ToSeconds(kLongestSpacing)) return kLongestSpacing;
  return duration_cast<Duration>(std::chrono::duration<double>(needed));
}

}  // namespace aliyun_ecs
