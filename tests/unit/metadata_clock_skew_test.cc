#include "metadata/clock_skew.h"

#include <gtest/gtest.h>

#include <random>

namespace aliyun_ecs {
namespace {

using std::chrono::floor;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ClockSkewTest : public ::testing::Test {
 protected:
  // An answer sent at `after` on the service's clock, whose local clock is `error` ahead.
  void Answer(Duration after, Duration error, Duration took = milliseconds(2)) {
    const SystemTime service = kStart + after;
    const SystemTime written = service + took / 2;
    skew.Observe({SteadyTime(after), service + error}, took, floor<seconds>(written));
  }
  [[nodiscard]] double Estimate() const { return ToSeconds(*skew.Estimate()); }

  static constexpr SystemTime kStart{seconds(1'800'000'000)};
  ClockSkew skew;
};

TEST_F(ClockSkewTest, IsUnknownBeforeTheFirstHeader) { EXPECT_EQ(skew.Estimate(), std::nullopt); }

TEST_F(ClockSkewTest, OneHeaderTellsItToHalfASecond) {
  for (const auto error : {hours(-1), hours(0), hours(1)}) {
    skew = {};
    Answer(milliseconds(400), error);
    EXPECT_NEAR(Estimate(), ToSeconds(error), 0.51);
  }
}

TEST_F(ClockSkewTest, ManyHeadersNarrowIt) {
  // Every five seconds, each time a little later within the second.
  for (int i = 0; i < 20; ++i) Answer(seconds(5 * i) + milliseconds(50 * i), milliseconds(3700));
  EXPECT_NEAR(Estimate(), 3.7, 0.06);
}

TEST_F(ClockSkewTest, FollowsADriftForADay) {
  std::mt19937 random(1);
  double worst = 0;
  for (int i = 0; i < 24 * 720; ++i) {
    const Duration after =
        seconds(5 * i) + milliseconds(std::uniform_int_distribution<int>(0, 999)(random));
    const Duration error = milliseconds(200) + after / 1'000'000 * 50;  // 50 ppm: 4.3 s a day
    Answer(after, error);
    if (i > 100) worst = std::max(worst, std::abs(Estimate() - ToSeconds(error)));
  }
  EXPECT_LT(worst, 0.15);
}

TEST_F(ClockSkewTest, AStepBeginsAnew) {
  for (int i = 0; i < 20; ++i) Answer(seconds(5 * i), milliseconds(0));
  Answer(seconds(101), hours(1));
  EXPECT_NEAR(Estimate(), 3600, 0.51);
  Answer(seconds(106), hours(-1));
  EXPECT_NEAR(Estimate(), -3600, 0.51);
}

TEST_F(ClockSkewTest, AnAnswerThatTookItsTimeSpoilsNothing) {
  for (int i = 0; i < 20; ++i) Answer(seconds(5 * i) + milliseconds(50 * i), milliseconds(0));
  const double before = Estimate();
  Answer(seconds(100), milliseconds(0), seconds(2));
  EXPECT_NEAR(Estimate(), before, 0.01);
}

}  // namespace
}  // namespace aliyun_ecs
