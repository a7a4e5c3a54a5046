#include "metadata/notice.h"

#include <gtest/gtest.h>

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// A machine whose wall clock may be wrong; the service's is right, and says so or not.
class NoticeTest : public ::testing::Test {
 protected:
  // Heard `after` after the beginning.
  NoticeEvent Hear(std::optional<SystemTime> termination, Duration after) {
    now = kStart + after;
    const Instant at{SteadyTime(hours(1)) + after, now + local_error};
    return ObserveNotice(spot, termination, at, date_known ? now : at.system);
  }
  [[nodiscard]] bool StandsAfter(Duration after) const {
    return Stands(spot, SteadyTime(hours(1)) + after);
  }

  static constexpr SystemTime kStart{seconds(1'800'000'000)};
  SpotHistory spot;
  SystemTime now;
  Duration local_error{};
  bool date_known = false;
};

TEST_F(NoticeTest, IsCountedOnceHoweverOftenItIsHeard) {
  EXPECT_EQ(Hear(std::nullopt, seconds(0)), NoticeEvent::kNothingNew);
  EXPECT_EQ(Hear(kStart + minutes(5), seconds(5)), NoticeEvent::kScheduled);
  for (int i = 7; i < 300; i += 2) {
    EXPECT_EQ(Hear(kStart + minutes(5), seconds(i)), NoticeEvent::kNothingNew);
  }
  EXPECT_EQ(spot.notices, 1u);
  EXPECT_EQ(spot.first_seen, kStart + seconds(5));
  EXPECT_TRUE(StandsAfter(minutes(15) - seconds(1)));
  EXPECT_FALSE(StandsAfter(minutes(15)));
}

TEST_F(NoticeTest, AnotherTimeMovesItAndNoneWithdrawsIt) {
  Hear(kStart + minutes(5), seconds(0));
  EXPECT_EQ(Hear(kStart + minutes(7), seconds(2)), NoticeEvent::kMoved);
  EXPECT_EQ(Hear(kStart + minutes(6), seconds(4)), NoticeEvent::kMoved);
  EXPECT_EQ(spot.first_seen, kStart) << "it is the same notice";
  EXPECT_EQ(Hear(std::nullopt, seconds(6)), NoticeEvent::kWithdrawn);
  EXPECT_FALSE(StandsAfter(seconds(6)));
  EXPECT_EQ(Hear(kStart + minutes(6), seconds(8)), NoticeEvent::kScheduled)
      << "announced again is another notice";
  EXPECT_EQ(spot.notices, 2u);
  EXPECT_EQ(spot.moved, 2u);
  EXPECT_EQ(spot.withdrawn, 1u);
}

TEST_F(NoticeTest, AfterItsTimeItIsGoneAndNotWithdrawnAndComesNotBack) {
  Hear(std::nullopt, seconds(0));
  Hear(kStart + minutes(5), seconds(5));
  EXPECT_EQ(Hear(std::nullopt, minutes(6)), NoticeEvent::kGone);
  EXPECT_EQ(spot.withdrawn, 0u);
  EXPECT_EQ(Hear(kStart + minutes(5), minutes(16)), NoticeEvent::kLeftOver)
      << "the same time, long past";
  EXPECT_FALSE(StandsAfter(minutes(16)));
  EXPECT_EQ(spot.notices, 1u);
}

TEST_F(NoticeTest, AtTheMomentOfItsTimeItIsGoneAndTenMinutesLaterItIsALeftOver) {
  Hear(kStart + minutes(5), seconds(0));
  EXPECT_EQ(Hear(std::nullopt, minutes(5)), NoticeEvent::kGone);
  EXPECT_EQ(spot.withdrawn, 0u);
  spot = {};
  EXPECT_EQ(Hear(kStart - minutes(10), seconds(0)), NoticeEvent::kLeftOver);
  EXPECT_EQ(Hear(kStart - minutes(10) + seconds(1), seconds(0)), NoticeEvent::kScheduled);
}

TEST_F(NoticeTest, ToldAgainAfterItsTimeItStandsUntilItIsOverAndIsNotNew) {
  Hear(std::nullopt, seconds(0));
  Hear(kStart + minutes(5), seconds(5));
  EXPECT_EQ(Hear(std::nullopt, minutes(6)), NoticeEvent::kGone);
  EXPECT_EQ(Hear(kStart + minutes(5), minutes(7)), NoticeEvent::kNothingNew);
  EXPECT_EQ(spot.notices, 1u);
  EXPECT_TRUE(StandsAfter(minutes(15) - seconds(1)));
  EXPECT_FALSE(StandsAfter(minutes(15)));
}

TEST_F(NoticeTest, OneThatIsOverStaysOverThoughItIsStillTold) {
  Hear(kStart + minutes(5), seconds(0));
  EXPECT_EQ(Hear(kStart + minutes(5), minutes(20)), NoticeEvent::kNothingNew);
  EXPECT_FALSE(StandsAfter(minutes(20)));
  EXPECT_EQ(Hear(kStart + minutes(25), minutes(21)), NoticeEvent::kScheduled);
  EXPECT_EQ(spot.notices, 2u);
}

TEST_F(NoticeTest, ATimeLongPastIsALeftOverAlsoBehindNone) {
  const SystemTime old = *ParseUtc("2015-01-05T18:02:00Z");
  EXPECT_EQ(Hear(old, seconds(0)), NoticeEvent::kLeftOver);
  EXPECT_EQ(Hear(std::nullopt, seconds(5)), NoticeEvent::kNothingNew);
  EXPECT_EQ(Hear(old, seconds(10)), NoticeEvent::kLeftOver) << "no clock is wrong by ten years";
  EXPECT_EQ(spot.notices, 0u);
}

TEST_F(NoticeTest, OneThatComesBeforeOurEyesIsOneWhateverOurClockSays) {
  for (const auto error : {-hours(1), hours(0), hours(1), hours(23)}) {
    for (const bool known : {false, true}) {
      spot = {};
      local_error = error;
      date_known = known;
      Hear(std::nullopt, seconds(0));
      EXPECT_EQ(Hear(kStart + minutes(5), seconds(5)), NoticeEvent::kScheduled);
      EXPECT_TRUE(StandsAfter(minutes(14))) << "an hour ahead or back";
    }
  }
}

TEST_F(NoticeTest, AtTheStartTheLaterOfBothClocksOpinionsCounts) {
  local_error = hours(1);  // ahead: by our clock the notice was over long ago
  date_known = true;
  EXPECT_EQ(Hear(kStart + minutes(5), seconds(0)), NoticeEvent::kScheduled);
  EXPECT_TRUE(StandsAfter(minutes(14)));
  EXPECT_FALSE(StandsAfter(minutes(15)));
  spot = {};
  date_known = false;
  EXPECT_EQ(Hear(kStart + minutes(5), seconds(0)), NoticeEvent::kLeftOver)
      << "nothing tells it from one";
}

TEST_F(NoticeTest, AStepOfTheClockBetweenTwoAnswersChangesNothing) {
  Hear(kStart + minutes(5), seconds(0));
  for (const auto error : {hours(1), -hours(1)}) {
    local_error = error;
    EXPECT_EQ(Hear(kStart + minutes(5), seconds(10)), NoticeEvent::kNothingNew);
    EXPECT_TRUE(StandsAfter(minutes(14)));
    EXPECT_FALSE(StandsAfter(minutes(15)));
  }
  EXPECT_EQ(Hear(kStart + minutes(6), seconds(12)), NoticeEvent::kMoved);
  EXPECT_EQ(Hear(std::nullopt, seconds(14)), NoticeEvent::kWithdrawn);
}

}  // namespace
}  // namespace aliyun_ecs
