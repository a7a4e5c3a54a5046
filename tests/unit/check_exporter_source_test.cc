#include "check/exporter_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metadata/judge.h"
#include "metadata/snapshot_json.h"
#include "support/exporter_rig.h"
#include "support/scripted_transport.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class ExporterSourceTest : public testing::Test {
 protected:
  void SetUp() override { rig_.RunNow(); }

  std::string Told() { return SnapshotToJson(*rig_.Current(), Now(rig_.clock)); }
  Result<ExporterReport> Ask() { return AskExporter(transport_, clock_, seconds(2)); }
  SpotState Spot() {
    const auto report = Ask();
    EXPECT_TRUE(report) << report.error().message;
    return report ? JudgeSpot(report->snapshot, report->now).state : SpotState::kUnknown;
  }

  ExporterRig rig_;
  FakeClock clock_;  // of the machine that asks; its wall clock shows the same
  ScriptedTransport transport_;
};

TEST_F(ExporterSourceTest, AsksForTheSnapshotAndNothingElse) {
  transport_.Answer(200, Told());
  EXPECT_EQ(Spot(), SpotState::kNone);
  ASSERT_EQ(transport_.requests().size(), 1u);
  EXPECT_EQ(transport_.requests()[0].path, "/snapshot");
  EXPECT_EQ(transport_.requests()[0].timeout, seconds(2));
}

TEST_F(ExporterSourceTest, TheTimeThatTheAnswerTakesMakesItOlder) {
  transport_.Meanwhile([&] { clock_.Advance(seconds(16)); });
  transport_.Answer(200, Told());
  EXPECT_EQ(Spot(), SpotState::kUnknown);
}

// A cache, or a file that somebody once saved.
TEST_F(ExporterSourceTest, ACopyIsAsOldAsItsTimeSays) {
  const std::string copy = Told();
  clock_.Advance(seconds(29));
  transport_.Answer(200, copy);
  EXPECT_EQ(Spot(), SpotState::kNone);  // clocks may differ a little
  clock_.Advance(minutes(10));
  transport_.Answer(200, copy);
  const auto report = Ask();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->lag, minutes(10) + seconds(29));
  EXPECT_EQ(JudgeSpot(report->snapshot, report->now).state, SpotState::kUnknown);
}

TEST_F(ExporterSourceTest, ANoticeInACopyStandsUntilTenMinutesPastItsTime) {
  rig_.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig_.clock.System() + minutes(5));
  });
  rig_.RunFor(seconds(5));
  const std::string copy = Told();
  clock_.Advance(minutes(14));
  transport_.Answer(200, copy);
  EXPECT_EQ(Spot(), SpotState::kScheduled);
  clock_.Advance(minutes(2));
  transport_.Answer(200, copy);
  EXPECT_EQ(Spot(), SpotState::kUnknown);
}

// A copy cannot come from the future, but it may come from before this machine's clock was set
// back.
TEST_F(ExporterSourceTest, WhatLiesAheadIsReportedAndNotMadeOlder) {
  clock_.SetSystem(clock_.System() - hours(2));
  transport_.Answer(200, Told());
  const auto report = Ask();
  ASSERT_TRUE(report);
  EXPECT_EQ(JudgeSpot(report->snapshot, report->now).state, SpotState::kNone);
  EXPECT_EQ(report->now.system, rig_.clock.System());
  EXPECT_EQ(report->lag, -hours(2));
}

TEST_F(ExporterSourceTest, EverythingElseIsOneSentence) {
  const auto expect = [&](ErrorCode code, std::string_view sentence) {
    const auto report = Ask();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, code);
    EXPECT_EQ(report.error().message, sentence);
  };
  transport_.Answer(401);
  expect(ErrorCode::kUnauthorized,
         "the exporter answered 401: it wants another user name or password");
  transport_.Answer(404);
  expect(ErrorCode::kRefused, "the exporter answered 404: is it an aliyun_ecs_exporter?");
  transport_.Answer(302);
  expect(ErrorCode::kRefused, "the exporter answered 302");
  transport_.Answer(503);
  expect(ErrorCode::kRefused, "the exporter answered 503");
  transport_.Fail(ErrorCode::kTimeout, "Timeout was reached");
  expect(ErrorCode::kTimeout, "the exporter: Timeout was reached");
  transport_.Answer(200, "<html>secret</html>");
  expect(ErrorCode::kMalformed, "the exporter's answer: it is no snapshot of this exporter");
}

}  // namespace
}  // namespace aliyun_ecs
