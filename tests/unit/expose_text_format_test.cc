#include "expose/text_format.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

namespace aliyun_ecs {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Gauge(double value, std::vector<ClientMetric::Label> labels = {}) {
  MetricFamily family{"name", "help", MetricType::Gauge, {}};
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family.metric.push_back(metric);
  return family;
}

std::string Written(const MetricFamily& family) { return TextFormat().Serialize({family}); }

TEST(TextFormatTest, WritesHelpTypeAndSamples) {
  EXPECT_EQ(Written(Gauge(1, {{"a", "x"}, {"b", "y"}})),
            "# HELP name help\n# TYPE name gauge\nname{a=\"x\",b=\"y\"} 1\n");
}

TEST(TextFormatTest, EscapesHelpSoThatNoMetricCanBeMadeOfIt) {
  auto family = Gauge(1);
  family.help = "one\nforged 1\n\\ \"quoted\"";
  EXPECT_EQ(Written(family),
            "# HELP name one\\nforged 1\\n\\\\ \"quoted\"\n# TYPE name gauge\nname 1\n");
}

TEST(TextFormatTest, EscapesLabelValuesSoThatNoSampleCanBeMadeOfThem) {
  EXPECT_NE(Written(Gauge(1, {{"a", "x\"} 1\nforged{b=\"\\"}}))
                .find("name{a=\"x\\\"} 1\\nforged{b=\\\"\\\\\"} 1\n"),
            std::string::npos);
}

TEST(TextFormatTest, WritesNumbersSoThatTheyReadBackTheSame) {
  const std::pair<double, std::string> cases[] = {
      {0, "0"},
      {-1, "-1"},
      {1795450482, "1795450482"},
      {1795450183.491267, "1795450183.491267"},
      {0.1, "0.1"},
      {1e300, "1e+300"},
      {-0.000001, "-1e-06"},
      {std::numeric_limits<double>::infinity(), "+Inf"},
      {-std::numeric_limits<double>::infinity(), "-Inf"},
      {std::numeric_limits<double>::quiet_NaN(), "NaN"},
  };
  for (const auto& [value, text] : cases) {
    EXPECT_EQ(Written(Gauge(value)), "# HELP name help\n# TYPE name gauge\nname " + text + "\n");
  }
}

TEST(TextFormatTest, WritesCounters) {
  MetricFamily family{"c_total", "help", MetricType::Counter, {}};
  family.metric.emplace_back().counter.value = 7;
  EXPECT_EQ(Written(family), "# HELP c_total help\n# TYPE c_total counter\nc_total 7\n");
}

TEST(TextFormatTest, WritesHistogramsCumulativeWithInfinityLast) {
  MetricFamily family{"h", "help", MetricType::Histogram, {}};
  auto& metric = family.metric.emplace_back();
  metric.label = {{"a", "x"}};
  metric.histogram.bucket = {{2, 0.5}, {3, std::numeric_limits<double>::infinity()}};
  metric.histogram.sample_count = 3;
  metric.histogram.sample_sum = 1.25;
  EXPECT_EQ(Written(family),
            "# HELP h help\n# TYPE h histogram\n"
            "h_bucket{a=\"x\",le=\"0.5\"} 2\nh_bucket{a=\"x\",le=\"+Inf\"} 3\n"
            "h_sum{a=\"x\"} 1.25\nh_count{a=\"x\"} 3\n");
}

TEST(TextFormatTest, WritesTheSameIntoAStream) {
  std::ostringstream out;
  TextFormat().Serialize(out, {Gauge(1)});
  EXPECT_EQ(out.str(), Written(Gauge(1)));
}

std::string InOpenMetrics(const MetricFamily& family) {
  return TextFormat(Exposition::kOpenMetrics).Serialize({family});
}

TEST(OpenMetricsTest, NamesTheFamilyThenItsTypeUnitAndHelp) {
  MetricFamily family{"a_seconds", "h", MetricType::Gauge, {}};
  family.metric.emplace_back().gauge.value = 1.5;
  EXPECT_EQ(InOpenMetrics(family),
            "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds h\n"
            "a_seconds 1.5\n# EOF\n");
}

TEST(OpenMetricsTest, ACountersFamilyIsCalledWithoutTotalAndItsSamplesWith) {
  for (const auto* const name : {"c_total", "c"}) {
    MetricFamily family{name, "h", MetricType::Counter, {}};
    family.metric.emplace_back().counter.value = 7;
    EXPECT_EQ(InOpenMetrics(family), "# TYPE c counter\n# HELP c h\nc_total 7\n# EOF\n");
  }
}

TEST(OpenMetricsTest, KnowsInfoAndUnknown) {
  MetricFamily family{"x_info", "h", MetricType::Gauge, {}};
  family.metric.emplace_back().gauge.value = 1;
  EXPECT_EQ(InOpenMetrics(family), "# TYPE x info\n# HELP x h\nx_info 1\n# EOF\n");
  family.type = MetricType::Untyped;
  EXPECT_EQ(InOpenMetrics(family), "# TYPE x_info unknown\n# HELP x_info h\nx_info 1\n# EOF\n");
}

TEST(OpenMetricsTest, AUnitIsAWholeWordAndNotTheWholeName) {
  for (const auto* const name : {"seconds", "milliseconds", "megabytes", "bytes_total_x"}) {
    MetricFamily family{name, "h", MetricType::Gauge, {}};
    EXPECT_EQ(InOpenMetrics(family).find("# UNIT"), std::string::npos) << name;
  }
}

TEST(OpenMetricsTest, EscapesQuotesInHelpToo) {
  auto family = Gauge(1);
  family.help = "one\nforged 1\n# EOF\n\\ \"quoted\"";
  EXPECT_EQ(InOpenMetrics(family),
            "# TYPE name gauge\n# HELP name one\\nforged 1\\n# EOF\\n\\\\ \\\"quoted\\\"\n"
            "name 1\n# EOF\n");
}

TEST(OpenMetricsTest, BoundsOfBucketsAreFloatingPointNumbers) {
  MetricFamily family{"h", "help", MetricType::Histogram, {}};
  auto& metric = family.metric.emplace_back();
  metric.histogram.bucket = {
      {0, 0.5}, {1, 1}, {1, 10}, {2, std::numeric_limits<double>::infinity()}};
  const auto text = InOpenMetrics(family);
  for (const auto* const line :
       {"{le=\"0.5\"} 0", "{le=\"1.0\"} 1", "{le=\"10.0\"} 1", "{le=\"+Inf\"} 2"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace aliyun_ecs
