#include "notify/alertmanager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/heard_snapshot.h"

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// 2027-01-15 08:00:00 UTC
constexpr Instant kNow{SteadyTime(seconds(10'000)), SystemTime(seconds(1'800'000'000))};
const AddedToAlerts kAdded{{{"job", "spot"}, {"instance", "192.0.2.1:10200"}, {"region", "east"}},
                           {{"runbook_url", "https://wiki.example/spot"}}};

class StandingAlertsTest : public testing::Test {
 protected:
  // Of the one alert that stands.
  [[nodiscard]] Alert One(Instant now = kNow, const AddedToAlerts& added = kAdded) const {
    const auto alerts = StandingAlerts(snapshot_, now, added);
    EXPECT_EQ(alerts.size(), 1u);
    return alerts.empty() ? Alert() : alerts.front();
  }

  HeardSnapshot snapshot_;
};

TEST_F(StandingAlertsTest, ThereIsNoneWithoutANotice) {
  EXPECT_THAT(StandingAlerts(snapshot_, kNow, kAdded), IsEmpty());
  snapshot_.Hear(std::nullopt, kNow);
  EXPECT_THAT(StandingAlerts(snapshot_, kNow, kAdded), IsEmpty());
}

// The texts of alerts/rules/spot.yml.
TEST_F(StandingAlertsTest, ANoticeIsTheAlertOfTheRule) {
  snapshot_.Identify();
  snapshot_.Hear(kNow.system + minutes(5), kNow);
  EXPECT_EQ(AlertsToJson({One({kNow.steady + seconds(10), kNow.system + seconds(10)})}),
            nlohmann::json::parse(R"([{
              "labels": {"alertname": "AliyunEcsSpotTerminationScheduled", "severity": "critical",
                         "job": "spot", "instance": "192.0.2.1:10200", "region": "east",
                         "instance_id": "i-simulated", "instance_name": "web-1",
                         "instance_type": "ecs.g6e.large", "zone_id": "cn-hangzhou-i"},
              "annotations": {
                "runbook_url": "https://wiki.example/spot",
                "summary": "Spot instance i-simulated will be taken away at 2027-01-15 08:05:00 +0000 UTC",
                "description": "Alibaba Cloud stops and releases the spot instance at 2027-01-15 08:05:00 +0000 UTC: instance 192.0.2.1:10200, id i-simulated, name web-1, type ecs.g6e.large, zone cn-hangzhou-i. A notice comes about five minutes ahead; drain the instance now."},
              "startsAt": "2027-01-15T08:00:00Z",
              "endsAt": "2027-01-15T08:15:00Z"}])")
                .dump());
}

TEST_F(StandingAlertsTest, ADrillIsTheAlertOfItsRuleAndEndsAtItsTime) {
  snapshot_.Identify();
  snapshot_.local.drill = kNow.system + minutes(5);
  EXPECT_EQ(AlertsToJson({One()}), nlohmann::json::parse(R"([{
              "labels": {"alertname": "AliyunEcsSpotDrill", "severity": "drill",
                         "job": "spot", "instance": "192.0.2.1:10200", "region": "east",
                         "instance_id": "i-simulated", "instance_name": "web-1",
                         "instance_type": "ecs.g6e.large", "zone_id": "cn-hangzhou-i"},
              "annotations": {
                "runbook_url": "https://wiki.example/spot",
                "summary": "DRILL: spot instance i-simulated plays a termination at 2027-01-15 08:05:00 +0000 UTC",
                "description": "This is a drill. Nothing is taken away. It plays a termination at 2027-01-15 08:05:00 +0000 UTC: instance 192.0.2.1:10200, id i-simulated, name web-1, type ecs.g6e.large, zone cn-hangzhou-i. It ends by itself, or when its file is removed."},
              "startsAt": "2027-01-15T08:00:00Z",
              "endsAt": "2027-01-15T08:05:00Z"}])")
                                       .dump());
  snapshot_.Hear(kNow.system + minutes(5), kNow);
  EXPECT_EQ(One().labels["alertname"], "AliyunEcsSpotTerminationScheduled") << "it ends the drill";
}

TEST_F(StandingAlertsTest, AnEmptyNameIsNoLabelAndInNoText) {
  snapshot_.Identify("");
  snapshot_.Hear(kNow.system + minutes(5), kNow);
  const Alert alert = One();
  EXPECT_FALSE(alert.labels.contains("instance_name"));
  EXPECT_THAT(alert.annotations.at("description"),
              testing::HasSubstr("id i-simulated, type ecs.g6e.large"));
}

// The rule's "or S": the series that says who it is comes whole or not at all.
TEST_F(StandingAlertsTest, HalfAnIdentityIsNone) {
  snapshot_.Identify();
  snapshot_.readings[{ItemAt("hostname"), ""}].answer.reset();
  snapshot_.Hear(kNow.system + minutes(5), kNow);
  EXPECT_FALSE(IsIdentityKnown(snapshot_));
  AlertLabels expected = kAdded.labels;
  expected["alertname"] = "AliyunEcsSpotTerminationScheduled";
  expected["severity"] = "critical";
  const Alert alert = One();
  EXPECT_EQ(alert.labels, expected);
  EXPECT_EQ(alert.annotations.at("summary"),
            "Spot instance 192.0.2.1:10200 will be taken away at 2027-01-15 08:05:00 +0000 UTC");
  snapshot_.excluded.set(static_cast<std::size_t>(ItemAt("hostname")));
  EXPECT_TRUE(IsIdentityKnown(snapshot_)) << "what is not read is not waited for";
}

TEST_F(StandingAlertsTest, WithoutAddedLabelsTheTextsStillNameTheInstance) {
  snapshot_.Identify();
  snapshot_.Hear(kNow.system + minutes(5), kNow);
  EXPECT_THAT(One(kNow, {}).annotations.at("description"),
              testing::HasSubstr(" UTC: id i-simulated, name web-1, type "));
}

TEST_F(StandingAlertsTest, ANoticeStandsUntilTenMinutesPastItsTimeThoughNothingIsHeard) {
  snapshot_.Hear(kNow.system + minutes(5), kNow);
  const auto after = [](Duration duration) {
    return Instant{kNow.steady + duration, kNow.system + duration};
  };
  EXPECT_EQ(StandingAlerts(snapshot_, after(minutes(15) - Duration(1)), kAdded).size(), 1u);
  EXPECT_THAT(StandingAlerts(snapshot_, after(minutes(15)), kAdded), IsEmpty());
}

TEST(AlertsToJsonTest, IsJsonWhateverTheInstanceIsCalled) {
  for (const std::string name : {"\"}\n", "\xFF\xFE", "a\\", "\x01</script>"}) {
    HeardSnapshot snapshot;
    snapshot.Identify(name);
    snapshot.Hear(kNow.system + minutes(5), kNow);
    const auto json = nlohmann::json::parse(AlertsToJson(StandingAlerts(snapshot, kNow, kAdded)),
                                            nullptr, /*allow_exceptions=*/false);
    ASSERT_EQ(json.size(), 1u) << testing::PrintToString(name);
    EXPECT_TRUE(json[0]["labels"]["instance_name"].is_string());
  }
}

}  // namespace
}  // namespace aliyun_ecs
