#include "simulator/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <utility>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr std::int64_t kLargestOffset = 10LL * 366 * 24 * 3600;
constexpr std::int64_t kLongestRetryAfter = 24 * 3600;

// A table is read by its columns.
// clang-format off
constexpr std::array<ProtocolOption, kProtocolOptionCount> kTable{{
    {"expired-token", "401 or 403", "401", "C", "status for a token whose time is over; three clients fetch a new one on 401, one only on 403"},
    {"foreign-token", "401 or 403", "401", "I", "status for a token of another instance; that it is refused is documented [D]"},
    {"token-in-optional-mode", "checked or ignored", "checked", "I", "whether a bad token is refused although none is needed"},
    {"disabled-channel", "403, close or hang", "403", "C", "what a disabled metadata channel does; cloud-init takes 403 on the PUT for it"},
    {"forwarded-get", "served or 403", "served", "?", "a GET with X-Forwarded-For; on the PUT it is refused with 403 [D]"},
    {"listing-end", "none or newline", "none", "O", "what follows the last name of a listing; one raw capture, and clients that do not trim"},
    {"top-listing", "full or served", "full", "O", "whether /latest/ lists dynamic, global-config, maintenance, meta-data and user-data also where they are 404, as a real instance did"},
    {"leaf-with-slash", "404 or served", "404", "?", "an item asked for with a slash at its end"},
    {"list-line-end", "crlf or lf", "crlf", "C", "line ends inside dns-conf and ntp-conf"},
    {"credential-lead", "none or blank", "none", "O", "what precedes the credential document; one of the captures begins with a blank"},
    {"error-page", "lighttpd, plain or empty", "lighttpd", "O", "body of a refusal; the 404 page is captured, the others are inferred [I]"},
    {"server-header", "none or a text", "none", "?", "the Server header; lighttpd would send its name"},
    {"content-type", "a media type", "text/plain", "?", "Content-Type of a value"},
    {"date", "sent or absent", "sent", "I", "the Date header; lighttpd sends one"},
    {"date-offset", "seconds", "0", "I", "how much the Date is ahead of the clock; may be negative"},
    {"throttle-status", "429 or 503", "429", "C", "status of a throttled request; two clients of the vendor's try again on 429"},
    {"retry-after", "none or seconds", "none", "?", "the Retry-After header of a throttled request"},
}};
// clang-format on

template <typename T>
using Choices = std::initializer_list<std::pair<std::string_view, T>>;

