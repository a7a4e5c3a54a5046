#include "notify/alertmanager.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

using Json = nlohmann::json;

std::optional<Facts> IdentityOf(const Snapshot& snapshot) {
  static const auto items = ItemsOf(FamilyAt("aliyun_ecs_instance_info"));
  return FactsOf(snapshot, items);
}

AlertLabels LabelsOf(const Snapshot& snapshot, const AlertLabels& added, std::string_view name,
                     std::string_view severity) {
  AlertLabels labels = added;
  labels["alertname"] = name;
  labels["severity"] = severity;
  for (const auto& [label, value] : IdentityOf(snapshot).value_or(Facts())) {
    const bool wanted =
        std::find(kIdentityLabels.begin(), kIdentityLabels.end(), label) != kIdentityLabels.end();
    // An empty label is none, to Prometheus and to Alertmanager.
    if (wanted && !value.empty()) labels[std::string(label)] = value;
  }
  return labels;
}

// "2026-11-26 07:38:20 +0000 UTC", as the rules print a time.
std::string TimeInText(SystemTime time) {
  std::string text = FormatUtc(time);
  std::replace(text.begin(), text.end(), 'T', ' ');
  text.pop_back();
  return text + " +0000 UTC";
}

std::string ValueOf(const AlertLabels& labels, const std::string& name) {
  const auto found = labels.find(name);
  return found == labels.end() ? "" : found->second;
}

// "i-bp1…", else what Prometheus calls it.
std::string ShortNameOf(const AlertLabels& labels) {
  const std::string id = ValueOf(labels, "instance_id");
  return id.empty() ? ValueOf(labels, "instance") : id;
}

// "instance 192.0.2.1:10200, id i-bp1…, name web-1, type ecs.g6e.large, zone cn-hangzhou-i"
std::string LongNameOf(const AlertLabels& labels) {
  constexpr std::pair<std::string_view, std::string_view> kParts[] = {{"instance", "instance"},
                                                                      {"id", "instance_id"},
                                                                      {"name", "instance_name"},
                                                                      {"type", "instance_type"},
                                                                      {"zone", "zone_id"}};
  std::string text;
  for (const auto& [word, label] : kParts) {
    const std::string value = ValueOf(labels, std::string(label));
    if (value.empty()) continue;
    text.append(text.empty() ? "" : ", ").append(word).append(" ").append(value);
  }
  return text.empty() ? "an instance of unknown name" : text;
}

Alert NoticeAlert(const Snapshot& snapshot, const SpotVerdict& spot, const AddedToAlerts& added) {
  Alert alert;
  alert.annotations = added.annotations;
  alert.labels = LabelsOf(snapshot, added.labels, "AliyunEcsSpotTerminationScheduled", "critical");
  const std::string time = TimeInText(*spot.termination);
  alert.annotations["summary"] =
      "Spot instance " + ShortNameOf(alert.labels) + " will be taken away at " + time;
  alert.annotations["description"] =
      "Alibaba Cloud stops and releases the spot instance at " + time + ": " +
      LongNameOf(alert.labels) +
      ". A notice comes about five minutes ahead; drain the instance now.";
  alert.starts_at = *spot.first_seen;
  alert.ends_at = *spot.termination + kNoticeOutlivesItsTime;
  return alert;
}

Alert DrillAlert(const Snapshot& snapshot, SystemTime drill, Instant now,
                 const AddedToAlerts& added) {
  Alert alert;
  alert.annotations = added.annotations;
  alert.labels = LabelsOf(snapshot, added.labels, "AliyunEcsSpotDrill", "drill");
  const std::string time = TimeInText(drill);
  alert.annotations["summary"] =
      "DRILL: spot instance " + ShortNameOf(alert.labels) + " plays a termination at " + time;
  alert.annotations["description"] =
      "This is a drill. Nothing is taken away. It plays a termination at " + time + ": " +
      LongNameOf(alert.labels) + ". It ends by itself, or when its file is removed.";
  alert.starts_at = now.system;
  alert.ends_at = snapshot.ServiceTime(drill);  // what others call that moment
  return alert;
}

}  // namespace

bool IsIdentityKnown(const Snapshot& snapshot) { return IdentityOf(snapshot).has_value(); }

std::vector<Alert> StandingAlerts(const Snapshot& snapshot, Instant now,
                                  const AddedToAlerts& added) {
  std::vector<Alert> alerts;
  const SpotVerdict spot = JudgeSpot(snapshot, now);
  if (spot.termination) alerts.push_back(NoticeAlert(snapshot, spot, added));
  if (const auto drill = RunningDrill(snapshot, now)) {
    alerts.push_back(DrillAlert(snapshot, *drill, now, added));
  }
  return alerts;
}

std::string AlertsToJson(const std::vector<Alert>& alerts) {
  Json json = Json::array();
  for (const Alert& alert : alerts) {
    json.push_back({{"labels", alert.labels},
                    {"annotations", alert.annotations},
                    {"startsAt", FormatUtc(alert.starts_at)},
                    {"endsAt", FormatUtc(alert.ends_at)}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace aliyun_ecs
