#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/snapshot.h"

// What a snapshot is to Alertmanager. Pure functions.

namespace aliyun_ecs {

using AlertLabels = std::map<std::string, std::string>;

struct Alert {
  AlertLabels labels;  // what tells it from others
  AlertLabels annotations;
  SystemTime starts_at;
  SystemTime ends_at;  // future: until then it stands without being heard of again
};

// What an operator adds to every alert: the labels that Prometheus would, and links for people.
struct AddedToAlerts {
  AlertLabels labels;  // job, instance, external labels
  AlertLabels annotations;
};

// The labels that an alert has by itself: those of the rule, and those of the instance.
inline constexpr std::array<std::string_view, 2> kRuleLabels{"alertname", "severity"};
inline constexpr std::array<std::string_view, 4> kIdentityLabels{"instance_id", "instance_name",
                                                                 "instance_type", "zone_id"};
inline constexpr std::array<std::string_view, 2> kOwnAnnotations{"summary", "description"};

// Whether the instance's labels are known, so that an alert has all that it ever will.
[[nodiscard]] bool IsIdentityKnown(const Snapshot& snapshot);

// The alerts that stand at this moment: those that alerts/rules/spot.yml makes of the page, with
// the same labels, summary and description, so that Alertmanager takes both for one. Like the
// rule's, an alert has no labels of the instance while those are not known.
//
// A notice ends ten minutes past its time, because by then nobody may be there to end it: the
// instance is gone, or it was spared; a drill ends at its time. It starts when it was first seen,
// a drill now.
[[nodiscard]] std::vector<Alert> StandingAlerts(const Snapshot& snapshot, Instant now,
                                                const AddedToAlerts& added);

// The body of a post to /api/v2/alerts.
[[nodiscard]] std::string AlertsToJson(const std::vector<Alert>& alerts);

}  // namespace aliyun_ecs
