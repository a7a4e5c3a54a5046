#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "base/atomic_file.h"
#include "support/exporter_rig.h"
#include "support/log_lines.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;

// One instance and its metadata service, on which the exporter is started again and again: killed
// without a word, or stopped in good order.
class RestartTest : public ::testing::Test {
 protected:
  struct Process {
    Process(RestartTest& test, const PollOptions& poll)
        : state_file(test.path, test.boot_id),
          client(test.transport, test.clock, test.client),
          poller(poll, client, test.clock, store, &state_file) {}

    StateFile state_file;
    MetadataClient client;
    SnapshotStore store;
    Poller poller;
  };

  RestartTest() : service(LinuxInstance(), clock), transport(service) {
    folder = std::filesystem::path(::testing::TempDir()) /
             ("restart_test." + std::to_string(::getpid()) + "." +
              ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directory(folder);
    path = folder / "state.json";
    Start();
  }
  ~RestartTest() override { std::filesystem::remove_all(folder); }

  void Start() { process = std::make_unique<Process>(*this, poll); }
  void KillAndStart() { Start(); }
  void StopAndStart() {
    process->poller.Finish();
    Start();
  }

  void RunFor(Duration duration) {
    const SteadyTime end = clock.Steady() + duration;
    while (true) {
      const SteadyTime next = process->poller.Step(std::stop_token());
      if (next > end) break;
      clock.AdvanceTo(next);
    }
    clock.AdvanceTo(end);
  }

  [[nodiscard]] SpotVerdict Spot() const {
    return JudgeSpot(*process->store.Current(), Now(clock));
  }
  [[nodiscard]] std::string Page() const {
    return TextFormat().Serialize(
        MetricFamilies(*process->store.Current(), Now(clock), {"0.0.0", "test", "test"}));
  }
  void Announce(Duration in) {
    service.WithInstance(
        [&](simulator::Instance& instance) { instance.SetTermination(clock.System() + in); });
  }

  std::filesystem::path folder;
  std::string path;
  std::string boot_id = "11111111-2222-4333-8444-555555555555";
  FakeClock clock;
  simulator::Service service;
  SimulatorTransport transport;
  PollOptions poll;
  ClientOptions client;
  std::unique_ptr<Process> process;
};

TEST_F(RestartTest, ANoticeIsCountedOnceAndKeepsItsFirstSight) {
  RunFor(minutes(1));
  Announce(minutes(5));
  RunFor(seconds(10));
  const auto before = Spot();
  ASSERT_EQ(before.state, SpotState::kScheduled);
  for (int restart = 0; restart < 3; ++restart) {
    KillAndStart();
    EXPECT_EQ(Spot().state, SpotState::kScheduled) << "before anything is read";
    EXPECT_EQ(Spot().first_seen, before.first_seen);
    RunFor(seconds(10));
    EXPECT_EQ(Spot().first_seen, before.first_seen);
    EXPECT_THAT(Page(), HasSubstr("\naliyun_ecs_spot_termination_notices_total 1\n"));
  }
  service.WithInstance([](simulator::Instance& instance) { instance.ClearTermination(); });
  KillAndStart();
  RunFor(seconds(10));
  EXPECT_EQ(Spot().state, SpotState::kNone);
  EXPECT_EQ(process->store.Current()->spot.withdrawn, 1u) << "it was withdrawn while nobody looked";
  KillAndStart();
  RunFor(seconds(10));
  EXPECT_THAT(Page(), HasSubstr("\naliyun_ecs_spot_termination_notices_total 1\n"));
}

TEST_F(RestartTest, ANoticeThatStandsAtTheFirstStartIsSavedBeforeAllElseIsRead) {
  Announce(minutes(5));
  for (int step = 0; step < 100 && Spot().state != SpotState::kScheduled; ++step) {
    clock.AdvanceTo(process->poller.Step(std::stop_token()));
  }
  ASSERT_FALSE(process->store.Current()->filled);
  transport.Interfere([](const HttpRequest&) { return AnswerWith(429); });
  KillAndStart();
  EXPECT_EQ(Spot().state, SpotState::kScheduled);
}

TEST_F(RestartTest, AStandingNoticeOutlivesARestartWhileTheServiceIsLost) {
  RunFor(minutes(1));
  Announce(minutes(5));
  RunFor(seconds(10));
  transport.Interfere([](const HttpRequest&) { return AnswerWith(429); });
  KillAndStart();
  RunFor(minutes(14));
  EXPECT_EQ(Spot().state, SpotState::kScheduled);
  RunFor(minutes(2));
  EXPECT_EQ(Spot().state, SpotState::kUnknown) << "ten minutes past its time";
}

TEST_F(RestartTest, AStandingNoticeIsNotTakenAwayByWhoeverAnswers404) {
  RunFor(minutes(1));
  Announce(minutes(5));
  RunFor(seconds(10));
  transport.Interfere([](const HttpRequest& request) {
    return request.path.starts_with("/latest/api/") ? std::nullopt : AnswerWith(404);
  });
  KillAndStart();
  RunFor(minutes(2));
  EXPECT_EQ(Spot().state, SpotState::kScheduled);
  EXPECT_EQ(process->store.Current()->spot.withdrawn, 0u);
}

TEST_F(RestartTest, WhatAnEarlierProcessWasToldDoesNotProveWhoAnswersThisOne) {
  poll.exclude.set(static_cast<std::size_t>(kInstanceId));  // which alone would tell
  Start();
  RunFor(minutes(1));
  ASSERT_EQ(Spot().state, SpotState::kNone);
  process->poller.Finish();
  transport.Interfere([](const HttpRequest&) { return AnswerWith(404); });
  client.mode = MetadataMode::kNormal;
  Start();
  RunFor(minutes(1));
  EXPECT_EQ(Spot().state, SpotState::kUnknown);
}

TEST_F(RestartTest, ANoticeThatIsGoneAfterItsTimeIsNotNewBehindARestart) {
  RunFor(minutes(1));
  Announce(minutes(5));
  const SystemTime termination = clock.System() + minutes(5);
  RunFor(minutes(6));
  service.WithInstance([](simulator::Instance& instance) { instance.ClearTermination(); });
  RunFor(minutes(1));
  ASSERT_EQ(Spot().state, SpotState::kNone);
  StopAndStart();
  service.WithInstance(
      [&](simulator::Instance& instance) { instance.SetTermination(termination); });
  RunFor(minutes(1));
  EXPECT_EQ(process->store.Current()->spot.notices, 1u);
  EXPECT_LT(process->store.Current()->spot.ends_at, clock.Steady())
      << "no lead of five minutes anew";
}

TEST_F(RestartTest, ThePageSaysWhoTheInstanceIsThoughTheServiceThrottles) {
  RunFor(minutes(1));
  const auto labels = [this] {
    const std::string page = Page();
    const auto at = page.find("\naliyun_ecs_instance_info{");
    return at == std::string::npos ? "" : page.substr(at, page.find('\n', at + 1) - at);
  };
  const std::string before = labels();
  ASSERT_FALSE(before.empty());
  transport.Interfere([](const HttpRequest&) { return AnswerWith(503); });
  KillAndStart();
  EXPECT_EQ(labels(), before);
  RunFor(hours(1));
  EXPECT_EQ(labels(), before);
  EXPECT_THAT(Page(), HasSubstr("aliyun_ecs_network_interface_info{mac=\"00:16:3e:00:00:01\""));
  EXPECT_THAT(Page(), HasSubstr("aliyun_ecs_public_key_info{"));
  EXPECT_THAT(Page(), HasSubstr("aliyun_ecs_ram_role_attached 1\n"));
  EXPECT_EQ(Spot().state, SpotState::kUnknown) << "nothing was heard of that";
  EXPECT_FALSE(process->store.Current()->ready);
  // The age shown is that of the reading, not of the restart.
  const auto oldest = OldestAnswer(*process->store.Current(), RefreshClass::kIdentity);
  EXPECT_GE(clock.System() - *oldest, hours(1));
}

TEST_F(RestartTest, ASavedAbsenceOfWhatEveryInstanceHasIsNotTaken) {
  RunFor(minutes(1));
  process->poller.Finish();
  auto state = nlohmann::json::parse(*ReadWholeFile(path, 1 << 20));
  state["items"]["region-id"][""]["value"] = nullptr;
  ASSERT_TRUE(WriteFileAtomically(path, state.dump(), 0600));
  Start();
  EXPECT_TRUE(process->store.Current()->Find(kInstanceId)->answer);
  EXPECT_FALSE(process->store.Current()->Find(ItemAt("region-id"))->answer);
}

TEST_F(RestartTest, ARotationSeenBeforeIsNotForgottenAndOneInBetweenIsCounted) {
  RunFor(minutes(1));
  service.WithInstance([&](simulator::Instance& instance) {
    clock.Advance(hours(1));
    instance.Rotate();
  });
  KillAndStart();
  RunFor(minutes(1));
  EXPECT_THAT(Page(), HasSubstr("rotations_total{role=\"SimulatedEcsRole\"} 1\n"));
}

TEST_F(RestartTest, AnotherBootOrADamagedFileBeginsAnew) {
  RunFor(minutes(1));
  Announce(minutes(5));
  RunFor(seconds(10));
  transport.Interfere([](const HttpRequest&) { return AnswerWith(429); });
  boot_id = "99999999-2222-4333-8444-555555555555";
  Start();
  EXPECT_EQ(Spot().state, SpotState::kUnknown) << "the file was baked into an image";
  EXPECT_THAT(Page(), Not(HasSubstr("aliyun_ecs_instance_info{")));
  ASSERT_TRUE(WriteFileAtomically(path, "{\"version\": 1", 0600));
  Start();
  EXPECT_THAT(Page(), Not(HasSubstr("aliyun_ecs_instance_info{")));
}

TEST_F(RestartTest, AFileOfAnotherInstanceIsThrownAwayOnceTheInstanceIdIsRead) {
  RunFor(minutes(1));
  Announce(minutes(5));
  RunFor(seconds(10));
  // The machine was copied while it ran, memory and all: the boot ID is the same.
  service.WithInstance([](simulator::Instance& instance) {
    instance.ClearTermination();
    ASSERT_TRUE(instance.Put("meta-data/instance-id", "i-bp1simulated00000002"));
    ASSERT_TRUE(instance.Put("meta-data/hostname", "simulated-ecs-2"));
    EXPECT_TRUE(instance.Erase("meta-data/disks"));
  });
  KillAndStart();
  RunFor(seconds(1));
  EXPECT_THAT(Page(), HasSubstr("instance_id=\"i-bp1simulated00000002\""));
  EXPECT_THAT(Page(), HasSubstr("hostname=\"simulated-ecs-2\""));
  EXPECT_THAT(Page(), Not(HasSubstr("aliyun_ecs_disk_info")));
  EXPECT_EQ(Spot().state, SpotState::kNone);
  KillAndStart();
  EXPECT_THAT(Page(), HasSubstr("instance_id=\"i-bp1simulated00000002\""));
}

TEST_F(RestartTest, APauseOutlivesARestart) {
  RunFor(minutes(1));
  transport.Interfere([](const HttpRequest&) {
    HttpResponse response;
    response.status = 429;
    response.retry_after = minutes(5);
    return std::optional<Result<HttpResponse>>(std::move(response));
  });
  RunFor(seconds(10));
  const auto before = transport.requests();
  for (int i = 0; i < 20; ++i) {
    KillAndStart();
    RunFor(seconds(10));
  }
  EXPECT_EQ(transport.requests(), before);
  RunFor(minutes(2));
  EXPECT_EQ(transport.requests(), before + 1);
}

// The promise that nothing can exceed: at most burst + 60 x budget in any minute.
TEST_F(RestartTest, HoweverOftenItIsKilledTheBudgetHolds) {
  poll.budget = 0.5;
  poll.burst = 60;
  StopAndStart();
  std::mt19937 random(7);
  for (int restart = 0; restart < 300; ++restart) {
    RunFor(milliseconds(std::uniform_int_distribution<int>(0, 20'000)(random)));
    if (restart % 4 == 0) {
      StopAndStart();
    } else {
      KillAndStart();
    }
  }
  std::vector<double> times;
  const auto journal = service.journal();
  for (const auto& entry : journal.recent()) times.push_back(ToSeconds(entry.at));
  ASSERT_GT(times.size(), 1000u) << "it does ask, again and again";
  std::size_t most = 0;
  for (std::size_t i = 0, j = 0; i < times.size(); ++i) {
    while (j < times.size() && times[j] < times[i] + 60) ++j;
    most = std::max(most, j - i);
  }
  EXPECT_LE(most, 60u + 30u);
}

TEST_F(RestartTest, WithoutAStateFileEachStartWouldSpendTheWholeBurst) {
  // What the test above is there for: it would notice.
  poll.budget = 0.5;
  poll.burst = 60;
  StopAndStart();
  for (int restart = 0; restart < 5; ++restart) {
    std::filesystem::remove(path);
    KillAndStart();
    RunFor(seconds(1));
  }
  EXPECT_GT(service.journal().total(), 5u * 50);
}

TEST_F(RestartTest, AStateFileIsWrittenRarelyWhileAllIsWell) {
  RunFor(minutes(10));
  int writes = 0;
  std::string before;
  for (int step = 0; step < 10 * 60; ++step) {
    RunFor(seconds(1));
    const auto text = ReadWholeFile(path, 1 << 20);
    ASSERT_TRUE(text);
    writes += *text != before ? 1 : 0;
    before = *text;
  }
  EXPECT_LE(writes, 12) << "about once a minute";
  EXPECT_GE(writes, 9);
}

TEST_F(RestartTest, AFileThatCannotBeWrittenStopsNothing) {
  std::filesystem::remove_all(folder);
  KillAndStart();
  RunFor(minutes(1));
  EXPECT_TRUE(process->store.Current()->ready);
}

TEST_F(RestartTest, HoursWithoutADiskAreToldOfRarelyAndNothingIsMissingBehindThem) {
  poll.budget = 0.5;
  StopAndStart();
  RunFor(minutes(5));
  const auto away = folder.string() + ".away";
  std::filesystem::rename(folder, away);
  const auto lines = LogLinesOf([&] { RunFor(hours(6)); });
  EXPECT_THAT(lines,
              Contains(HasSubstr("the state file cannot be written")).Times(AllOf(Ge(30), Le(37))))
      << "every ten minutes";
  Announce(minutes(5));
  RunFor(seconds(10));
  ASSERT_EQ(Spot().state, SpotState::kScheduled);
  std::filesystem::rename(away, folder);
  // The next request is soon enough.
  RunFor(poll.notice_interval);
  transport.Interfere([](const HttpRequest&) { return AnswerWith(429); });
  KillAndStart();
  EXPECT_EQ(Spot().state, SpotState::kScheduled);
}

TEST_F(RestartTest, AStepOfTheClockWhileNobodyLooksTakesNoNoticeAway) {
  for (const Duration step : {Duration(hours(3)), Duration(-hours(3))}) {
    SCOPED_TRACE(ToSeconds(step));
    RunFor(minutes(1));
    Announce(minutes(5));
    RunFor(seconds(10));
    const auto before = Spot();
    ASSERT_EQ(before.state, SpotState::kScheduled);
    transport.Interfere([](const HttpRequest&) { return AnswerWith(503); });
    clock.SetSystem(clock.System() + step);
    KillAndStart();
    RunFor(minutes(2));
    EXPECT_EQ(Spot().state, SpotState::kScheduled);
    EXPECT_EQ(Spot().termination, before.termination);
    clock.SetSystem(clock.System() - step);
    transport.StopInterfering();
    service.WithInstance([](simulator::Instance& instance) { instance.ClearTermination(); });
    RunFor(minutes(2));
    ASSERT_EQ(Spot().state, SpotState::kNone);
  }
}

}  // namespace
}  // namespace aliyun_ecs
