#include "poll/poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "support/exporter_rig.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;

constexpr std::string_view kSpotPath = "spot/termination-time";
constexpr std::string_view kCredentialPath = "security-credentials/SimulatedEcsRole";

std::vector<double> RequestTimes(const ExporterRig& rig) { return rig.AskedAt(""); }

// The most requests in any window of 60 s that begins with a request at or after `from`.
std::size_t MostInAMinute(const std::vector<double>& times, double from) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i] < from) continue;
    std::size_t j = i;
    while (j < times.size() && times[j] < times[i] + 60) ++j;
    most = std::max(most, j - i);
  }
  return most;
}

TEST(PollerTest, FirstFillAsksInTheOrderTokenSpotScalarsRoleTheRest) {
  ExporterRig rig;
  rig.RunNow();
  std::vector<std::string> paths;
  const auto journal = rig.service.journal();
  for (const auto& entry : journal.recent()) paths.push_back(entry.path);
  ASSERT_EQ(paths.size(), FirstFillCost(1, 1, 1, 1));
  EXPECT_EQ(paths[0], "/latest/api/token");
  EXPECT_EQ(paths[1], "/latest/meta-data/instance/spot/termination-time");
  const auto position = [&](std::string_view end) {
    return std::find_if(paths.begin(), paths.end(),
                        [&](const std::string& path) { return path.ends_with(end); }) -
           paths.begin();
  };
  for (const Item& item : kItems) {
    if (DirectoryOf(item)) continue;
    EXPECT_LT(position(item.path), position("/security-credentials/")) << item.path;
  }
  EXPECT_LT(position("/security-credentials/"), position("/SimulatedEcsRole"));
  EXPECT_LT(position("/SimulatedEcsRole"), position("/macs/"));
  EXPECT_LT(position("/macs/"), position("/netmask"));
}

TEST(PollerTest, FirstFillKeepsItsPromisedCost) {
  ExporterRig one(LinuxInstance(1, 1));
  one.RunNow();
  EXPECT_LE(one.transport.requests(), 55u);
  EXPECT_EQ(one.transport.requests(), 52u);
  ExporterRig two(LinuxInstance(2, 2));
  two.RunNow();
  EXPECT_LE(two.transport.requests(), 70u);
  EXPECT_EQ(two.transport.requests(), 65u);
}

TEST(PollerTest, OneStepMakesAtMostOneRequest) {
  ExporterRig rig;
  for (std::size_t i = 1; i <= 200; ++i) {
    const auto before = rig.transport.requests();
    rig.clock.AdvanceTo(rig.poller.Step(std::stop_token()));
    ASSERT_LE(rig.transport.requests(), before + 1);
  }
}

TEST(PollerTest, CallingEarlyIsHarmless) {
  ExporterRig rig;
  rig.RunNow();
  const auto before = rig.transport.requests();
  for (int i = 0; i < 100; ++i) EXPECT_GT(rig.poller.Step(std::stop_token()), rig.clock.Steady());
  EXPECT_EQ(rig.transport.requests(), before);
}

TEST(PollerTest, IsReadyWhenScalarsSpotAndRoleAreKnownAndNotBefore) {
  ExporterRig rig;
  EXPECT_FALSE(rig.Current()->ready);
  while (!rig.Current()->ready) rig.clock.AdvanceTo(rig.poller.Step(std::stop_token()));
  EXPECT_TRUE(rig.Current()->Listing(Directory::kRoles)->answer.has_value());
  EXPECT_EQ(rig.transport.requests(), 33u) << "token, 31 scalars with spot, role listing";
}

// A day with the defaults: what exporter/README.md promises about the pace.
class HealthyDay : public ::testing::Test {
 protected:
  explicit HealthyDay(int interfaces = 1, int disks = 1) : rig(LinuxInstance(interfaces, disks)) {
    rig.RunNow();
    first_fill = rig.transport.requests();
    rig.RunFor(hours(24));
  }

  ExporterRig rig;
  std::size_t first_fill = 0;
};

TEST_F(HealthyDay, AsksAtMostSixteenTimesInAnyMinuteAndUnderFourteenOnAverage) {
  const auto times = RequestTimes(rig);
  ASSERT_EQ(times.size(), rig.transport.requests()) << "the journal holds the whole day";
  // Requests of the first fill all have time 0.
  EXPECT_LE(MostInAMinute(times, 0.001), 16u);
  const double average = static_cast<double>(times.size() - first_fill) / (24 * 60);
  EXPECT_LT(average, 14);
  RecordProperty("average_per_minute", std::to_string(average));
  RecordProperty("most_in_a_minute", std::to_string(MostInAMinute(times, 0.001)));
}

TEST_F(HealthyDay, AsksForTheSpotNoticeEveryFiveSeconds) {
  const auto times = rig.AskedAt(kSpotPath);
  ASSERT_EQ(times.size(), 24u * 3600 / 5 + 1);
  // The second read begins the turns of this instance.
  EXPECT_LE(times[1] - times[0], 5.1);
  for (std::size_t i = 2; i < times.size(); ++i) ASSERT_NEAR(times[i] - times[i - 1], 5, 1e-6);
}

TEST_F(HealthyDay, SpreadsHourlyReadsOverTheirHour) {
  // From the second hour on, every five minutes hold some hourly reads and no hump of them.
  std::vector<int> per_five_minutes(24 * 12);
  int hourly = 0;
  for (const auto& [key, reading] : rig.Current()->readings) {
    if (Row(key.item).refresh != RefreshClass::kIdentity) continue;
    for (const double at : rig.AskedAt("/meta-data/" + PathOf(key.item, key.index))) {
      const auto slot = static_cast<std::size_t>(at / 300);
      if (slot < 12 || slot >= per_five_minutes.size()) continue;
      ++per_five_minutes[slot];
      ++hourly;
    }
  }
  EXPECT_EQ(hourly, 23 * 45)
      << "30 scalars, 11 of the interface, 2 of the disk, 1 key; and region-id once more for the "
         "posture; each hour";
  for (std::size_t slot = 12; slot < per_five_minutes.size(); ++slot) {
    ASSERT_GE(per_five_minutes[slot], 2) << slot;
    ASSERT_LE(per_five_minutes[slot], 6) << slot;
  }
}

