#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check/traffic.h"
#include "check/verdict.h"
#include "metadata/snapshot.h"

// What a snapshot means to a monitoring system. Pure; on top of metadata/judge.h, where the page
// and the notifier ask as well, so that a check and the exporter cannot disagree.

namespace aliyun_ecs {

// What is expected of an instance's RAM role.
struct ExpectedRole {
  bool attached = true;  // some role must be; false: none may
  std::string name;      // this one; empty: whichever
};

// What the user asks of the checks.
struct Criteria {
  // Of the value of one check; Judge has defaults. Spot and credentials: seconds left; metadata:
  // seconds that an answer took; bandwidth: percent of the limit. The others have no value.
  std::optional<Range> warning, critical;
  std::optional<ExpectedRole> role;
  // An item with one value for the instance, and its value; empty: the instance has none.
  std::vector<std::pair<ItemId, std::string>> identity;
};

// What the checks look at.
struct Evidence {
  Snapshot snapshot;
  Instant now;
  // Of this machine; nullopt: not looked for, or not there.
  std::optional<Result<Traffic>> traffic;
  std::optional<std::string> cloud_init;  // its version
};

// The verdict of one check. Never OK on what was not read, or too long ago (IsYoung); UNKNOWN then,
// with the reason. Times that the service told are compared with the service's clock, where that is
// known. But whether the metadata service answers is the
// question of Check::kMetadata itself: CRITICAL when it does not, WARNING when it throttles.
//
//   spot         a notice is CRITICAL, or what the ranges say of the seconds left when one is given
//   credentials  the worst role; a failed or missing document and an unexpected or missing role are
//                CRITICAL; by default WARNING below 25 minutes, CRITICAL below 10: the service
//                offers a successor 30 minutes before the end
//   hardening    WARNING while normal mode is open
//   identity     CRITICAL when something is not as expected
//   bandwidth    what all interfaces of the instance send, of max-netbw-egress; by default WARNING
//                above 80 %, CRITICAL above 95 %. If one cannot be seen, the sum is the least that
//                is sent: enough to alert, never OK
[[nodiscard]] Verdict Judge(Check check, const Evidence& evidence, const Criteria& criteria);

// Whether a check has a value that ranges can be about.
[[nodiscard]] constexpr bool HasRanges(Check check) {
  return check == Check::kSpot || check == Check::kCredentials || check == Check::kMetadata ||
         check == Check::kBandwidth;
}

// The scalar item that has this label on the page ("zone_id"); nullopt for any other name.
[[nodiscard]] std::optional<ItemId> ScalarWithLabel(std::string_view label);

}  // namespace aliyun_ecs
