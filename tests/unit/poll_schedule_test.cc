#include "poll/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};
constexpr Schedule::Intervals kIntervals{seconds(5), hours(1), minutes(5), hours(1), hours(1)};

const Target kSpot = ItemInstance{kSpotTerminationTime, {}};
const Target kCredentials = ItemInstance{kRoleCredentials, "Role"};
const Target kHostname = ItemInstance{ItemAt("hostname"), {}};
const Target kDiskId = ItemInstance{ItemAt("disks/[disk-id]/id"), "1"};

// Answers everything until `end`; returns what was asked when.
std::vector<std::pair<Target, SteadyTime>> RunUntil(Schedule& schedule, SteadyTime from,
                                                    SteadyTime end) {
  std::vector<std::pair<Target, SteadyTime>> asked;
  for (SteadyTime now = from;;) {
    const auto next = schedule.Peek(now);
    if (next.job == nullptr || next.at > end) return asked;
    now = next.at;
    asked.emplace_back(next.job->target, now);
    if (RefreshOf(next.job->target) != RefreshClass::kSpot) schedule.OnBackgroundSent(now);
    schedule.OnAnswered(*next.job, now);
  }
}

TEST(ScheduleTest, FillsByRankNotByTheOrderOfArrival) {
  Schedule schedule(kIntervals);
  for (const Target& target : {kDiskId, Target(Directory::kDisks), Target(Directory::kRoles),
                               kHostname, kCredentials, kSpot}) {
    schedule.Add(target, kStart);
  }
  std::vector<Target> order;
  for (const auto& [target, at] : RunUntil(schedule, kStart, kStart)) order.push_back(target);
  EXPECT_EQ(order, (std::vector<Target>{kSpot, kCredentials, kHostname, Directory::kRoles,
                                        Directory::kDisks, kDiskId}));
  EXPECT_TRUE(schedule.filled());
}

TEST(ScheduleTest, WhatIsThrottledForTheThirdTimeInARowLetsTheOthersGoFirst) {
  Schedule schedule(kIntervals);
  schedule.Add(kSpot, kStart);
  auto& job = *schedule.Peek(kStart).job;
  const auto waits = [&] {
    schedule.OnThrottled(job, kStart);
    return job.due > kStart;
  };
  EXPECT_FALSE(waits());
  EXPECT_FALSE(waits());
  EXPECT_TRUE(waits());
  EXPECT_FALSE(waits());
  EXPECT_FALSE(waits());
  schedule.OnAnswered(job, kStart);
  EXPECT_FALSE(waits()) << "an answer ends the row";
}

TEST(ScheduleTest, SpotComesInItsTurnsHoweverLateItWasBefore) {
  Schedule schedule(kIntervals, /*phase=*/0.5);  // turns 2.5 s behind each multiple of 5 s
  schedule.Add(kSpot, kStart);
  auto& job = *schedule.Peek(kStart).job;
  for (const int late_by : {0, 1, 2, 4}) {
    const SteadyTime turn = kStart + milliseconds(2500);
    schedule.OnAnswered(job, turn + seconds(late_by));
    EXPECT_EQ(job.due, turn + seconds(5)) << late_by;
  }
  schedule.OnAnswered(job, kStart + milliseconds(2490));
  EXPECT_EQ(job.due, kStart + milliseconds(7500)) << "not again a moment later";
}

TEST(ScheduleTest, ASpotReadThatFailsComesInItsTurnAgainToo) {
  Schedule schedule(kIntervals, /*phase=*/0.5);
  schedule.Add(kSpot, kStart);
  auto& job = *schedule.Peek(kStart).job;
  for (int i = 0; i < 5; ++i) {
    schedule.OnFailed(job, kStart + seconds(1));
    EXPECT_EQ(job.due, kStart + milliseconds(2500))
        << "or a fleet that fails in step stays in step";
  }
  schedule.OnFailed(job, kStart, /*in_silence=*/false, kStart + seconds(2));
  EXPECT_EQ(job.due, kStart + seconds(2));
}

