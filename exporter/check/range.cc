#include "check/range.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::optional<double> ParseNumber(std::string_view text) {
  // from_chars knows "inf" and "nan".
  if (text.find_first_not_of("0123456789.-") != std::string_view::npos) return std::nullopt;
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

}  // namespace

Result<Range> Range::Parse(std::string_view text) {
  const auto fail = [&](std::string_view why) {
    return Fail(ErrorCode::kInvalid, JsonQuote(text) + " is no range: " + std::string(why));
  };
  constexpr std::string_view kForms = "the form is [@][start:]end, such as 10, 10:, ~:10 or @10:20";
  Range range;
  range.text_ = text;
  std::string_view rest = text;
  if (rest.starts_with('@')) {
    range.inside_ = true;
    rest.remove_prefix(1);
  }
  const auto colon = rest.find(':');
  const bool bounded_below = colon != std::string_view::npos;
  const std::string_view start = bounded_below ? rest.substr(0, colon) : std::string_view();
  const std::string_view end = bounded_below ? rest.substr(colon + 1) : rest;
  if (start.empty() && end.empty()) return fail(kForms);
  if (start == "~") {
    range.start_ = -kInfinity;
  } else if (!start.empty()) {
    const auto number = ParseNumber(start);
    if (!number) return fail(kForms);
    range.start_ = *number;
  }
  if (!end.empty()) {
    const auto number = ParseNumber(end);
    if (!number) return fail(kForms);
    range.end_ = *number;
  }
  if (range.start_ > range.end_) return fail("its start lies behind its end");
  return range;
}

bool Range::Alerts(double value) const {
  const bool within = start_ <= value && value <= end_;
  return within == inside_;
}

bool Range::AlertsFrom(double value) const {
  return inside_ ? value >= start_ && end_ == kInfinity : value > end_;
}

const double* Range::UpperLimit() const {
  return !inside_ && start_ == 0 && end_ != kInfinity ? &end_ : nullptr;
}

}  // namespace aliyun_ecs
