#include "metadata/judge.h"

#include <gtest/gtest.h>

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kNow{SteadyTime(seconds(10'000)), SystemTime(seconds(1'800'000'000))};

Instant Before(Duration age) { return {kNow.steady - age, kNow.system - age}; }

class JudgeSpotTest : public ::testing::Test {
 protected:
  JudgeSpotTest() {
    snapshot.refresh_intervals[static_cast<std::size_t>(RefreshClass::kSpot)] = seconds(5);
    snapshot.token_expiration = kNow.system + minutes(60);
  }

  Snapshot snapshot;

  SpotState State() const { return JudgeSpot(snapshot, kNow).state; }
  Reading& Spot() { return snapshot.readings[ItemInstance{kSpotTerminationTime, {}}]; }
};

TEST_F(JudgeSpotTest, IsUnknownBeforeTheFirstAnswer) {
  EXPECT_EQ(State(), SpotState::kUnknown);
  Spot();
  EXPECT_EQ(State(), SpotState::kUnknown);
  Spot().failure = Error{ErrorCode::kTimeout, ""};
  EXPECT_EQ(State(), SpotState::kUnknown);
}

TEST_F(JudgeSpotTest, ClaimsNoneOnlyWhileTheAnswerIsYoungerThanThreeIntervals) {
  Spot().answer = Answer{std::nullopt, Before(seconds(15) - Duration(1))};
  EXPECT_EQ(State(), SpotState::kNone);
  Spot().answer->at = Before(seconds(15));
  EXPECT_EQ(State(), SpotState::kUnknown);
}

TEST_F(JudgeSpotTest, JudgesTheAgeByTheSteadyClockSoThatAClockStepProvesNothing) {
  Spot().answer = Answer{std::nullopt, {kNow.steady - minutes(10), kNow.system + minutes(50)}};
  EXPECT_EQ(State(), SpotState::kUnknown);
  Spot().answer->at = {kNow.steady - seconds(1), kNow.system - minutes(60)};
  EXPECT_EQ(State(), SpotState::kNone);
}

TEST_F(JudgeSpotTest, AFailureJustAfterNoneLeavesItStandingForAWhileButNonsenseDoesNot) {
  Spot().answer = Answer{std::nullopt, Before(seconds(6))};
  Spot().failure = Error{ErrorCode::kTimeout, ""};
  EXPECT_EQ(State(), SpotState::kNone);
  Spot().failure = Error{ErrorCode::kMalformed, ""};
  EXPECT_EQ(State(), SpotState::kUnknown);
}

TEST_F(JudgeSpotTest, AServiceThatHasGivenNothingButNotFoundIsNotBelieved) {
  // Any web server answers 404. In normal mode there is no session token to tell it by.
  snapshot.token_expiration.reset();
  Spot().answer = Answer{std::nullopt, Before(seconds(1))};
  EXPECT_EQ(State(), SpotState::kUnknown);
  snapshot.readings[{ItemAt("instance-id"), {}}].answer =
      Answer{Value(std::string("i-1")), Before(seconds(1))};
  EXPECT_EQ(State(), SpotState::kNone);
}

TEST_F(JudgeSpotTest, WhoeverDoesNotKnowTheInstanceIdIsNotBelieved) {
  Spot().answer = Answer{std::nullopt, Before(seconds(1))};
  Reading& id = snapshot.readings[{kInstanceId, {}}];
  id.answer = Answer{Value(std::string("i-1")), Before(seconds(9))};
  for (const auto& [code, expected] : {std::pair(ErrorCode::kTimeout, SpotState::kNone),
                                       std::pair(ErrorCode::kMissing, SpotState::kUnknown),
                                       std::pair(ErrorCode::kMalformed, SpotState::kUnknown)}) {
    id.failure = Error{code, ""};
    EXPECT_EQ(State(), expected) << Name(expected);
  }
}

TEST_F(JudgeSpotTest, ANoticeStandsThroughAnyTroubleUntilTenMinutesPastItsTime) {
  const SystemTime termination = kNow.system - minutes(10) + seconds(1);
  for (const auto& failure :
       {std::optional<Error>(), std::optional(Error{ErrorCode::kThrottled, ""}),
        std::optional(Error{ErrorCode::kMalformed, ""})}) {
    snapshot.spot = {};
    Spot().failure = failure;
    Spot().answer = Answer{Value(termination), Before(minutes(12))};
    ASSERT_EQ(
        ObserveNotice(snapshot.spot, termination, Before(minutes(12)), kNow.system - minutes(12)),
        NoticeEvent::kScheduled);
    const SpotVerdict verdict = JudgeSpot(snapshot, kNow);
    EXPECT_EQ(verdict.state, SpotState::kScheduled);
    EXPECT_EQ(verdict.termination, termination);
    EXPECT_EQ(verdict.first_seen, kNow.system - minutes(12));
    const SpotVerdict later =
        JudgeSpot(snapshot, {kNow.steady + seconds(1), kNow.system + seconds(1)});
    EXPECT_EQ(later.state, SpotState::kUnknown);
    EXPECT_EQ(later.termination, std::nullopt);
  }
}