TEST_F(HealthyDay, ReadsEveryItemOnceAnHourAndEveryListingEveryFiveMinutes) {
  for (const auto& [key, reading] : rig.Current()->readings) {
    if (Row(key.item).refresh != RefreshClass::kIdentity) continue;
    const auto times = rig.AskedAt("/meta-data/" + PathOf(key.item, key.index));
    const std::size_t readers = key.item == kProbedItem ? 2 : 1;
    EXPECT_GE(times.size(), 25u * readers) << PathOf(key.item, key.index);
    EXPECT_LE(times.size(), 26u * readers) << PathOf(key.item, key.index);
  }
  for (const DirectoryRow& directory : kDirectories) {
    if (directory.path == Row(Directory::kTags).path) continue;  // nobody wants them
    const auto times = rig.AskedAt("/meta-data/" + std::string(directory.path));
    EXPECT_GE(times.size(), 24u * 12) << directory.path;
    EXPECT_LE(times.size(), 24u * 12 + 2) << directory.path;
  }
}

TEST_F(HealthyDay, GetsATokenEveryThreeHours) {
  const auto times = rig.AskedAt("/latest/api/token");
  EXPECT_GE(times.size(), 8u);
  for (std::size_t i = 1; i < times.size(); ++i) {
    EXPECT_GE(times[i] - times[i - 1], 3 * 3600);
    EXPECT_LE(times[i] - times[i - 1], 3 * 3600 + 216 + 60)
        << "half of its life of six hours, up to a hundredth later so that a fleet is not in step";
  }
}

TEST_F(HealthyDay, ReadsTheCredentialHourlyAndEveryMinuteNearItsEndUntilTheNewOneIsSeen) {
  // The simulated credential lives six hours and its successor is offered 5.5 hours after it was
  // made, so the 35 minutes before its end begin 5 h 25 min after.
  const auto times = rig.AskedAt(kCredentialPath);
  EXPECT_EQ(times.front(), 0);
  const double near_end = 5 * 3600 + 25 * 60, offered = 5 * 3600 + 30 * 60;
  constexpr double kSkewError = 0.1;  // of the service's clock, as far as Date headers tell it
  const auto from = [&](double time) {
    return std::find_if(times.begin(), times.end(),
                        [&](double t) { return t >= time - kSkewError; });
  };
  const auto first_near = from(near_end);
  ASSERT_NE(first_near, times.end());
  EXPECT_NEAR(*first_near, near_end, kSkewError);
  for (auto it = first_near; *it < offered - kSkewError; ++it)
    EXPECT_DOUBLE_EQ(*(it + 1) - *it, 60);
  const auto seen = from(offered);
  EXPECT_NEAR(*seen, offered, kSkewError);
  EXPECT_GT(*(seen + 1) - *seen, 300) << "once the new one is seen there is no hurry";
  for (auto it = times.begin(); it != first_near; ++it) EXPECT_LE(*(it + 1) - *it, 3600 + 1e-6);
  EXPECT_LE(times.size(), 24u + 4 * 7 + 2);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_rotations_total{role=\"SimulatedEcsRole\"}"), 4);
}

TEST_F(HealthyDay, EndsWithNothingFailing) {
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 0);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1);
}

class HealthyDayOfFourInterfaces : public HealthyDay {
 protected:
  HealthyDayOfFourInterfaces() : HealthyDay(4, 4) {}
};

TEST_F(HealthyDayOfFourInterfaces, AsksAtMostSixteenTimesInAnyMinute) {
  EXPECT_LE(MostInAMinute(RequestTimes(rig), 0.001), 16u);
}

TEST(PollerTest, AnInterfaceAttachedAtRunTimeIsFoundWithoutABurst) {
  ExporterRig rig;
  rig.RunFor(minutes(10));
  rig.service.WithInstance([](simulator::Instance& instance) {
    const auto two = simulator::Tree::FromCatalog({simulator::Profile::kLinux, 2, 1, true});
    for (const auto& [path, text] : two.leaves()) {
      if (path.find("00:16:3e:00:00:02") != std::string::npos) {
        ASSERT_TRUE(instance.Put(path, text));
      }
    }
  });
  rig.RunFor(minutes(5) + seconds(11 * 20 + 60));
  EXPECT_NE(rig.Page().find("aliyun_ecs_network_interface_info{mac=\"00:16:3e:00:00:02\""),
            std::string::npos);
  EXPECT_LE(MostInAMinute(RequestTimes(rig), 0.001), 16u);

  rig.service.WithInstance([](simulator::Instance& instance) {
    EXPECT_TRUE(instance.Erase("meta-data/network/interfaces/macs/00:16:3e:00:00:02"));
  });
  rig.RunFor(minutes(6));
  EXPECT_EQ(rig.Page().find("00:16:3e:00:00:02"), std::string::npos) << "its series go with it";
}

