#include "expose/metric_families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/exporter_rig.h"

namespace aliyun_ecs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

simulator::InstanceStart TreeOf(std::string_view json) {
  auto tree = simulator::Tree::FromJson(json);
  EXPECT_TRUE(tree);
  return simulator::InstanceStart{*std::move(tree)};
}

TEST(MetricFamiliesTest, AnInfoFamilyAppearsWholeOrNotAtAll) {
  ExporterRig rig;
  std::optional<std::string> first;
  for (int step = 0; step < 60; ++step) {
    const std::string page = rig.Page();
    const auto at = page.find("\naliyun_ecs_instance_info{");
    if (at != std::string::npos) {
      const std::string series = page.substr(at, page.find('\n', at + 1) - at);
      if (!first) first = series;
      EXPECT_EQ(series, *first) << "a label came later, which makes another series";
    }
    rig.clock.AdvanceTo(rig.poller.Step(std::stop_token()));
  }
  ASSERT_TRUE(first);
  EXPECT_THAT(*first, HasSubstr("instance_name=\"simulated-instance-1\""));
}

TEST(MetricFamiliesTest, ALabelThatAnInstanceNeedNotHaveIsEmpty) {
  ExporterRig rig;  // has no public-ipv4
  rig.RunNow();
  EXPECT_THAT(rig.Page(), HasSubstr("public_ipv4=\"\",eipv4=\"203.0.113.11\""));
}

TEST(MetricFamiliesTest, FamiliesOfWhatAnInstanceHasNotAreLeftOutWithTheirHelp) {
  ExporterRig rig;
  rig.RunNow();
  EXPECT_THAT(rig.Page(), Not(HasSubstr("aliyun_ecs_windows_service_info")));
  EXPECT_THAT(rig.Page(), Not(HasSubstr("aliyun_ecs_image_marketplace_info")));
}

TEST(MetricFamiliesTest, TwoDisksThatClaimOneIdMakeOneSeries) {
  ExporterRig rig(TreeOf(R"({"meta-data": {"disks": {
      "a": {"id": "d-same", "name": "n"}, "b": {"id": "d-same", "name": "n"}}}})"));
  rig.RunNow();
  const std::string page = rig.Page();
  const auto first = page.find("aliyun_ecs_disk_info{disk_id=\"d-same\",disk_name=\"n\"} 1");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(page.find("aliyun_ecs_disk_info{", first + 1), std::string::npos);
}

TEST(MetricFamiliesTest, ADiskWithoutANameHasAnEmptyOne) {
  ExporterRig rig(TreeOf(R"({"meta-data/disks/x/id": "d-x", "meta-data/disks/x/name": ""})"));
  rig.RunNow();
  EXPECT_THAT(rig.Page(), HasSubstr("aliyun_ecs_disk_info{disk_id=\"d-x\",disk_name=\"\"} 1"));
}

TEST(MetricFamiliesTest, AChineseInstanceNameSurvives) {
  ExporterRig rig;
  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/instance/instance-name", "生产-竞价-01"));
  });
  rig.RunNow();
  EXPECT_THAT(rig.Page(), HasSubstr("instance_name=\"生产-竞价-01\""));
}

TEST(MetricFamiliesTest, KilobitsBecomeBytes) {
  ExporterRig rig;
  rig.RunNow();
  EXPECT_EQ(rig.Sample("aliyun_ecs_instance_max_netbw_egress_bytes_per_second"),
            1228800.0 * 1000 / 8);
}

TEST(MetricFamiliesTest, AFailedCredentialIsShownAsOne) {
  ExporterRig rig(TreeOf(R"({"meta-data/ram/security-credentials/R": "{\"Code\" : \"Failed\"}"})"));
  rig.RunNow();
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_credential_success{role=\"R\"}"), 0);
  EXPECT_THAT(rig.Page(), Not(HasSubstr("aliyun_ecs_ram_credential_expiration")));
}

TEST(MetricFamiliesTest, CountdownsMoveBetweenScrapesWithoutAnyPolling) {
  ExporterRig rig;
  rig.RunNow();
  constexpr auto kName = "aliyun_ecs_ram_credential_expires_in_seconds{role=\"SimulatedEcsRole\"}";
  EXPECT_EQ(rig.Sample(kName), 6 * 3600);
  rig.clock.Advance(std::chrono::hours(7));
  EXPECT_EQ(rig.Sample(kName), -3600);
}

TEST(MetricFamiliesTest, ClosedLabelSetsAndCountersAreThereFromTheStart) {
  ExporterRig rig;
  for (const auto* const name :
       {"aliyun_ecs_spot_termination_state{state=\"none\"}",
        "aliyun_ecs_spot_termination_state{state=\"scheduled\"}",
        "aliyun_ecs_spot_termination_notices_total",
        "aliyun_ecs_spot_termination_notice_changes_total{change=\"moved\"}",
        "aliyun_ecs_metadata_up", "aliyun_ecs_metadata_requests_total{code=\"429\"}",
        "aliyun_ecs_metadata_throttled_total", "aliyun_ecs_metadata_token_renewals_total",
        "aliyun_ecs_metadata_request_duration_seconds_count",
        "aliyun_ecs_metadata_last_success_timestamp_seconds{refresh=\"spot\"}"}) {
    EXPECT_EQ(rig.Sample(name), 0) << name;
  }
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_state{state=\"unknown\"}"), 1);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 46);
  EXPECT_EQ(rig.Sample("aliyun_ecs_ram_role_attached"), std::nullopt) << "unknown is no 0";
}

