#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/access_watch.h"
#include "support/exporter_rig.h"
#include "support/log_lines.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

using MaybeAnswer = std::optional<Result<HttpResponse>>;

constexpr std::string_view kOpen = "aliyun_ecs_metadata_normal_mode_open";

bool HasToken(const HttpRequest& request) { return !request.headers.empty(); }

// Requests without a session token, of all that were made.
struct TokenlessCount {
  explicit TokenlessCount(ExporterRig& rig) {
    rig.transport.Interfere([this](const HttpRequest& request) {
      if (request.method == HttpMethod::kGet && !HasToken(request)) ++requests;
      return MaybeAnswer();
    });
  }
  int requests = 0;
};

TEST(PostureTest, IsAskedOnceAnHourWithoutATokenAndTellsWhetherNormalModeIsOpen) {
  ExporterRig rig;
  TokenlessCount tokenless(rig);
  rig.RunNow();
  EXPECT_EQ(rig.Sample(kOpen), 1);
  EXPECT_EQ(tokenless.requests, 1);
  rig.RunFor(hours(24));
  EXPECT_GE(tokenless.requests, 25);
  EXPECT_LE(tokenless.requests, 26);

  rig.service.WithInstance([](simulator::Instance& instance) {
    instance.set_access({simulator::HttpTokens::kRequired, simulator::HttpEndpoint::kEnabled});
  });
  rig.RunFor(hours(1));
  EXPECT_EQ(rig.Sample(kOpen), 0);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1);
  EXPECT_EQ(rig.Current()->access, AccessState::kGood) << "a refusal that was asked for";
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
}

TEST(PostureTest, ZeroTurnsItOff) {
  PollOptions poll;
  poll.posture_interval = Duration::zero();
  ExporterRig rig(LinuxInstance(), poll);
  TokenlessCount tokenless(rig);
  rig.RunFor(hours(3));
  EXPECT_EQ(tokenless.requests, 0);
  EXPECT_EQ(rig.Sample(kOpen), std::nullopt);
  EXPECT_EQ(rig.Page().find("refresh=\"posture\""), std::string::npos);
}

TEST(PostureTest, IsUnknownForAnyOtherAnswerAndWhenItIsOld) {
  for (const auto& [status, body] :
       {std::pair(200, "<html>Please log in</html>"), {200, ""}, {404, ""}, {401, ""}, {500, ""}}) {
    ExporterRig rig;
    rig.transport.Interfere([&, s = status, b = body](const HttpRequest& request) {
      return request.method == HttpMethod::kGet && !HasToken(request) ? AnswerWith(s, b)
                                                                      : MaybeAnswer();
    });
    rig.RunFor(hours(2));
    EXPECT_EQ(rig.Sample(kOpen), std::nullopt) << status;
    EXPECT_EQ(rig.Spot().state, SpotState::kNone) << "nothing else suffers";
  }
  ExporterRig rig;
  rig.RunNow();
  rig.transport.Interfere(
      [](const HttpRequest&) { return MaybeAnswer(Fail(ErrorCode::kTimeout, "")); });
  rig.RunFor(hours(2));
  EXPECT_EQ(rig.Sample(kOpen), 1);
  rig.RunFor(hours(1));
  EXPECT_EQ(rig.Sample(kOpen), std::nullopt) << "three intervals old";
}

TEST(PostureTest, InNormalModeEveryReadingTells) {
  ClientOptions client;
  client.mode = MetadataMode::kNormal;
  ExporterRig rig(LinuxInstance(), {}, client);
  rig.RunNow();
  EXPECT_EQ(rig.Sample(kOpen), 1);
  EXPECT_EQ(rig.transport.requests(), FirstFillCost(1, 1, 1, 1) - 2) << "no token and no probe";
  rig.service.WithInstance([](simulator::Instance& instance) {
    instance.set_access({simulator::HttpTokens::kRequired, simulator::HttpEndpoint::kEnabled});
  });
  rig.RunFor(minutes(1));
  EXPECT_EQ(rig.Sample(kOpen), 0);
  EXPECT_EQ(rig.Current()->access, AccessState::kHardenedOnly);
}

// What each trouble is called, in the whole exporter: an operator acts upon it.
struct Trouble {
  const char* name;
  MetadataMode mode;
  std::optional<bool> on_ecs;
  std::function<MaybeAnswer(const HttpRequest&)> interference;
  AccessState expected;
};

void PrintTo(const Trouble& trouble, std::ostream* out) { *out << trouble.name; }

MaybeAnswer Silence(ErrorCode code) { return MaybeAnswer(Fail(code, "nobody")); }

class AccessStateTest : public ::testing::TestWithParam<Trouble> {};

