#include "check/direct_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metadata/judge.h"
#include "support/exporter_rig.h"
#include "support/scripted_transport.h"

namespace aliyun_ecs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using MaybeAnswer = std::optional<Result<HttpResponse>>;

class DirectSourceTest : public testing::Test {
 protected:
  Snapshot Ask(const std::vector<Check>& checks, const Criteria& criteria = {},
               Duration timeout = seconds(10), MetadataMode mode = MetadataMode::kHardened) {
    MetadataClient client(transport_, clock_, {.mode = mode});
    DirectSource source(client, clock_, std::nullopt, clock_.Steady() + timeout);
    Snapshot snapshot = source.Ask(QuestionFor(checks, criteria));
    journal_ = source.journal();
    return snapshot;
  }
  // Every request takes so long, and is not answered when its time-out is shorter.
  void Slow(Duration duration) {
    transport_.Interfere([=, this](const HttpRequest& request) {
      timeouts_.push_back(request.timeout);
      clock_.Advance(std::min(duration, request.timeout));
      return duration < request.timeout
                 ? MaybeAnswer()
                 : MaybeAnswer(Fail(ErrorCode::kTimeout, "Timeout was reached"));
    });
  }

  FakeClock clock_;
  simulator::Service service_{LinuxInstance(), clock_};
  SimulatorTransport transport_{service_};
  std::vector<std::string> journal_;
  std::vector<Duration> timeouts_;
};

// What a run costs the metadata service.
TEST_F(DirectSourceTest, AsksOnlyForWhatTheCheckRestsOn) {
  const auto ends = [&] {
    std::vector<std::string> asked;
    for (const auto& line : journal_) asked.push_back(line.substr(0, line.find(':')));
    return asked;
  };
  std::ignore = Ask({Check::kSpot});
  EXPECT_THAT(ends(), ElementsAre("asked session token", "asked instance-id",
                                  "asked instance/spot/termination-time"));
  std::ignore = Ask({Check::kCredentials});
  EXPECT_THAT(ends(), ElementsAre("asked session token", "asked instance-id",
                                  "asked ram/security-credentials/",
                                  "asked ram/security-credentials/SimulatedEcsRole"));
  std::ignore = Ask({Check::kMetadata});
  EXPECT_THAT(ends(), ElementsAre("asked session token", "asked instance-id"));
  std::ignore = Ask({Check::kHardening});
  EXPECT_THAT(ends(), ElementsAre("asked session token", "asked instance-id",
                                  "asked region-id without a session token"));
  std::ignore = Ask({Check::kIdentity});
  EXPECT_THAT(ends(), ElementsAre("asked session token", "asked instance-id",
                                  "asked instance/instance-type", "asked zone-id"));
  Criteria criteria;
  criteria.identity = {{kInstanceId, "i-1"}, {ItemAt("hostname"), "a"}, {ItemAt("hostname"), "b"}};
  std::ignore = Ask({Check::kIdentity}, criteria);
  EXPECT_THAT(ends(), ElementsAre("asked session token", "asked instance-id", "asked hostname"));
  std::ignore = Ask({Check::kBandwidth});
  EXPECT_THAT(ends(),
              ElementsAre("asked session token", "asked instance-id",
                          "asked instance/max-netbw-egress", "asked network/interfaces/macs/"));
  std::ignore = Ask({Check::kSpot}, {}, seconds(10), MetadataMode::kNormal);
  EXPECT_THAT(ends(), ElementsAre("asked instance-id", "asked instance/spot/termination-time"));
}

TEST_F(DirectSourceTest, ASecondTokenIsAskedForOnceWhenTheFirstIsRefused) {
  int refusals = 1;
  transport_.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kPut || refusals-- <= 0) return MaybeAnswer();
    return AnswerWith(401);
  });
  const Snapshot good = Ask({Check::kSpot});
  EXPECT_EQ(JudgeSpot(good, Now(clock_)).state, SpotState::kNone);
  EXPECT_EQ(journal_.size(), 5u);

  refusals = 1000;
  const Snapshot bad = Ask({Check::kSpot, Check::kCredentials});
  EXPECT_EQ(bad.access, AccessState::kTokenRefused);
  EXPECT_EQ(journal_.size(), 4u);  // two tokens, each tried once, and then no more
}

TEST_F(DirectSourceTest, AThrottledServiceIsLeftAlone) {
  transport_.Interfere([](const HttpRequest& request) {
    return request.path.ends_with("/instance-id") ? AnswerWith(429) : MaybeAnswer();
  });
  const Snapshot snapshot = Ask({Check::kSpot, Check::kHardening, Check::kBandwidth});
  EXPECT_EQ(journal_.size(), 2u);
  EXPECT_EQ(snapshot.access, AccessState::kThrottled);
  for (const auto& [key, reading] : snapshot.readings) {
    EXPECT_EQ(reading.State(), ReadingState::kFailing);
  }
}

