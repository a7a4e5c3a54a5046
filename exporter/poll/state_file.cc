#include "poll/state_file.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/atomic_file.h"
#include "base/log.h"
#include "metadata/told_object.h"
#include "metadata/value_json.h"

namespace aliyun_ecs {
namespace {

using Json = nlohmann::ordered_json;  // to write
using Told = nlohmann::json;          // to read: its members are found quickly

constexpr int kVersion = 1;
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr mode_t kOwnerOnly = 0600;

// Times are whole nanoseconds: since boot, or since 1970.
// What ended before the machine was started is as well taken for ended then.
Json TimeToJson(SteadyTime time) { return std::max(time, SteadyTime()).time_since_epoch().count(); }
Json TimeToJson(SystemTime time) { return time.time_since_epoch().count(); }
Json TimeToJson(const std::optional<SystemTime>& time) { return time ? TimeToJson(*time) : Json(); }

Json AnswerToJson(const Answer& answer) {
  return {{"steady", TimeToJson(answer.at.steady)},
          {"system", TimeToJson(answer.at.system)},
          {"value", answer.value ? ToJson(*answer.value) : Json()}};
}

// Times lie where a clock can have been.
class Members : public ToldObject<Told> {
 public:
  Members(const Told& json, Instant now) : ToldObject(json), now_(now) {}
  using ToldObject::Read;

  template <typename Number>
  void Read(const char* name, Number& into) {
    const Told* const member = Find(name);
    if (member == nullptr || !member->is_number_unsigned()) return Spoil();
    const auto number = member->get<std::uint64_t>();
    // What is counted here stays far below.
    if (number > std::numeric_limits<std::uint32_t>::max()) return Spoil();
    into = static_cast<Number>(number);
  }
  // At most `ahead` after now.
  void Read(const char* name, SteadyTime& into, Duration ahead) {
    const auto count = Count(name);
    if (!count) return Spoil();
    into = SteadyTime(Duration(*count));
    if (into - now_.steady > ahead) Spoil();
  }
  void Read(const char* name, SystemTime& into) {
    const auto count = Count(name);
    if (!count) return Spoil();
    into = SystemTime(Duration(*count));
  }
  void Read(const char* name, std::optional<SystemTime>& into) {
    const Told* const member = Find(name);
    if (member == nullptr) return Spoil();
    if (member->is_null()) return into.reset();
    Read(name, into.emplace());
  }

 private:
  [[nodiscard]] std::optional<std::int64_t> Count(const char* name) const {
    const Told* const member = Find(name);
    // 2200: a Duration of nanoseconds holds some decades more.
    constexpr std::int64_t kMost = 7'258'118'400'000'000'000;
    if (member == nullptr || !member->is_number_unsigned()) return std::nullopt;
    if (member->get<std::uint64_t>() > std::uint64_t{kMost}) return std::nullopt;
    return member->get<std::int64_t>();
  }

  Instant now_;
};

// Longer ahead than any pause or notice can be.
constexpr Duration kAhead = std::chrono::hours(24 * 32);
constexpr double kMostTokens = 1e6;  // more than any bucket holds
// As far as a time can be that the service told.
constexpr Duration kAheadOfNotice = std::chrono::hours(24 * 366 * 230);

bool ReadBudget(const Told& json, Instant now, RequestBudget::Saved& budget) {
  Members members(json, now);
  members.Read("tokens", budget.level.tokens, 0, kMostTokens);
  members.Read("at", budget.level.at, Duration::zero());
  members.Read("owed", budget.owed);
  members.Read("paused_until", budget.paused_until, kAhead);
  members.Read("throttled_in_a_row", budget.throttled_in_a_row);
  return members.good();
}

bool ReadSpot(const Told& json, Instant now, SpotHistory& spot) {
  Members members(json, now);
  members.Read("termination", spot.termination);
  members.Read("first_seen", spot.first_seen);
  // A service may tell any time; that must not cost the rest.
  members.Read("ends_at", spot.ends_at, kAheadOfNotice);
  members.Read("was_absent", spot.was_absent);
  // Others have been written without.
  if (members.Find("ended") != nullptr) members.Read("ended", spot.ended);
  members.Read("notices", spot.notices);
  members.Read("moved", spot.moved);
  members.Read("withdrawn", spot.withdrawn);
  return members.good() && spot.termination.has_value() == spot.first_seen.has_value();
}

bool ReadRole(const Told& json, Instant now, RoleHistory& role) {
  Members members(json, now);
  members.Read("expiration", role.expiration);
  members.Read("rotations", role.rotations);
  return members.good();
}

// `parse`: makes a Result<Value> of the JSON of a value.
template <typename Parse>
bool ReadAnswer(const Told& json, Instant now, Parse parse, Answer& answer) {
  Members members(json, now);
  members.Read("steady", answer.at.steady, Duration::zero());
  members.Read("system", answer.at.system);
  const Told* const member = members.Find("value");
  if (!members.good() || member == nullptr) return false;
  if (member->is_null()) return true;
  auto value = parse(*member);
  if (!value) return false;
  answer.value = *std::move(value);
  return true;
}

bool ReadListings(const Told& json, Instant now, SavedState& state) {
  if (!json.is_object()) return false;
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    const std::string path(kDirectories[i].path);
    if (!json.contains(path)) continue;
    if (!ReadAnswer(json[path], now, ListingFromJson, state.listings[i].emplace())) return false;
  }
  return true;
}

// {"disks/[disk-id]/id": {"bp1…": {answer}}}; a scalar's index is empty.
bool ReadAnswers(const Told& json, Instant now, SavedState& state) {
  if (!json.is_object()) return false;
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const std::string path(kItems[i].path);
    if (!json.contains(path)) continue;
    if (!json[path].is_object()) return false;
    for (const auto& [index, answer] : json[path].items()) {
      const auto id = static_cast<ItemId>(i);
      if (DirectoryOf(id) ? !IsIndex(index) : !index.empty()) return false;
      const auto parse = [&](const Told& value) { return ValueFromJson(kItems[i], value); };
      if (!ReadAnswer(answer, now, parse, state.answers[{id, index}])) return false;
    }
  }
  return true;
}

}  // namespace

