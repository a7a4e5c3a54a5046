#include "base/rarely.h"

#include <gtest/gtest.h>

#include <string>

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};

TEST(RarelyTest, SaysOfATopicOnceInAnInterval) {
  Rarely rarely(minutes(10));
  EXPECT_TRUE(rarely.MaySay("a", kStart));
  EXPECT_FALSE(rarely.MaySay("a", kStart));
  EXPECT_FALSE(rarely.MaySay("a", kStart + minutes(10) - Duration(1)));
  EXPECT_TRUE(rarely.MaySay("a", kStart + minutes(10)));
}

TEST(RarelyTest, BeingAskedOftenPutsNothingOff) {
  Rarely rarely(minutes(10));
  int said = 0;
  for (int second = 0; second < 3600; ++second) {
    said += rarely.MaySay("a", kStart + seconds(second)) ? 1 : 0;
  }
  EXPECT_EQ(said, 6);
}

TEST(RarelyTest, TopicsDoNotSilenceEachOther) {
  Rarely rarely(minutes(10));
  EXPECT_TRUE(rarely.MaySay("a", kStart));
  EXPECT_TRUE(rarely.MaySay("b", kStart));
  EXPECT_TRUE(rarely.MaySay("", kStart));
  EXPECT_FALSE(rarely.MaySay("a", kStart + seconds(1)));
  EXPECT_FALSE(rarely.MaySay("b", kStart + seconds(1)));
  EXPECT_FALSE(rarely.MaySay("", kStart + seconds(1)));
}

TEST(RarelyTest, ASecondThatGoesBackIsNoNewInterval) {
  Rarely rarely(minutes(10));
  EXPECT_TRUE(rarely.MaySay("a", kStart));
  EXPECT_FALSE(rarely.MaySay("a", kStart - seconds(500)));
  EXPECT_FALSE(rarely.MaySay("a", kStart + minutes(9)));
}

TEST(RarelyTest, HoweverManyTopicsComeSomeAreSaidAndLaterAllMayBeAgain) {
  Rarely rarely(minutes(10));
  int said = 0;
  for (int i = 0; i < 100'000; ++i) {
    said += rarely.MaySay("topic " + std::to_string(i), kStart) ? 1 : 0;
  }
  EXPECT_EQ(said, 1000) << "a bounded number is remembered, and what is not cannot be said rarely";
  EXPECT_FALSE(rarely.MaySay("topic 0", kStart + seconds(1)));
  EXPECT_TRUE(rarely.MaySay("a new one", kStart + minutes(10)));
}

}  // namespace
}  // namespace aliyun_ecs
