#include "check/range.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>

#include "base/text.h"
#include "fuzz/fuzz.h"

// The plugin's threshold ranges, held against the Monitoring Plugins guidelines read once more:
//
//   range  := "@"? (start ":")? end | "@"? start ":"     start := number | "~"
//   number := "-"? (digits ("." digits?)? | "." digits)
//
// An empty start is 0, an empty end infinity, "~" negative infinity; start <= end. A value alerts
// when it lies outside of both ends, which belong to the range; with "@" when it lies inside.

namespace aliyun_ecs::fuzz {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Guideline {
  double start = 0, end = kInfinity;
  bool inside = false;

  [[nodiscard]] bool Alerts(double value) const {
    if (inside) return value >= start && value <= end;
    return value < start || value > end;
  }
};

std::optional<double> NumberIn(const std::string& text) {
  std::size_t at = text[0] == '-' ? 1 : 0, digits = 0;
  bool dot = false;
  for (; at < text.size(); ++at) {
    const bool digit = text[at] >= '0' && text[at] <= '9';
    if (!digit && (dot || text[at] != '.')) return std::nullopt;
    if (digit) ++digits;
    if (!digit) dot = true;
  }
  if (digits == 0) return std::nullopt;
  return std::strtod(text.c_str(), nullptr);
}

std::optional<Guideline> ReadGuideline(std::string text) {
  Guideline range;
  if (!text.empty() && text[0] == '@') {
    range.inside = true;
    text.erase(0, 1);
  }
  if (text.empty() || text == ":") return std::nullopt;
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    const std::string start = text.substr(0, colon);
    const auto number = start == "~" ? -kInfinity : start.empty() ? 0 : NumberIn(start);
    if (!number) return std::nullopt;
    range.start = *number;
    text.erase(0, colon + 1);
  }
  if (!text.empty()) {
    const auto number = NumberIn(text);
    if (!number) return std::nullopt;
    range.end = *number;
  }
  return range.start <= range.end ? std::optional(range) : std::nullopt;
}

}  // namespace

void Fuzz(std::string_view input) {
  // What is too large or too small for a double has no one reading.
  if (input.size() > 200 || input.find('\0') != std::string_view::npos) return;
  const auto expected = ReadGuideline(std::string(input));
  const auto range = Range::Parse(input);
  ALWAYS(range.has_value() == expected.has_value());
  if (!range) {
    ALWAYS(range.error().code == ErrorCode::kInvalid);
    ALWAYS(IsPrintableUtf8(range.error().message));
    return;
  }
  ALWAYS(range->text() == input);
  const double start = expected->start, end = expected->end;
  const double values[] = {-kInfinity,
                           -1e18,
                           std::nextafter(start, -kInfinity),
                           start,
                           std::nextafter(start, kInfinity),
                           start / 2 + end / 2,
                           -1,
                           0,
                           1,
                           std::nextafter(end, -kInfinity),
                           end,
                           std::nextafter(end, kInfinity),
                           1e18,
                           kInfinity};
  for (const double value : values) {
    if (std::isnan(value)) continue;  // the middle of everything
    ALWAYS(range->Alerts(value) == expected->Alerts(value));
    if (!range->AlertsFrom(value)) continue;
    for (const double more : values) ALWAYS(!(more >= value) || expected->Alerts(more));
  }
  if (const double* const limit = range->UpperLimit()) {
    for (const double value : values) {
      ALWAYS(!(value >= 0) || expected->Alerts(value) == (value > *limit));
    }
  }
}

}  // namespace aliyun_ecs::fuzz