TEST(PollerTest, ADiskDetachedAndAllKeysGoneLeaveNoSeries) {
  ExporterRig rig;
  rig.RunNow();
  ASSERT_NE(rig.Page().find("aliyun_ecs_disk_info{"), std::string::npos);
  ASSERT_NE(rig.Page().find("aliyun_ecs_public_key_info{"), std::string::npos);
  rig.service.WithInstance([](simulator::Instance& instance) {
    EXPECT_TRUE(instance.Erase("meta-data/disks"));
    EXPECT_TRUE(instance.Erase("meta-data/public-keys"));
  });
  rig.RunFor(minutes(10));
  EXPECT_EQ(rig.Page().find("aliyun_ecs_disk_info{"), std::string::npos);
  EXPECT_EQ(rig.Page().find("aliyun_ecs_public_key_info{"), std::string::npos);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 0) << "404 is an answer";
}

TEST(PollerTest, ARoleComesGoesAndIsExchanged) {
  auto start = LinuxInstance();
  start.role.reset();
  ExporterRig rig(std::move(start));
  rig.RunNow();
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), 0);
  EXPECT_EQ(rig.Page().find("aliyun_ecs_ram_credential"), std::string::npos);

  rig.service.WithInstance([](simulator::Instance& instance) { instance.AttachRole("First"); });
  rig.RunFor(minutes(6));
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_success{role=\"First\"}"), 1);

  rig.service.WithInstance([](simulator::Instance& instance) { instance.AttachRole("Second"); });
  rig.RunFor(minutes(6));
  EXPECT_EQ(rig.Page().find("First"), std::string::npos);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_rotations_total{role=\"Second\"}"), 0);

  rig.service.WithInstance([](simulator::Instance& instance) { instance.DetachRole(); });
  rig.RunFor(minutes(6));
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), 0);
  EXPECT_EQ(rig.Page().find("Second"), std::string::npos);
}

TEST(PollerTest, ARoleWhoseCredentialIsGoneIsLookedForAtOnce) {
  PollOptions poll;
  poll.credentials_interval = minutes(2);
  poll.listing_interval = hours(6);
  ExporterRig rig(LinuxInstance(), poll);
  rig.RunFor(minutes(10));
  rig.service.WithInstance([](simulator::Instance& instance) { instance.DetachRole(); });
  rig.RunFor(minutes(3));
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), 0);
}

TEST(PollerTest, ANoticeIsSeenAtTheNextSpotReadThenWatchedMoreCloselyAndItsWithdrawalCounted) {
  ExporterRig rig;
  rig.RunFor(seconds(61));
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  const SystemTime first = std::chrono::floor<seconds>(rig.clock.System()) + minutes(5);
  rig.service.WithInstance([&](simulator::Instance& instance) { instance.SetTermination(first); });
  rig.RunFor(seconds(5));
  EXPECT_EQ(rig.Spot().state, SpotState::kScheduled);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_timestamp_seconds"), ToUnixSeconds(first));
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_in_seconds"), 295);
  const double seen = *rig.Sample("aliyun_ecs_spot_termination_first_seen_timestamp_seconds");
  EXPECT_GT(seen, ToUnixSeconds(first) - 300);
  EXPECT_LE(seen, ToUnixSeconds(first) - 300 + 5);

  const auto before = rig.AskedAt(kSpotPath).size();
  rig.RunFor(seconds(20));
  EXPECT_EQ(rig.AskedAt(kSpotPath).size(), before + 10) << "every two seconds";

  rig.service.WithInstance(
      [&](simulator::Instance& instance) { instance.SetTermination(first + minutes(1)); });
  rig.RunFor(seconds(2));
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_timestamp_seconds"), ToUnixSeconds(first) + 60);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_notices_total"), 1) << "moved, not another";
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_notice_changes_total{change=\"moved\"}"), 1);

  rig.service.WithInstance([](simulator::Instance& instance) { instance.ClearTermination(); });
  rig.RunFor(seconds(2));
  EXPECT_EQ(rig.Spot().state, SpotState::kScheduled) << "not at the first word";
  rig.RunFor(seconds(2));
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_notice_changes_total{change=\"withdrawn\"}"),
            1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_timestamp_seconds"), std::nullopt);
}

TEST(PollerTest, AStandingNoticeCostsAtMostThirtyFourRequestsInAMinute) {
  ExporterRig rig;
  rig.RunFor(minutes(10));
  rig.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig.clock.System() + minutes(5));
  });
  rig.RunFor(minutes(14));
  EXPECT_LE(MostInAMinute(RequestTimes(rig), 0.001), 34u);
  EXPECT_GE(MostInAMinute(RequestTimes(rig), 0.001), 30u);
}

TEST(PollerTest, ARefusedTokenIsReplacedAndTheRequestRepeatedOnce) {
  ExporterRig rig;
  rig.RunFor(seconds(7));
  const auto before = rig.transport.requests();
  int refused = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    return request.method == HttpMethod::kGet && refused++ == 0
               ? AnswerWith(401)
               : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(seconds(5));
  EXPECT_EQ(rig.transport.requests(), before + 3) << "401, new token, the same item again";
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_requests_total{code=\"401\"}"), 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_token_renewals_total"), 2);
}

TEST(PollerTest, TokensRefusedForEverDoNotMakeAStorm) {
  ExporterRig rig;
  rig.RunFor(seconds(7));
  const auto before = rig.transport.requests();
  rig.transport.Interfere([](const HttpRequest& request) {
    return request.method == HttpMethod::kGet ? AnswerWith(401)
                                              : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(minutes(10));
  EXPECT_LE(rig.transport.requests() - before, 60u);
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 0);
  rig.transport.StopInterfering();
  rig.RunFor(minutes(1));
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1);
}

