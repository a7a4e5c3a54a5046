#include "simulator/token_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};

TEST(SimulatorTokenStore, ATokenIsValidUntilItsTimeIsOver) {
  TokenStore store;
  const auto token = store.Issue(1, seconds(180), kStart);
  EXPECT_TRUE(store.IsValid(1, token, kStart));
  EXPECT_TRUE(store.IsValid(1, token, kStart + seconds(180) - Duration(1)));
  EXPECT_FALSE(store.IsValid(1, token, kStart + seconds(180)));
  EXPECT_FALSE(store.IsValid(1, token, kStart + seconds(100'000)));
}

TEST(SimulatorTokenStore, AnUnknownTokenIsNotValid) {
  TokenStore store;
  const auto token = store.Issue(1, seconds(60), kStart);
  EXPECT_FALSE(store.IsValid(1, "aaa", kStart));
  EXPECT_FALSE(store.IsValid(1, "", kStart));
  EXPECT_FALSE(store.IsValid(1, token + "x", kStart));
  EXPECT_FALSE(store.IsValid(1, token.substr(1), kStart));
}

TEST(SimulatorTokenStore, ATokenServesOnlyItsInstance) {
  TokenStore store;
  const auto token = store.Issue(1, seconds(60), kStart);
  EXPECT_FALSE(store.IsValid(2, token, kStart));
}

TEST(SimulatorTokenStore, TokensAreFitForAHeaderRecognisableAndDifferent) {
  TokenStore store;
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) {
    const auto token = store.Issue(1, seconds(60), kStart);
    EXPECT_TRUE(token.starts_with(kSessionTokenPrefix));
    EXPECT_GT(token.size(), kSessionTokenPrefix.size() + 16);
    EXPECT_TRUE(std::all_of(token.begin(), token.end(), [](char c) { return c > 32 && c < 127; }));
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), 1000U);
}

TEST(SimulatorTokenStore, AnyNumberOfTokensIsValidTogether) {
  TokenStore store;
  const auto first = store.Issue(1, seconds(21600), kStart);
  for (int i = 0; i < 10'000; ++i) (void)store.Issue(1, seconds(21600), kStart);
  EXPECT_TRUE(store.IsValid(1, first, kStart + seconds(21599)));
  EXPECT_EQ(store.size(), 10'001U);
}

TEST(SimulatorTokenStore, ForgetsTokensThatAreOver) {
  TokenStore store;
  const auto lasting = store.Issue(1, seconds(21600), kStart);
  auto now = kStart;
  for (int i = 0; i < 10'000; ++i) {
    (void)store.Issue(1, seconds(10), now);
    now += seconds(1);
    EXPECT_LE(store.size(), 12U);
  }
  EXPECT_TRUE(store.IsValid(1, lasting, now));
}

TEST(SimulatorTokenStore, TellsWhyATokenIsNotGood) {
  TokenStore store;
  const auto token = store.Issue(1, seconds(60), kStart);
  EXPECT_EQ(store.StateOf(1, token, kStart), TokenState::kValid);
  EXPECT_EQ(store.StateOf(2, token, kStart), TokenState::kForeign);
  EXPECT_EQ(store.StateOf(1, "aaa", kStart), TokenState::kUnknown);
  EXPECT_EQ(store.StateOf(1, token, kStart + seconds(60)), TokenState::kExpired);
  (void)store.Issue(1, seconds(60), kStart + seconds(60));
  EXPECT_EQ(store.StateOf(1, token, kStart + seconds(60)), TokenState::kExpired);
  EXPECT_EQ(store.size(), 1U);
}

TEST(SimulatorTokenStore, RemembersOnlySoManyThatAreOver) {
  TokenStore store;
  const auto first = store.Issue(1, seconds(1), kStart);
  for (std::size_t i = 0; i < TokenStore::kMostExpired; ++i) {
    (void)store.Issue(1, seconds(1), kStart + seconds(1));
  }
  EXPECT_EQ(store.StateOf(1, first, kStart + seconds(2)), TokenState::kExpired);
  (void)store.Issue(1, seconds(1), kStart + seconds(2));
  EXPECT_EQ(store.StateOf(1, first, kStart + seconds(2)), TokenState::kUnknown);
}

TEST(SimulatorTokenStore, ClearForgetsAll) {
  TokenStore store;
  const auto token = store.Issue(1, seconds(60), kStart);
  store.Clear();
  EXPECT_FALSE(store.IsValid(1, token, kStart));
  EXPECT_EQ(store.size(), 0U);
}

}  // namespace
}  // namespace aliyun_ecs::simulator
