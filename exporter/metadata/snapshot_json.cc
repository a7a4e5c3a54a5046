#include "metadata/snapshot_json.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "metadata/judge.h"
#include "metadata/told_object.h"
#include "metadata/value_json.h"

namespace aliyun_ecs {
namespace {

using Json = nlohmann::ordered_json;
// Its members are found quickly, however many there are. However deep it is, it may be parsed and
// destroyed; to copy, to convert or to print it would take the stack.
using Told = nlohmann::json;

constexpr int kVersion = 1;

Json TimeOrNull(const std::optional<SystemTime>& time) {
  return time ? Json(FormatUtc(*time)) : Json();
}

Json SecondsOrNull(const std::optional<Duration>& duration) {
  return duration ? Json(ToSeconds(*duration)) : Json();
}

// In the order of enum ErrorCode.
constexpr std::string_view kErrorCodeNames[] = {
    "invalid",   "unavailable",  "not_found", "cancelled", "timeout", "unreachable",
    "malformed", "unauthorized", "forbidden", "throttled", "missing", "refused"};
static_assert(std::size(kErrorCodeNames) == static_cast<std::size_t>(ErrorCode::kRefused) + 1);

Json ReadingToJson(const Reading& reading, Instant now) {
  Json json{{"state", Name(reading.State())}};
  if (reading.answer) json["age_seconds"] = ToSeconds(now.steady - reading.answer->at.steady);
  if (const Value* const value = reading.value()) json["value"] = ToJson(*value);
  if (reading.failure) {
    json["failure"] = reading.failure->message;
    json["failure_code"] = kErrorCodeNames[static_cast<std::size_t>(reading.failure->code)];
  }
  return json;
}

Json SpotToJson(const Snapshot& snapshot, Instant now) {
  const SpotVerdict spot = JudgeSpot(snapshot, now);
  return {{"state", Name(spot.state)},
          {"termination_time", TimeOrNull(spot.termination)},
          {"first_seen", TimeOrNull(spot.first_seen)},
          {"ends_in_seconds",
           spot.termination ? Json(ToSeconds(snapshot.spot.ends_at - now.steady)) : Json()},
          {"notices", snapshot.spot.notices},
          {"moved", snapshot.spot.moved},
          {"withdrawn", snapshot.spot.withdrawn}};
}

Json DrillToJson(const Snapshot& snapshot, Instant now) {
  const auto drill = RunningDrill(snapshot, now);
  return drill ? Json{{"time", FormatUtc(*drill)}} : Json();
}

Json RolesToJson(const Snapshot& snapshot) {
  const auto attached = RoleAttached(snapshot);
  Json rotations = Json::object();
  for (const auto& [role, history] : snapshot.roles) rotations[role] = history.rotations;
  return {{"attached", attached ? Json(*attached) : Json()}, {"rotations", rotations}};
}

Json AccessToJson(const Snapshot& snapshot, Instant now) {
  const auto open = NormalModeOpen(snapshot, now);
  return {
      {"state", Name(snapshot.access)},
      {"meaning", AdviceOn(snapshot.access).meaning},
      {"advice", AdviceOn(snapshot.access).advice},
      {"normal_mode_open", open ? Json(*open) : Json()},
      {"posture", snapshot.posture
                      ? Json{{"normal_mode_open", snapshot.posture->normal_mode_open},
                             {"age_seconds", ToSeconds(now.steady - snapshot.posture->at.steady)}}
                      : Json()}};
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

// In seconds. Sums of a few of these stay within a Duration.
constexpr double kLongestAge = 1e9;
constexpr double kLongestInterval = 366 * 86400.0;
constexpr double kFarthestTime = 7.3e9;  // 2200 in 1970; no time that is told lies farther

// Null is allowed where it fills an optional.
class Members : public ToldObject<Told> {
 public:
  using ToldObject::Read;
  using ToldObject::ToldObject;

  void Read(const char* name, std::string& into) {
    const Told* const member = Find(name);
    if (member == nullptr || !member->is_string()) return Spoil();
    into = member->get<std::string>();
  }
  // Seconds from `least` to `most`.
  void Read(const char* name, Duration& into, double least, double most) {
    double seconds = 0;
    Read(name, seconds, least, most);
    if (good()) into = std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
  }
  void Read(const char* name, SystemTime& into) {
    std::string text;
    Read(name, text);
    const auto time = ParseUtc(text);
    if (!time) return Spoil();
    into = *time;
  }
  template <typename T, typename... Limits>
  void Read(const char* name, std::optional<T>& into, Limits... limits) {
    const Told* const member = Find(name);
    if (member == nullptr) return Spoil();
    if (member->is_null()) return into.reset();
    Read(name, into.emplace(), limits...);
  }
};

// The moment `age_seconds` before `now`.
Instant ReadMoment(Members& members, Instant now, const char* name = "age_seconds") {
  Duration age{};
  members.Read(name, age, 0, kLongestAge);
  return {now.steady - age, now.system - age};
}

// `parse`: makes a Result<Value> of the JSON of a value.
template <typename Parse>
bool ReadReading(const Told& json, Instant now, Presence presence, Parse parse, Reading& reading) {
  Members members(json);
  if (members.Find("age_seconds") != nullptr) {
    reading.answer.emplace().at = ReadMoment(members, now);
    if (const Told* const told = members.Find("value")) {
      auto value = parse(*told);
      if (!value) return false;
      reading.answer->value = *std::move(value);
    } else if (presence == Presence::kAlways) {
      return false;
    }
  }
  if (members.Find("failure") != nullptr) {
    std::string message, code;
    members.Read("failure", message);
    members.Read("failure_code", code);
    const auto* const found =
        std::find(std::begin(kErrorCodeNames), std::end(kErrorCodeNames), code);
    if (found == std::end(kErrorCodeNames) || !IsPrintableUtf8(message) ||
        message.size() > kMaxTextBytes) {
      return false;
    }
    reading.failure = Error{static_cast<ErrorCode>(found - std::begin(kErrorCodeNames)), message};
  }
  std::string state;
  members.Read("state", state);
  return members.good() && state == Name(reading.State());
}

bool ReadListings(const Told& json, Instant now, Snapshot& snapshot) {
  if (!json.is_object()) return false;
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    const std::string path(kDirectories[i].path);
    if (!json.contains(path)) continue;
    Reading& reading = snapshot.listings[i].emplace();
    // Without an entry it is a listing all the same.
    if (!ReadReading(json[path], now, Presence::kOptional, ListingFromJson, reading)) return false;
  }
  return true;
}

bool ReadItems(const Told& json, Instant now, Snapshot& snapshot) {
  if (!json.is_object()) return false;
  for (const auto& [path, told] : json.items()) {
    const auto instance = ItemInstanceAt(path);
    if (!instance) continue;
    const Item& item = Row(instance->item);
    const auto parse = [&](const Told& value) { return ValueFromJson(item, value); };
    if (!ReadReading(told, now, item.presence, parse, snapshot.readings[*instance])) return false;
  }
  return true;
}

bool ReadSpot(const Told& json, Instant now, SpotHistory& spot) {
  Members members(json);
  std::optional<Duration> ends_in;
  members.Read("termination_time", spot.termination);
  members.Read("first_seen", spot.first_seen);
  members.Read("ends_in_seconds", ends_in, -kFarthestTime, kFarthestTime);
  if (ends_in) spot.ends_at = now.steady + *ends_in;
  const bool standing = spot.termination.has_value();
  return members.good() && spot.first_seen.has_value() == standing &&
         ends_in.has_value() == standing;
}

bool ReadAccess(const Told& json, Instant now, Snapshot& snapshot) {
  Members members(json);
  std::string state;
  members.Read("state", state);
  std::size_t found = 0;
  while (found < kAccessStateCount && Name(static_cast<AccessState>(found)) != state) ++found;
  if (found == kAccessStateCount) return false;
  snapshot.access = static_cast<AccessState>(found);
  const Told* const told = members.Find("posture");
  if (told == nullptr || told->is_null()) return told != nullptr && members.good();
  Members posture(*told);
  posture.Read("normal_mode_open", snapshot.posture.emplace().normal_mode_open);
  snapshot.posture->at = ReadMoment(posture, now);
  return members.good() && posture.good();
}

bool ReadIntervals(const Told& json, Snapshot& snapshot) {
  Members members(json);
  for (const RefreshClass refresh : kRefreshClasses) {
    const std::string name(Name(refresh));
    if (members.Find(name.c_str()) == nullptr) continue;
    members.Read(name.c_str(), snapshot.refresh_intervals[static_cast<std::size_t>(refresh)], 0,
                 kLongestInterval);
  }
  return members.good();
}

bool ReadSnapshot(const Told& json, Instant local, ToldSnapshot& told) {
  Members members(json);
  for (const char* const part : {"access", "spot", "refresh_intervals", "listings", "items"}) {
    if (members.Find(part) == nullptr) return false;
  }
  members.Read("time", told.time);
  const Instant now{local.steady, told.time};
  Snapshot& snapshot = told.snapshot;
  std::string mode;
  members.Read("mode", mode);
  if (mode != "hardened" && mode != "normal") members.Spoil();
  snapshot.hardened = mode == "hardened";
  Duration paused{};
  members.Read("ready", snapshot.ready);
  members.Read("up", snapshot.up);
  members.Read("paused_seconds", paused, 0, kLongestInterval);
  members.Read("latency_seconds", snapshot.latency, 0.0, kLongestInterval);
  members.Read("clock_skew_seconds", snapshot.clock_skew, -kFarthestTime, kFarthestTime);
  members.Read("session_token_expiration", snapshot.token_expiration);
  // Where there is none now, no more is known of it than that it is past.
  if (paused > Duration::zero()) snapshot.paused_until = now.steady + paused;
  snapshot.published_at = ReadMoment(members, now, "published_age_seconds");
  snapshot.began = ReadMoment(members, now, "running_seconds").steady;
  return members.good() && ReadAccess(json["access"], now, snapshot) &&
         ReadSpot(json["spot"], now, snapshot.spot) &&
         ReadIntervals(json["refresh_intervals"], snapshot) &&
         ReadListings(json["listings"], now, snapshot) && ReadItems(json["items"], now, snapshot);
}

}  // namespace

std::string SnapshotToJson(const Snapshot& snapshot, Instant now) {
  Json json{
      {"version", kVersion},
      {"time", FormatUtc(now.system)},
      {"published_age_seconds", ToSeconds(now.steady - snapshot.published_at.steady)},
      {"running_seconds", ToSeconds(now.steady - snapshot.began)},
      {"ready", snapshot.ready},
      {"mode", snapshot.hardened ? "hardened" : "normal"},
      {"up", snapshot.up ? Json(*snapshot.up) : Json()},
      {"latency_seconds", SecondsOrNull(snapshot.latency)},
      {"paused_seconds", ToSeconds(std::max(snapshot.paused_until - now.steady, Duration::zero()))},
      {"session_token_expiration", TimeOrNull(snapshot.token_expiration)},
      {"access", AccessToJson(snapshot, now)},
      {"clock_skew_seconds", SecondsOrNull(snapshot.clock_skew)},
      {"spot", SpotToJson(snapshot, now)},
      {"drill", DrillToJson(snapshot, now)},
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

Result<ToldSnapshot> SnapshotFromJson(std::string_view text, Instant now) {
  const Told json = Told::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto fail = [](std::string why) { return Fail(ErrorCode::kMalformed, std::move(why)); };
  if (!json.is_object() || !json.contains("version") || !json.contains("items")) {
    return fail("it is no snapshot of this exporter");
  }
  if (!json["version"].is_number_unsigned() || json["version"] != kVersion) {
    return fail("it is a snapshot of another version");
  }
  ToldSnapshot told;
  if (!ReadSnapshot(json, now, told)) return fail("it is a snapshot with something wrong in it");
  return told;
}

}  // namespace aliyun_ecs