std::string SavedStateToJson(const SavedState& state, const std::string& boot_id) {
  const auto& [budget, spot, roles, listings, answers] = state;
  Json json{{"version", kVersion},
            {"boot_id", boot_id},
            {"budget",
             {{"tokens", budget.level.tokens},
              {"at", TimeToJson(budget.level.at)},
              {"owed", budget.owed},
              {"paused_until", TimeToJson(budget.paused_until)},
              {"throttled_in_a_row", budget.throttled_in_a_row}}},
            {"spot",
             {{"termination", TimeToJson(spot.termination)},
              {"first_seen", TimeToJson(spot.first_seen)},
              {"ends_at", TimeToJson(spot.ends_at)},
              {"was_absent", spot.was_absent},
              {"ended", TimeToJson(spot.ended)},
              {"notices", spot.notices},
              {"moved", spot.moved},
              {"withdrawn", spot.withdrawn}}},
            {"roles", Json::object()},
            {"listings", Json::object()},
            {"items", Json::object()}};
  for (const auto& [name, role] : roles) {
    json["roles"][name] = {{"expiration", TimeToJson(role.expiration)},
                           {"rotations", role.rotations}};
  }
  for (std::size_t i = 0; i < listings.size(); ++i) {
    if (listings[i]) {
      json["listings"][std::string(kDirectories[i].path)] = AnswerToJson(*listings[i]);
    }
  }
  for (const auto& [key, answer] : answers) {
    json["items"][std::string(Row(key.item).path)][key.index] = AnswerToJson(answer);
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Result<SavedState> SavedStateFromJson(std::string_view text, const std::string& boot_id,
                                      Instant now) {
  const auto fail = [](std::string why) { return Fail(ErrorCode::kInvalid, std::move(why)); };
  const Told json = Told::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail("it is damaged");
  if (!json.contains("version") || !json["version"].is_number_unsigned() ||
      json["version"] != kVersion)
    return fail("it is of another version");
  if (boot_id.empty() || !json.contains("boot_id") || json["boot_id"] != boot_id) {
    return fail("it is of another boot or another machine");
  }
  SavedState state;
  bool good = true;
  for (const char* const part : {"budget", "spot", "roles", "listings", "items"}) {
    good = good && json.contains(part);
  }
  good = good && ReadBudget(json["budget"], now, state.budget) &&
         ReadSpot(json["spot"], now, state.spot) && json["roles"].is_object() &&
         ReadListings(json["listings"], now, state) && ReadAnswers(json["items"], now, state);
  if (!good) return fail("it is damaged");
  for (const auto& [name, role] : json["roles"].items()) {
    if (!IsIndex(name) || !ReadRole(role, now, state.roles[name])) return fail("it is damaged");
  }
  return state;
}

std::optional<SavedState> StateFile::Load(Instant now) {
  const auto text = ReadWholeFile(path_, kMaxFileBytes);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return std::nullopt;  // the first start
    Log(LogLevel::kWarn, "the state file is ignored", {{"reason", text.error().message}});
    return std::nullopt;
  }
  auto state = SavedStateFromJson(*text, boot_id_, now);
  if (!state) {
    Log(LogLevel::kWarn, "the state file is ignored",
        {{"file", path_}, {"reason", state.error().message}});
    return std::nullopt;
  }
  return *std::move(state);
}

bool StateFile::Save(const SavedState& state, SteadyTime now) {
  std::string json = SavedStateToJson(state, boot_id_);
  if (json.size() > kMaxFileBytes) {
    // Whatever a service may tell, the budget and the notice are kept.
    json = SavedStateToJson({state.budget, state.spot, {}, {}, {}}, boot_id_);
  }
  const auto written = WriteFileAtomically(path_, json, kOwnerOnly);
  if (!written && rarely_.MaySay("save", now)) {
    Log(LogLevel::kWarn,
        "the state file cannot be written; a restart may exceed the request budget",
        {{"reason", written.error().message}});
  }
  return written.has_value();
}

}  // namespace aliyun_ecs