TEST(ScheduleTest, PhasesSetTheTurnsAndPlacesOfInstancesApart) {
  std::vector<SteadyTime> spot, hostname;
  for (const double phase : {0.0, 0.25, 0.5, 0.75}) {
    Schedule schedule(kIntervals, phase);
    schedule.Add(kSpot, kStart);
    schedule.Add(kHostname, kStart);
    for (auto* const times : {&spot, &hostname}) {
      auto& job = *schedule.Peek(kStart).job;
      schedule.OnAnswered(job, kStart);
      times->push_back(job.due);
    }
  }
  for (auto* const times : {&spot, &hostname}) {
    std::sort(times->begin(), times->end());
    EXPECT_EQ(std::unique(times->begin(), times->end()), times->end());
  }
}

TEST(ScheduleTest, HastensWhatIsDueLaterAndNothingElse) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  auto& job = *schedule.Peek(kStart).job;
  schedule.OnAnswered(job, kStart);
  const SteadyTime due = job.due;
  schedule.Hasten(kHostname, due + seconds(1));
  EXPECT_EQ(job.due, due);
  schedule.Hasten(kDiskId, kStart);
  EXPECT_EQ(job.due, due);
  schedule.Hasten(kHostname, kStart + seconds(1));
  EXPECT_EQ(job.due, kStart + seconds(1));
}

TEST(ScheduleTest, SoonerWinsOnlyWhereItIsSoonerThanTheInterval) {
  Schedule schedule(kIntervals);
  schedule.Add(kSpot, kStart);
  auto& job = *schedule.Peek(kStart).job;
  schedule.OnAnswered(job, kStart, kStart + seconds(2));
  EXPECT_EQ(job.due, kStart + seconds(2));
  schedule.OnAnswered(job, kStart, kStart + seconds(9));
  EXPECT_EQ(job.due, kStart + seconds(5));
}

TEST(ScheduleTest, KeepsBackgroundRequestsApartOnceFilled) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  RunUntil(schedule, kStart, kStart);
  for (const auto* const disk : {"1", "2", "3"}) {
    schedule.Add(ItemInstance{ItemAt("disks/[disk-id]/id"), disk}, kStart + seconds(100));
  }
  std::vector<SteadyTime> times;
  for (const auto& [target, at] :
       RunUntil(schedule, kStart + seconds(100), kStart + seconds(200))) {
    times.push_back(at);
  }
  ASSERT_EQ(times.size(), 3u);
  EXPECT_EQ(times[1] - times[0], seconds(20));
  EXPECT_EQ(times[2] - times[1], seconds(20));
}

TEST(ScheduleTest, ACredentialDoesNotWaitForTheSpacingButOthersWaitForIt) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  RunUntil(schedule, kStart, kStart);
  const SteadyTime now = kStart + seconds(10);
  schedule.Add(kCredentials, now);
  schedule.Add(kDiskId, now);
  const auto asked = RunUntil(schedule, now, now + seconds(60));
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0], std::pair(kCredentials, now));
  EXPECT_EQ(asked[1], std::pair(kDiskId, now + seconds(20)));
}

TEST(ScheduleTest, SpacingShrinksWhenThereIsMuchToRead) {
  Schedule schedule(kIntervals);
  EXPECT_EQ(schedule.Spacing(), seconds(20));
  for (int i = 0; i < 1000; ++i) {
    schedule.Add(ItemInstance{ItemAt("disks/[disk-id]/id"), std::to_string(i)}, kStart);
  }
  EXPECT_LT(schedule.Spacing(), seconds(3));
  EXPECT_GT(schedule.Spacing(), seconds(2));
  RunUntil(schedule, kStart, kStart);
  const auto asked = RunUntil(schedule, kStart, kStart + hours(2));
  EXPECT_GE(asked.size(), 1900u) << "everything is still read about once an hour";
}

