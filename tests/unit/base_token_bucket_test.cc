#include "base/token_bucket.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};

int TakeAll(TokenBucket& bucket, SteadyTime now) {
  int taken = 0;
  while (taken < 10'000 && bucket.TryTake(now)) ++taken;
  return taken;
}

TEST(TokenBucketTest, StartsFull) {
  TokenBucket bucket(1, 5, kStart);
  EXPECT_DOUBLE_EQ(bucket.Remaining(kStart), 5);
  EXPECT_EQ(TakeAll(bucket, kStart), 5);
  EXPECT_DOUBLE_EQ(bucket.Remaining(kStart), 0);
}

TEST(TokenBucketTest, RefillsAtItsRate) {
  TokenBucket bucket(2, 5, kStart);
  EXPECT_EQ(TakeAll(bucket, kStart), 5);
  EXPECT_FALSE(bucket.TryTake(kStart + milliseconds(499)));
  EXPECT_TRUE(bucket.TryTake(kStart + milliseconds(501)));
  EXPECT_FALSE(bucket.TryTake(kStart + milliseconds(502)));
  EXPECT_EQ(TakeAll(bucket, kStart + milliseconds(1501)), 2);
}

TEST(TokenBucketTest, RefusingTakesNothing) {
  TokenBucket bucket(1, 1, kStart);
  ASSERT_TRUE(bucket.TryTake(kStart));
  // Asking often must not put off what is due.
  for (int i = 1; i < 1000; ++i) ASSERT_FALSE(bucket.TryTake(kStart + milliseconds(i)));
  EXPECT_TRUE(bucket.TryTake(kStart + milliseconds(1001)));
}

TEST(TokenBucketTest, CapsAtBurstHoweverLongItRests) {
  TokenBucket bucket(10, 5, kStart);
  EXPECT_EQ(TakeAll(bucket, kStart), 5);
  EXPECT_DOUBLE_EQ(bucket.Remaining(kStart + hours(1000)), 5);
  EXPECT_EQ(TakeAll(bucket, kStart + hours(1000)), 5);
}

TEST(TokenBucketTest, KeepsTheFractionOfAToken) {
  TokenBucket bucket(1, 2, kStart);
  EXPECT_EQ(TakeAll(bucket, kStart), 2);
  EXPECT_NEAR(bucket.Remaining(kStart + milliseconds(250)), 0.25, 1e-9);
  ASSERT_TRUE(bucket.TryTake(kStart + milliseconds(1500)));
  EXPECT_NEAR(bucket.Remaining(kStart + milliseconds(1500)), 0.5, 1e-9);
}

TEST(TokenBucketTest, LookingTakesNothing) {
  TokenBucket bucket(1, 3, kStart);
  for (int i = 0; i < 100; ++i) {
    std::ignore = bucket.Remaining(kStart);
    std::ignore = bucket.AvailableAt(kStart);
  }
  EXPECT_EQ(TakeAll(bucket, kStart), 3);
}

TEST(TokenBucketTest, IsAvailableNowWhileThereIsOne) {
  TokenBucket bucket(1, 2, kStart);
  EXPECT_EQ(bucket.AvailableAt(kStart), kStart);
  ASSERT_TRUE(bucket.TryTake(kStart));
  EXPECT_EQ(bucket.AvailableAt(kStart), kStart);
  ASSERT_TRUE(bucket.TryTake(kStart));
  EXPECT_GT(bucket.AvailableAt(kStart), kStart);
}

TEST(TokenBucketTest, SaysNeitherTooEarlyNorMuchTooLateWhenTheNextIsThere) {
  TokenBucket bucket(0.5, 1, kStart);
  ASSERT_TRUE(bucket.TryTake(kStart));
  EXPECT_GE(bucket.AvailableAt(kStart), kStart + seconds(2));
  EXPECT_LE(bucket.AvailableAt(kStart), kStart + seconds(2) + microseconds(10));
  // Asked later, it names the same time.
  EXPECT_GE(bucket.AvailableAt(kStart + milliseconds(700)), kStart + seconds(2));
  EXPECT_LE(bucket.AvailableAt(kStart + milliseconds(700)), kStart + seconds(2) + microseconds(10));
}

// Rate and burst. 2/3 and 0.1 have no exact double, which is where rounding shows.
class TokenBucketPropertyTest : public testing::TestWithParam<std::pair<double, double>> {};

INSTANTIATE_TEST_SUITE_P(Buckets, TokenBucketPropertyTest,
                         testing::Values(std::pair(1.0, 1.0), std::pair(2.0 / 3, 10.0),
                                         std::pair(0.1, 3.5), std::pair(7.0, 20.0),
                                         std::pair(1000.0, 1.0)));

TEST_P(TokenBucketPropertyTest, NeverGivesMoreThanBurstAndRateInAnyWindow) {
  const auto [rate, burst] = GetParam();
  std::mt19937_64 random(20261123);
  TokenBucket bucket(rate, burst, kStart);
  std::vector<SteadyTime> taken;
  SteadyTime now = kStart;
  while (taken.size() < 1000) {
    // Mostly hammering, now and then a rest of up to two refills of the whole bucket.
    const double scale = random() % 50 == 0 ? 2 * burst : 0.3;
    const double pause = scale / rate * static_cast<double>(random() % 1000) / 1000;
    now += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(pause));
    if (bucket.TryTake(now)) taken.push_back(now);
  }
  for (std::size_t first = 0; first < taken.size(); ++first) {
    for (std::size_t last = first; last < taken.size(); ++last) {
      const double window = ToSeconds(taken[last] - taken[first]);
      const auto count = static_cast<double>(last - first + 1);
      ASSERT_LE(count, burst + rate * window + 1e-6) << first << " to " << last;
    }
  }
}

