#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aliyun_ecs::simulator {

// What the service says when it will not answer.
enum class Silence : std::uint8_t {
  kPage,   // the page of a status
  kClose,  // closes the connection
  kHang,   // nothing, for ever
};

// The form of a line end inside a value.
enum class LineEnd : std::uint8_t { kCrlf, kLf };

enum class PageStyle : std::uint8_t {
  kLighttpd,  // the captured page of lighttpd before 1.4.74
  kPlain,     // "404 Not Found" and nothing else
  kEmpty,
};

// What the vendor's document leaves open about the protocol, one field for each question, each with
// the answer that there is the best evidence for.
struct ProtocolOptions {
  int expired_token_status = 401;
  int foreign_token_status = 401;
  bool optional_mode_checks_tokens = true;
  Silence disabled_channel = Silence::kPage;
  bool serves_forwarded_get = true;
  bool listing_ends_in_newline = false;
  bool top_listing_is_full = true;
  bool serves_leaf_with_slash = false;
  LineEnd list_line_end = LineEnd::kCrlf;
  bool credential_begins_with_blank = false;
  PageStyle error_page = PageStyle::kLighttpd;
  std::optional<std::string> server_header = {};
  std::string content_type = "text/plain";
  bool sends_date = true;
  std::chrono::seconds date_offset{0};
  int throttle_status = 429;
  std::optional<std::chrono::seconds> retry_after = {};

  friend bool operator==(const ProtocolOptions&, const ProtocolOptions&) = default;
};

// A row of the table that flags, control API and README follow. Grades: D documented by the vendor,
// C seen in real clients, O observed by third parties, I inferred, ? looked for and not found.
struct ProtocolOption {
  std::string_view name;      // of the flag, and in the control API
  std::string_view values;    // as people read them
  std::string_view fallback;  // what holds when it is not set
  std::string_view grade;     // of that
  std::string_view text;
};
inline constexpr std::size_t kProtocolOptionCount = 17;
[[nodiscard]] const std::array<ProtocolOption, kProtocolOptionCount>& ProtocolOptionTable();

// Sets an option by its name. An Error is what follows "NAME=VALUE: " in a complaint.
// REQUIRES: the table has that name.
[[nodiscard]] Result<void> SetProtocolOption(ProtocolOptions& options, std::string_view name,
                                             std::string_view value);

// In the form that SetProtocolOption takes. REQUIRES: the table has that name.
[[nodiscard]] std::string GetProtocolOption(const ProtocolOptions& options, std::string_view name);

}  // namespace aliyun_ecs::simulator
