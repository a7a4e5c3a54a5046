#include "notify/alert_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/fake_clock.h"
#include "support/heard_snapshot.h"
#include "support/scripted_transport.h"

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Json = nlohmann::json;

// Lets the sender own a transport that outlives it.
class Forward final : public HttpTransport {
 public:
  explicit Forward(HttpTransport& to) : to_(to) {}
  Result<HttpResponse> Perform(const HttpRequest& request, std::stop_token stop) override {
    return to_.Perform(request, std::move(stop));
  }

 private:
  HttpTransport& to_;
};

const AddedToAlerts kAdded{{{"job", "spot"}}, {}};

class AlertSenderTest : public testing::Test {
 protected:
  AlertSenderTest() { snapshot_.Identify(); }

  void Hear(std::optional<SystemTime> termination) {
    snapshot_.Hear(termination, Now(clock_));
    store_.Publish(snapshot_);
  }
  // A notice for in five minutes, and what it is answered.
  void Notice(int status = 200) {
    termination_ = clock_.System() + minutes(5);
    Hear(termination_);
    transport_.Answer(status);
  }

  // Steps; returns how many posts it made.
  std::size_t Step() {
    const std::size_t before = transport_.requests().size();
    next_ = sender_.Step({});
    return transport_.requests().size() - before;
  }
  // Goes to when the sender wants to be called, and calls it; returns how long that was.
  Duration Wait() {
    const Duration pause = next_ - clock_.Steady();
    clock_.AdvanceTo(next_ - Duration(1));
    EXPECT_EQ(Step(), 0u) << "too early";
    clock_.AdvanceTo(next_);
    EXPECT_EQ(Step(), 1u);
    return pause;
  }

  // Once a notice was posted that stands for 15 minutes in Alertmanager.
  void ExpectAShorterOneToEndAsLate() {
    Hear(clock_.System() + minutes(1));
    transport_.Answer(200);
    Step();
    Hear(std::nullopt);
    Step();
    clock_.Advance(minutes(15) - seconds(1));
    transport_.Answer(200);
    EXPECT_EQ(Step(), 1u);
    clock_.Advance(seconds(1));
    EXPECT_EQ(Step(), 0u);
  }

  [[nodiscard]] Json Posted() const { return Json::parse(transport_.requests().back().body); }
  // What was posted last: by name, until when it stands, in seconds from now.
  [[nodiscard]] std::map<std::string, double> Ends() const {
    std::map<std::string, double> ends;
    for (const auto& alert : Posted()) {
      const auto end = ParseUtc(alert["endsAt"].get<std::string>());
      const bool known = alert["labels"].contains("instance_id");
      ends[alert["labels"]["alertname"].get<std::string>() + (known ? "" : " of unknown")] =
          ToSeconds(*end - clock_.System());
    }
    return ends;
  }

  FakeClock clock_;
  HeardSnapshot snapshot_;
  SnapshotStore store_;
  ScriptedTransport transport_;
  std::size_t connections_ = 0;
  std::optional<Error> no_connection_;
  AlertSender sender_{"am:9093",
                      kAdded,
                      [this]() -> Result<std::unique_ptr<HttpTransport>> {
                        if (no_connection_) return tl::unexpected(*no_connection_);
                        ++connections_;
                        return std::make_unique<Forward>(transport_);
                      },
                      clock_,
                      store_,
                      /*jitter_seed=*/1};
  SystemTime termination_;
  SteadyTime next_;
};

constexpr const char* kNotice = "AliyunEcsSpotTerminationScheduled";
constexpr const char* kDrill = "AliyunEcsSpotDrill";

TEST_F(AlertSenderTest, PostsNothingAndConnectsToNobodyWhileThereIsNothing) {
  EXPECT_EQ(Step(), 0u);
  Hear(std::nullopt);
  EXPECT_EQ(Step(), 0u);
  EXPECT_GE(next_, clock_.Steady() + minutes(1));
  EXPECT_EQ(connections_, 0u);
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 0, 0}));
}

TEST_F(AlertSenderTest, PostsANoticeAtOnce) {
  Notice();
  EXPECT_EQ(Step(), 1u);
  const auto& request = transport_.requests().front();
  EXPECT_EQ(request.method, HttpMethod::kPost);
  EXPECT_EQ(request.path, "/api/v2/alerts");
  EXPECT_THAT(request.headers, ElementsAre(Pair("Content-Type", "application/json")));
  EXPECT_EQ(request.timeout, seconds(5));
  EXPECT_EQ(request.body, AlertsToJson(StandingAlerts(snapshot_, Now(clock_), kAdded)));
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 15 * 60)));
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 1, 0}));
}