// What can be in a header without harm.
bool IsHeaderText(std::string_view text) {
  return !text.empty() && text.size() <= 128 && Trim(text) == text &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Visits the option of that name in the way it is written: as one of a few words, as a text, or as
// a number. So Get and Set cannot disagree.
template <typename Options, typename Visitor>
auto Visit(Options& options, std::string_view name, const Visitor& visitor) {
  const auto status = [&](auto& field, int a, int b) {
    return visitor.Word(field,
                        Choices<int>{{a == 401 ? "401" : "429", a}, {b == 403 ? "403" : "503", b}});
  };
  const auto flag = [&](bool& field, std::string_view yes, std::string_view no) {
    return visitor.Word(field, Choices<bool>{{yes, true}, {no, false}});
  };
  if (name == "expired-token") return status(options.expired_token_status, 401, 403);
  if (name == "foreign-token") return status(options.foreign_token_status, 401, 403);
  if (name == "token-in-optional-mode") {
    return flag(options.optional_mode_checks_tokens, "checked", "ignored");
  }
  if (name == "disabled-channel") {
    return visitor.Word(options.disabled_channel, Choices<Silence>{{"403", Silence::kPage},
                                                                   {"close", Silence::kClose},
                                                                   {"hang", Silence::kHang}});
  }
  if (name == "forwarded-get") return flag(options.serves_forwarded_get, "served", "403");
  if (name == "listing-end") return flag(options.listing_ends_in_newline, "newline", "none");
  if (name == "top-listing") return flag(options.top_listing_is_full, "full", "served");
  if (name == "leaf-with-slash") return flag(options.serves_leaf_with_slash, "served", "404");
  if (name == "list-line-end") {
    return visitor.Word(options.list_line_end,
                        Choices<LineEnd>{{"crlf", LineEnd::kCrlf}, {"lf", LineEnd::kLf}});
  }
  if (name == "credential-lead") {
    return flag(options.credential_begins_with_blank, "blank", "none");
  }
  if (name == "error-page") {
    return visitor.Word(options.error_page, Choices<PageStyle>{{"lighttpd", PageStyle::kLighttpd},
                                                               {"plain", PageStyle::kPlain},
                                                               {"empty", PageStyle::kEmpty}});
  }
  if (name == "server-header") return visitor.Text(options.server_header);
  if (name == "content-type") return visitor.Text(options.content_type);
  if (name == "date") return flag(options.sends_date, "sent", "absent");
  if (name == "date-offset") {
    return visitor.Seconds(options.date_offset, -kLargestOffset, kLargestOffset);
  }
  if (name == "throttle-status") return status(options.throttle_status, 429, 503);
  if (name == "retry-after") return visitor.Seconds(options.retry_after, 0, kLongestRetryAfter);
  throw std::logic_error("no such option");
}

struct Setter {
  std::string_view value;

  template <typename T>
  Result<void> Word(T& field, Choices<T> choices) const {
    std::string words;
    for (const auto& [word, meaning] : choices) {
      if (word == value) {
        field = meaning;
        return {};
      }
      words += (words.empty() ? "" : " or ") + std::string(word);
    }
    return Fail(ErrorCode::kInvalid, "must be " + words);
  }

  Result<void> Text(std::string& field) const {
    if (!IsHeaderText(value)) {
      return Fail(ErrorCode::kInvalid, "must be 1 to 128 printable ASCII characters");
    }
    field = value;
    return {};
  }
  Result<void> Text(std::optional<std::string>& field) const {
    std::string text;
    if (value == "none") {
      field.reset();
      return {};
    }
    auto set = Text(text);
    if (set) field = std::move(text);
    return set;
  }

  Result<void> Seconds(std::chrono::seconds& field, std::int64_t least, std::int64_t most) const {
    const auto seconds = ParseWhole<std::int64_t>(value, least, most);
    if (!seconds) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("must be a whole number from {} to {}", least, most));
    }
    field = std::chrono::seconds(*seconds);
    return {};
  }
  Result<void> Seconds(std::optional<std::chrono::seconds>& field, std::int64_t least,
                       std::int64_t most) const {
    if (value == "none") {
      field.reset();
      return {};
    }
    std::chrono::seconds seconds{};
    auto set = Seconds(seconds, least, most);
    if (!set) return Fail(ErrorCode::kInvalid, set.error().message + ", or none");
    field = seconds;
    return {};
  }
};

struct Getter {
  template <typename T>
  std::string Word(T& field, Choices<T> choices) const {
    for (const auto& [word, meaning] : choices) {
      if (meaning == field) return std::string(word);
    }
    return "";
  }
  std::string Text(const std::string& field) const { return field; }
  std::string Text(const std::optional<std::string>& field) const { return field.value_or("none"); }
  std::string Seconds(const std::chrono::seconds& field, std::int64_t, std::int64_t) const {
    return fmt::format("{}", field.count());
  }
  std::string Seconds(const std::optional<std::chrono::seconds>& field, std::int64_t,
                      std::int64_t) const {
    return field ? fmt::format("{}", field->count()) : "none";
  }
};

}  // namespace

const std::array<ProtocolOption, kProtocolOptionCount>& ProtocolOptionTable() { return kTable; }

Result<void> SetProtocolOption(ProtocolOptions& options, std::string_view name,
                               std::string_view value) {
  return Visit(options, name, Setter{value});
}

std::string GetProtocolOption(const ProtocolOptions& options, std::string_view name) {
  ProtocolOptions copy = options;
  return Visit(copy, name, Getter{});
}

}  // namespace aliyun_ecs::simulator
