#include "base/clock.h"

#include <fmt/format.h>

#include <ctime>

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Duration Now(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return seconds(now.tv_sec) + Duration(now.tv_nsec);
}

// The `count` decimal digits at `text[at]`, or nullopt.
std::optional<int> Digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

SteadyTime RealClock::Steady() const { return SteadyTime(Now(CLOCK_BOOTTIME)); }

SystemTime RealClock::System() const { return SystemTime(Now(CLOCK_REALTIME)); }

std::string FormatUtc(SystemTime time) {
  const std::time_t unix_seconds = std::chrono::floor<seconds>(time).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&unix_seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

std::optional<SystemTime> ParseUtc(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != '0' && text[i] != kForm[i]) return std::nullopt;
  }
  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // A Duration of nanoseconds holds the years 1678 to 2261.
  if (!date.ok() || *year < 1970 || *year > 2199) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second);
}

std::string HumanDuration(Duration duration) {
  const auto total = std::chrono::duration_cast<seconds>(std::chrono::abs(duration)).count();
  const auto d = total / 86400;
  const auto h = total / 3600 % 24;
  const auto m = total / 60 % 60;
  const auto s = total % 60;
  if (d > 0) return fmt::format("{} d {} h", d, h);
  if (h > 0) return fmt::format("{} h {} min", h, m);
  if (m > 0) return fmt::format("{} min {} s", m, s);
  return fmt::format("{} s", s);
}

}  // namespace aliyun_ecs
