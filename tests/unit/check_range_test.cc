#include "check/range.h"

#include <gtest/gtest.h>

namespace aliyun_ecs {
namespace {

// The forms of the Monitoring Plugins guidelines, each with values that alert and values that do
// not. tests/e2e/check_test.py asks two other implementations the same.
TEST(RangeTest, AlertsAsTheGuidelinesSay) {
  const struct {
    const char* range;
    std::vector<double> alerts, passes;
  } kTable[] = {
      {"10", {-0.1, 10.1, -10}, {0, 5, 10}},
      {"10:", {9.9, -10}, {10, 11, 1e9}},
      {"~:10", {10.1, 1e9}, {10, 0, -1e9}},
      {"10:20", {9.9, 20.1}, {10, 15, 20}},
      {"@10:20", {10, 15, 20}, {9.9, 20.1}},
      {"@10", {0, 10}, {-0.1, 10.1}},
      {"@~:10", {-1e9, 10}, {10.1}},
      {"@10:", {10, 1e9}, {9.9}},
      {":10", {-0.1, 10.1}, {0, 10}},
      {"~:", {}, {-1e9, 0, 1e9}},
      {"-5:-1", {-5.1, 0}, {-5, -1}},
      {"0.5:1.5", {0.49, 1.51}, {0.5, 1.5}},
      {"0", {-1, 1}, {0}},
      {"0:", {-1}, {0, 1}},
  };
  for (const auto& row : kTable) {
    const auto range = Range::Parse(row.range);
    ASSERT_TRUE(range) << range.error().message;
    EXPECT_EQ(range->text(), row.range);
    for (const double value : row.alerts) EXPECT_TRUE(range->Alerts(value)) << row.range << value;
    for (const double value : row.passes) EXPECT_FALSE(range->Alerts(value)) << row.range << value;
  }
}

TEST(RangeTest, AnythingElseIsRefusedWithASentence) {
  for (const char* const text :
       {"",         ":",     "@",   "@:",    "~",    "@~",   "a",       "10:a",
        "10:20:30", "20:10", "1e3", "inf",   "nan",  "0x10", "10 : 20", " 10",
        "10,5",     "--5",   "5-",  "1.2.3", "10:~", "+5",   "|",       "10;20"}) {
    const auto range = Range::Parse(text);
    ASSERT_FALSE(range) << text;
    EXPECT_EQ(range.error().code, ErrorCode::kInvalid);
    EXPECT_NE(range.error().message.find("is no range: "), std::string::npos);
  }
}

// The value is not known, only that it is no smaller.
TEST(RangeTest, AlertsFromAValueOnWhereEveryLargerOneAlerts) {
  const auto alerts_from = [](const char* range, double value) {
    return Range::Parse(range)->AlertsFrom(value);
  };
  EXPECT_TRUE(alerts_from("80", 80.1));
  EXPECT_FALSE(alerts_from("80", 80));
  EXPECT_FALSE(alerts_from("50:", 10));
  EXPECT_FALSE(alerts_from("50:80", 10));
  EXPECT_TRUE(alerts_from("50:80", 81));
  EXPECT_TRUE(alerts_from("@50:", 50));
  EXPECT_FALSE(alerts_from("@50:", 49));
  EXPECT_FALSE(alerts_from("@50:80", 60));
}

TEST(RangeTest, HasAnUpperLimitOnlyWhereThatSaysItAll) {
  EXPECT_EQ(*Range::Parse("80")->UpperLimit(), 80);
  EXPECT_EQ(*Range::Parse("0:80")->UpperLimit(), 80);
  for (const char* const text : {"10:", "~:80", "@80", "10:80"}) {
    EXPECT_EQ(Range::Parse(text)->UpperLimit(), nullptr) << text;
  }
}

}  // namespace
}  // namespace aliyun_ecs
