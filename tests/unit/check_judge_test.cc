#include "check/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "metadata/snapshot_json.h"
#include "support/exporter_rig.h"

// What the table of tests/golden/check_verdicts.tsv does not reach: clocks that differ, news that
// are old, a service that has just fallen silent.

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class CheckJudgeTest : public testing::Test {
 protected:
  Verdict Ask(Check check, const Criteria& criteria = {}) {
    Evidence evidence;
    evidence.snapshot = *rig_.Current();
    evidence.now = Now(rig_.clock);
    return Judge(check, evidence, criteria);
  }
  // What is known, and what is known of it to who asks for /snapshot.
  std::vector<Evidence> HereAndTold() {
    Evidence here;
    here.snapshot = *rig_.Current();
    here.now = Now(rig_.clock);
    Evidence elsewhere = here;
    const auto told = SnapshotFromJson(SnapshotToJson(here.snapshot, here.now), here.now);
    EXPECT_TRUE(told) << told.error().message;
    elsewhere.snapshot = told.value().snapshot;  // throws where there is none
    return {here, elsewhere};
  }
  static Criteria Ranges(std::string_view warning, std::string_view critical) {
    Criteria criteria;
    criteria.warning = *Range::Parse(warning);
    criteria.critical = *Range::Parse(critical);
    return criteria;
  }
  // The clock of the service, as its Date header tells it, is ahead of this machine's.
  void ServiceIsAheadBy(Duration skew) {
    rig_.transport.Adorn([=, this](HttpResponse& response) {
      response.date = std::chrono::floor<seconds>(rig_.clock.System() + skew);
    });
  }
  void NoticeAt(SystemTime time) {
    rig_.service.WithInstance(
        [&](simulator::Instance& instance) { instance.SetTermination(time); });
  }

  ExporterRig rig_;
};

TEST_F(CheckJudgeTest, ADrillChangesNoVerdict) {
  rig_.RunNow();
  std::vector<Verdict> before;
  for (const Check check : kChecks) before.push_back(Ask(check));
  rig_.poller.SetLocalFacts({rig_.clock.System() + minutes(5), {}});
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Verdict verdict = Ask(kChecks[i]);
    EXPECT_EQ(verdict.state, before[i].state);
    EXPECT_EQ(verdict.text, before[i].text);
  }
  const auto told =
      SnapshotFromJson(SnapshotToJson(*rig_.Current(), Now(rig_.clock)), Now(rig_.clock));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->snapshot.local, LocalFacts()) << "nothing could rest on it";
}

// By the instance's clock the notice is twelve minutes away.
TEST_F(CheckJudgeTest, TheSecondsLeftOfANoticeAreThoseOfTheServicesClock) {
  ServiceIsAheadBy(minutes(10));
  NoticeAt(rig_.clock.System() + minutes(12));
  rig_.RunNow();
  const Verdict verdict = Ask(Check::kSpot, Ranges("300:", "90:"));
  EXPECT_EQ(verdict.state, CheckState::kWarning) << verdict.text;
  EXPECT_NEAR(verdict.perfdata.at(0).value, 120, 1);
  EXPECT_THAT(verdict.text, HasSubstr("by the service's clock; the instance's is "));
  EXPECT_THAT(verdict.text, HasSubstr(" behind"));
}

TEST_F(CheckJudgeTest, TheSecondsLeftOfACredentialAreThoseOfTheServicesClock) {
  ServiceIsAheadBy(hours(5) + minutes(40));
  rig_.RunNow();
  EXPECT_EQ(Ask(Check::kCredentials).state, CheckState::kWarning);
  ServiceIsAheadBy(-hours(3));
  rig_.RunFor(hours(1));
  const Verdict verdict = Ask(Check::kCredentials);
  EXPECT_EQ(verdict.state, CheckState::kOk);
  EXPECT_THAT(verdict.text, HasSubstr(" ahead"));
}

TEST_F(CheckJudgeTest, AClockThatIsRightIsNotMentioned) {
  ServiceIsAheadBy(seconds(2));
  rig_.RunNow();
  EXPECT_THAT(Ask(Check::kCredentials).text, testing::Not(HasSubstr("clock")));
}

TEST_F(CheckJudgeTest, TellsFromCloudInitWhetherNormalModeCanBeClosed) {
  rig_.RunNow();
  const auto text = [&](std::optional<std::string> cloud_init) {
    Evidence evidence;
    evidence.snapshot = *rig_.Current();
    evidence.now = Now(rig_.clock);
    evidence.cloud_init = std::move(cloud_init);
    const Verdict verdict = Judge(Check::kHardening, evidence, {});
    EXPECT_EQ(verdict.state, CheckState::kWarning);
    return verdict.text;
  };
  EXPECT_THAT(text("22.4.2"), HasSubstr("cloud-init 22.4.2 may need it: update to 23.2.2"));
  EXPECT_THAT(text("23.2.2"), HasSubstr("cloud-init 23.2.2 does not need it"));
  EXPECT_THAT(text(std::nullopt), testing::Not(HasSubstr("cloud-init")));
}

