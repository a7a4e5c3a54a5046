#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aliyun_ecs {

// A JSON document as RFC 8259 has it, read by another hand than the one that wrote it. A number is
// kept as it is written.
struct StrictJson {
  struct Number {
    std::string text;
  };
  using Array = std::vector<StrictJson>;
  using Object = std::map<std::string, StrictJson, std::less<>>;

  std::variant<std::nullptr_t, bool, Number, std::string, Array, Object> value;

  // The member of that name; nullptr where there is none, or this is no object.
  [[nodiscard]] const StrictJson* Find(std::string_view name) const;
  // The text of a string; nullptr of anything else.
  [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&value); }
};

// nullopt for anything that is not one whole document: also for bytes that are not UTF-8, for a
// name that is there twice, and beyond 100 levels.
[[nodiscard]] std::optional<StrictJson> ReadStrictJson(std::string_view text);

}  // namespace aliyun_ecs