TEST(PollerTest, AfterAGoodTimeATokenThatIsNotGivenIsSoonAskedForAgain) {
  ExporterRig rig;
  bool refuse = true;
  std::vector<SteadyTime> refused;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kGet || !refuse) {
      return std::optional<Result<HttpResponse>>();
    }
    refused.push_back(rig.clock.Steady());
    return AnswerWith(500);
  });
  rig.RunFor(minutes(10));
  refuse = false;
  rig.RunFor(minutes(10));
  refuse = true;
  refused.clear();
  rig.metadata_client.DropToken();
  rig.RunFor(seconds(30));
  ASSERT_GE(refused.size(), 2u);
  EXPECT_LE(refused[1] - refused[0], seconds(10));
}

TEST(PollerTest, NormalModeAsksForNoToken) {
  ClientOptions client;
  client.mode = MetadataMode::kNormal;
  ExporterRig rig(LinuxInstance(), {}, client);
  rig.RunFor(minutes(1));
  EXPECT_THAT(rig.AskedAt("/latest/api/token"), IsEmpty());
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_token_expiration_timestamp_seconds"), std::nullopt);
}

TEST(PollerTest, HardenedModeNeverFallsBackToNormalMode) {
  ExporterRig rig;
  std::size_t without_token = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kPut) return AnswerWith(404);
    ++without_token;
    return std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(hours(1));
  EXPECT_EQ(without_token, 0u);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 0);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 46);
}

TEST(PollerTest, AnAbsentServiceIsTriedOnWithinTheBudgetAndItsReturnIsNoticedSoon) {
  for (const auto mode : {MetadataMode::kHardened, MetadataMode::kNormal}) {
    ClientOptions client;
    client.mode = mode;
    ExporterRig rig(LinuxInstance(), {}, client);
    rig.transport.Interfere([](const HttpRequest&) {
      return std::optional<Result<HttpResponse>>(Fail(ErrorCode::kUnreachable, "no route"));
    });
    rig.RunFor(hours(1));
    EXPECT_GE(rig.transport.requests(), 100u);
    EXPECT_LE(rig.transport.requests(), 3600u / 5 + 3600 / 20 + 10);
    EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 0);
    EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
    EXPECT_EQ(rig.Page().find("aliyun_ecs_instance_info"), std::string::npos);
    rig.transport.StopInterfering();
    rig.RunFor(seconds(31));
    EXPECT_TRUE(rig.Current()->ready);
    EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1);
  }
}

TEST(PollerTest, TheFillGoesOnAtTheFirstAnswerAfterSilence) {
  ClientOptions client;
  client.mode = MetadataMode::kNormal;  // no session token to wait for
  ExporterRig rig(LinuxInstance(), {}, client);
  rig.transport.Interfere([](const HttpRequest&) {
    return std::optional<Result<HttpResponse>>(Fail(ErrorCode::kUnreachable, "no route"));
  });
  rig.RunFor(seconds(6));  // by then the rest is held back for 20 s
  rig.transport.StopInterfering();
  rig.RunFor(seconds(5));
  EXPECT_TRUE(rig.Current()->ready) << "the spot notice is read in its turn, and all else with it";
}

TEST(PollerTest, ThrottlingPausesEverythingAndRecovers) {
  ExporterRig rig;
  rig.RunFor(seconds(7));
  const auto before = rig.transport.requests();
  rig.transport.Interfere([](const HttpRequest&) { return AnswerWith(429); });
  rig.RunFor(minutes(10));
  const auto while_throttled = rig.transport.requests() - before;
  EXPECT_GE(while_throttled, 8u);
  EXPECT_LE(while_throttled, 25u) << "one probe at the end of each pause, and pauses double";
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_throttled_total"),
            static_cast<double>(while_throttled));
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1) << "it does answer";
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown) << "but says nothing about spot";
  EXPECT_GT(*rig.Sample("aliyun_ecs_metadata_backoff_seconds"), 0);
  EXPECT_NE(rig.Page().find("aliyun_ecs_instance_info{"), std::string::npos) << "identity stays";
  rig.transport.StopInterfering();
  rig.RunFor(minutes(2));
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_backoff_seconds"), 0);
}

TEST(PollerTest, APauseThatWasAskedForBeginsWithTheAnswer) {
  ExporterRig rig;
  rig.RunFor(minutes(1));
  std::vector<SteadyTime> asked;
  rig.transport.Interfere([&](const HttpRequest&) {
    asked.push_back(rig.clock.Steady());
    if (asked.size() > 1) return std::optional<Result<HttpResponse>>();
    rig.clock.Advance(seconds(20));  // so long the answer takes
    HttpResponse response;
    response.status = 429;
    response.retry_after = seconds(15);
    return std::optional<Result<HttpResponse>>(std::move(response));
  });
  rig.RunFor(minutes(1));
  ASSERT_GE(asked.size(), 2u);
  EXPECT_GE(asked[1] - asked[0], seconds(35));
}

TEST(PollerTest, OnePathThatIsAlwaysThrottledHoldsUpNothingElseForEver) {
  for (const std::string_view path : {"/hostname", "spot/termination-time", "/disks/"}) {
    ExporterRig rig;
    rig.transport.Interfere([&](const HttpRequest& request) {
      return request.path.ends_with(path) ? AnswerWith(503) : std::optional<Result<HttpResponse>>();
    });
    rig.RunFor(minutes(10));
    EXPECT_LE(*rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 1) << path;
    EXPECT_NE(rig.Page().find("aliyun_ecs_instance_network_info{"), std::string::npos) << path;
    EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), 1) << path;
    const auto listings = rig.AskedAt("/macs/").size();
    rig.RunFor(minutes(30));
    EXPECT_GT(rig.AskedAt("/macs/").size(), listings) << path;
  }
}

TEST(PollerTest, AnInterfaceListingThatComesEmptyOnceTakesNoInterfaceAway) {
  ExporterRig rig;
  rig.RunNow();
  for (const int status : {200, 404}) {
    rig.transport.Interfere([&](const HttpRequest& request) {
      return request.path.ends_with("/macs/") ? AnswerWith(status)
                                              : std::optional<Result<HttpResponse>>();
    });
    rig.RunFor(minutes(6));
    EXPECT_NE(rig.Page().find("aliyun_ecs_network_interface_info{"), std::string::npos);
  }
}

