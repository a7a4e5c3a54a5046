#include "metadata/judge.h"

#include <algorithm>

namespace aliyun_ecs {
namespace {

constexpr unsigned kTriesUntilSettled = 3;

}  // namespace

// Only a metadata service gives tokens or values, and it always knows the instance ID: nothing that
// it says counts while it answers that with "none" or with nonsense. What an earlier process was
// told proves nothing of who answers this one.
bool IsProven(const Snapshot& snapshot) {
  const Reading* const id = snapshot.Find(kInstanceId);
  if (id != nullptr && id->failure &&
      (id->failure->code == ErrorCode::kMissing || id->failure->code == ErrorCode::kMalformed)) {
    return false;
  }
  const auto told_now = [&](const auto& entry) {
    const Reading& reading = entry.second;
    return reading.value() != nullptr && reading.answer->at.steady >= snapshot.began;
  };
  return snapshot.token_expiration ||
         std::any_of(snapshot.readings.begin(), snapshot.readings.end(), told_now);
}

std::string_view Name(SpotState state) {
  constexpr std::string_view kNames[] = {"none", "scheduled", "unknown"};
  return kNames[static_cast<std::size_t>(state)];
}

SpotVerdict JudgeSpot(const Snapshot& snapshot, Instant now) {
  const SpotHistory& spot = snapshot.spot;
  if (Stands(spot, now.steady)) return {SpotState::kScheduled, spot.termination, spot.first_seen};
  const Reading* const reading = snapshot.Find(kSpotTerminationTime);
  if (reading == nullptr || !reading->answer || reading->value() != nullptr) return {};
  const bool young = IsYoung(snapshot, reading->answer->at.steady, RefreshClass::kSpot, now);
  const bool malformed = reading->failure && reading->failure->code == ErrorCode::kMalformed;
  const bool none = young && !malformed && IsProven(snapshot);
  return {none ? SpotState::kNone : SpotState::kUnknown, {}, {}};
}

std::optional<SystemTime> RunningDrill(const Snapshot& snapshot, Instant now) {
  const auto& drill = snapshot.local.drill;
  return drill && now.system < *drill && !Stands(snapshot.spot, now.steady) ? drill : std::nullopt;
}

std::optional<bool> NormalModeOpen(const Snapshot& snapshot, Instant now) {
  if (!snapshot.hardened) {
    // Every reading tells.
    if (snapshot.access == AccessState::kGood && IsProven(snapshot)) return true;
    return snapshot.access == AccessState::kHardenedOnly ? std::optional(false) : std::nullopt;
  }
  if (!snapshot.posture ||
      !IsYoung(snapshot, snapshot.posture->at.steady, RefreshClass::kPosture, now)) {
    return std::nullopt;
  }
  return snapshot.posture->normal_mode_open;
}

std::optional<ReadingState> JudgeRow(const Snapshot& snapshot, ItemId item) {
  if (snapshot.Excludes(item)) return std::nullopt;
  std::array<bool, kReadingStates.size()> seen{};
  const auto first = snapshot.readings.lower_bound(ItemInstance{item, {}});
  for (auto it = first; it != snapshot.readings.end() && it->first.item == item; ++it) {
    seen[static_cast<std::size_t>(it->second.State())] = true;
  }
  const bool none = first == snapshot.readings.end() || first->first.item != item;
  if (const auto directory = DirectoryOf(item); directory && none) {
    // No entry to read it for: the listing's own state, but a listing without entries is no value.
    const auto& listing = snapshot.Listing(*directory);
    const auto state = listing ? listing->State() : ReadingState::kUnread;
    return state == ReadingState::kPresent ? ReadingState::kAbsent : state;
  }
  for (const auto state : {ReadingState::kFailing, ReadingState::kUnread, ReadingState::kPresent,
                           ReadingState::kAbsent}) {
    if (seen[static_cast<std::size_t>(state)]) return state;
  }
  return ReadingState::kUnread;
}

std::optional<SystemTime> OldestAnswer(const Snapshot& snapshot, RefreshClass refresh) {
  std::optional<SystemTime> oldest;
  bool something_to_read = false;
  const auto consider = [&](const Reading& reading) {
    something_to_read = true;
    if (!reading.answer) return;
    oldest = std::min(oldest.value_or(reading.answer->at.system), reading.answer->at.system);
  };
  if (refresh == RefreshClass::kPosture) {
    something_to_read = snapshot.RefreshInterval(refresh) > Duration::zero();
    if (snapshot.posture) oldest = snapshot.posture->at.system;
  } else if (refresh == RefreshClass::kListing) {
    for (const auto& listing : snapshot.listings) {
      if (listing) consider(*listing);
    }
  } else {
    for (const auto& [key, reading] : snapshot.readings) {
      if (Row(key.item).refresh == refresh) consider(reading);
    }
  }
  if (!something_to_read) return std::nullopt;
  return oldest.value_or(SystemTime());
}

std::optional<bool> RoleAttached(const Snapshot& snapshot) {
  const auto& listing = snapshot.Listing(Directory::kRoles);
  if (!listing || !listing->answer) return std::nullopt;
  const auto* const roles = listing->Get<std::vector<std::string>>();
  if (roles != nullptr && !roles->empty()) return true;
  return IsProven(snapshot) ? std::optional(false) : std::nullopt;
}

bool IsSettled(const Item& item, const Reading& reading) {
  if (reading.answer) return true;
  return item.presence == Presence::kOptional && reading.failures >= kTriesUntilSettled;
}

std::optional<Facts> FactsOf(const Snapshot& snapshot, const std::vector<ItemId>& items,
                             const std::string& index) {
  Facts facts;
  bool any = false;
  for (const ItemId item : items) {
    if (snapshot.Excludes(item)) continue;
    const Reading* const reading = snapshot.Find(item, index);
    if (reading == nullptr || !IsSettled(Row(item), *reading)) return std::nullopt;
    const auto* const text = reading->Get<std::string>();
    facts.emplace_back(Row(item).label, text == nullptr ? std::string() : *text);
    any = any || text != nullptr;
  }
  if (!any) return std::nullopt;
  return facts;
}

std::vector<std::string> MissingForReadiness(const Snapshot& snapshot) {
  std::vector<std::string> missing;
  for (const auto& [key, reading] : snapshot.readings) {
    if (DirectoryOf(key.item)) continue;
    const bool known = key.item == kSpotTerminationTime ? reading.answer.has_value()
                                                        : IsSettled(Row(key.item), reading);
    if (!known) missing.emplace_back(Row(key.item).path);
  }
  const auto& roles = snapshot.Listing(Directory::kRoles);
  if (roles && !roles->answer) missing.emplace_back(Row(Directory::kRoles).path);
  return missing;
}

}  // namespace aliyun_ecs