TEST_F(AlertSenderTest, PostsItAgainWhileItStandsOnOneConnection) {
  Notice();
  Step();
  for (int i = 0; i < 3; ++i) {
    transport_.Answer(200);
    EXPECT_EQ(Wait(), seconds(15));
    EXPECT_EQ(Posted()[0]["startsAt"], "2026-01-01T00:00:00Z");
    EXPECT_EQ(Posted()[0]["endsAt"], "2026-01-01T00:15:00Z");
  }
  EXPECT_EQ(connections_, 1u);
}

TEST_F(AlertSenderTest, OneThatStandsIsNeverPostedAsAboutToEnd) {
  Notice();
  Step();
  clock_.Advance(minutes(14) + seconds(30));
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 60)));
}

// As Prometheus does: the first one may come before Alertmanager's clock shows that time, and
// another poster may say in between that the notice stands.
TEST_F(AlertSenderTest, EndsAWithdrawnNoticeSeveralTimesSoonAndThenAsOften) {
  Notice();
  Step();
  clock_.Advance(seconds(3));
  Hear(std::nullopt);
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 0)));
  for (const int pause : {3, 3, 3, 3, 3, 15, 15}) {
    transport_.Answer(200);
    EXPECT_EQ(Wait(), seconds(pause));
    EXPECT_EQ(Posted()[0]["endsAt"], "2026-01-01T00:00:03Z")
        << "when it ended, not when that was told";
  }
}

TEST_F(AlertSenderTest, AnEndThatIsNotTakenIsToldAgainLikeAnythingElse) {
  Notice();
  Step();
  Hear(std::nullopt);
  transport_.Answer(500);
  transport_.Answer(500);
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  Wait();
  Wait();
  EXPECT_EQ(Posted()[0]["endsAt"], "2026-01-01T00:00:00Z")
      << "when it ended, not when that was told";
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 4, 2}));
}

TEST_F(AlertSenderTest, SaysNoMoreOfWhatHasEndedByItself) {
  Notice();
  Step();
  Hear(std::nullopt);
  while (next_ < clock_.Steady() + minutes(1)) {
    clock_.AdvanceTo(next_);
    transport_.Answer(200);
    Step();
    ASSERT_LT(clock_.Steady(), SteadyTime(seconds(1000) + minutes(17)));
  }
  EXPECT_GE(clock_.Steady(), SteadyTime(seconds(1000) + minutes(14)));
}

TEST_F(AlertSenderTest, PostsNothingOfANoticeThatWasGoneBeforeItsFirstPost) {
  snapshot_ = HeardSnapshot();  // nobody is known, so that it waits
  Hear(clock_.System() + minutes(5));
  EXPECT_EQ(Step(), 0u);
  Hear(std::nullopt);
  EXPECT_EQ(Step(), 0u);
  EXPECT_GE(next_, clock_.Steady() + minutes(1));
  clock_.Advance(minutes(1));
  Hear(clock_.System() + minutes(5));
  EXPECT_EQ(Step(), 0u) << "the next one is given as long";
  EXPECT_EQ(next_, clock_.Steady() + seconds(2));
}

TEST_F(AlertSenderTest, ANoticeThatComesBackStandsAgain) {
  Notice();
  Step();
  clock_.Advance(seconds(2));
  Hear(std::nullopt);
  Step();  // unreachable
  clock_.Advance(std::chrono::milliseconds(500));
  Hear(termination_);
  const auto expect_it = [&] {
    EXPECT_EQ(Posted()[0]["startsAt"], "2026-01-01T00:00:02Z");
    EXPECT_EQ(Posted()[0]["endsAt"], "2026-01-01T00:15:00Z");
  };
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u) << "at once";
  expect_it();
  transport_.Answer(200);
  EXPECT_EQ(Wait(), seconds(15));
  expect_it();
}

TEST_F(AlertSenderTest, PostsAMovedNoticeAtOnceAsTheSameAlert) {
  Notice();
  Step();
  const Json labels = Posted()[0]["labels"];
  clock_.Advance(seconds(2));
  Notice();
  EXPECT_EQ(Step(), 1u);
  ASSERT_EQ(Posted().size(), 1u);
  EXPECT_EQ(Posted()[0]["labels"], labels);
  EXPECT_EQ(Posted()[0]["startsAt"], "2026-01-01T00:00:00Z");
  EXPECT_THAT(Posted()[0]["annotations"]["summary"].get<std::string>(),
              testing::EndsWith("2026-01-01 00:05:02 +0000 UTC"));
}

