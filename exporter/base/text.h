#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aliyun_ecs {

// `text` without blanks, tabs, CR and LF at either end.
[[nodiscard]] std::string_view Trim(std::string_view text);

// The pieces of `text` between occurrences of `separator`; an empty text is one empty piece.
[[nodiscard]] std::vector<std::string_view> Split(std::string_view text, char separator);

// With the letters of ASCII made small, or made capitals, whatever the locale.
[[nodiscard]] std::string LowerCase(std::string_view text);
[[nodiscard]] std::string UpperCase(std::string_view text);

// True when `text` is well-formed UTF-8 (no overlong form, no surrogate, at most U+10FFFF) and has
// no control character: neither below U+0020, nor U+007F to U+009F.
[[nodiscard]] bool IsPrintableUtf8(std::string_view text);

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string JsonQuote(std::string_view text);

// `text` for HTML: & < > " ' escaped.
[[nodiscard]] std::string HtmlEscape(std::string_view text);

}  // namespace aliyun_ecs