TEST_P(AccessStateTest, IsToldFromTheStartAndAfterAGoodTimeAndItsEndIsSeen) {
  const Trouble& trouble = GetParam();
  for (const bool from_the_start : {true, false}) {
    PollOptions poll;
    poll.on_ecs = trouble.on_ecs;
    ClientOptions client;
    client.mode = trouble.mode;
    ExporterRig rig(LinuxInstance(), poll, client);
    if (!from_the_start) {
      rig.RunFor(minutes(10));
      EXPECT_EQ(rig.Current()->access, AccessState::kGood);
      // The token in hand would do for hours.
      rig.metadata_client.DropToken();
    }
    rig.transport.Interfere(trouble.interference);
    rig.RunFor(minutes(2));
    EXPECT_EQ(rig.Current()->access, trouble.expected)
        << Name(rig.Current()->access) << (from_the_start ? " from the start" : " later");
    EXPECT_FALSE(AdviceOn(rig.Current()->access).advice.empty());
    rig.transport.StopInterfering();
    rig.RunFor(minutes(3));
    EXPECT_EQ(rig.Current()->access, AccessState::kGood);
    EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  }
}

constexpr auto kHardened = MetadataMode::kHardened;
constexpr auto kNormal = MetadataMode::kNormal;

MaybeAnswer OnPut(const HttpRequest& request, int status) {
  return request.method == HttpMethod::kPut ? AnswerWith(status) : MaybeAnswer();
}

INSTANTIATE_TEST_SUITE_P(
    Troubles, AccessStateTest,
    ::testing::Values(
        Trouble{"RefusedOnEcs", kHardened, true,
                [](const HttpRequest&) { return Silence(ErrorCode::kUnreachable); },
                AccessState::kUnreachable},
        Trouble{"TimeOutOnEcsInNormalMode", kNormal, true,
                [](const HttpRequest&) { return Silence(ErrorCode::kTimeout); },
                AccessState::kUnreachable},
        Trouble{"NoRouteOnWhoKnowsWhat", kHardened, std::nullopt,
                [](const HttpRequest&) { return Silence(ErrorCode::kUnreachable); },
                AccessState::kUnreachable},
        Trouble{"TimeOutOnALaptop", kHardened, false,
                [](const HttpRequest&) { return Silence(ErrorCode::kTimeout); },
                AccessState::kNotOnEcs},
        Trouble{"ChannelDisabled", kHardened, true,
                [](const HttpRequest&) { return AnswerWith(403); }, AccessState::kChannelDisabled},
        Trouble{"ProxyThatOnlyTheTokenMinds", kHardened, true,
                [](const HttpRequest& request) { return OnPut(request, 403); },
                AccessState::kProxy},
        Trouble{"ProxyThatSaysSo", kHardened, true,
                [](const HttpRequest&) {
                  HttpResponse response;
                  response.status = 403;
                  response.through_proxy = true;
                  return MaybeAnswer(std::move(response));
                },
                AccessState::kProxy},
        Trouble{"NoTokenPath", kHardened, true,
                [](const HttpRequest& request) { return OnPut(request, 404); },
                AccessState::kNoTokenPath},
        Trouble{"NoPutThere", kHardened, true,
                [](const HttpRequest& request) { return OnPut(request, 405); },
                AccessState::kNoTokenPath},
        Trouble{"HardenedOnly", kNormal, true, [](const HttpRequest&) { return AnswerWith(403); },
                AccessState::kHardenedOnly},
        Trouble{"TokensRefused", kHardened, true,
                [](const HttpRequest& request) {
                  return request.method == HttpMethod::kGet ? AnswerWith(401) : MaybeAnswer();
                },
                AccessState::kTokenRefused},
        Trouble{"Throttled", kHardened, true, [](const HttpRequest&) { return AnswerWith(429); },
                AccessState::kThrottled},
        Trouble{"ServerErrors", kHardened, true, [](const HttpRequest&) { return AnswerWith(500); },
                AccessState::kNotTheService},
        Trouble{"LoginPage", kNormal, true,
                [](const HttpRequest&) { return AnswerWith(200, "<html>Log in</html>"); },
                AccessState::kNotTheService}),
    [](const auto& trouble) { return trouble.param.name; });

TEST(AccessStateTest, OneItemThatFailsIsNotTheService) {
  for (const int status : {500, 403, 302}) {
    ExporterRig rig;
    rig.transport.Interfere([&](const HttpRequest& request) {
      return request.path.ends_with("/hostname") ? AnswerWith(status) : MaybeAnswer();
    });
    rig.RunFor(hours(2));
    EXPECT_EQ(rig.Current()->access, AccessState::kGood);
    EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 1);
  }
}

