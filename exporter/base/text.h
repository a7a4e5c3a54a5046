#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace aliyun_ecs {

// `text` without blanks, tabs, CR and LF at either end.
[[nodiscard]] std::string_view Trim(std::string_view text);

// The pieces of `text` between occurrences of `separator`; an empty text is one empty piece.
[[nodiscard]] std::vector<std::string_view> Split(std::string_view text, char separator);

// With the letters of ASCII made small, or made capitals, whatever the locale.
[[nodiscard]] std::string LowerCase(std::string_view text);
[[nodiscard]] std::string UpperCase(std::string_view text);

// Whether they differ at most in the case of letters of ASCII.
[[nodiscard]] bool EqualIgnoringCase(std::string_view a, std::string_view b);

// All of `text` as a whole number from `least` to `most`, without blanks and plus sign; nullopt for
// anything else.
template <std::integral Number>
[[nodiscard]] std::optional<Number> ParseWhole(std::string_view text,
                                               std::type_identity_t<Number> least,
                                               std::type_identity_t<Number> most, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value >= least && value <= most ? std::optional(value) : std::nullopt;
}

// True when `text` is well-formed UTF-8 (no overlong form, no surrogate, at most U+10FFFF) and has
// no control character: neither below U+0020, nor U+007F to U+009F.
[[nodiscard]] bool IsPrintableUtf8(std::string_view text);

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string JsonQuote(std::string_view text);

// `text` for HTML: & < > " ' escaped.
[[nodiscard]] std::string HtmlEscape(std::string_view text);

}  // namespace aliyun_ecs
