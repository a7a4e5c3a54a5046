#pragma once

#include <cstddef>
#include <vector>

#include "metadata/snapshot.h"

// What has become different from one snapshot to the next, told for people: the list of recent
// changes on the status page and in /snapshot. Pure; the poller feeds it.

namespace aliyun_ecs {

// As many changes are kept.
inline constexpr std::size_t kMostChanges = 20;

// The changes from `before` to `after`, two snapshots published one after the other, in the order
// of ChangeTopic: spot states and notices, how the service lets itself be read, normal mode opened
// or closed (in hardened mode), roles and their credentials, the instance ID.
//
// Each snapshot is judged at the time it was published. What was seen for the first time is told
// soberly, as what it is and not as a change. Behind a change of the instance ID nothing else is
// told: everything is read anew then.
[[nodiscard]] std::vector<StateChange> StateChangesBetween(const Snapshot& before,
                                                           const Snapshot& after);

// Appends StateChangesBetween(before, after) to `after.changes`. Where that makes too many, the
// topic with the most loses its oldest: a service that comes and goes a hundred times must not
// push the spot notice out of the list.
void RecordStateChanges(const Snapshot& before, Snapshot& after);

}  // namespace aliyun_ecs
