#include "metadata/snapshot_json.h"

#include <nlohmann/json.hpp>

#include "metadata/judge.h"
#include "metadata/value_json.h"

namespace aliyun_ecs {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json TimeOrNull(const std::optional<SystemTime>& time) {
  return time ? Json(FormatUtc(*time)) : Json();
}

Json ReadingToJson(const Reading& reading, Instant now) {
  Json json{{"state", Name(reading.State())}};
  if (reading.answer) json["age_seconds"] = ToSeconds(now.steady - reading.answer->at.steady);
  if (const Value* const value = reading.value()) json["value"] = ToJson(*value);
  if (reading.failure) json["failure"] = reading.failure->message;
  return json;
}

Json SpotToJson(const Snapshot& snapshot, Instant now) {
  const SpotVerdict spot = JudgeSpot(snapshot, now);
  return {{"state", Name(spot.state)},
          {"termination_time", TimeOrNull(spot.termination)},
          {"first_seen", TimeOrNull(spot.first_seen)},
          {"notices", snapshot.spot.notices},
          {"moved", snapshot.spot.moved},
          {"withdrawn", snapshot.spot.withdrawn}};
}

Json RolesToJson(const Snapshot& snapshot) {
  const auto attached = RoleAttached(snapshot);
  Json rotations = Json::object();
  for (const auto& [role, history] : snapshot.roles) rotations[role] = history.rotations;
  return {{"attached", attached ? Json(*attached) : Json()}, {"rotations", rotations}};
}

Json AccessToJson(const Snapshot& snapshot, Instant now) {
  const auto open = NormalModeOpen(snapshot, now);
  return {{"state", Name(snapshot.access)},
          {"meaning", AdviceOn(snapshot.access).meaning},
          {"advice", AdviceOn(snapshot.access).advice},
          {"normal_mode_open", open ? Json(*open) : Json()}};
}

Json ChangesToJson(const Snapshot& snapshot, Instant now) {
  Json json = Json::array();
  for (auto change = snapshot.changes.rbegin(); change != snapshot.changes.rend(); ++change) {
    json.push_back({{"time", FormatUtc(change->at.system)},
                    {"age_seconds", ToSeconds(now.steady - change->at.steady)},
                    {"topic", Name(change->topic)},
                    {"severity", Name(change->severity)},
                    {"text", change->text}});
  }
  return json;
}

}  // namespace

std::string SnapshotToJson(const Snapshot& snapshot, Instant now) {
  Json json{
      {"version", kVersion},
      {"time", FormatUtc(now.system)},
      {"ready", snapshot.ready},
      {"mode", snapshot.hardened ? "hardened" : "normal"},
      {"up", snapshot.up.value_or(false)},
      {"access", AccessToJson(snapshot, now)},
      {"clock_skew_seconds", snapshot.clock_skew ? Json(ToSeconds(*snapshot.clock_skew)) : Json()},
      {"spot", SpotToJson(snapshot, now)},
      {"roles", RolesToJson(snapshot)},
      {"refresh_intervals", Json::object()},
      {"changes", ChangesToJson(snapshot, now)},
      {"listings", Json::object()},
      {"items", Json::object()}};
  for (const RefreshClass refresh : kRefreshClasses) {
    if (snapshot.RefreshInterval(refresh) == Duration::zero()) continue;
    json["refresh_intervals"][std::string(Name(refresh))] =
        ToSeconds(snapshot.RefreshInterval(refresh));
  }
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    if (!snapshot.listings[i]) continue;
    json["listings"][std::string(kDirectories[i].path)] = ReadingToJson(*snapshot.listings[i], now);
  }
  for (const auto& [key, reading] : snapshot.readings) {
    json["items"][PathOf(key.item, key.index)] = ReadingToJson(reading, now);
  }
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace aliyun_ecs
