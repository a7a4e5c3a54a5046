#include "metadata/state_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/exporter_rig.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

std::vector<std::string> Texts(const std::vector<StateChange>& changes) {
  std::vector<std::string> texts;
  for (const auto& change : changes) texts.push_back(change.text);
  return texts;
}

// A rig that was read once, and what has changed since then.
class StateChangesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    rig.RunNow();
    seen = rig.Current()->changes.size();
  }

  std::vector<StateChange> News() {
    const auto& changes = rig.Current()->changes;
    std::vector<StateChange> news(changes.begin() + static_cast<std::ptrdiff_t>(seen),
                                  changes.end());
    seen = changes.size();
    return news;
  }
  void SetTermination(Duration in) {
    rig.service.WithInstance(
        [&](simulator::Instance& instance) { instance.SetTermination(rig.clock.System() + in); });
  }

  ExporterRig rig;
  std::size_t seen = 0;
};

TEST_F(StateChangesTest, TellsTheStartSoberly) {
  EXPECT_THAT(
      Texts(rig.Current()->changes),
      UnorderedElementsAre("the metadata service answers", "spot termination: none scheduled",
                           "RAM role SimulatedEcsRole is attached", "normal mode is open"));
  for (const auto& change : rig.Current()->changes) {
    EXPECT_EQ(change.severity, Severity::kInfo) << change.text;
    EXPECT_EQ(change.at.system, rig.clock.System()) << change.text;
  }
}

TEST_F(StateChangesTest, TellsNothingWhileNothingHappens) {
  rig.RunFor(hours(5));
  EXPECT_THAT(Texts(News()), IsEmpty());
}

TEST_F(StateChangesTest, TellsOfANoticeOfItsMoveAndOfItsWithdrawal) {
  SetTermination(minutes(5));
  rig.RunFor(seconds(5));
  EXPECT_THAT(News(),
              ElementsAre(AllOf(Field(&StateChange::topic, ChangeTopic::kSpot),
                                Field(&StateChange::severity, Severity::kCritical),
                                Field(&StateChange::text,
                                      "spot termination scheduled for 2026-01-01T00:05:00Z"))));
  SetTermination(minutes(10));
  rig.RunFor(seconds(5));
  EXPECT_THAT(Texts(News()), ElementsAre("spot termination moved from 2026-01-01T00:05:00Z to "
                                         "2026-01-01T00:10:05Z"));
  rig.service.WithInstance([](simulator::Instance& instance) { instance.ClearTermination(); });
  rig.RunFor(seconds(10));
  EXPECT_THAT(News(), ElementsAre(AllOf(Field(&StateChange::severity, Severity::kInfo),
                                        Field(&StateChange::text,
                                              "spot termination notice for "
                                              "2026-01-01T00:10:05Z withdrawn"))));
}

TEST_F(StateChangesTest, TellsThatANoticeOutlivedItsTime) {
  SetTermination(minutes(5));
  rig.RunFor(minutes(16));
  EXPECT_THAT(Texts(News()),
              ElementsAre("spot termination scheduled for 2026-01-01T00:05:00Z",
                          "spot termination notice gone after its time, 2026-01-01T00:05:00Z"));
}

TEST_F(StateChangesTest, TellsThatTheServiceIsLostAndComesBack) {
  rig.transport.Interfere([](const HttpRequest&) -> std::optional<Result<HttpResponse>> {
    return Fail(ErrorCode::kUnreachable, "nobody");
  });
  rig.RunFor(minutes(10));
  EXPECT_THAT(News(),
              UnorderedElementsAre(AllOf(Field(&StateChange::topic, ChangeTopic::kService),
                                         Field(&StateChange::severity, Severity::kCritical),
                                         Field(&StateChange::text,
                                               "nobody answers at the metadata service's address")),
                                   AllOf(Field(&StateChange::topic, ChangeTopic::kSpot),
                                         Field(&StateChange::severity, Severity::kWarning))));
  rig.transport.StopInterfering();
  rig.RunFor(minutes(1));
  EXPECT_THAT(Texts(News()), UnorderedElementsAre("spot termination: none scheduled",
                                                  "the metadata service answers again"));
}