TEST(ScheduleTest, PlacesOfAnIntervalAreWellSpreadHoweverManyThereAre) {
  for (const int count : {2, 3, 5, 10, 44, 84}) {
    Schedule schedule(kIntervals);
    for (int i = 0; i < count; ++i) {
      schedule.Add(ItemInstance{ItemAt("disks/[disk-id]/id"), std::to_string(i)}, kStart);
    }
    RunUntil(schedule, kStart, kStart);
    std::vector<double> places{0};
    for (int i = 0; i < count; ++i) {
      auto& job = *schedule.Peek(kStart).job;
      places.push_back(ToSeconds(job.due - kStart));
      schedule.OnAnswered(job, job.due);
    }
    std::sort(places.begin(), places.end());
    double widest = 3600 - places.back();
    for (std::size_t i = 1; i < places.size(); ++i) {
      widest = std::max(widest, places[i] - places[i - 1]);
    }
    EXPECT_LE(widest, 3600.0 / count * 2.7) << count;
  }
}

TEST(ScheduleTest, LatenessDoesNotMoveATargetsPlace) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  auto& job = *schedule.Peek(kStart).job;
  schedule.OnAnswered(job, kStart);
  const SteadyTime place = job.due;
  schedule.OnAnswered(job, place + minutes(20));
  EXPECT_EQ(job.due, place + hours(1));
  schedule.OnAnswered(job, place + hours(5) + minutes(1));
  EXPECT_EQ(job.due, place + hours(6));
}

TEST(ScheduleTest, FailuresBackOffDoublingUpToFiveMinutesOrTheInterval) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  schedule.Add(kSpot, kStart);
  auto& spot = *schedule.Peek(kStart).job;
  ASSERT_EQ(spot.target, kSpot);
  for (int i = 0; i < 5; ++i) {
    schedule.OnFailed(spot, kStart);
    EXPECT_EQ(spot.due, kStart + seconds(5)) << "never more than its interval";
  }
  auto& hostname = *schedule.Peek(kStart).job;
  ASSERT_EQ(hostname.target, kHostname);
  for (const int expected : {5, 10, 20, 40, 80, 160, 300, 300}) {
    schedule.OnFailed(hostname, kStart);
    EXPECT_EQ(hostname.due, kStart + seconds(expected));
  }
  schedule.OnAnswered(hostname, kStart);
  schedule.OnFailed(hostname, kStart);
  EXPECT_EQ(hostname.due, kStart + seconds(5));

  const auto longest_pause = [](const Target& target) {
    Schedule one(kIntervals);
    one.Add(target, kStart);
    auto& job = *one.Peek(kStart).job;
    for (int i = 0; i < 20; ++i) one.OnFailed(job, kStart);
    return job.due - kStart;
  };
  EXPECT_EQ(longest_pause(kCredentials), seconds(60));
  EXPECT_EQ(longest_pause(ItemInstance{kInstanceId, {}}), seconds(20));
}

TEST(ScheduleTest, HoldsTheBackgroundBackButNotWhatIsUrgentEvenDuringTheFill) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  schedule.HoldBackgroundUntil(kStart + seconds(20));
  EXPECT_EQ(schedule.Peek(kStart).at, kStart + seconds(20));
  schedule.Add(kSpot, kStart + seconds(3));
  EXPECT_EQ(schedule.Peek(kStart).job->target, kSpot);
  EXPECT_EQ(schedule.Peek(kStart).at, kStart + seconds(3));
  schedule.HoldBackgroundUntil(SteadyTime());
  EXPECT_EQ(schedule.Peek(kStart).job->target, kHostname);
  EXPECT_EQ(schedule.Peek(kStart).at, kStart);
}

TEST(ScheduleTest, WhatIsRemovedIsNotAskedAndDoesNotHoldUpTheFill) {
  Schedule schedule(kIntervals);
  schedule.Add(kHostname, kStart);
  schedule.Add(kDiskId, kStart);
  schedule.OnAnswered(*schedule.Peek(kStart).job, kStart);
  EXPECT_FALSE(schedule.filled());
  schedule.Remove(kDiskId);
  schedule.Remove(kDiskId);
  EXPECT_TRUE(schedule.filled());
  EXPECT_GT(schedule.Peek(kStart).at, kStart);
}

}  // namespace
}  // namespace aliyun_ecs