TEST(PollerTest, ACredentialIsReadSoonAfterAnOutage) {
  ExporterRig rig;
  rig.RunFor(hours(5) + minutes(24));
  rig.transport.Interfere([](const HttpRequest&) {
    return std::optional<Result<HttpResponse>>(Fail(ErrorCode::kTimeout, "no answer"));
  });
  rig.RunFor(minutes(10));
  rig.transport.StopInterfering();
  const auto before = rig.AskedAt(kCredentialPath).size();
  rig.RunFor(seconds(10));
  EXPECT_EQ(rig.AskedAt(kCredentialPath).size(), before + 1);
}

TEST(PollerTest, RetryAfterIsHonoured) {
  ExporterRig rig;
  rig.RunFor(seconds(7));
  const auto before = rig.transport.requests();
  rig.transport.Interfere([](const HttpRequest&) {
    HttpResponse response;
    response.status = 503;
    response.retry_after = seconds(120);
    return std::optional<Result<HttpResponse>>(std::move(response));
  });
  rig.RunFor(seconds(120));
  EXPECT_EQ(rig.transport.requests(), before + 1);
}

TEST(PollerTest, AThrottledFirstFillGoesOnWhereItStopped) {
  ExporterRig rig;
  int requests = 0;
  rig.transport.Interfere([&](const HttpRequest&) {
    ++requests;
    return requests > 10 && requests <= 13 ? AnswerWith(429)
                                           : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(minutes(1));
  EXPECT_TRUE(rig.Current()->ready);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
}

TEST(PollerTest, AHungHourlyItemHoldsUpNothingElse) {
  ExporterRig rig;
  rig.transport.Interfere([&](const HttpRequest& request) -> std::optional<Result<HttpResponse>> {
    if (!request.path.ends_with("/hostname")) return std::nullopt;
    rig.clock.Advance(request.timeout);
    return Fail(ErrorCode::kTimeout, "no answer");
  });
  rig.RunFor(hours(2));
  const auto times = rig.AskedAt(kSpotPath);
  for (std::size_t i = 1; i < times.size(); ++i) {
    ASSERT_LE(times[i] - times[i - 1], 7.0) << "the interval and one time-out";
  }
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 1);
  EXPECT_EQ(rig.Page().find("aliyun_ecs_instance_info{"), std::string::npos)
      << "half a set of labels would be another series";
  EXPECT_NE(rig.Page().find("aliyun_ecs_instance_network_info{"), std::string::npos);
}

TEST(PollerTest, AHungSpotPathHoldsUpNothingElse) {
  ExporterRig rig;
  rig.transport.Interfere([&](const HttpRequest& request) -> std::optional<Result<HttpResponse>> {
    if (!request.path.ends_with(kSpotPath)) return std::nullopt;
    rig.clock.Advance(request.timeout);
    return Fail(ErrorCode::kTimeout, "no answer");
  });
  rig.RunFor(minutes(1));
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
  EXPECT_NE(rig.Page().find("aliyun_ecs_instance_info{"), std::string::npos);
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
}

TEST(PollerTest, OneTimeOutWithoutAnythingUrgentToAskForIsNotTheEnd) {
  for (const auto mode : {MetadataMode::kHardened, MetadataMode::kNormal}) {
    auto start = LinuxInstance();
    start.role.reset();
    PollOptions poll;
    poll.exclude.set(static_cast<std::size_t>(kSpotTerminationTime));
    ClientOptions client;
    client.mode = mode;
    ExporterRig rig(std::move(start), poll, client);
    int hostname_asked = 0;
    rig.transport.Interfere([&](const HttpRequest& request) -> std::optional<Result<HttpResponse>> {
      if (!request.path.ends_with("/hostname") || hostname_asked++ > 0) return std::nullopt;
      return Fail(ErrorCode::kTimeout, "no answer");
    });
    rig.RunFor(minutes(1));
    EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
    EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 0);
    EXPECT_TRUE(rig.Current()->ready);
  }
}

TEST(PollerTest, NotFoundForWhatEveryInstanceHasKeepsTheLastValue) {
  ExporterRig rig;
  rig.RunNow();
  rig.service.WithInstance(
      [](simulator::Instance& instance) { EXPECT_TRUE(instance.Erase("meta-data/instance-id")); });
  rig.RunFor(hours(2));
  EXPECT_NE(rig.Page().find("instance_id=\"i-bp1simulated00000001\""), std::string::npos);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1) << "a 404 is an answer of the service";
}

TEST(PollerTest, AWebServerThatKnowsNothingIsNotTakenForAServiceWithoutANotice) {
  ClientOptions client;
  client.mode = MetadataMode::kNormal;
  ExporterRig rig(LinuxInstance(), {}, client);
  rig.transport.Interfere([](const HttpRequest&) { return AnswerWith(404); });
  rig.RunFor(minutes(10));
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
  EXPECT_FALSE(rig.Current()->ready);
  EXPECT_EQ(rig.Page().find("aliyun_ecs_instance_info"), std::string::npos);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), std::nullopt);
}

TEST(PollerTest, ATerminationTimeLongPastIsNoNotice) {
  ExporterRig rig;
  rig.service.WithInstance([](simulator::Instance& instance) {
    instance.SetTermination(*ParseUtc("2015-01-05T18:02:00Z"));
  });
  rig.RunFor(minutes(1));
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_notices_total"), 0);
  EXPECT_EQ(rig.AskedAt(kSpotPath).size(), 13u) << "every five seconds, not every two";
}

