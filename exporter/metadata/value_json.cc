#include "metadata/value_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace aliyun_ecs {
namespace {

using Json = nlohmann::ordered_json;  // to write
using Told = nlohmann::json;          // to read

struct ValueToJson {
  Json operator()(const std::string& text) const { return text; }
  Json operator()(const std::vector<std::string>& words) const { return words; }
  Json operator()(std::int64_t number) const { return number; }
  Json operator()(SystemTime time) const { return FormatUtc(time); }
  Json operator()(const PublicKey& key) const {
    return {{"type", key.type}, {"fingerprint", key.fingerprint}};
  }
  Json operator()(const Credentials& credentials) const {
    const auto time_or_null = [](const std::optional<SystemTime>& time) {
      return time ? Json(FormatUtc(*time)) : Json();
    };
    return {{"success", credentials.success},
            {"expiration", time_or_null(credentials.expiration)},
            {"last_updated", time_or_null(credentials.last_updated)}};
  }
};

tl::unexpected<Error> NoValue() { return Fail(ErrorCode::kMalformed, "that is no value of it"); }

// The member's text; nullopt where it is missing or no text.
std::optional<std::string> TextOf(const Told& json, const char* name) {
  if (!json.is_object() || !json.contains(name) || !json[name].is_string()) return std::nullopt;
  return json[name].get<std::string>();
}

Result<Value> PublicKeyFromJson(const Told& json) {
  constexpr std::string_view kPrefix = "SHA256:";
  constexpr std::size_t kDigestSize = 43;  // in Base64, without padding
  const auto type = TextOf(json, "type"), fingerprint = TextOf(json, "fingerprint");
  if (!type || !fingerprint || !IsIndex(*type) || !fingerprint->starts_with(kPrefix) ||
      fingerprint->size() != kPrefix.size() + kDigestSize ||
      fingerprint->find_first_not_of(
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
          "+/",
          kPrefix.size()) != std::string::npos) {
    return NoValue();
  }
  return PublicKey{*type, *fingerprint};
}

// A time or null; false for anything else.
bool ReadTime(const Told& json, const char* name, std::optional<SystemTime>& into) {
  if (json.contains(name) && json[name].is_null()) return true;
  if (const auto text = TextOf(json, name)) into = ParseUtc(*text);
  return into.has_value();
}

bool IsArrayOfTexts(const Told& json) {
  return json.is_array() &&
         std::all_of(json.begin(), json.end(), [](const Told& word) { return word.is_string(); });
}

// What ToJson makes of a value of that shape is of one kind of JSON.
bool IsOfItsKind(Shape shape, const Told& json) {
  if (shape == Shape::kList) return IsArrayOfTexts(json);
  if (shape == Shape::kKilobitsPerSecond) return json.is_number_unsigned();
  return json.is_string();
}

Result<Value> CredentialsFromJson(const Told& json) {
  if (!json.is_object() || !json.contains("success") || !json["success"].is_boolean()) {
    return NoValue();
  }
  Credentials credentials;
  credentials.success = json["success"].get<bool>();
  if (!ReadTime(json, "expiration", credentials.expiration) ||
      !ReadTime(json, "last_updated", credentials.last_updated)) {
    return NoValue();
  }
  if (credentials.success && !credentials.expiration) return NoValue();
  return credentials;
}

}  // namespace

Json ToJson(const Value& value) { return std::visit(ValueToJson(), value); }

Result<Value> ValueFromJson(const Item& item, const Told& json) {
  if (item.shape == Shape::kPublicKey) return PublicKeyFromJson(json);
  if (item.shape == Shape::kCredentialDocument) return CredentialsFromJson(json);
  if (!IsOfItsKind(item.shape, json)) return NoValue();
  // The other shapes are text, or print as the service prints them.
  auto value = ParseItem(item, Secret(json.is_string() ? json.get<std::string>() : json.dump()));
  if (!value) return tl::unexpected(std::move(value).error());
  if (!*value) return NoValue();
  return **std::move(value);
}

Result<std::vector<std::string>> ListingFromJson(const Told& json) {
  if (!IsArrayOfTexts(json)) return NoValue();
  return ParseListing(Secret(json.dump()));
}

}  // namespace aliyun_ecs