TEST(MetricFamiliesTest, ADrillIsOneSampleAndChangesNothingElse) {
  ExporterRig rig;
  rig.RunNow();
  const std::string before = rig.Page();
  const SystemTime drill = rig.clock.System() + std::chrono::minutes(5);
  rig.poller.SetLocalFacts({drill, {}});
  std::string page = rig.Page();
  const auto& row = FamilyAt("aliyun_ecs_spot_drill_timestamp_seconds");
  const std::string name(row.name);
  const std::string heading =
      "# HELP " + name + " " + std::string(row.help) + "\n# TYPE " + name + " gauge\n";
  const auto at = page.find(heading);
  ASSERT_NE(at, std::string::npos);
  const auto end = page.find('\n', at + heading.size());
  EXPECT_EQ(page.substr(at + heading.size(), end - at - heading.size()), name + " 1767225900");
  EXPECT_EQ(page.erase(at, end + 1 - at), before);
}

TEST(MetricFamiliesTest, ADrillIsOnNoPageAfterItsTime) {
  ExporterRig rig;
  rig.RunNow();
  rig.poller.SetLocalFacts({rig.clock.System() + std::chrono::minutes(5), {}});
  rig.clock.Advance(std::chrono::minutes(5) - Duration(1));
  EXPECT_THAT(rig.Page(), HasSubstr("\naliyun_ecs_spot_drill_timestamp_seconds "));
  rig.clock.Advance(Duration(1));
  EXPECT_THAT(rig.Page(), Not(HasSubstr("drill")));
}

TEST(MetricFamiliesTest, ADrillIsOnNoPageBesideANotice) {
  ExporterRig rig;
  rig.poller.SetLocalFacts({rig.clock.System() + std::chrono::minutes(30), {}});
  rig.RunNow();
  EXPECT_THAT(rig.Page(), HasSubstr("\naliyun_ecs_spot_drill_timestamp_seconds "));
  rig.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig.clock.System() + std::chrono::minutes(5));
  });
  rig.RunFor(std::chrono::seconds(5));
  EXPECT_EQ(rig.Sample("aliyun_ecs_spot_termination_state{state=\"scheduled\"}"), 1);
  EXPECT_THAT(rig.Page(), Not(HasSubstr("drill")));
}

TEST(MetricFamiliesTest, NotificationsAreCountedByAlertmanagerFromTheStart) {
  ExporterRig rig;
  EXPECT_THAT(rig.Page(), Not(HasSubstr("alertmanager")));
  rig.poller.SetLocalFacts({{}, {{"a.example:9093", 0, 0}, {"[::1]:9093", 3, 2}}});
  constexpr std::string_view kSent = "aliyun_ecs_alertmanager_notifications_total";
  constexpr std::string_view kFailed = "aliyun_ecs_alertmanager_notifications_failed_total";
  const auto sample = [&](std::string_view name, std::string_view alertmanager) {
    return rig.Sample(std::string(name) + "{alertmanager=\"" + std::string(alertmanager) + "\"}");
  };
  EXPECT_EQ(sample(kSent, "a.example:9093"), 0);
  EXPECT_EQ(sample(kFailed, "a.example:9093"), 0);
  EXPECT_EQ(sample(kSent, "[::1]:9093"), 3);
  EXPECT_EQ(sample(kFailed, "[::1]:9093"), 2);
}

TEST(MetricFamiliesTest, EveryFamilyOfTheCatalogCanBeFilled) {
  simulator::InstanceStart start{
      simulator::Tree::FromCatalog({simulator::Profile::kFull, 1, 1, true})};
  start.role = "R";
  start.termination_in = std::chrono::minutes(5);
  ASSERT_TRUE(start.tree.Put("meta-data/tags/instance/team", "payments"));
  PollOptions poll;
  poll.instance_tags = {"team"};
  ExporterRig rig(std::move(start), poll);
  std::set<std::string_view> shown;
  const auto look = [&] {
    const auto families = MetricFamilies(*rig.Current(), Now(rig.clock), {"v", "r", "c"});
    for (const auto& family : families) shown.insert(FamilyAt(family.name).name);
  };
  rig.poller.SetLocalFacts({rig.clock.System() + std::chrono::minutes(5), {{"am:9093", 0, 0}}});
  look();  // while no notice is known: a drill does not run beside one
  rig.RunNow();
  look();
  const auto about_us = ProcessFamilies(ProcessStatistics::Read(), AnswerCounts());
  for (const auto& family : about_us) shown.insert(family.name);
  for (const Family& family : kFamilies) EXPECT_TRUE(shown.contains(family.name)) << family.name;
}

TEST(MetricFamiliesTest, ItemsLieInTheFamilyAndLabelThatTheCatalogSays) {
  simulator::InstanceStart start{
      simulator::Tree::FromCatalog({simulator::Profile::kFull, 1, 1, true})};
  ExporterRig rig(std::move(start));
  rig.RunNow();
  for (const Item& item : kItems) {
    if (item.shape != Shape::kText && item.shape != Shape::kWord) continue;
    if (item.label.empty()) continue;  // an instance tag: its label is its key
    const std::string label = std::string(item.label) + "=\"" + std::string(item.example) + "\"";
    const std::string page = rig.Page();
    const auto at = page.find("\n" + std::string(item.family) + "{");
    ASSERT_NE(at, std::string::npos) << item.family;
    EXPECT_THAT(page.substr(at, page.find('\n', at + 1) - at), HasSubstr(label)) << item.path;
  }
}

}  // namespace
}  // namespace aliyun_ecs