TEST_F(CheckJudgeTest, TheServiceIsNeverWellWhileTheNewestRequestWasNotAnswered) {
  rig_.RunFor(minutes(10));
  ASSERT_EQ(Ask(Check::kMetadata).state, CheckState::kOk);
  rig_.transport.Interfere([&](const HttpRequest&) {
    return std::optional<Result<HttpResponse>>(Fail(ErrorCode::kUnreachable, "gone"));
  });
  rig_.RunFor(seconds(5));
  EXPECT_EQ(Ask(Check::kMetadata).state, CheckState::kWarning);
  rig_.RunFor(seconds(7));
  EXPECT_EQ(Ask(Check::kMetadata).state, CheckState::kCritical) << "asked for nothing else";
}

TEST_F(CheckJudgeTest, TheServiceIsNotWellByOldNewsOfAnExporter) {
  rig_.RunFor(minutes(10));
  rig_.clock.Advance(minutes(2));
  for (const Evidence& evidence : HereAndTold()) {
    EXPECT_EQ(Judge(Check::kMetadata, evidence, {}).state, CheckState::kUnknown);
  }
}

TEST_F(CheckJudgeTest, NoNewsInALongPauseAreNoOldNews) {
  rig_.RunFor(minutes(10));
  rig_.transport.Interfere([](const HttpRequest&) {
    HttpResponse response;
    response.status = 429;
    response.retry_after = minutes(5);
    return std::optional<Result<HttpResponse>>(std::move(response));
  });
  rig_.RunFor(minutes(4));
  for (const Evidence& evidence : HereAndTold()) {
    const Verdict verdict = Judge(Check::kMetadata, evidence, {});
    EXPECT_EQ(verdict.state, CheckState::kWarning);
    EXPECT_THAT(verdict.text, HasSubstr("nothing is asked for 1 min"));
  }
}

TEST_F(CheckJudgeTest, ThereIsNoTimeLeftForSureWhenNothingNewIsHeardOfANotice) {
  NoticeAt(rig_.clock.System() + hours(2));
  rig_.RunNow();
  EXPECT_EQ(Ask(Check::kSpot, Ranges("300:", "120:")).state, CheckState::kOk);
  rig_.clock.Advance(minutes(1));
  const Verdict verdict = Ask(Check::kSpot, Ranges("300:", "120:"));
  EXPECT_EQ(verdict.state, CheckState::kUnknown);
  EXPECT_THAT(verdict.text, HasSubstr("but that is old news: the last answer is 1 min 0 s old"));
  EXPECT_EQ(Ask(Check::kSpot).state, CheckState::kCritical);
  EXPECT_EQ(Ask(Check::kSpot, Ranges("@0:", "120:")).state, CheckState::kWarning);
}

// In normal mode the posture has no age of its own.
TEST_F(CheckJudgeTest, NormalModeIsNotClosedByOldNews) {
  ExporterRig normal(LinuxInstance(), {}, {.mode = MetadataMode::kNormal});
  normal.service.WithInstance([](simulator::Instance& instance) {
    instance.set_access({simulator::HttpTokens::kRequired});
  });
  normal.RunFor(minutes(1));
  Evidence evidence;
  evidence.snapshot = *normal.Current();
  evidence.now = Now(normal.clock);
  EXPECT_EQ(Judge(Check::kHardening, evidence, {}).state, CheckState::kOk);
  evidence.now.steady += minutes(10);
  EXPECT_EQ(Judge(Check::kHardening, evidence, {}).state, CheckState::kUnknown);
}

// Any web server says that an instance has no elastic IP address.
TEST_F(CheckJudgeTest, WhatIsAbsentIsExpectedOnlyFromTheService) {
  rig_.transport.Interfere([](const HttpRequest& request) {
    return request.path.ends_with("/instance-id") || request.path.ends_with("/eipv4")
               ? AnswerWith(404)
               : std::optional<Result<HttpResponse>>();
  });
  rig_.RunNow();
  Criteria criteria;
  criteria.identity = {{ItemAt("eipv4"), ""}};
  EXPECT_EQ(Ask(Check::kIdentity, criteria).state, CheckState::kUnknown);
}

}  // namespace
}  // namespace aliyun_ecs
