#include "poll/request_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace aliyun_ecs {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};

TEST(RequestBudgetTest, AllowsTheBurstAndThenThePace) {
  RequestBudget budget(2, 3, /*jitter_seed=*/1, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.TryTake(kStart));
  EXPECT_FALSE(budget.TryTake(kStart));
  const SteadyTime next = budget.AvailableAt(kStart);
  EXPECT_GE(next, kStart + milliseconds(500));
  EXPECT_LE(next, kStart + milliseconds(501));
  EXPECT_TRUE(budget.TryTake(next));
}

TEST(RequestBudgetTest, ThrottlingPausesHoweverMuchBudgetIsLeft) {
  RequestBudget budget(50, 1000, /*jitter_seed=*/1, kStart);
  budget.OnThrottled(kStart, std::nullopt);
  EXPECT_FALSE(budget.TryTake(kStart));
  EXPECT_GT(budget.AvailableAt(kStart), kStart);
  EXPECT_TRUE(budget.TryTake(budget.AvailableAt(kStart)));
}

TEST(RequestBudgetTest, PausesDoubleUpToAMinuteWhereAllIsRefusedAndStartSmallAgainAfterAnAnswer) {
  RequestBudget budget(50, 1000, /*jitter_seed=*/1, kStart);
  for (const int nominal : {5, 10, 10, 10, 10, 10, 10, 10, 10, 10, 20, 40, 60, 60}) {
    budget.OnThrottled(kStart, std::nullopt);
    const double pause = ToSeconds(budget.paused_until() - kStart);
    EXPECT_GE(pause, nominal * 0.8);
    EXPECT_LE(pause, nominal * 1.2);
  }
  budget.OnAnswered();
  budget.OnThrottled(kStart, std::nullopt);
  EXPECT_LE(budget.paused_until(), kStart + seconds(6));
}

TEST(RequestBudgetTest, PausesDifferFromInstanceToInstance) {
  RequestBudget one(50, 1000, /*jitter_seed=*/1, kStart), other(50, 1000, 2, kStart);
  one.OnThrottled(kStart, std::nullopt);
  other.OnThrottled(kStart, std::nullopt);
  EXPECT_NE(one.paused_until(), other.paused_until());
}

TEST(RequestBudgetTest, HonoursRetryAfterButNotForEver) {
  RequestBudget budget(50, 1000, /*jitter_seed=*/1, kStart);
  budget.OnThrottled(kStart, seconds(90));
  EXPECT_EQ(budget.paused_until(), kStart + seconds(90));
  budget.OnThrottled(kStart, std::chrono::hours(1000));
  EXPECT_EQ(budget.paused_until(), kStart + minutes(10));
}

TEST(RequestBudgetTest, AfterAPauseRequestsComeSlowlyAtFirst) {
  RequestBudget budget(50, 1000, /*jitter_seed=*/1, kStart);
  budget.OnThrottled(kStart, std::nullopt);
  SteadyTime now = budget.AvailableAt(kStart);
  std::vector<double> gaps;
  while (gaps.size() < 20) {
    ASSERT_TRUE(budget.TryTake(now));
    budget.OnAnswered();
    const SteadyTime next = budget.AvailableAt(now);
    gaps.push_back(ToSeconds(next - now));
    now = next;
  }
  EXPECT_DOUBLE_EQ(gaps.front(), 1);
  EXPECT_TRUE(std::is_sorted(gaps.rbegin(), gaps.rend()));
  EXPECT_EQ(gaps.back(), 0) << "in the end as before";
}

TEST(RequestBudgetTest, ThrottledAgainBeforeItRecoveredComesMoreSlowlyButNotTooSlowlyForSpot) {
  RequestBudget budget(50, 1000, /*jitter_seed=*/1, kStart);
  SteadyTime now = kStart;
  for (const double distance : {1.0, 2.0, 4.0, 4.0}) {
    budget.OnThrottled(now, std::nullopt);
    now = budget.AvailableAt(now);
    ASSERT_TRUE(budget.TryTake(now));
    EXPECT_EQ(ToSeconds(budget.AvailableAt(now) - now), distance);
  }
}

TEST(RequestBudgetTest, ALeaseOwesWhatMayBeSentBeforeTheNext) {
  RequestBudget budget(1, 100, /*jitter_seed=*/1, kStart);
  EXPECT_TRUE(budget.NeedsLease());
  const auto saved = budget.Lease(kStart);
  int sent = 0;
  for (; !budget.NeedsLease(); ++sent) ASSERT_TRUE(budget.TryTake(kStart));
  EXPECT_EQ(sent, 16);
  RequestBudget successor(1, 100, /*jitter_seed=*/2, kStart);
  successor.Restore(saved, kStart);
  EXPECT_DOUBLE_EQ(successor.bucket().Remaining(kStart), budget.bucket().Remaining(kStart));
}

TEST(RequestBudgetTest, ALeaseOfAnAlmostEmptyBucketOwesWhatIsThere) {
  RequestBudget budget(1, 3, /*jitter_seed=*/1, kStart);
  const auto saved = budget.Lease(kStart);
  EXPECT_EQ(saved.owed, 3u);
  RequestBudget successor(1, 3, /*jitter_seed=*/2, kStart);
  successor.Restore(saved, kStart + seconds(2));
  EXPECT_DOUBLE_EQ(successor.bucket().Remaining(kStart + seconds(2)), 0)
      << "a full bucket did not get fuller";
}

TEST(RequestBudgetTest, AnOrderlyEndOwesNothing) {
  RequestBudget budget(1, 100, /*jitter_seed=*/1, kStart);
  static_cast<void>(budget.Lease(kStart));
  ASSERT_TRUE(budget.TryTake(kStart));
  RequestBudget successor(1, 100, /*jitter_seed=*/2, kStart);
  successor.Restore(budget.Final(kStart), kStart);
  EXPECT_DOUBLE_EQ(successor.bucket().Remaining(kStart), 99);
}

TEST(RequestBudgetTest, NothingSavedCanLockItOut) {
  RequestBudget budget(1, 100, /*jitter_seed=*/1, kStart);
  budget.Restore({{0, kStart + std::chrono::hours(100)},
                  1000,
                  kStart + std::chrono::hours(100),
                  1'000'000'000},
                 kStart);
  EXPECT_LE(budget.AvailableAt(kStart), kStart + minutes(10));
}

}  // namespace
}  // namespace aliyun_ecs
