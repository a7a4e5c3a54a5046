#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metadata/notice.h"
#include "metadata/snapshot.h"

// What a snapshot means. Pure functions; the page, the plugin and the notifier all ask here, so
// that they cannot disagree.

namespace aliyun_ecs {

enum class SpotState : std::uint8_t { kNone, kScheduled, kUnknown };
inline constexpr std::array kSpotStates{SpotState::kNone, SpotState::kScheduled,
                                        SpotState::kUnknown};
[[nodiscard]] std::string_view Name(SpotState state);

struct SpotVerdict {
  SpotState state = SpotState::kUnknown;
  std::optional<SystemTime> termination;  // set exactly when scheduled
  std::optional<SystemTime> first_seen;   // set exactly when scheduled
};

// What was heard longer ago than so many of its refresh intervals counts as not known.
inline constexpr int kIntervalsOfTrust = 3;
[[nodiscard]] inline bool IsYoung(const Snapshot& snapshot, SteadyTime heard, RefreshClass refresh,
                                  Instant now) {
  return now.steady - heard < kIntervalsOfTrust * snapshot.RefreshInterval(refresh);
}

// Whether whoever answers has shown to be a metadata service: by a session token or by any value at
// all, and not by lacking what every instance has. Any web server answers 404.
[[nodiscard]] bool IsProven(const Snapshot& snapshot);

// Whether the instance will be taken away.
//  scheduled  the last good answer gave a time that is not ten minutes past: losing the service
//             must not end an alarm
//  none       the last good answer said that there is no notice, it is younger than three spot
//             intervals, nothing malformed has come since, and whoever answers is proven
//  unknown    otherwise
[[nodiscard]] SpotVerdict JudgeSpot(const Snapshot& snapshot, Instant now);

// The time that the drill names which runs at this moment; nullopt when none does. A drill never
// outlives its time, nor runs beside a notice.
[[nodiscard]] std::optional<SystemTime> RunningDrill(const Snapshot& snapshot, Instant now);

// Whether a request without a session token is answered; nullopt while that is not known, or when
// it was last seen three intervals ago.
[[nodiscard]] std::optional<bool> NormalModeOpen(const Snapshot& snapshot, Instant now);

// One state for a row of the catalog from the readings of all its instances: failing if one is,
// else unread if one is, else present if one is, else absent. nullopt for an excluded row.
[[nodiscard]] std::optional<ReadingState> JudgeRow(const Snapshot& snapshot, ItemId item);

// When the oldest answer shown of a refresh class was asked for; the beginning of 1970 when none
// was got yet; nullopt when there is nothing to read in this class (no role is attached).
[[nodiscard]] std::optional<SystemTime> OldestAnswer(const Snapshot& snapshot,
                                                     RefreshClass refresh);

// Whether a RAM role is attached; nullopt while its listing was never answered, or only by someone
// who has not shown to be a metadata service.
[[nodiscard]] std::optional<bool> RoleAttached(const Snapshot& snapshot);

// Whether nothing more is to be waited for before a label is shown: the item was answered, or it is
// one that an instance need not have and failed three times in a row.
[[nodiscard]] bool IsSettled(const Item& item, const Reading& reading);

// What the items of one info family say for one index, as labels; an absent one is empty, excluded
// ones are left out. nullopt while they are not all settled, or when the instance has none of them.
using Facts = std::vector<std::pair<std::string_view, std::string>>;
[[nodiscard]] std::optional<Facts> FactsOf(const Snapshot& snapshot,
                                           const std::vector<ItemId>& items,
                                           const std::string& index = {});

// What keeps this snapshot from answering what people ask first: the paths of the scalars that are
// not settled, and of spot notice and role listing if they were never answered. Empty: ready.
[[nodiscard]] std::vector<std::string> MissingForReadiness(const Snapshot& snapshot);

// Whether a page of this snapshot holds all that it ever will: ready, and nothing is still to be
// asked for.
[[nodiscard]] inline bool IsComplete(const Snapshot& snapshot) {
  return snapshot.ready && snapshot.filled;
}

}  // namespace aliyun_ecs