TEST(AccessStateTest, NoTokenlessRequestIsMadeWhereThePostureIsNotWanted) {
  PollOptions poll;
  poll.posture_interval = Duration::zero();
  ExporterRig rig(LinuxInstance(), poll);
  int tokenless = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kGet) ++tokenless;
    return OnPut(request, 403);
  });
  rig.RunFor(hours(1));
  EXPECT_EQ(tokenless, 0);
  EXPECT_EQ(rig.Current()->access, AccessState::kChannelDisabled);
}

TEST(AccessStateTest, AskingWhyNoTokenIsGivenIsRare) {
  ExporterRig rig;
  int tokenless = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kGet) ++tokenless;
    return AnswerWith(403);
  });
  rig.RunFor(hours(1));
  EXPECT_GE(tokenless, 6);
  EXPECT_LE(tokenless, 7);
}

TEST(AccessStateTest, ARefusalThatIsOverIsNotAskedAboutAtTheNextTrouble) {
  ExporterRig rig;
  rig.RunFor(minutes(10));
  // At its renewal, long before the token ends, one is refused and the next is given.
  bool refused = false;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (refused || request.method == HttpMethod::kGet) {
      return std::optional<Result<HttpResponse>>();
    }
    refused = true;
    return AnswerWith(403);
  });
  rig.RunFor(hours(6));
  ASSERT_TRUE(refused);
  int tokenless = 0;
  bool revoked = false;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kGet && request.path.ends_with("/region-id") && revoked) {
      ++tokenless;
    }
    if (revoked || request.method != HttpMethod::kGet) {
      return std::optional<Result<HttpResponse>>();
    }
    revoked = true;
    return AnswerWith(401);
  });
  rig.RunFor(seconds(3));
  ASSERT_TRUE(revoked);
  EXPECT_EQ(tokenless, 0);
}

// The watch alone: what it logs.

Exchange Answered(int status, SteadyTime at) {
  Exchange exchange;
  exchange.status = status;
  exchange.sent_at.steady = at;
  return exchange;
}

class AccessLogTest : public ::testing::Test {
 protected:
  void Throttle(SteadyTime at) {
    watch.OnFailed("x", Answered(429, at), {ErrorCode::kThrottled, "it throttles"});
  }

  AccessWatch watch{MetadataMode::kHardened, true};
  SteadyTime now{seconds(1000)};
};

TEST(AccessWatchTest, OnlyTwoDifferentItemsInARowThatFailAreTheService) {
  AccessWatch watch{MetadataMode::kHardened, true};
  const SteadyTime now{seconds(1000)};
  const auto fail = [&](std::string_view path) {
    watch.OnFailed(path, Answered(500, now), {ErrorCode::kRefused, "that is no answer"});
    return watch.state();
  };
  watch.OnRead(now);
  EXPECT_EQ(fail("x"), AccessState::kGood);
  EXPECT_EQ(fail("x"), AccessState::kGood);
  watch.OnRead(now);
  EXPECT_EQ(fail("y"), AccessState::kGood);
  EXPECT_EQ(fail("x"), AccessState::kNotTheService);
}

TEST_F(AccessLogTest, AGoodStartSaysNothing) {
  EXPECT_THAT(LogLinesOf([&] {
                watch.OnRead(now);
                watch.Remind(now + hours(1));
              }),
              ::testing::IsEmpty());
}

TEST_F(AccessLogTest, AChangeIsALineWithTheAdviceAndSoIsItsEnd) {
  const auto lines = LogLinesOf([&] {
    Throttle(now);
    Throttle(now + seconds(1));
    watch.OnRead(now + seconds(2));
    watch.OnRead(now + seconds(3));
  });
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("level=warn"));
  EXPECT_THAT(lines[0], HasSubstr("state=throttled"));
  EXPECT_THAT(lines[0], HasSubstr("advice="));
  EXPECT_THAT(lines[1], HasSubstr("msg=\"the metadata service answers\""));
}

TEST_F(AccessLogTest, AnHourOfTroubleIsToldOfEveryTenMinutes) {
  EXPECT_EQ(LogLinesOf([&] {
              for (int i = 0; i < 3600; ++i) {
                Throttle(now + seconds(i));
                watch.Remind(now + seconds(i));
              }
            }).size(),
            6u);
}

TEST_F(AccessLogTest, FlappingIsToldOfOnceInTenMinutesForEachStateAndNotForgottenInTheEnd) {
  const auto lines = LogLinesOf([&] {
    for (int i = 0; i < 3600; ++i) {
      if (i % 2 == 0) Throttle(now + seconds(i));
      if (i % 2 == 1) watch.OnRead(now + seconds(i));
      watch.Remind(now + seconds(i));
    }
    watch.Remind(now + hours(2));
  });
  EXPECT_LE(lines.size(), 2u * 6 + 2);
  EXPECT_GE(lines.size(), 2u * 6);
  EXPECT_THAT(lines.back(), HasSubstr("the metadata service answers"));
}

}  // namespace
}  // namespace aliyun_ecs