TEST_F(AlertSenderTest, ADrillGoesTheSameWayAndItsNoticeEndsIt) {
  snapshot_.local.drill = clock_.System() + minutes(20);
  store_.Publish(snapshot_);
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kDrill, 20 * 60)));
  transport_.Answer(200);
  Wait();
  EXPECT_EQ(Posted()[0]["startsAt"], "2026-01-01T00:00:00Z") << "when it was first seen";
  Notice();
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kDrill, 0), Pair(kNotice, 15 * 60)));
}

TEST_F(AlertSenderTest, NothingHeardKeepsItUntilTenMinutesPastItsTime) {
  Notice();
  Step();
  snapshot_.readings[{kSpotTerminationTime, ""}].failure = Error{ErrorCode::kTimeout, "no answer"};
  store_.Publish(snapshot_);
  clock_.Advance(minutes(15) - seconds(1));
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 60)));
  clock_.Advance(seconds(1));
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 0)));
}

TEST_F(AlertSenderTest, TriesAgainMoreAndMoreSlowlyEachTimeWithANewConnection) {
  Notice(503);
  Step();
  const double expected[] = {1, 2, 4, 8, 16, 30, 30};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    if (i % 2 == 0) transport_.Answer(500);
    if (i % 2 == 1) transport_.Fail(ErrorCode::kTimeout, "no answer in time");
    const double pause = ToSeconds(Wait());
    EXPECT_GE(pause, 0.8 * expected[i]);
    EXPECT_LE(pause, 1.2 * expected[i]);
    EXPECT_NE(pause, expected[i]) << "a fleet would come back in one second";
    EXPECT_EQ(connections_, i + 2);
  }
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 8, 8}));
  transport_.Answer(200);
  transport_.Answer(500);
  Wait();
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 9, 8}));
  EXPECT_EQ(Wait(), seconds(15));
  transport_.Answer(200);
  EXPECT_LE(Wait(), seconds(2)) << "as if it were the first failure";
}

TEST_F(AlertSenderTest, AsksSlowlyAgainWhatWasRefusedAndSoonWhatMayPass) {
  for (const auto& [status, slow] : {std::pair(400, true),
                                     {413, true},
                                     {302, false},
                                     {404, false},
                                     {401, false},
                                     {403, false},
                                     {408, false},
                                     {429, false},
                                     {500, false},
                                     {503, false}}) {
    snapshot_ = HeardSnapshot();
    snapshot_.Identify(std::to_string(status));
    Notice(status);
    EXPECT_EQ(Step(), 1u);
    EXPECT_EQ(next_ - clock_.Steady() >= seconds(24), slow) << status;
    transport_.Answer(200);
    Wait();
  }
}

TEST_F(AlertSenderTest, ObservesRetryAfterButNotForEver) {
  for (const auto& [told, observed] : {std::pair(7, 7), {86400, 60}}) {
    Hear(clock_.System() + minutes(6) + seconds(told));
    transport_.Answer(429, "", seconds(told));
    EXPECT_EQ(Step(), 1u);
    EXPECT_EQ(next_, clock_.Steady() + seconds(observed));
    transport_.Answer(200);
    Wait();
  }
}

TEST_F(AlertSenderTest, NewsDoNotWaitForTheNextTry) {
  snapshot_.local.drill = clock_.System() + minutes(20);
  store_.Publish(snapshot_);
  transport_.Answer(400);
  Step();
  clock_.Advance(seconds(1));
  Notice();
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kDrill, 0), Pair(kNotice, 15 * 60)));
}

TEST_F(AlertSenderTest, WhatCannotEvenConnectIsAFailure) {
  no_connection_ = Error{ErrorCode::kInvalid, "the file is gone"};
  Notice();
  EXPECT_EQ(Step(), 0u);
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 1, 1}));
  no_connection_.reset();
  EXPECT_LE(Wait(), seconds(2));
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 2, 1}));
}

TEST_F(AlertSenderTest, APostThatWasStoppedCountsAsNone) {
  Hear(clock_.System() + minutes(5));
  transport_.Fail(ErrorCode::kCancelled, "the request was cancelled");
  std::stop_source source;
  std::ignore = sender_.Step(source.get_token());
  EXPECT_TRUE(transport_.requests().back().stop_possible);
  EXPECT_EQ(sender_.Counts(), (NotificationCounts{"am:9093", 0, 0}));
}

