#include "support/text_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// The reader that the exporter's pages are held against is itself held against pages that are
// wrong.

namespace aliyun_ecs {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr std::string_view kHeading = "# HELP a b\n# TYPE a gauge\n";

bool IsText(std::string_view samples) {
  return ReadTextPage(std::string(kHeading).append(samples)).has_value();
}

TEST(TextPageTest, ReadsWhatWasEscaped) {
  const auto page = ReadTextPage(
      "# HELP a one\\ntwo\\\\ \"\n# TYPE a gauge\na{x=\"\\\"\\\\\\n}\",y=\"\"} -1.5e3\n");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->size(), 1u);
  EXPECT_EQ(page->front().help, "one\ntwo\\ \"");
  const PageSample& sample = page->front().samples.at(0);
  EXPECT_THAT(sample.labels, ElementsAre(Pair("x", "\"\\\n}"), Pair("y", "")));
  EXPECT_EQ(sample.value, -1500);
}

TEST(TextPageTest, RefusesWhatBreaksARuleOfTheTextFormat) {
  EXPECT_TRUE(IsText("a 1\n"));
  EXPECT_TRUE(IsText("a{x=\"1\"} +Inf\na{x=\"2\"} NaN\n"));
  for (const char* const wrong : {"a 1",
                                  "a  1\n",
                                  "a inf\n",
                                  "a 0x1\n",
                                  "b 1\n",
                                  "a_total 1\n",
                                  "a 1\na 2\n",
                                  "a{} 1\n",
                                  "a{x=\"1\",} 1\n",
                                  "a{x=\"1\",x=\"2\"} 1\n",
                                  "a{1=\"1\"} 1\n",
                                  "a{x:y=\"1\"} 1\n",
                                  "a{x=\"\\t\"} 1\n",
                                  "a{x=\"\n\"} 1\n",
                                  "a{x=\"\"\"} 1\n",
                                  "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n",
                                  "\na 1\n",
                                  "# HELP a b\n# TYPE a gauge\n",
                                  "# TYPE b gauge\n",
                                  "a 1\n# EOF\n"}) {
    EXPECT_FALSE(IsText(wrong)) << wrong;
  }
}

TEST(TextPageTest, RefusesAHistogramThatDoesNotAddUp) {
  const auto is_histogram = [](std::string_view samples) {
    return ReadTextPage(std::string("# HELP a b\n# TYPE a histogram\n").append(samples))
        .has_value();
  };
  EXPECT_TRUE(is_histogram("a_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 3\na_count 2\n"));
  EXPECT_TRUE(
      is_histogram("a_bucket{x=\"1\",le=\"+Inf\"} 2\na_sum{x=\"1\"} 3\na_count{x=\"1\"} 2\n"
                   "a_bucket{x=\"2\",le=\"+Inf\"} 1\na_sum{x=\"2\"} 3\na_count{x=\"2\"} 1\n"));
  EXPECT_FALSE(is_histogram("a_bucket{le=\"1\"} 1\n"));
  EXPECT_FALSE(is_histogram("a_bucket{le=\"+Inf\"} 1\n"));
  EXPECT_FALSE(is_histogram("a_bucket{le=\"+Inf\"} 1\na_count 1\n"));
  EXPECT_FALSE(is_histogram("a_sum 3\n"));
  EXPECT_FALSE(is_histogram("a_count 0\n"));
  EXPECT_FALSE(is_histogram("a_bucket 1\na_sum 3\na_count 1\n"));
  EXPECT_FALSE(
      is_histogram("a_bucket{x=\"1\",le=\"+Inf\"} 2\na_sum{x=\"1\"} 3\na_count{x=\"2\"} 2\n"));
  EXPECT_FALSE(is_histogram("a_bucket{le=\"1\"} 1\na_sum 3\na_count 1\n"));
  EXPECT_FALSE(is_histogram("a_bucket{le=\"+Inf\"} 2\na_sum 3\na_count 3\n"));
  EXPECT_FALSE(is_histogram("a_bucket{le=\"1\"} 3\na_bucket{le=\"+Inf\"} 2\na_sum 3\na_count 2\n"));
}

TEST(TextPageTest, RefusesWhatBreaksARuleOfOpenMetrics) {
  const auto is_open_metrics = [](std::string_view page) {
    return ReadOpenMetricsPage(page).has_value();
  };
  EXPECT_TRUE(is_open_metrics("# TYPE a info\n# HELP a \\\"b\\\"\na_info{x=\"1\"} 1\n# EOF\n"));
  EXPECT_TRUE(is_open_metrics(
      "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes b\na_bytes_total 1\n# EOF\n"));
  for (const char* const wrong :
       {"# TYPE a gauge\n# HELP a b\na 1\n", "# TYPE a gauge\n# HELP a b\na 1\n# EOF",
        "# TYPE a gauge\n# HELP a b\na 1\n# EOF\n\n", "# TYPE a info\n# HELP a b\na 1\n# EOF\n",
        "# TYPE a info\n# HELP a b\na_info 2\n# EOF\n",
        "# TYPE a counter\n# HELP a b\na 1\n# EOF\n",
        "# TYPE a counter\n# HELP a b\na_total -1\n# EOF\n",
        "# TYPE a gauge\n# UNIT a bytes\n# HELP a b\na 1\n# EOF\n",
        "# TYPE a untyped\n# HELP a b\na 1\n# EOF\n"}) {
    EXPECT_FALSE(is_open_metrics(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace aliyun_ecs