// Whichever request it is that is one too many.
TEST_F(DirectSourceTest, TheRequestWithoutATokenMayBeTheOneThatIsThrottled) {
  transport_.Interfere([](const HttpRequest& request) {
    return request.path.ends_with("/region-id") ? AnswerWith(429) : MaybeAnswer();
  });
  const Snapshot snapshot = Ask({Check::kSpot, Check::kHardening});
  EXPECT_EQ(snapshot.access, AccessState::kThrottled);
  EXPECT_EQ(NormalModeOpen(snapshot, Now(clock_)), std::nullopt);
  EXPECT_EQ(JudgeSpot(snapshot, Now(clock_)).state, SpotState::kNone);
}

TEST_F(DirectSourceTest, TheLatencyIsThatOfTheSlowestAnswer) {
  transport_.Interfere([&](const HttpRequest& request) {
    clock_.Advance(milliseconds(request.path.ends_with("/instance-id") ? 900 : 5));
    return MaybeAnswer();
  });
  EXPECT_EQ(Ask({Check::kSpot}).latency, milliseconds(900));
}

TEST_F(DirectSourceTest, OneItemThatHangsCostsTwoSecondsAndLeavesTheOthers) {
  transport_.Interfere([&](const HttpRequest& request) {
    if (!request.path.ends_with("/termination-time")) return MaybeAnswer();
    clock_.Advance(request.timeout);
    return MaybeAnswer(Fail(ErrorCode::kTimeout, "Timeout was reached"));
  });
  const SteadyTime begin = clock_.Steady();
  const Snapshot snapshot = Ask({Check::kSpot, Check::kCredentials, Check::kBandwidth});
  EXPECT_EQ(clock_.Steady() - begin, seconds(2));
  EXPECT_EQ(JudgeSpot(snapshot, Now(clock_)).state, SpotState::kUnknown);
  EXPECT_EQ(RoleAttached(snapshot), true);
  EXPECT_EQ(snapshot.access, AccessState::kGood);
  EXPECT_EQ(snapshot.Find(kSpotTerminationTime)->failure->message,
            "instance/spot/termination-time: Timeout was reached");
}

TEST_F(DirectSourceTest, NothingIsAskedForBehindTheDeadline) {
  Slow(milliseconds(300));
  const SteadyTime begin = clock_.Steady();
  const Snapshot snapshot = Ask({Check::kSpot, Check::kBandwidth}, {}, seconds(1));
  EXPECT_EQ(clock_.Steady() - begin, seconds(1));
  EXPECT_EQ(timeouts_.back(), milliseconds(100));
  EXPECT_EQ(snapshot.Find(kInstanceId)->State(), ReadingState::kPresent);
  EXPECT_EQ(snapshot.Find(kSpotTerminationTime)->State(), ReadingState::kAbsent);
  EXPECT_EQ(snapshot.Listing(Directory::kInterfaces)->failure->message,
            "network/interfaces/macs/: time was up before it was asked for");
}

TEST_F(DirectSourceTest, TwoSilencesInARowAreEnough) {
  transport_.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kPut) return MaybeAnswer();
    clock_.Advance(request.timeout);
    return MaybeAnswer(Fail(ErrorCode::kTimeout, "Timeout was reached"));
  });
  const SteadyTime begin = clock_.Steady();
  std::ignore = Ask({Check::kSpot, Check::kCredentials, Check::kBandwidth, Check::kHardening});
  EXPECT_EQ(clock_.Steady() - begin, seconds(4));
  EXPECT_EQ(journal_.size(), 3u);
}

TEST_F(DirectSourceTest, ATokenThatTookLongerToComeThanItLivesIsNotAskedForAgain) {
  Slow(milliseconds(1500));
  MetadataClient client(transport_, clock_, {.token_ttl = seconds(1)});
  DirectSource source(client, clock_, std::nullopt, clock_.Steady() + seconds(100));
  std::ignore = source.Ask(QuestionFor({Check::kSpot}, {}));
  EXPECT_EQ(source.journal().size(), 1u);
}

TEST_F(DirectSourceTest, TheJournalTellsStatusAndTimeAndNothingThatWasAnswered) {
  Slow(milliseconds(5));
  std::ignore = Ask({Check::kCredentials});
  EXPECT_EQ(journal_[1], "asked instance-id: 200, 5.0 ms");
  EXPECT_THAT(journal_, Each(Not(HasSubstr("Simulated0"))));
  EXPECT_THAT(journal_, Each(Not(HasSubstr("i-bp1"))));
  EXPECT_THAT(journal_, Each(Not(HasSubstr("STS."))));
}

}  // namespace
}  // namespace aliyun_ecs
