#pragma once

#include <string>

#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The snapshot as a JSON document (/snapshot), for people and for check_aliyun_ecs. Times are
// UTC as the service writes them, ages in seconds. Its form:
//
//   {"version": 1, "time": "…Z", "ready": true, "mode": "hardened", "up": true,
//    "spot": {"state": "scheduled", "termination_time": "…Z", "first_seen": "…Z",
//             "notices": 1, "moved": 0, "withdrawn": 0},
//    "roles": {"attached": true, "rotations": {"RoleName": 0}},
//    "refresh_intervals": {"spot": 5, …},
//    "changes": [{"time": "…Z", "age_seconds": 3.2, "topic": "spot", "severity": "critical",
//                 "text": "…"}, …],
//    "listings": {"disks/": {"state": "present", "age_seconds": 3.2, "value": ["…"]}, …},
//    "items": {"instance-id": {"state": "present", "age_seconds": 3.2, "value": "…"}, …}}
//
// The changes are those since the exporter started, newest first, a bounded number of them; their
// topics are spot, service, posture, role and instance, their severities info, warning and
// critical; the texts are for people. An item or listing that fails also has "failure", a sentence;
// one never answered has no age.
[[nodiscard]] std::string SnapshotToJson(const Snapshot& snapshot, Instant now);

}  // namespace aliyun_ecs
