#include "simulator/fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/fake_clock.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};

// "x" for each request that is struck, "." for each that is not.
std::string Strikes(FaultList& list, int requests, SteadyTime now = kStart) {
  std::string strikes;
  for (int i = 0; i < requests; ++i) strikes += list.Strike("GET", "/a", now) ? 'x' : '.';
  return strikes;
}

TEST(SimulatorPattern, AStarStandsForAnyCharacters) {
  for (const auto& [pattern, text] : std::vector<std::pair<const char*, const char*>>{
           {"*", ""},
           {"*", "/latest/meta-data/"},
           {"/latest/*", "/latest/"},
           {"*/termination-time", "/latest/meta-data/instance/spot/termination-time"},
           {"/*/meta-data/*/spot/*", "/2016-01-01/meta-data/instance/spot/termination-time"},
           {"a**b", "ab"},
           {"*aab", "aaaab"}}) {
    EXPECT_TRUE(MatchesPattern(pattern, text)) << pattern << ' ' << text;
  }
  for (const auto& [pattern, text] :
       std::vector<std::pair<const char*, const char*>>{{"", "a"},
                                                        {"/latest/", "/latest"},
                                                        {"/latest", "/latest/"},
                                                        {"*b", "ba"},
                                                        {"a*a", "a"}}) {
    EXPECT_FALSE(MatchesPattern(pattern, text)) << pattern << ' ' << text;
  }
}

TEST(SimulatorFault, StrikesWhatItsPatternAndMethodDescribe) {
  FaultList list({{.kind = Fault::Kind::kStatus, .path = "/a*", .method = "PUT"}}, kStart);
  EXPECT_EQ(list.Strike("GET", "/a", kStart), nullptr);
  EXPECT_EQ(list.Strike("PUT", "/b", kStart), nullptr);
  EXPECT_NE(list.Strike("PUT", "/ab", kStart), nullptr);
}

TEST(SimulatorFault, TheFirstWhoseTimeItIsStrikes) {
  FaultList list({{.kind = Fault::Kind::kHang, .path = "/b"},
                  {.kind = Fault::Kind::kReset, .times = 1},
                  {.kind = Fault::Kind::kClose}},
                 kStart);
  EXPECT_EQ(list.Strike("GET", "/a", kStart)->kind, Fault::Kind::kReset);
  EXPECT_EQ(list.Strike("GET", "/a", kStart)->kind, Fault::Kind::kClose);
  const auto entries = list.entries();
  EXPECT_EQ(entries[0].matched, 0U);
  EXPECT_EQ(entries[1].matched, 2U);
  EXPECT_EQ(entries[1].struck, 1U);
}

TEST(SimulatorFault, BeginsAfterSomeRequestsAndStrikesSoOften) {
  FaultList list({{.after_requests = 2, .times = 3}}, kStart);
  EXPECT_EQ(Strikes(list, 8), "..xxx...");
}

TEST(SimulatorFault, EndsWhenItsTimeIsOver) {
  FaultList list({{.lasts = seconds(10)}}, kStart);
  EXPECT_EQ(Strikes(list, 1, kStart + seconds(10) - Duration(1)), "x");
  EXPECT_EQ(Strikes(list, 1, kStart + seconds(10)), ".");
}

TEST(SimulatorFault, ChanceIsTheSameForTheSameSeed) {
  const auto strikes = [](double probability, std::uint64_t seed) {
    FaultList list({{.probability = probability, .seed = seed}}, kStart);
    return Strikes(list, 1000);
  };
  EXPECT_EQ(strikes(0.3, 7), strikes(0.3, 7));
  EXPECT_NE(strikes(0.3, 7), strikes(0.3, 8));
  const auto text = strikes(0.3, 7);
  const auto count = std::count(text.begin(), text.end(), 'x');
  EXPECT_GT(count, 250);
  EXPECT_LT(count, 350);
  EXPECT_EQ(strikes(0, 1), std::string(1000, '.'));
  EXPECT_EQ(strikes(1, 1), std::string(1000, 'x'));
}

TEST(SimulatorFault, AThrottleStrikesWhatIsTooMuch) {
  FaultList list({{.kind = Fault::Kind::kThrottle, .throttle = {.rate = 1, .burst = 3}}}, kStart);
  EXPECT_EQ(Strikes(list, 5), "...xx");
  EXPECT_EQ(Strikes(list, 3, kStart + seconds(2)), "..x");
}

TEST(SimulatorFault, ReplacesTheAnswerOrChangesHowItIsCarried) {
  const Fault status{.kind = Fault::Kind::kStatus, .status = 502, .retry_after = seconds(7)};
  ASSERT_TRUE(Replaces(status));
  const auto page = ReplacementOf(status);
  EXPECT_EQ(page.status, 502);
  EXPECT_EQ(page.headers, (Headers{{"Retry-After", "7"}}));
  const auto html = ReplacementOf({.kind = Fault::Kind::kHtml});
  EXPECT_EQ(html.status, 200);
  EXPECT_EQ(html.content_type, "text/html");
  const auto garbage = ReplacementOf({.kind = Fault::Kind::kGarbage, .seed = 3});
  EXPECT_EQ(garbage.body, ReplacementOf({.kind = Fault::Kind::kGarbage, .seed = 3}).body);
  EXPECT_FALSE(garbage.body.starts_with("HTTP"));

  for (const auto kind :
       {Fault::Kind::kDelay, Fault::Kind::kCut, Fault::Kind::kDrip, Fault::Kind::kWrongLength}) {
    EXPECT_FALSE(Replaces({.kind = kind}));
  }
  const Fault drip{.kind = Fault::Kind::kDrip,
                   .delay = seconds(2),
                   .drip_bytes = 5,
                   .drip_interval = seconds(3)};
  EXPECT_EQ(DeliveryOf(drip), (Delivery{.how = Delivery::How::kDrip,
                                        .delay = seconds(2),
                                        .drip_bytes = 5,
                                        .drip_interval = seconds(3)}));
  EXPECT_EQ(DeliveryOf({.kind = Fault::Kind::kWrongLength, .wrong_length_by = -3}).wrong_length_by,
            -3);
}

TEST(SimulatorFault, EveryKindHasAName) {
  for (int i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<Fault::Kind>(i);
    EXPECT_EQ(ParseFaultKind(Name(kind)), kind);
  }
  EXPECT_EQ(ParseFaultKind("Status"), std::nullopt);
}

TEST(SimulatorThrottle, IsWrittenAsRateAndBurst) {
  EXPECT_EQ(ParseThrottle("2/10"), (Throttle{.rate = 2, .burst = 10}));
  EXPECT_EQ(ParseThrottle("0.5/1"), (Throttle{.rate = 0.5, .burst = 1}));
  for (const char* text :
       {"", "2", "2/", "/2", "0/1", "-1/1", "1/0.5", "nan/1", "inf/1", "1/2/3", " 1/2", "1/2x"}) {
    EXPECT_EQ(ParseThrottle(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace aliyun_ecs::simulator