TEST(PollerTest, ANoticeThatIsNeverTakenBackEndsTenMinutesPastItsTime) {
  ExporterRig rig;
  rig.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig.clock.System() + minutes(5));
  });
  rig.RunFor(minutes(14));
  EXPECT_EQ(rig.Spot().state, SpotState::kScheduled);
  rig.RunFor(minutes(2));
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
  const auto before = rig.AskedAt(kSpotPath).size();
  rig.RunFor(minutes(1));
  EXPECT_EQ(rig.AskedAt(kSpotPath).size(), before + 12);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_notices_total"), 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_notice_changes_total{change=\"withdrawn\"}"),
            0);
}

TEST(PollerTest, AFailedDocumentBetweenTwoCredentialsHidesNoRotation) {
  ExporterRig rig;
  rig.RunNow();
  bool fail = true;
  rig.transport.Interfere([&](const HttpRequest& request) {
    return fail && request.path.ends_with(kCredentialPath)
               ? AnswerWith(200, R"({"Code" : "Failed"})")
               : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(hours(1));
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_success{role=\"SimulatedEcsRole\"}"), 0);
  rig.service.WithInstance([](simulator::Instance& instance) { instance.Rotate(); });
  fail = false;
  rig.RunFor(minutes(2));
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_rotations_total{role=\"SimulatedEcsRole\"}"), 1);
}

TEST(PollerTest, TokensThatLiveShortlyAreRenewedInTimeAndNotInAStorm) {
  ClientOptions client;
  client.token_ttl = seconds(10);
  ExporterRig rig(LinuxInstance(), {}, client);
  rig.RunFor(minutes(10));
  const auto renewals = rig.AskedAt("/latest/api/token");
  for (std::size_t i = 1; i < renewals.size(); ++i) {
    EXPECT_GE(renewals[i] - renewals[i - 1], 5 - 1e-6);
    EXPECT_LE(renewals[i] - renewals[i - 1], 10);
  }
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_requests_total{code=\"401\"}"), 0);
  rig.RunFor(hours(1));
  EXPECT_GE(rig.AskedAt("/macs/").size(), 13u) << "the rest is still read in its time";
  EXPECT_GE(rig.AskedAt("/meta-data/hostname").size(), 2u);

  // A token that is over when it comes must not be asked for again at once, for ever.
  client.token_ttl = seconds(1);
  ExporterRig slow(LinuxInstance(), {}, client);
  slow.transport.Interfere([&](const HttpRequest& request) {
    if (request.method == HttpMethod::kPut) slow.clock.Advance(milliseconds(1100));
    return std::optional<Result<HttpResponse>>();
  });
  slow.RunFor(minutes(1));
  EXPECT_LE(slow.AskedAt("/latest/api/token").size(), 6u);
}

TEST(PollerTest, AnErrorPageWithStatus200NeverBecomesALabel) {
  ExporterRig rig;
  constexpr std::string_view kPages[] = {"<html><body>Please log in</body></html>",
                                         R"({"code":"Forbidden","message":"log in"})"};
  std::size_t asked = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    return request.method == HttpMethod::kGet ? AnswerWith(200, kPages[asked++ % 2])
                                              : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(minutes(5));
  EXPECT_EQ(rig.Page().find("log in"), std::string::npos);
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 0);
  EXPECT_FALSE(rig.Current()->ready);
  EXPECT_GT(*rig.Sample("aliyun_ecs_metadata_requests_total{code=\"malformed\"}"), 30);
}

TEST(PollerTest, NothingExceedsTheBudget) {
  PollOptions poll;
  poll.budget = 0.5;
  poll.burst = 10;
  ExporterRig rig(LinuxInstance(16, 32), poll);
  rig.RunFor(hours(1));
  const auto times = RequestTimes(rig);
  EXPECT_LE(MostInAMinute(times, 0), 10u + 30);
  EXPECT_TRUE(rig.Current()->ready);
  const auto spot = rig.AskedAt(kSpotPath);
  for (std::size_t i = 1; i < spot.size(); ++i) {
    ASSERT_LE(spot[i] - spot[i - 1], 7.1) << "urgent items come first when the budget is short";
  }
}

TEST(PollerTest, ExcludedItemsAreNotReadAndLeaveTheirLabelOut) {
  PollOptions poll;
  for (const auto path : {"hostname", "disks/[disk-id]/id", "disks/[disk-id]/name",
                          "ram/security-credentials/[role-name]"}) {
    poll.exclude.set(static_cast<std::size_t>(ItemAt(path)));
  }
  ExporterRig rig(LinuxInstance(), poll);
  rig.RunFor(hours(2));
  EXPECT_THAT(rig.AskedAt("/hostname"), IsEmpty());
  const auto journal = rig.service.journal();
  EXPECT_TRUE(std::none_of(journal.recent().begin(), journal.recent().end(), [](const auto& entry) {
    return entry.path.find("/disks/") != std::string::npos;
  })) << "nothing hangs on its entries any more";
  EXPECT_THAT(rig.AskedAt(kCredentialPath), IsEmpty());
  EXPECT_NE(rig.Page().find("aliyun_ecs_instance_info{"), std::string::npos);
  EXPECT_EQ(rig.Page().find("hostname="), std::string::npos);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), 1) << "the listing holds no secret";
  double counted = 0;
  for (const auto* const state : {"present", "absent", "failing", "unread"}) {
    counted += *rig.Sample("aliyun_ecs_metadata_items{state=\"" + std::string(state) + "\"}");
  }
  EXPECT_EQ(counted, 42);
}