TEST_F(JudgeSpotTest, AStepOfTheWallClockNeitherEndsNorProlongsANotice) {
  const SystemTime termination = kNow.system + minutes(5);
  ASSERT_EQ(ObserveNotice(snapshot.spot, termination, kNow, kNow.system), NoticeEvent::kScheduled);
  for (const auto step : {-minutes(60), minutes(0), minutes(60)}) {
    EXPECT_EQ(
        JudgeSpot(snapshot, {kNow.steady + minutes(14), kNow.system + minutes(14) + step}).state,
        SpotState::kScheduled);
    EXPECT_EQ(
        JudgeSpot(snapshot, {kNow.steady + minutes(15), kNow.system + minutes(15) + step}).state,
        SpotState::kUnknown);
  }
}

class JudgeRowTest : public ::testing::Test {
 protected:
  JudgeRowTest() {
    for (auto& listing : snapshot.listings) listing.emplace();
  }

  Reading& Disk(const std::string& index) { return snapshot.readings[{kDisk, index}]; }
  static Answer Present() { return {Value(std::string("d-1")), kNow}; }
  static Answer Absent() { return {std::nullopt, kNow}; }

  static constexpr ItemId kDisk = ItemAt("disks/[disk-id]/id");
  Snapshot snapshot;
};

TEST_F(JudgeRowTest, TheWorstInstanceCounts) {
  Disk("1").answer = Present();
  Disk("2").answer = Absent();
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kPresent);
  Disk("3");
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kUnread);
  Disk("2").failure = Error{ErrorCode::kRefused, ""};
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kFailing);
}

TEST_F(JudgeRowTest, WithoutEntriesTheListingDecides) {
  auto& listing = *snapshot.listings[static_cast<std::size_t>(Directory::kDisks)];
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kUnread);
  listing.failure = Error{ErrorCode::kRefused, ""};
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kFailing);
  listing = Reading{Absent(), {}};
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kAbsent);
  listing = Reading{Answer{Value(std::vector<std::string>{}), kNow}, {}};
  EXPECT_EQ(JudgeRow(snapshot, kDisk), ReadingState::kAbsent);
}

TEST_F(JudgeRowTest, AnExcludedRowHasNoState) {
  Disk("1").answer = Present();
  snapshot.excluded.set(static_cast<std::size_t>(kDisk));
  EXPECT_EQ(JudgeRow(snapshot, kDisk), std::nullopt);
}

TEST(OldestAnswerTest, IsTheOldestOfTheClassOr1970BeforeTheFirstOrNothingToRead) {
  Snapshot snapshot;
  EXPECT_EQ(OldestAnswer(snapshot, RefreshClass::kCredentials), std::nullopt);
  auto& first = snapshot.readings[{kRoleCredentials, "A"}];
  EXPECT_EQ(OldestAnswer(snapshot, RefreshClass::kCredentials), SystemTime());
  first.answer = Answer{std::nullopt, Before(seconds(3))};
  snapshot.readings[{kRoleCredentials, "B"}].answer = Answer{std::nullopt, Before(seconds(9))};
  snapshot.readings[{kSpotTerminationTime, ""}].answer = Answer{std::nullopt, Before(seconds(99))};
  EXPECT_EQ(OldestAnswer(snapshot, RefreshClass::kCredentials), kNow.system - seconds(9));
  snapshot.listings[0] = Reading{Answer{std::nullopt, Before(seconds(5))}, {}};
  EXPECT_EQ(OldestAnswer(snapshot, RefreshClass::kListing), kNow.system - seconds(5));
}

TEST(IsSettledTest, AnAnswerSettlesAndThreeFailuresOfAnOptionalItemDo) {
  constexpr const Item& kAlways = Row(ItemAt("hostname"));
  constexpr const Item& kOptional = Row(ItemAt("eipv4"));
  Reading reading;
  for (reading.failures = 0; reading.failures < 3; ++reading.failures) {
    EXPECT_FALSE(IsSettled(kAlways, reading));
    EXPECT_FALSE(IsSettled(kOptional, reading));
  }
  EXPECT_FALSE(IsSettled(kAlways, reading));
  EXPECT_TRUE(IsSettled(kOptional, reading));
  reading = Reading{Answer{std::nullopt, kNow}, {}};
  EXPECT_TRUE(IsSettled(kAlways, reading));
}

TEST(RoleAttachedTest, IsUnknownUntilTheListingWasAnsweredAndOutlivesAFailure) {
  Snapshot snapshot;
  snapshot.token_expiration = kNow.system;
  EXPECT_EQ(RoleAttached(snapshot), std::nullopt);
  auto& listing = snapshot.listings[static_cast<std::size_t>(Directory::kRoles)].emplace();
  EXPECT_EQ(RoleAttached(snapshot), std::nullopt);
  listing.answer = Answer{Value(std::vector<std::string>{"Role"}), kNow};
  EXPECT_EQ(RoleAttached(snapshot), true);
  listing.failure = Error{ErrorCode::kTimeout, ""};
  EXPECT_EQ(RoleAttached(snapshot), true);
  listing = Reading{Answer{std::nullopt, kNow}, {}};
  EXPECT_EQ(RoleAttached(snapshot), false);
  snapshot.token_expiration.reset();
  EXPECT_EQ(RoleAttached(snapshot), std::nullopt) << "any web server answers 404";
}

}  // namespace
}  // namespace aliyun_ecs
