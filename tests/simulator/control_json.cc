#include "simulator/control_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "simulator/instance.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;

constexpr double kLongestDelay = 3600;
constexpr seconds kLongestFault = std::chrono::days(31);
constexpr std::int64_t kMostRequests = 1'000'000'000;
constexpr std::int64_t kLargestLengthError = 1'000'000;
constexpr std::size_t kLongestPattern = 256;
constexpr std::size_t kMostTags = 100;

constexpr std::string_view kExpectedKind =
    "status, delay, hang, reset, close, cut, drip, garbage, html, wrong-length or throttle";

Duration FromSeconds(double value) {
  return Duration(static_cast<Duration::rep>(std::llround(value * 1e9)));
}

std::optional<std::string> ParsePattern(std::string_view text) {
  const bool good = !text.empty() && text.size() <= kLongestPattern &&
                    (text.front() == '/' || text.front() == '*');
  return good ? std::optional<std::string>(text) : std::nullopt;
}

std::optional<std::string> ParseMethod(std::string_view text) {
  const bool good =
      !text.empty() && text.size() <= 16 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return good ? std::optional<std::string>(text) : std::nullopt;
}

std::optional<double> GetRate(JsonObject& object) {
  return object.GetNumber("rate", Throttle::kLeastRate, Throttle::kMostRate);
}

std::optional<double> GetBurst(JsonObject& object) {
  return object.GetNumber("burst", Throttle::kLeastBurst, Throttle::kMostBurst);
}

// Which members mean something to which kinds; those that are not here mean something to all.
struct Special {
  const char* name;
  std::vector<Fault::Kind> kinds;
};
const std::vector<Special>& Specials() {
  using enum Fault::Kind;
  static const std::vector<Special> specials = {
      {"status", {kStatus, kThrottle}},
      {"retry_after_seconds", {kStatus, kThrottle}},
      {"drip_bytes", {kDrip}},
      {"drip_interval_seconds", {kDrip}},
      {"length_difference", {kWrongLength}},
      {"rate", {kThrottle}},
      {"burst", {kThrottle}},
  };
  return specials;
}

Fault FaultFromJson(const Json& json, const std::string& place, Complaints& complaints) {
  JsonObject object(json, place,
                    {"fault", "path", "method", "status", "retry_after_seconds", "delay_seconds",
                     "drip_bytes", "drip_interval_seconds", "length_difference", "rate", "burst",
                     "after_requests", "probability", "seed", "times", "for_seconds"},
                    complaints);
  Fault fault;
  const auto kind = object.Require("fault")
                        ? object.Get<Fault::Kind>("fault", ParseFaultKind, kExpectedKind)
                        : std::nullopt;
  const bool is_known = kind.has_value();
  if (is_known) fault.kind = *kind;
  fault.path = object
                   .Get<std::string>("path", ParsePattern,
                                     "a path that begins with / or *, of at most 256 bytes")
                   .value_or(fault.path);
  fault.method = object.Get<std::string>("method", ParseMethod, "a method in capitals");
  fault.status = fault.kind == Fault::Kind::kThrottle ? 429 : 503;
  const auto status = fault.kind == Fault::Kind::kThrottle ? object.GetWhole("status", 429, 503)
                                                           : object.GetWhole("status", 300, 599);
  if (fault.kind == Fault::Kind::kThrottle && status && *status != 429 && *status != 503) {
    object.Complain("status", "must be 429 or 503");
  }
  fault.status = static_cast<int>(status.value_or(fault.status));
  fault.retry_after = object.GetSeconds("retry_after_seconds", seconds(0), std::chrono::hours(24));
  if (const auto delay = object.GetNumber("delay_seconds", 0, kLongestDelay)) {
    fault.delay = FromSeconds(*delay);
  }
  if (const auto bytes = object.GetWhole("drip_bytes", 1, 1'000'000)) {
    fault.drip_bytes = static_cast<std::size_t>(*bytes);
  }
  if (const auto interval = object.GetNumber("drip_interval_seconds", 0.001, kLongestDelay)) {
    fault.drip_interval = FromSeconds(*interval);
  }
  fault.wrong_length_by =
      object.GetWhole("length_difference", -kLargestLengthError, kLargestLengthError)
          .value_or(fault.wrong_length_by);
  fault.throttle.rate = GetRate(object).value_or(fault.throttle.rate);
  fault.throttle.burst = GetBurst(object).value_or(fault.throttle.burst);
  fault.after_requests =
      static_cast<std::uint64_t>(object.GetWhole("after_requests", 0, kMostRequests).value_or(0));
  fault.probability = object.GetNumber("probability", 0, 1).value_or(1);
  fault.seed = static_cast<std::uint64_t>(
      object.GetWhole("seed", 0, std::numeric_limits<std::int64_t>::max()).value_or(1));
  if (const auto times = object.GetWhole("times", 1, kMostRequests)) {
    fault.times = static_cast<std::uint64_t>(*times);
  }
  if (const auto lasts = object.GetSeconds("for_seconds", seconds(1), kLongestFault)) {
    fault.lasts = *lasts;
  }
  if (is_known) {
    if (fault.kind == Fault::Kind::kDelay) object.Require("delay_seconds");
    if (fault.kind == Fault::Kind::kWrongLength && fault.wrong_length_by == 0) {
      object.Complain("length_difference", "must not be 0");
    }
    for (const auto& [name, kinds] : Specials()) {
      if (object.Has(name) && std::find(kinds.begin(), kinds.end(), fault.kind) == kinds.end()) {
        object.Complain(name, fmt::format("has no meaning for the fault {}", Name(fault.kind)));
      }
    }
  }
  return fault;
}

}  // namespace