TEST(PollerTest, AStopRequestPublishesNothingMore) {
  ExporterRig rig;
  rig.RunNow();
  const auto before = rig.Current();
  std::stop_source stop;
  stop.request_stop();
  rig.clock.Advance(seconds(5));
  static_cast<void>(rig.poller.Step(stop.get_token()));
  EXPECT_EQ(rig.Current(), before);
}

TEST(PollerTest, NoSecretOfTheSimulatorIsOnThePageAfterADayOfRotations) {
  ExporterRig rig;
  rig.RunFor(hours(24));
  for (const auto secret : {simulator::kAccessKeyIdPrefix, simulator::kAccessKeySecretPrefix,
                            simulator::kSecurityTokenPrefix, simulator::kSessionTokenPrefix}) {
    EXPECT_EQ(rig.Page().find(secret), std::string::npos) << secret;
  }
}

TEST(PollerTest, AScrapeCausesNoRequest) {
  ExporterRig rig;
  rig.RunFor(minutes(1));
  const auto before = rig.transport.requests();
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(rig.Page().empty());
  EXPECT_EQ(rig.transport.requests(), before);
}

TEST(PollerTest, WhatIsSaidToBeGoneOnceIsNotGone) {
  // 404 once, for one path: a glitch, or a proxy's page.
  for (const std::string_view path :
       {"/eipv4", "/disks/", "/public-keys/", "/security-credentials/", "/SimulatedEcsRole",
        "spot/termination-time"}) {
    PollOptions poll;
    poll.identity_interval = poll.credentials_interval = poll.listing_interval = minutes(2);
    ExporterRig rig(LinuxInstance(), poll);
    rig.service.WithInstance([&](simulator::Instance& instance) {
      instance.SetTermination(rig.clock.System() + hours(10));
    });
    rig.RunFor(minutes(10));
    const auto identity_of = [&] {
      std::string lines;
      const std::string page = rig.Page();
      for (const auto line : Split(page, '\n')) {
        const bool identity = line.find("_info{") != std::string_view::npos ||
                              line.find("_attached ") != std::string_view::npos ||
                              line.find("credential_expiration") != std::string_view::npos ||
                              line.find("termination_timestamp") != std::string_view::npos;
        if (identity) lines += std::string(line) + "\n";
      }
      return lines;
    };
    const std::string before = identity_of();
    for (int time = 0; time < 2; ++time) {
      bool answered = false;
      rig.transport.Interfere([&](const HttpRequest& request) {
        if (answered || !request.path.ends_with(path)) return std::optional<Result<HttpResponse>>();
        answered = true;
        return AnswerWith(404);
      });
      for (int second = 0; second < 200; ++second) {
        rig.RunFor(seconds(1));
        ASSERT_EQ(identity_of(), before) << path;
      }
      EXPECT_TRUE(answered) << path;
    }
  }
}

TEST(PollerTest, AnotherInstanceIdBeginsAnewButAServiceThatWaversIsNotBelieved) {
  ExporterRig rig;
  rig.RunFor(minutes(10));
  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/instance-id", "i-bp1simulated00000002"));
    ASSERT_TRUE(instance.Put("meta-data/hostname", "simulated-ecs-2"));
  });
  rig.RunFor(hours(1) + minutes(1));
  EXPECT_NE(rig.Page().find("hostname=\"simulated-ecs-2\""), std::string::npos);
  EXPECT_NE(rig.Page().find("instance_id=\"i-bp1simulated00000002\""), std::string::npos);
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);

  const auto before = rig.transport.requests();
  int asked = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    return request.path.ends_with("/instance-id")
               ? AnswerWith(200, asked++ % 2 == 0 ? "i-one" : "i-two")
               : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(hours(1));
  EXPECT_LE(rig.transport.requests() - before, 60u * 16 + 13 * 52) << "anew at most every 5 min";
}

TEST(PollerTest, InstanceTagsBecomeLabelsAndComeAndGoWithTheListing) {
  PollOptions poll;
  poll.instance_tags = {"team", "cost-center"};
  ExporterRig rig(LinuxInstance(), poll);
  rig.RunNow();
  EXPECT_EQ(rig.Page().find("aliyun_ecs_instance_tags_info"), std::string::npos)
      << "404 until the instance allows it";
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 0);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_up"), 1);

  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/tags/instance/team", "支付"));
    ASSERT_TRUE(instance.Put("meta-data/tags/instance/secret-plan", "not asked for"));
  });
  rig.RunFor(minutes(6));
  EXPECT_EQ(rig.Sample("aliyun_ecs_instance_tags_info{tag_team=\"支付\",tag_cost_center=\"\"}"), 1);
  EXPECT_EQ(rig.Page().find("secret"), std::string::npos);
  EXPECT_THAT(rig.AskedAt("secret-plan"), IsEmpty()) << "an allow-list";

  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/tags/instance/cost-center", "4711"));
  });
  rig.RunFor(minutes(6));
  EXPECT_EQ(rig.Sample("aliyun_ecs_instance_tags_info{tag_team=\"支付\",tag_cost_center=\"4711\"}"),
            1);

  rig.service.WithInstance(
      [](simulator::Instance& instance) { EXPECT_TRUE(instance.Erase("meta-data/tags")); });
  rig.RunFor(minutes(7));
  EXPECT_EQ(rig.Page().find("aliyun_ecs_instance_tags_info"), std::string::npos);
}

TEST(PollerTest, TagsThatNobodyWantsAreNotAskedFor) {
  ExporterRig rig;
  rig.RunFor(hours(1));
  EXPECT_THAT(rig.AskedAt("/tags/instance/"), IsEmpty());
}

