#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aliyun_ecs::simulator {

// What was read: a member is found quickly among however many there are.
using Json = nlohmann::json;
// What is written: members in the order that they were given.
using OrderedJson = nlohmann::ordered_json;
using Complaints = std::vector<std::string>;

// Parses a whole text; nullopt when it is not JSON. Depth is not limited here: nlohmann parses
// without recursion. But to copy or to print a value takes a stack as deep as the value: ask
// IsTooDeep before.
[[nodiscard]] std::optional<Json> ParseJson(std::string_view text);

// Far deeper than any call wants, and far from the end of the stack.
inline constexpr int kMostLevels = 16;
[[nodiscard]] bool IsTooDeep(const Json& json, int levels = kMostLevels);

// Reads the members of what should be a JSON object, and adds all that is wrong with them to the
// complaints. A member is called by its place: "name" in quotes where the object is a whole body,
// events[3].name where it lies inside something.
//
// Borrows the value and the complaints.
class JsonObject {
 public:
  // Complains about members that are not `known`: about the first kMostUnknown by name.
  static constexpr std::size_t kMostUnknown = 20;
  JsonObject(const Json& value, std::string place, const std::vector<std::string_view>& known,
             Complaints& complaints);

  // The member's text as `parse` understands it; nullopt when it is missing or wrong.
  template <typename T>
  std::optional<T> Get(const char* name, std::optional<T> (*parse)(std::string_view),
                       std::string_view expected) {
    const auto* const value = Find(name);
    if (value == nullptr) return std::nullopt;
    auto parsed = value->is_string() ? parse(value->get_ref<const std::string&>()) : std::nullopt;
    if (!parsed) Complain(name, "must be " + std::string(expected));
    return parsed;
  }

  std::optional<std::string> GetText(const char* name);
  std::optional<bool> GetBool(const char* name);
  std::optional<std::int64_t> GetWhole(const char* name, std::int64_t least, std::int64_t most);
  std::optional<double> GetNumber(const char* name, double least, double most);
  std::optional<std::chrono::seconds> GetSeconds(const char* name, std::chrono::seconds least,
                                                 std::chrono::seconds most);

  // Null when the member is missing.
  [[nodiscard]] const Json* Find(const char* name) const;
  [[nodiscard]] bool Has(const char* name) const { return Find(name) != nullptr; }
  [[nodiscard]] bool is_object() const { return value_.is_object(); }

  // True when it is there; complains when not, but not about what is no object at all.
  bool Require(const char* name);

  void Complain(const char* name, std::string_view what);
  // About the object as a whole.
  void Complain(std::string_view sentence);
  // For the place of an object inside this one.
  [[nodiscard]] std::string PlaceInside(std::string_view name) const;

 private:
  [[nodiscard]] std::string PlaceOf(std::string_view name) const;

  const Json& value_;
  std::string place_;
  Complaints& complaints_;
};

}  // namespace aliyun_ecs::simulator