TEST_F(AlertSenderTest, WaitsAMomentForTheLabelsOfTheInstance) {
  snapshot_ = HeardSnapshot();
  Hear(clock_.System() + minutes(5));
  EXPECT_EQ(Step(), 0u);
  EXPECT_EQ(next_, clock_.Steady() + seconds(2));
  clock_.Advance(seconds(1));
  snapshot_.Identify();
  store_.Publish(snapshot_);
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 15 * 60 - 1)));
}

// As the rule does: the alert without them ends when the one with them begins.
TEST_F(AlertSenderTest, GoesWithoutThemThenAndReplacesThatAlertWhenTheyCome) {
  snapshot_ = HeardSnapshot();
  Hear(clock_.System() + minutes(5));
  EXPECT_EQ(Step(), 0u);
  transport_.Answer(200);
  Wait();
  EXPECT_THAT(Ends(), ElementsAre(Pair(std::string(kNotice) + " of unknown", 15 * 60 - 2)));
  snapshot_.Identify();
  store_.Publish(snapshot_);
  transport_.Answer(200);
  EXPECT_EQ(Step(), 1u);
  EXPECT_THAT(Ends(), ElementsAre(Pair(kNotice, 15 * 60 - 2),
                                  Pair(std::string(kNotice) + " of unknown", 0)));
}

TEST_F(AlertSenderTest, ANoticeThatIsMovedAheadIsEndedAsLongAsItsFirstEndWouldStand) {
  Notice();  // ends at 15 minutes, as Alertmanager keeps in mind
  Step();
  ExpectAShorterOneToEndAsLate();
}

TEST_F(AlertSenderTest, ANoticeThatComesBackForShorterIsEndedAsLongAsItsFirstEndWouldStand) {
  Notice();  // ends at 15 minutes, as Alertmanager keeps in mind
  Step();
  Hear(std::nullopt);
  Step();  // unreachable
  ExpectAShorterOneToEndAsLate();
}

// Alertmanager refuses such an alert, and would for ever.
TEST_F(AlertSenderTest, OneThatStandsBeganBeforeItsEndThoughTheClockWasSetBack) {
  clock_.SetSystem(clock_.System() + minutes(8 * 60));
  Hear(std::nullopt);
  Hear(clock_.System() - minutes(8 * 60 - 5));
  clock_.SetSystem(clock_.System() - minutes(8 * 60));
  transport_.Answer(200);
  ASSERT_EQ(Step(), 1u);
  EXPECT_EQ(Posted()[0]["startsAt"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(Posted()[0]["endsAt"], "2026-01-01T00:15:00Z");
}

// How far the local clock is ahead. Alertmanager's is taken to be the service's.
class WrongClockTest : public AlertSenderTest, public testing::WithParamInterface<Duration> {
 protected:
  [[nodiscard]] SystemTime Theirs() const { return clock_.System() - GetParam(); }
  void Post() {
    store_.Publish(snapshot_);
    transport_.Answer(200);
    EXPECT_EQ(Step(), 1u);
  }
  // Of the alert of that name which was posted last.
  [[nodiscard]] SystemTime Time(const char* name, const char* alert) const {
    for (const auto& posted : Posted()) {
      if (posted["labels"]["alertname"] != alert) continue;
      return *ParseUtc(posted[name].get<std::string>());
    }
    ADD_FAILURE() << "no " << alert;
    return {};
  }
};

TEST_P(WrongClockTest, NeitherEndsNorKeepsAnAlert) {
  snapshot_.clock_skew = GetParam();
  snapshot_.Hear(Theirs() + minutes(5), Now(clock_));
  Post();
  EXPECT_EQ(Time("endsAt", kNotice), Theirs() + minutes(15));
  EXPECT_LE(Time("startsAt", kNotice), Time("endsAt", kNotice));
  snapshot_.Hear(std::nullopt, Now(clock_));
  Post();
  EXPECT_LE(Time("endsAt", kNotice), Theirs());
  EXPECT_LE(Time("startsAt", kNotice), Time("endsAt", kNotice));
  snapshot_.local.drill = clock_.System() + minutes(20);  // of our own clock
  Post();
  EXPECT_EQ(Time("endsAt", kDrill), Theirs() + minutes(20));
  EXPECT_LE(Time("startsAt", kDrill), Theirs());
  snapshot_.local.drill.reset();
  Post();
  EXPECT_LE(Time("endsAt", kDrill), Theirs());
}

INSTANTIATE_TEST_SUITE_P(AheadAndBehind, WrongClockTest,
                         testing::Values(Duration(minutes(60)), Duration(-minutes(60))));

}  // namespace
}  // namespace aliyun_ecs
