#include "simulator/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aliyun_ecs::simulator {

std::optional<Json> ParseJson(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

bool IsTooDeep(const Json& json, int levels) {
  if (!json.is_structured()) return false;
  if (levels == 0) return true;
  return std::any_of(json.begin(), json.end(),
                     [&](const Json& inner) { return IsTooDeep(inner, levels - 1); });
}

JsonObject::JsonObject(const Json& value, std::string place,
                       const std::vector<std::string_view>& known, Complaints& complaints)
    : value_(value), place_(std::move(place)), complaints_(complaints) {
  if (!value_.is_object()) {
    complaints_.push_back((place_.empty() ? "the body" : place_) + " is not a JSON object");
    return;
  }
  std::size_t unknown = 0;
  for (const auto& [name, member] : value_.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (++unknown > kMostUnknown) continue;
    Complain(known.empty() ? fmt::format("there is no {} here", JsonQuote(name))
                           : fmt::format("there is no {} here, only \"{}\"", JsonQuote(name),
                                         fmt::join(known, "\" and \"")));
  }
  if (unknown > kMostUnknown) Complain(fmt::format("and {} more", unknown - kMostUnknown));
}

std::optional<std::string> JsonObject::GetText(const char* name) {
  const auto* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Complain(name, "must be a string");
  return std::nullopt;
}

std::optional<bool> JsonObject::GetBool(const char* name) {
  const auto* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Complain(name, "must be true or false");
  return std::nullopt;
}

std::optional<std::int64_t> JsonObject::GetWhole(const char* name, std::int64_t least,
                                                 std::int64_t most) {
  const auto* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  // One that is too large for a signed number would become negative.
  const bool fits = !value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX;
  if (value->is_number_integer() && fits) {
    const auto number = value->get<std::int64_t>();
    if (number >= least && number <= most) return number;
  }
  Complain(name, fmt::format("must be a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<double> JsonObject::GetNumber(const char* name, double least, double most) {
  const auto* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) {
    const auto number = value->get<double>();
    if (number >= least && number <= most) return number;
  }
  Complain(name, fmt::format("must be a number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<std::chrono::seconds> JsonObject::GetSeconds(const char* name,
                                                           std::chrono::seconds least,
                                                           std::chrono::seconds most) {
  const auto number = GetWhole(name, least.count(), most.count());
  return number ? std::optional(std::chrono::seconds(*number)) : std::nullopt;
}

const Json* JsonObject::Find(const char* name) const {
  if (!value_.is_object()) return nullptr;
  const auto member = value_.find(name);
  return member == value_.end() ? nullptr : &*member;
}

bool JsonObject::Require(const char* name) {
  if (Has(name)) return true;
  if (is_object()) Complain(name, "is missing");
  return false;
}

void JsonObject::Complain(const char* name, std::string_view what) {
  complaints_.push_back(fmt::format("{} {}", PlaceOf(name), what));
}

void JsonObject::Complain(std::string_view sentence) {
  complaints_.push_back(place_.empty() ? std::string(sentence)
                                       : fmt::format("{}: {}", place_, sentence));
}

std::string JsonObject::PlaceInside(std::string_view name) const {
  return place_.empty() ? std::string(name) : fmt::format("{}.{}", place_, name);
}

std::string JsonObject::PlaceOf(std::string_view name) const {
  return place_.empty() ? fmt::format("\"{}\"", name) : fmt::format("{}.{}", place_, name);
}

}  // namespace aliyun_ecs::simulator