TEST_F(StateChangesTest, TellsThatNormalModeWasClosedAndOpened) {
  rig.service.WithInstance([](simulator::Instance& instance) {
    auto access = instance.access();
    access.http_tokens = simulator::HttpTokens::kRequired;
    instance.set_access(access);
  });
  rig.RunFor(hours(2));
  EXPECT_THAT(Texts(News()), ElementsAre("normal mode closed: session tokens are required"));
  rig.service.WithInstance([](simulator::Instance& instance) {
    auto access = instance.access();
    access.http_tokens = simulator::HttpTokens::kOptional;
    instance.set_access(access);
  });
  rig.RunFor(hours(2));
  EXPECT_THAT(News(), ElementsAre(AllOf(Field(&StateChange::topic, ChangeTopic::kPosture),
                                        Field(&StateChange::severity, Severity::kWarning))));
}

TEST_F(StateChangesTest, TellsOfRolesAndTheirCredentials) {
  rig.RunFor(hours(6));
  EXPECT_THAT(Texts(News()), ElementsAre("RAM credential of SimulatedEcsRole rotated; it ends "
                                         "2026-01-01T11:30:00Z"));
  rig.service.WithInstance([](simulator::Instance& instance) { instance.AttachRole("Other"); });
  rig.RunFor(minutes(10));
  EXPECT_THAT(Texts(News()),
              ElementsAre("RAM role SimulatedEcsRole detached", "RAM role Other attached"));
  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/ram/security-credentials/Other", R"({"Code": "Failed"})"));
  });
  rig.RunFor(hours(2));
  EXPECT_THAT(Texts(News()), ElementsAre("RAM credential of Other cannot be used"));
  rig.RunFor(hours(4));
  EXPECT_THAT(Texts(News()),
              ElementsAre("RAM credential of Other rotated; it ends 2026-01-01T17:30:00Z",
                          "RAM credential of Other can be used again"));
}

TEST_F(StateChangesTest, TellsOfAnotherInstanceAndThenReadsAnewSoberly) {
  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/instance-id", "i-another"));
  });
  rig.RunFor(hours(1));
  const auto news = News();
  ASSERT_FALSE(news.empty());
  EXPECT_EQ(news[0].topic, ChangeTopic::kInstance);
  EXPECT_EQ(news[0].text,
            "this is another instance than before: i-bp1simulated00000001 became i-another");
  for (std::size_t i = 1; i < news.size(); ++i) {
    EXPECT_EQ(news[i].severity, Severity::kInfo) << news[i].text;
  }
}

TEST(StateChangesListTest, IsBoundedAndAServiceThatComesAndGoesDoesNotPushTheNoticeOut) {
  Snapshot before, after;
  const Instant begin{SteadyTime(seconds(1000)), SystemTime(seconds(1'000'000))};
  before.published_at = after.published_at = begin;
  after.spot.termination = begin.system + minutes(5);
  after.spot.first_seen = begin.system;
  after.spot.ends_at = begin.steady + minutes(5);
  RecordStateChanges(before, after);
  ASSERT_THAT(after.changes, SizeIs(1));
  for (int i = 0; i < 100; ++i) {
    before = after;
    after.access = i % 2 == 0 ? AccessState::kThrottled : AccessState::kGood;
    after.published_at.steady += seconds(1);
    after.published_at.system += seconds(1);
    RecordStateChanges(before, after);
  }
  ASSERT_THAT(after.changes, SizeIs(kMostChanges));
  EXPECT_EQ(after.changes.front().topic, ChangeTopic::kSpot);
  EXPECT_EQ(after.changes.back().at.steady, begin.steady + seconds(100)) << "the newest is kept";
  EXPECT_TRUE(std::is_sorted(
      after.changes.begin(), after.changes.end(),
      [](const auto& one, const auto& other) { return one.at.steady < other.at.steady; }));
}

}  // namespace
}  // namespace aliyun_ecs
