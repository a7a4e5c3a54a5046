#include "check/plugin_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aliyun_ecs {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Verdict Make(Check check, CheckState state, std::string text = "text") {
  return {check, state, std::move(text), {}, {}, {}};
}

TEST(PluginOutputTest, IsOneLineOfStateTextAndPerfdata) {
  Verdict verdict = Make(Check::kBandwidth, CheckState::kWarning, "much is used");
  verdict.perfdata = {{"egress", 81.25, "%", *Range::Parse("80"), *Range::Parse("@95:100"), 0, 100},
                      {"expires_in_A", -0.0000001, "s", {}, *Range::Parse("~:5"), {}, {}},
                      {"bytes", 1e15, "B", {}, {}, {}, {}}};
  verdict.details = {"a detail"};
  EXPECT_EQ(PluginOutput({verdict}, false, 0, {"more"}),
            "ALIYUN_ECS BANDWIDTH WARNING - much is used | 'egress'=81.25%;80;@95:100;0;100 "
            "'expires_in_A'=0s;;~:5 'bytes'=1000000000000000B\n");
  EXPECT_EQ(PluginOutput({verdict}, false, 1, {"more"}),
            PluginOutput({verdict}, false, 0, {}) + "a detail\nmore\n");
}

TEST(PluginOutputTest, TakenTogetherTheWorstWinsAndWhatIsWrongComesFirst) {
  const auto spot = Make(Check::kSpot, CheckState::kOk);
  const auto credentials = Make(Check::kCredentials, CheckState::kWarning, "soon");
  const auto metadata = Make(Check::kMetadata, CheckState::kUnknown, "who knows");
  const auto identity = Make(Check::kIdentity, CheckState::kCritical, "another");
  EXPECT_EQ(PluginOutput({spot, credentials, metadata, identity}, true, 0, {}),
            "ALIYUN_ECS ALL CRITICAL - identity CRITICAL: another; metadata UNKNOWN: who knows; "
            "credentials WARNING: soon; spot OK\n");
  EXPECT_EQ(PluginOutput({spot, credentials, metadata}, true, 0, {}),
            "ALIYUN_ECS ALL UNKNOWN - metadata UNKNOWN: who knows; credentials WARNING: soon; "
            "spot OK\n");
  EXPECT_EQ(PluginOutput({credentials}, true, 0, {}),
            "ALIYUN_ECS ALL WARNING - credentials WARNING: soon\n");
  EXPECT_EQ(PluginOutput({spot}, true, 1, {}), "ALIYUN_ECS ALL OK - spot OK\nSPOT OK - text\n");
}

TEST(PluginOutputTest, OneReasonAndOneDetailAreSaidOnce) {
  Verdict spot = Make(Check::kSpot, CheckState::kUnknown, "notice not known: nobody answers");
  Verdict role = Make(Check::kCredentials, CheckState::kUnknown, "role not known: nobody answers");
  const Verdict other = Make(Check::kIdentity, CheckState::kUnknown, "ID not known: not read yet");
  spot.reason = role.reason = "nobody answers";
  spot.details = role.details = {"what to do: look"};
  EXPECT_EQ(PluginOutput({spot, other, role}, true, 1, {}),
            "ALIYUN_ECS ALL UNKNOWN - spot, credentials UNKNOWN: nobody answers; "
            "identity UNKNOWN: ID not known: not read yet\n"
            "SPOT UNKNOWN - notice not known: nobody answers\nwhat to do: look\n"
            "IDENTITY UNKNOWN - ID not known: not read yet\n"
            "CREDENTIALS UNKNOWN - role not known: nobody answers\n");
}

TEST(PluginOutputTest, TheOrderOfStatesIsCriticalUnknownWarningOk) {
  using enum CheckState;
  const std::vector<CheckState> order{kOk, kWarning, kUnknown, kCritical};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      EXPECT_EQ(Worse(order[i], order[j]), order[std::max(i, j)]);
    }
  }
  EXPECT_EQ(WorstOf({}), kOk);
}

// A service's text must not end the line, begin perfdata, or fill a carrier's packet.
TEST(PluginOutputTest, TextsAreMadeHarmless) {
  const std::string output =
      PluginOutput({Make(Check::kIdentity, CheckState::kOk, "a|b\nc\td\x7f")}, false, 0, {});
  EXPECT_EQ(output, "ALIYUN_ECS IDENTITY OK - a/b c d \n");
  EXPECT_EQ(UnknownOutput("", "\xff\xfe ä"), "ALIYUN_ECS UNKNOWN - ?? ??\n");
  EXPECT_EQ(UnknownOutput("", "a\xc2\x9b"), "ALIYUN_ECS UNKNOWN - a??\n");  // a control of C1
  std::string umlauts;
  while (umlauts.size() < 2000) umlauts += "ä";
  const std::string cut =
      PluginOutput({Make(Check::kIdentity, CheckState::kOk, "x" + umlauts)}, false, 0, {});
  EXPECT_LT(cut.size(), 800u);
  EXPECT_THAT(cut, EndsWith("ä...\n"));
  EXPECT_THAT(UnknownOutput("spot", "a|b\nc"), "ALIYUN_ECS SPOT UNKNOWN - a/b c\n");
  EXPECT_THAT(UnknownOutput("", "no"), "ALIYUN_ECS UNKNOWN - no\n");
}

TEST(CheckmkOutputTest, IsALineForEachVerdict) {
  Verdict bandwidth = Make(Check::kBandwidth, CheckState::kWarning, "a|b");
  bandwidth.perfdata = {{"egress", 81.25, "%", *Range::Parse("80"), *Range::Parse("95"), 0, {}},
                        {"expires_in_A.b@c", 5, "s", *Range::Parse("1500:"), {}, {}, {}}};
  EXPECT_EQ(CheckmkOutput({Make(Check::kSpot, CheckState::kCritical), bandwidth}),
            "2 \"Alibaba Cloud ECS spot\" - text\n"
            "1 \"Alibaba Cloud ECS bandwidth\" egress=81.25;80;95;0|expires_in_A_b_c=5 a/b\n");
}

}  // namespace
}  // namespace aliyun_ecs