TEST(PollerTest, TheClockSkewIsWhatTheDateHeaderTells) {
  ExporterRig rig;
  rig.transport.Adorn([](HttpResponse& response) { response.date.reset(); });
  rig.RunNow();
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_clock_skew_seconds"), std::nullopt);
  rig.transport.Adorn([&](HttpResponse& response) {
    response.date = std::chrono::floor<seconds>(rig.clock.System() - minutes(3));
  });
  rig.RunFor(minutes(5));
  EXPECT_NEAR(*rig.Sample("aliyun_ecs_metadata_clock_skew_seconds"), 180, 0.6);
}

TEST(PollerTest, AfterAStepOfTheClockTheEndOfACredentialIsPlannedAnew) {
  ExporterRig rig;
  rig.RunFor(minutes(10));
  const auto before = rig.AskedAt(kCredentialPath).size();
  // By the new clock the credential ends in 30 minutes, and the next was offered just now.
  rig.clock.SetSystem(rig.clock.System() + hours(5) + minutes(21));
  rig.RunFor(minutes(10));
  EXPECT_GE(rig.AskedAt(kCredentialPath).size(), before + 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_rotations_total{role=\"SimulatedEcsRole\"}"), 1)
      << "seen within ten minutes and not at the next hourly read";
}

TEST(PollerTest, TheEndOfACredentialIsPlannedByTheServicesClock) {
  ExporterRig rig;
  rig.transport.Adorn([&](HttpResponse& response) {
    response.date = std::chrono::floor<seconds>(rig.clock.System() - hours(6));
  });
  // By our own clock it ended an hour ago.
  const std::string document = R"({"Code" : "Success", "Expiration" : ")" +
                               FormatUtc(rig.clock.System() - hours(1)) + R"("})";
  int asked = 0;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (!request.path.ends_with(kCredentialPath)) return std::optional<Result<HttpResponse>>();
    ++asked;
    return AnswerWith(200, document);
  });
  rig.RunFor(hours(3));
  EXPECT_GE(asked, 3);
  EXPECT_LE(asked, 6);
}

TEST(PollerTest, AnotherInstanceIsNotCompleteUntilAllOfItWasAskedFor) {
  ExporterRig rig;
  rig.RunFor(minutes(10));
  ASSERT_TRUE(rig.Current()->filled);
  ASSERT_TRUE(rig.Current()->posture);
  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/instance-id", "i-bp1simulated00000002"));
  });
  const auto is_new = [&] {
    return *rig.Current()->Find(kInstanceId)->Get<std::string>() == "i-bp1simulated00000002";
  };
  const SteadyTime latest = rig.clock.Steady() + hours(2);
  while (!is_new() && rig.clock.Steady() < latest) {
    rig.clock.AdvanceTo(rig.poller.Step(std::stop_token()));
  }
  ASSERT_TRUE(is_new());
  EXPECT_FALSE(rig.Current()->filled);
  EXPECT_FALSE(rig.Current()->posture) << "it was the other one's";
  EXPECT_TRUE(rig.metadata_client.NeedsToken());
  rig.RunFor(minutes(10));
  EXPECT_TRUE(rig.Current()->filled);
}

TEST(PollerTest, AnOldCredentialShownAgainIsNoRotation) {
  ExporterRig rig;
  rig.RunNow();
  const std::string old = R"({"Code" : "Success", "Expiration" : "2026-01-01T03:00:00Z"})";
  bool show_old = false;
  rig.transport.Interfere([&](const HttpRequest& request) {
    if (!request.path.ends_with(kCredentialPath)) return std::optional<Result<HttpResponse>>();
    show_old = !show_old;
    return show_old ? AnswerWith(200, old) : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(hours(5));
  EXPECT_GE(rig.AskedAt(kCredentialPath).size(), 5u);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_rotations_total{role=\"SimulatedEcsRole\"}"), 0);
}

TEST(PollerTest, WhatTheProgramKnowsItselfIsInEverySnapshotFromThenOn) {
  ExporterRig rig;
  rig.RunNow();
  const LocalFacts local{rig.clock.System() + minutes(5), {{"am:9093", 2, 1}}};
  const auto requests = rig.transport.requests();
  rig.poller.SetLocalFacts(local);
  const auto published = rig.Current();
  EXPECT_EQ(published->local, local);
  EXPECT_TRUE(published->ready) << "beside all that was read before";
  EXPECT_EQ(rig.transport.requests(), requests);
  rig.poller.SetLocalFacts(local);
  EXPECT_EQ(rig.Current(), published) << "nothing new was published again";
  rig.RunFor(seconds(10));
  EXPECT_NE(rig.Current(), published);
  EXPECT_EQ(rig.Current()->local, local);
  rig.poller.SetLocalFacts({});
  EXPECT_EQ(rig.Current()->local, LocalFacts());
}

TEST(PollerTest, ADrillIsNoChangeOfState) {
  ExporterRig rig;
  rig.RunNow();
  const auto before = rig.Current()->changes.size();
  rig.poller.SetLocalFacts({rig.clock.System() + minutes(5), {}});
  EXPECT_EQ(rig.Current()->changes.size(), before);
  EXPECT_EQ(rig.Spot().state, SpotState::kNone);
}

TEST(PollerTest, AfterAFailedReadOfAStandingNoticeTheNextComesAtTheNoticeInterval) {
  ExporterRig rig;
  rig.RunFor(minutes(1));
  rig.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig.clock.System() + minutes(5));
  });
  rig.RunFor(seconds(10));
  rig.transport.Interfere([](const HttpRequest& request) {
    return request.path.ends_with(kSpotPath) ? AnswerWith(500)
                                             : std::optional<Result<HttpResponse>>();
  });
  const auto before = rig.transport.requests();
  rig.RunFor(seconds(20));
  EXPECT_GE(rig.transport.requests() - before, 10u);
  EXPECT_EQ(rig.Spot().state, SpotState::kScheduled);
}

}  // namespace
}  // namespace aliyun_ecs
