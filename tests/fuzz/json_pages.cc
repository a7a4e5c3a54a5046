#include <algorithm>
#include <string>

#include "base/text.h"
#include "expose/status_page.h"
#include "fuzz/fuzz.h"
#include "fuzz/heard_instance.h"
#include "metadata/snapshot_json.h"
#include "notify/alertmanager.h"
#include "support/strict_json.h"

// From what the metadata service answers (the form is in heard_instance.h) to what programs and
// people are told beside the metrics: /snapshot, the alerts posted to an Alertmanager, and the page
// at "/". Read by another reader, each says what the service said.

namespace aliyun_ecs::fuzz {
namespace {

const Instant kNow{SteadyTime(std::chrono::hours(10)),
                   SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1))};

void CheckSnapshot(const Snapshot& snapshot) {
  const std::string json = SnapshotToJson(snapshot, kNow);
  const auto document = ReadStrictJson(json);
  ALWAYS(document.has_value());
  const StrictJson* const items = document->Find("items");
  for (const auto& [key, reading] : snapshot.readings) {
    const StrictJson* const told = items->Find(PathOf(key.item, key.index));
    ALWAYS(told != nullptr);
    ALWAYS((told->Find("value") == nullptr) == (reading.value() == nullptr));
    if (const auto* const text = reading.Get<std::string>()) {
      ALWAYS(*told->Find("value")->text() == *text);
    }
    if (const auto* const words = reading.Get<std::vector<std::string>>()) {
      const auto& array = std::get<StrictJson::Array>(told->Find("value")->value);
      ALWAYS(array.size() == words->size());
      for (std::size_t i = 0; i < array.size(); ++i) ALWAYS(*array[i].text() == (*words)[i]);
    }
  }
  // The plugin learns of it all that the exporter knew.
  const auto told = SnapshotFromJson(json, kNow);
  ALWAYS(told.has_value());
  for (const auto& [key, reading] : snapshot.readings) {
    const Reading* const again = told->snapshot.Find(key.item, key.index);
    ALWAYS(again != nullptr && again->State() == reading.State());
    ALWAYS((again->value() == nullptr) == (reading.value() == nullptr));
    ALWAYS(reading.value() == nullptr || *again->value() == *reading.value());
  }
}

void CheckAlerts(const Snapshot& snapshot) {
  const auto alerts = StandingAlerts(snapshot, kNow, {{{"job", "\"\\\n"}}, {{"link", "\xFF"}}});
  const auto document = ReadStrictJson(AlertsToJson(alerts));
  ALWAYS(document.has_value());
  const auto& array = std::get<StrictJson::Array>(document->value);
  ALWAYS(array.size() == alerts.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const auto& labels = std::get<StrictJson::Object>(array[i].Find("labels")->value);
    ALWAYS(labels.size() == alerts[i].labels.size());
    for (const auto& [name, value] : alerts[i].labels) {
      ALWAYS(*labels.at(name).text() == value);
      // Alertmanager drops what is empty, and refuses what is not UTF-8.
      ALWAYS(!value.empty());
      ALWAYS(name == "job" || IsPrintableUtf8(value));
    }
    ALWAYS(ParseUtc(*array[i].Find("startsAt")->text()).has_value());
    ALWAYS(alerts[i].ends_at > kNow.system);
  }
}

// The names of the page's elements, in their order.
std::string SkeletonOf(std::string_view html) {
  std::string skeleton;
  while (!html.empty()) {
    html.remove_prefix(std::min(html.find('<'), html.size()));
    const auto tag = html.substr(0, html.find('>'));
    html.remove_prefix(std::min(html.size(), tag.size() + 1));
    skeleton.append(tag.substr(0, tag.find(' '))).append(">");
    // What is quoted is closed, so that nothing gets out of it.
    ALWAYS(std::count(tag.begin(), tag.end(), '"') % 2 == 0);
    // The style and the script are files of ours.
    for (const std::string_view raw : {"style", "script"}) {
      if (!tag.starts_with(std::string("<").append(raw))) continue;
      html.remove_prefix(std::min(html.find(std::string("</").append(raw)), html.size()));
    }
  }
  return skeleton;
}

void CheckStatusPage(Snapshot snapshot) {
  const BuildInfo build{"1", "2", "3"};
  const std::string hostile = SkeletonOf(StatusPage(snapshot, kNow, build, "/metrics"));
  // With harmless words in the place of all texts it is the same page.
  for (auto& [key, reading] : snapshot.readings) {
    if (!reading.Get<std::string>()) continue;
    reading.answer->value = std::string("harmless");
  }
  ALWAYS(SkeletonOf(StatusPage(snapshot, kNow, build, "/metrics")) == hostile);
}

}  // namespace

void Fuzz(std::string_view input) {
  const Snapshot snapshot = HearInstance(input, kNow);
  CheckSnapshot(snapshot);
  CheckAlerts(snapshot);
  CheckStatusPage(snapshot);
}

}  // namespace aliyun_ecs::fuzz
