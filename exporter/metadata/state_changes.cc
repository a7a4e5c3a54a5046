#include "metadata/state_changes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

// Collects what is found, all at the time of the newer snapshot.
class Changes {
 public:
  explicit Changes(Instant at) : at_(at) {}

  void Add(ChangeTopic topic, Severity severity, std::string text) {
    found_.push_back({at_, topic, severity, std::move(text)});
  }
  [[nodiscard]] std::vector<StateChange> Take() { return std::move(found_); }

 private:
  Instant at_;
  std::vector<StateChange> found_;
};

const std::string* InstanceIdOf(const Snapshot& snapshot) {
  const Reading* const id = snapshot.Find(kInstanceId);
  return id == nullptr ? nullptr : id->Get<std::string>();
}

void CompareSpot(const Snapshot& before, const Snapshot& after, Changes& changes) {
  const SpotVerdict was = JudgeSpot(before, before.published_at);
  const SpotVerdict is = JudgeSpot(after, after.published_at);
  const auto add = [&](Severity severity, std::string text) {
    changes.Add(ChangeTopic::kSpot, severity, std::move(text));
  };
  if (is.state == SpotState::kScheduled) {
    const std::string time = FormatUtc(*is.termination);
    if (was.state != SpotState::kScheduled) {
      add(Severity::kCritical, "spot termination scheduled for " + time);
    } else if (was.termination != is.termination) {
      add(Severity::kCritical,
          "spot termination moved from " + FormatUtc(*was.termination) + " to " + time);
    }
  } else if (was.state == SpotState::kScheduled) {
    const std::string time = FormatUtc(*was.termination);
    if (after.spot.withdrawn > before.spot.withdrawn) {
      add(Severity::kInfo, "spot termination notice for " + time + " withdrawn");
    } else {
      add(Severity::kWarning, "spot termination notice gone after its time, " + time);
    }
  } else if (was.state != is.state) {
    if (is.state == SpotState::kUnknown) {
      add(Severity::kWarning, "spot termination: unknown, nothing fresh was heard");
    } else {
      add(Severity::kInfo, "spot termination: none scheduled");
    }
  }
}

void CompareAccess(const Snapshot& before, const Snapshot& after, Changes& changes) {
  if (before.access == after.access || after.access == AccessState::kUnknown) return;
  const Severity severity = after.access == AccessState::kGood        ? Severity::kInfo
                            : after.access == AccessState::kThrottled ? Severity::kWarning
                                                                      : Severity::kCritical;
  std::string text(AdviceOn(after.access).meaning);
  if (after.access == AccessState::kGood && before.access != AccessState::kUnknown) {
    text += " again";
  }
  changes.Add(ChangeTopic::kService, severity, std::move(text));
}

void ComparePosture(const Snapshot& before, const Snapshot& after, Changes& changes) {
  if (!after.posture) return;
  const bool open = after.posture->normal_mode_open;
  if (!before.posture) {
    changes.Add(ChangeTopic::kPosture, Severity::kInfo,
                open ? "normal mode is open" : "normal mode is closed");
  } else if (before.posture->normal_mode_open != open) {
    changes.Add(ChangeTopic::kPosture, open ? Severity::kWarning : Severity::kInfo,
                open ? "normal mode opened: requests without a session token are answered"
                     : "normal mode closed: session tokens are required");
  }
}

// Whether the newest good answer is a credential that can be used; true while there is none.
bool IsSound(const Snapshot& snapshot, const std::string& role) {
  const Reading* const reading = snapshot.Find(kRoleCredentials, role);
  const auto* const credentials = reading == nullptr ? nullptr : reading->Get<Credentials>();
  return credentials == nullptr || credentials->success;
}

void CompareRoles(const Snapshot& before, const Snapshot& after, Changes& changes) {
  const auto add = [&](Severity severity, std::string text) {
    changes.Add(ChangeTopic::kRole, severity, std::move(text));
  };
  const auto& listing = before.Listing(Directory::kRoles);
  const bool listed_before = listing && listing->answer;
  for (const auto& [role, history] : before.roles) {
    if (!after.roles.contains(role)) add(Severity::kWarning, "RAM role " + role + " detached");
  }
  for (const auto& [role, history] : after.roles) {
    const auto old = before.roles.find(role);
    if (old == before.roles.end()) {
      add(Severity::kInfo, "RAM role " + role + (listed_before ? " attached" : " is attached"));
    } else if (old->second.rotations < history.rotations) {
      std::string text = "RAM credential of " + role + " rotated";
      if (history.expiration) text += "; it ends " + FormatUtc(*history.expiration);
      add(Severity::kInfo, std::move(text));
    }
    const bool was_sound = IsSound(before, role);
    const bool is_sound = IsSound(after, role);
    if (was_sound && !is_sound) {
      add(Severity::kCritical, "RAM credential of " + role + " cannot be used");
    } else if (!was_sound && is_sound) {
      add(Severity::kInfo, "RAM credential of " + role + " can be used again");
    }
  }
}

}  // namespace

std::vector<StateChange> StateChangesBetween(const Snapshot& before, const Snapshot& after) {
  Changes changes(after.published_at);
  const std::string* const id_before = InstanceIdOf(before);
  const std::string* const id_after = InstanceIdOf(after);
  if (id_before != nullptr && id_after != nullptr && *id_before != *id_after) {
    changes.Add(ChangeTopic::kInstance, Severity::kWarning,
                "this is another instance than before: " + *id_before + " became " + *id_after);
    return changes.Take();
  }
  CompareSpot(before, after, changes);
  CompareAccess(before, after, changes);
  ComparePosture(before, after, changes);
  CompareRoles(before, after, changes);
  return changes.Take();
}

void RecordStateChanges(const Snapshot& before, Snapshot& after) {
  auto& changes = after.changes;
  auto found = StateChangesBetween(before, after);
  std::move(found.begin(), found.end(), std::back_inserter(changes));
  while (changes.size() > kMostChanges) {
    std::array<std::size_t, kChangeTopics.size()> counts{};
    for (const auto& change : changes) ++counts[static_cast<std::size_t>(change.topic)];
    const auto most = std::max_element(counts.begin(), counts.end());
    const auto topic = static_cast<ChangeTopic>(most - counts.begin());
    changes.erase(std::find_if(changes.begin(), changes.end(),
                               [&](const StateChange& change) { return change.topic == topic; }));
  }
}

}  // namespace aliyun_ecs