std::vector<Fault> FaultsFromJson(const Json& json, const std::string& place,
                                  Complaints& complaints) {
  JsonObject object(json, place, {"faults"}, complaints);
  std::vector<Fault> faults;
  if (!object.Require("faults")) return faults;
  const auto& list = *object.Find("faults");
  if (!list.is_array() || list.size() > FaultList::kMostFaults) {
    object.Complain("faults",
                    fmt::format("must be an array of at most {} objects", FaultList::kMostFaults));
    return faults;
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto at =
        place.empty() ? fmt::format("faults[{}]", i) : fmt::format("{}.faults[{}]", place, i);
    faults.push_back(FaultFromJson(list[i], at, complaints));
  }
  return faults;
}

std::optional<Throttle> ThrottleFromJson(const Json& json, const std::string& place,
                                         Complaints& complaints) {
  JsonObject object(json, place, {"rate", "burst"}, complaints);
  const bool has_rate = object.Require("rate");
  const bool has_burst = object.Require("burst");
  const auto rate = GetRate(object);
  const auto burst = GetBurst(object);
  if (!has_rate || !has_burst || !rate || !burst) return std::nullopt;
  return Throttle{.rate = *rate, .burst = *burst};
}

std::map<std::string, std::string> TagsFromJson(const Json& json, const std::string& place,
                                                Complaints& complaints) {
  std::map<std::string, std::string> tags;
  const std::string what = place.empty() ? "the body" : place;
  if (!json.is_object()) {
    complaints.push_back(what + " is not a JSON object");
    return tags;
  }
  if (json.size() > kMostTags) {
    complaints.push_back(fmt::format("{} has more than {} tags", what, kMostTags));
    return tags;
  }
  for (const auto& [key, value] : json.items()) {
    if (!IsTagKey(key)) {
      complaints.push_back(fmt::format(
          "{}: the tag {} cannot be asked for; its key must be 1 to 128 letters, digits or @:_-.=,",
          what, JsonQuote(key)));
    } else if (!value.is_string() || value.get_ref<const std::string&>().size() > kLongestName) {
      complaints.push_back(fmt::format("{}: the tag {} must have a string of at most {} bytes",
                                       what, JsonQuote(key), kLongestName));
    } else {
      tags.emplace(key, value.get<std::string>());
    }
  }
  return tags;
}

OrderedJson ToJson(const std::vector<FaultList::Entry>& entries) {
  auto list = OrderedJson::array();
  for (const auto& [fault, matched, struck] : entries) {
    OrderedJson json = {{"fault", Name(fault.kind)}, {"path", fault.path}};
    if (fault.method) json["method"] = *fault.method;
    if (fault.kind == Fault::Kind::kStatus || fault.kind == Fault::Kind::kThrottle) {
      json["status"] = fault.status;
      if (fault.retry_after) json["retry_after_seconds"] = fault.retry_after->count();
    }
    if (fault.delay > Duration::zero()) json["delay_seconds"] = ToSeconds(fault.delay);
    if (fault.kind == Fault::Kind::kDrip) {
      json["drip_bytes"] = fault.drip_bytes;
      json["drip_interval_seconds"] = ToSeconds(fault.drip_interval);
    }
    if (fault.kind == Fault::Kind::kWrongLength) {
      json["length_difference"] = fault.wrong_length_by;
    }
    if (fault.kind == Fault::Kind::kThrottle) json.update(ToJson(fault.throttle));
    if (fault.after_requests > 0) json["after_requests"] = fault.after_requests;
    if (fault.probability < 1) {
      json["probability"] = fault.probability;
      json["seed"] = fault.seed;
    }
    if (fault.times) json["times"] = *fault.times;
    if (fault.lasts) json["for_seconds"] = ToSeconds(*fault.lasts);
    json["matched"] = matched;
    json["struck"] = struck;
    list.push_back(std::move(json));
  }
  return {{"faults", std::move(list)}};
}

OrderedJson ToJson(const Throttle& throttle) {
  return {{"rate", throttle.rate}, {"burst", throttle.burst}};
}

}  // namespace aliyun_ecs::simulator