TEST_P(TokenBucketPropertyTest, SucceedsAtTheTimeItNames) {
  const auto [rate, burst] = GetParam();
  std::mt19937_64 random(7);
  TokenBucket bucket(rate, burst, kStart);
  SteadyTime now = kStart;
  for (int i = 0; i < 2000; ++i) {
    const double pause = 0.5 / rate * static_cast<double>(random() % 1000) / 1000;
    now += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(pause));
    now = bucket.AvailableAt(now);
    ASSERT_EQ(bucket.AvailableAt(now), now) << i;
    ASSERT_TRUE(bucket.TryTake(now)) << i;
  }
}

TEST_P(TokenBucketPropertyTest, GivesAllThatWasPromisedToOneWhoComesWhenTold) {
  const auto [rate, burst] = GetParam();
  constexpr int kTakes = 500;
  TokenBucket bucket(rate, burst, kStart);
  SteadyTime now = kStart;
  for (int i = 0; i < kTakes; ++i) {
    now = bucket.AvailableAt(now);
    ASSERT_TRUE(bucket.TryTake(now));
  }
  // Each wait may be rounded up by a few microseconds.
  EXPECT_LE(ToSeconds(now - kStart), (kTakes - burst) / rate + kTakes * 3e-6);
}

TEST(TokenBucketTest, GivesNothingExtraWhenTimeGoesBackwards) {
  TokenBucket bucket(1, 3, kStart);
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(10)), 3);
  EXPECT_EQ(TakeAll(bucket, kStart), 0);
  EXPECT_DOUBLE_EQ(bucket.Remaining(kStart), 0);
  // A time that was already paid out is not paid out again.
  EXPECT_FALSE(bucket.TryTake(kStart + seconds(10)));
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(10) + milliseconds(1001)), 1);
}

TEST(TokenBucketTest, StillGivesWhatItHasWhenTimeGoesBackwards) {
  TokenBucket bucket(1, 3, kStart);
  ASSERT_TRUE(bucket.TryTake(kStart + seconds(10)));
  EXPECT_EQ(TakeAll(bucket, kStart), 2);
  // And taking at an earlier time does not turn back its own clock.
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(10)), 0);
}

TEST(TokenBucketTest, SucceedsAtTheTimeItNamesEvenAfterTimeWentBackwards) {
  TokenBucket bucket(1, 1, kStart);
  ASSERT_TRUE(bucket.TryTake(kStart + seconds(10)));
  const SteadyTime next = bucket.AvailableAt(kStart);
  EXPECT_TRUE(bucket.TryTake(next))
      << "named " << ToSeconds(next - kStart) << " s, but took one at 10 s";
}

// A bucket that goes on from `level`, of 2 a second and at most 10 at once.
TokenBucket RestoredTo(const TokenBucket::Level& level) {
  TokenBucket bucket(2, 10, kStart);
  bucket.Restore(level);
  return bucket;
}

TEST(TokenBucketTest, GoesOnWhereAnotherWasLeft) {
  TokenBucket first(2, 10, kStart);
  EXPECT_EQ(TakeAll(first, kStart), 10);
  const SteadyTime left_at = kStart + milliseconds(1250);
  TokenBucket second = RestoredTo(first.LevelAt(left_at));
  for (int ms = 1250; ms < 8000; ms += 50) {
    const SteadyTime now = kStart + milliseconds(ms);
    EXPECT_DOUBLE_EQ(second.Remaining(now), first.Remaining(now)) << ms;
  }
  EXPECT_EQ(TakeAll(second, left_at), 2);
}

TEST(TokenBucketTest, FillsUpOnlyFromALevelThatIsToCome) {
  const SteadyTime to_come = kStart + seconds(60);
  TokenBucket bucket = RestoredTo({3, to_come});
  EXPECT_DOUBLE_EQ(bucket.Remaining(kStart), 3);
  EXPECT_DOUBLE_EQ(bucket.Remaining(to_come), 3);
  EXPECT_DOUBLE_EQ(bucket.Remaining(to_come + seconds(1)), 5);
  EXPECT_EQ(TakeAll(bucket, kStart), 3);
  EXPECT_FALSE(bucket.TryTake(to_come));
  EXPECT_TRUE(bucket.TryTake(to_come + milliseconds(501)));
}

TEST(TokenBucketTest, RestoresNothingThatItCouldNotHold) {
  EXPECT_DOUBLE_EQ(RestoredTo({1e300, kStart}).Remaining(kStart), 10);
  EXPECT_DOUBLE_EQ(RestoredTo({-5, kStart}).Remaining(kStart), 0);
  EXPECT_DOUBLE_EQ(RestoredTo({std::numeric_limits<double>::infinity(), kStart}).Remaining(kStart),
                   10);
  // Of what is no number nothing is known, so nothing is given.
  TokenBucket bucket = RestoredTo({std::numeric_limits<double>::quiet_NaN(), kStart});
  EXPECT_DOUBLE_EQ(bucket.Remaining(kStart), 0);
  EXPECT_FALSE(bucket.TryTake(kStart));
  EXPECT_TRUE(bucket.TryTake(kStart + seconds(1)));
}

}  // namespace
}  // namespace aliyun_ecs
