#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <string_view>

namespace aliyun_ecs {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year;

SystemTime FromUnix(std::int64_t unix_seconds) { return SystemTime(seconds(unix_seconds)); }

TEST(FormatUtcTest, PrintsTheServicesForm) {
  EXPECT_EQ(FormatUtc(FromUnix(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatUtc(FromUnix(1'000'000'000)), "2001-09-09T01:46:40Z");
  EXPECT_EQ(FormatUtc(FromUnix(951'827'696)), "2000-02-29T12:34:56Z");
  EXPECT_EQ(FormatUtc(sys_days(year(2199) / 12 / 31) + hours(23) + minutes(59) + seconds(59)),
            "2199-12-31T23:59:59Z");
}

TEST(FormatUtcTest, CutsFractionsOffAndNeverRoundsUp) {
  EXPECT_EQ(FormatUtc(FromUnix(59) + milliseconds(999)), "1970-01-01T00:00:59Z");
  EXPECT_EQ(FormatUtc(FromUnix(59) + nanoseconds(999'999'999)), "1970-01-01T00:00:59Z");
  EXPECT_EQ(FormatUtc(FromUnix(0) - nanoseconds(1)), "1969-12-31T23:59:59Z");
}

TEST(ParseUtcTest, ReadsTheServicesForm) {
  EXPECT_EQ(ParseUtc("1970-01-01T00:00:00Z"), FromUnix(0));
  EXPECT_EQ(ParseUtc("2001-09-09T01:46:40Z"), FromUnix(1'000'000'000));
  EXPECT_EQ(ParseUtc("2038-01-19T03:14:08Z"), FromUnix(2'147'483'648));
  EXPECT_EQ(ParseUtc("2026-11-23T15:20:00Z"), FromUnix(1'795'447'200));
  EXPECT_EQ(ParseUtc("2026-12-31T23:59:59Z"), sys_days(year(2027) / 1 / 1) - seconds(1));
}

TEST(ParseUtcTest, KnowsLeapDays) {
  EXPECT_EQ(ParseUtc("2000-02-29T00:00:00Z"), sys_days(year(2000) / 3 / 1) - days(1));
  EXPECT_EQ(ParseUtc("2024-02-29T00:00:00Z"), sys_days(year(2024) / 3 / 1) - days(1));
  EXPECT_EQ(ParseUtc("2023-02-29T00:00:00Z"), std::nullopt);
  EXPECT_EQ(ParseUtc("2100-02-29T00:00:00Z"), std::nullopt);  // no leap year, 2000 was one
}

TEST(ParseUtcTest, TakesTheYearsThatACountOfNanosecondsHolds) {
  EXPECT_EQ(ParseUtc("1970-01-01T00:00:00Z"), sys_days(year(1970) / 1 / 1));
  EXPECT_EQ(ParseUtc("2199-12-31T23:59:59Z"), sys_days(year(2200) / 1 / 1) - seconds(1));
}

TEST(ParseUtcTest, UndoesFormatUtc) {
  // Steps of a prime number of seconds meet every month, hour and minute.
  for (SystemTime time = FromUnix(0); time < FromUnix(7'000'000'000); time += seconds(3'999'971)) {
    EXPECT_EQ(ParseUtc(FormatUtc(time)), time) << FormatUtc(time);
  }
}

class MalformedUtcTest : public testing::TestWithParam<std::string_view> {};

TEST_P(MalformedUtcTest, IsNoTime) { EXPECT_EQ(ParseUtc(GetParam()), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(Length, MalformedUtcTest,
                         testing::Values("", "Z", "2026-11-23", "2026-11-23T15:20Z",
                                         "2026-11-23T15:20:00", "2026-1-23T15:20:00Z",
                                         "26-11-23T15:20:00Z", "12026-11-23T15:20:00Z",
                                         "2026-11-23T15:20:00.5Z", "2026-11-23T15:20:00+00:00",
                                         "2026-11-23T15:20:00ZZ", "2026-11-23T15:20:00Z ",
                                         "2026-11-23T15:20:00Z\n", " 2026-11-23T15:20:00Z",
                                         "2026-11-23T15:20:00Z trailing"));
INSTANTIATE_TEST_SUITE_P(Separators, MalformedUtcTest,
                         testing::Values("2026/11-23T15:20:00Z", "2026-11/23T15:20:00Z",
                                         "2026-11-23 15:20:00Z", "2026-11-23t15:20:00Z",
                                         "2026-11-23T15.20:00Z", "2026-11-23T15:20.00Z",
                                         "2026-11-23T15:20:00z", "2026-11-23T15:20:000",
                                         "2026011-23T15:20:00Z"));
INSTANTIATE_TEST_SUITE_P(Dates, MalformedUtcTest,
                         testing::Values("2026-00-23T15:20:00Z", "2026-13-23T15:20:00Z",
                                         "2026-99-23T15:20:00Z", "2026-11-00T15:20:00Z",
                                         "2026-11-31T15:20:00Z", "2026-12-32T15:20:00Z",
                                         "2026-02-30T15:20:00Z", "2024-02-30T15:20:00Z"));
INSTANTIATE_TEST_SUITE_P(Times, MalformedUtcTest,
                         testing::Values("2026-11-23T24:00:00Z", "2026-11-23T99:20:00Z",
                                         "2026-11-23T15:60:00Z", "2026-11-23T15:20:60Z",
                                         "2026-11-23T15:20:61Z"));
INSTANTIATE_TEST_SUITE_P(Years, MalformedUtcTest,
                         testing::Values("0000-11-23T15:20:00Z", "0001-01-01T00:00:00Z",
                                         "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z",
                                         "9999-12-31T23:59:59Z"));

TEST(ParseUtcTest, RefusesWhatIsNoDigitAtEveryPlaceOfADigit) {
  constexpr std::string_view kTime = "2026-11-23T15:20:00Z";
  for (std::size_t i = 0; i < kTime.size(); ++i) {
    if (kTime[i] < '0' || kTime[i] > '9') continue;
    // The neighbours of '0' and '9' in ASCII, signs and blanks, which scanf would take.
    for (const char c : {'/', ':', '-', '+', ' ', 'x', '\0', '\xB2'}) {
      std::string text(kTime);
      text[i] = c;
      EXPECT_EQ(ParseUtc(text), std::nullopt) << text;
    }
  }
}

TEST(RealClockTest, SteadyTimeIsTheBootTimeAndNeverGoesBack) {
  const auto boot_time = [] {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return SteadyTime(seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
  };
  const RealClock clock;
  SteadyTime last = boot_time();
  for (int i = 0; i < 1000; ++i) {
    const SteadyTime now = clock.Steady();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GE(boot_time(), last);
}

TEST(RealClockTest, SystemTimeIsTheWallClocks) {
  // An hour's leeway: the wall clock may be stepped while this runs.
  const auto difference = RealClock().System() - std::chrono::system_clock::now();
  EXPECT_LT(std::chrono::abs(difference), hours(1));
}

TEST(ToSecondsTest, KeepsFractions) {
  EXPECT_DOUBLE_EQ(ToSeconds(milliseconds(1500)), 1.5);
  EXPECT_DOUBLE_EQ(ToSeconds(-milliseconds(250)), -0.25);
  EXPECT_DOUBLE_EQ(ToUnixSeconds(FromUnix(1'795'447'200) + milliseconds(125)), 1'795'447'200.125);
}

}  // namespace
}  // namespace aliyun_ecs
