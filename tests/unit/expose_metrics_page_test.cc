#include "expose/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/text.h"
#include "support/exporter_rig.h"
#include "support/gunzip.h"

namespace aliyun_ecs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsPageTest : public ::testing::Test {
 protected:
  static simulator::InstanceStart FullInstance() {
    simulator::InstanceStart start{
        simulator::Tree::FromCatalog({simulator::Profile::kFull, 2, 2, true})};
    start.role = "SimulatedEcsRole";
    start.termination_in = std::chrono::minutes(5);
    return start;
  }

  ExporterRig rig{FullInstance()};
  BuildInfo build{"0.0.0", "test", "test"};
  AnswerCounter answers;
  MetricsPage page{rig.store, rig.clock, build, &answers};
  MetricsPage plain{rig.store, rig.clock, build, nullptr};  // without the process
};

TEST_F(MetricsPageTest, SaysTheSameInPartsAsInOnePiece) {
  EXPECT_EQ(plain.Text(Exposition::kText), rig.Page()) << "before anything is known";
  rig.RunNow();
  for (int i = 0; i < 5; ++i) {
    const auto families = MetricFamilies(*rig.Current(), Now(rig.clock), build);
    for (const Exposition exposition : {Exposition::kText, Exposition::kOpenMetrics}) {
      const std::string whole = TextFormat(exposition).Serialize(families);
      EXPECT_EQ(plain.Text(exposition), whole);
      EXPECT_EQ(Gunzip(plain.Gzip(exposition)), whole);
    }
    rig.RunFor(std::chrono::seconds(61));
  }
}

TEST_F(MetricsPageTest, CountsDownBetweenSnapshots) {
  rig.RunNow();
  const auto before = page.Text(Exposition::kText);
  rig.clock.Advance(std::chrono::seconds(1));
  EXPECT_THAT(before, HasSubstr("\naliyun_ecs_spot_termination_in_seconds 300\n"));
  EXPECT_THAT(page.Text(Exposition::kText),
              HasSubstr("\naliyun_ecs_spot_termination_in_seconds 299\n"));
  const auto zipped = Gunzip(page.Gzip(Exposition::kOpenMetrics));
  ASSERT_TRUE(zipped);
  EXPECT_THAT(*zipped, HasSubstr("\naliyun_ecs_spot_termination_in_seconds 299\n"));
}

TEST_F(MetricsPageTest, TellsOfItsOwnProcessUnlessItMustNot) {
  answers.Count(200);
  answers.Count(200);
  answers.Count(418);
  const auto text = page.Text(Exposition::kText);
  for (const auto* const line :
       {"\naliyun_ecs_exporter_http_requests_total{code=\"200\"} 2\n",
        "\naliyun_ecs_exporter_http_requests_total{code=\"404\"} 0\n",
        "\naliyun_ecs_exporter_http_requests_total{code=\"other\"} 1\n",
        "\n# TYPE process_cpu_seconds_total counter\n", "\nprocess_open_fds ",
        "\nprocess_virtual_memory_bytes ", "\nprocess_resident_memory_bytes ",
        "\nprocess_start_time_seconds "}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(plain.Text(Exposition::kText), Not(HasSubstr("process_")));
  EXPECT_THAT(plain.Text(Exposition::kText), Not(HasSubstr("aliyun_ecs_exporter_http")));
}

TEST_F(MetricsPageTest, OpenMetricsHasTypesOfItsOwn) {
  rig.RunNow();
  const auto text = page.Text(Exposition::kOpenMetrics);
  for (const auto* const line :
       {"# TYPE aliyun_ecs_instance info\n", "\naliyun_ecs_instance_info{",
        "\n# TYPE aliyun_ecs_metadata_requests counter\n",
        "\naliyun_ecs_metadata_requests_total{code=\"200\"} ",
        "\n# TYPE aliyun_ecs_spot_termination_in_seconds gauge\n"
        "# UNIT aliyun_ecs_spot_termination_in_seconds seconds\n",
        "\n# UNIT process_cpu_seconds seconds\n",
        "\naliyun_ecs_metadata_request_duration_seconds_bucket{le=\"1.0\"} ",
        "\n# UNIT aliyun_ecs_instance_max_netbw_egress_bytes_per_second "
        "bytes_per_second\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_EQ(page.Text(Exposition::kText).find("# EOF"), std::string::npos);
  EXPECT_EQ(page.Text(Exposition::kText).find("# UNIT"), std::string::npos);
}

TEST_F(MetricsPageTest, EveryFamilyOfThePageIsThereOnce) {
  rig.RunNow();
  for (const Exposition exposition : {Exposition::kText, Exposition::kOpenMetrics}) {
    const std::string text = page.Text(exposition);
    std::set<std::string> seen;
    for (const auto line : Split(text, '\n')) {
      if (!line.starts_with("# TYPE ")) continue;
      EXPECT_TRUE(seen.insert(std::string(Split(line, ' ')[2])).second) << line;
    }
    EXPECT_GT(seen.size(), 40u);
  }
}

TEST_F(MetricsPageTest, CanBeAskedForByManyWhileThePollerPublishes) {
  rig.RunNow();
  std::vector<std::jthread> scrapers;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&, i] {
      for (int n = 0; n < 50; ++n) {
        const auto text = i % 2 == 0 ? plain.Text(Exposition::kText)
                                     : Gunzip(plain.Gzip(Exposition::kText)).value_or("");
        ASSERT_TRUE(text.starts_with("# HELP aliyun_ecs_instance_info "));
        ASSERT_THAT(text, HasSubstr("aliyun_ecs_metadata_request_budget_remaining"));
      }
    });
  }
  for (int n = 0; n < 50; ++n) rig.store.Publish(*rig.Current());
}

}  // namespace
}  // namespace aliyun_ecs
