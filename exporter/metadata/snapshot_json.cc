#include "metadata/snapshot_json.h"

#include <nlohmann/json.hpp>

#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json TimeOrNull(const std::optional<SystemTime>& time) {
  return time ? Json(FormatUtc(*time)) : Json();
}

struct ValueToJson {
  Json operator()(const std::string& text) const { return text; }
  Json operator()(const std::vector<std::string>& words) const { return words; }
  Json operator()(std::int64_t number) const { return number; }
  Json operator()(SystemTime time) const { return FormatUtc(time); }
  Json operator()(const PublicKey& key) const {
    return {{"type", key.type}, {"fingerprint", key.fingerprint}};
  }
  Json operator()(const Credentials& credentials) const {
    return {{"success", credentials.success},
            {"expiration", TimeOrNull(credentials.expiration)},
            {"last_updated", TimeOrNull(credentials.last_updated)}};
  }
};

Json ReadingToJson(const Reading& reading, Instant now) {
  Json json{{"state", Name(reading.State())}};
  if (reading.answer) json["age_seconds"] = ToSeconds(now.steady - reading.answer->at.steady);
  if (const Value* const value = reading.value()) json["value"] = std::visit(ValueToJson(), *value);
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

}  // namespace

std::string SnapshotToJson(const Snapshot& snapshot, Instant now) {
  Json json{{"version", kVersion},
            {"time", FormatUtc(now.system)},
            {"ready", snapshot.ready},
            {"mode", snapshot.hardened ? "hardened" : "normal"},
            {"up", snapshot.up.value_or(false)},
            {"spot", SpotToJson(snapshot, now)},
            {"roles", RolesToJson(snapshot)},
            {"refresh_intervals", Json::object()},
            {"listings", Json::object()},
            {"items", Json::object()}};
  for (const RefreshClass refresh : kRefreshClasses) {
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
