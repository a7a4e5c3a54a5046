#include "poll/request_budget.h"

#include <gtest/gtest.h>

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

TEST(RequestBudgetTest, PausesDoubleUpToAMinuteAndStartSmallAgainAfterAnAnswer) {
  RequestBudget budget(50, 1000, /*jitter_seed=*/1, kStart);
  for (const int nominal : {5, 10, 20, 40, 60, 60}) {
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

}  // namespace
}  // namespace aliyun_ecs
