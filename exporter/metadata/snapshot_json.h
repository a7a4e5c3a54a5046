#pragma once

#include <string>
#include <string_view>

#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The snapshot as a JSON document (/snapshot), for people and for check_aliyun_ecs. Times are
// UTC as the service writes them, ages in seconds. Its form:
//
//   {"version": 1, "time": "…Z", "published_age_seconds": 0.4, "ready": true, "mode": "hardened",
//    "up": true, "latency_seconds": 0.002, "paused_seconds": 0, "session_token_expiration": "…Z",
//    "access": {"state": "good", "meaning": "…", "advice": "", "normal_mode_open": true,
//               "posture": {"normal_mode_open": true, "age_seconds": 60.5}},
//    "clock_skew_seconds": 0.1,
//    "spot": {"state": "scheduled", "termination_time": "…Z", "first_seen": "…Z",
//             "ends_in_seconds": 298.5, "notices": 1, "moved": 0, "withdrawn": 0},
//    "drill": {"time": "…Z"},
//    "roles": {"attached": true, "rotations": {"RoleName": 0}},
//    "refresh_intervals": {"spot": 5, …},
//    "changes": [{"time": "…Z", "age_seconds": 3.2, "topic": "spot", "severity": "critical",
//                 "text": "…"}, …],
//    "listings": {"disks/": {"state": "present", "age_seconds": 3.2, "value": ["…"]}, …},
//    "items": {"instance-id": {"state": "present", "age_seconds": 3.2, "value": "…"}, …}}
//
// "drill" is null while none runs; it is no notice, and "spot" never tells of one. The changes are
// those since the exporter started, newest first, a bounded number of them; their topics are spot,
// service, posture, role and instance, their severities info, warning and critical; the texts are
// for people. An item or listing that fails also has "failure", a sentence, and "failure_code", a
// word for programs; one never answered has no age. What is not known is null; "normal_mode_open"
// is null, too, where what "posture" says is too old.
[[nodiscard]] std::string SnapshotToJson(const Snapshot& snapshot, Instant now);

// A snapshot as another process told it.
struct ToldSnapshot {
  Snapshot snapshot;
  SystemTime time;  // of that process's wall clock when it told
};

// What SnapshotToJson told at the moment `now`: ages become moments of this machine's steady time,
// and wall-clock times stay those of the other process. Holds all that the verdicts of
// metadata/judge.h and check/judge.h rest on, so that they come out as they would have there; not
// the counters, the request budget, the changes and the drill, which no verdict may rest on.
//
// As suspicious as ParseItem: kMalformed, with a sentence that quotes nothing, for anything that is
// not the document above. Items that this program does not know are passed over.
[[nodiscard]] Result<ToldSnapshot> SnapshotFromJson(std::string_view text, Instant now);

}  // namespace aliyun_ecs
