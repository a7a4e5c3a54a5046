#include "check/check_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aliyun_ecs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

CheckInvocation Read(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "check_aliyun_ecs");
  return ReadCheckOptions(static_cast<int>(flags.size()), flags.data());
}

CheckInvocation Good(std::vector<const char*> flags) {
  auto invocation = Read(std::move(flags));
  EXPECT_EQ(invocation.action, CheckInvocation::Action::kRun) << invocation.text;
  return invocation;
}

TEST(CheckOptionsTest, DefaultsAreWhatHelpSays) {
  const auto invocation = Good({"--check", "spot"});
  const CheckOptions& options = invocation.options;
  EXPECT_THAT(options.checks, ElementsAre(Check::kSpot));
  EXPECT_FALSE(options.together);
  EXPECT_FALSE(options.criteria.warning || options.criteria.critical);
  EXPECT_EQ(options.timeout, seconds(10));
  EXPECT_EQ(options.interval, seconds(3));
  EXPECT_EQ(options.verbosity, 0);
  EXPECT_EQ(options.metadata_url, "http://100.100.100.200");
  EXPECT_EQ(options.mode, MetadataMode::kHardened);
  EXPECT_EQ(options.exporter_url, "");
  EXPECT_EQ(options.format, OutputFormat::kNagios);
}

TEST(CheckOptionsTest, TakesEveryFlagInEveryForm) {
  const auto spot = Good({"--check=spot", "-w", "-5:10", "-c~:3", "-t", "2.5", "-vvv", "--mode",
                          "normal", "--metadata-url=http://127.0.0.1:10280/"});
  EXPECT_EQ(spot.options.criteria.warning->text(), "-5:10");
  EXPECT_EQ(spot.options.criteria.critical->text(), "~:3");
  EXPECT_EQ(spot.options.timeout, milliseconds(2500));
  EXPECT_EQ(spot.options.verbosity, 3);
  EXPECT_EQ(spot.options.mode, MetadataMode::kNormal);
  EXPECT_EQ(spot.options.metadata_url, "http://127.0.0.1:10280");

  const auto identity = Good({"--check", "identity", "--expect", "zone_id=a=b", "--expect",
                              "public_ipv4=", "-v", "--verbose"});
  EXPECT_THAT(identity.options.criteria.identity,
              ElementsAre(Pair(ItemAt("zone-id"), "a=b"), Pair(ItemAt("public-ipv4"), "")));
  EXPECT_EQ(identity.options.verbosity, 2);

  const auto role = [](const char* name) {
    return *Good({"--check", "credentials", "--role", name}).options.criteria.role;
  };
  EXPECT_TRUE(role("AppRole").attached && role("AppRole").name == "AppRole");
  EXPECT_TRUE(role("any").attached && role("any").name.empty());
  EXPECT_TRUE(!role("none").attached && role("none").name.empty());

  const auto exporter = Good(
      {"--check", "bandwidth", "--interval", "0.2", "-t1", "--exporter", "https://[::1]:10200/a/b/",
       "--exporter-username", "u", "--exporter-password-file", "p", "--exporter-ca-file", "a",
       "--exporter-cert-file", "c", "--exporter-key-file", "k", "--output", "checkmk"});
  EXPECT_EQ(exporter.options.exporter_url, "https://[::1]:10200/a/b");
  EXPECT_EQ(exporter.options.access.username, "u");
  EXPECT_EQ(exporter.options.password_file, "p");
  EXPECT_EQ(exporter.options.access.ca_file, "a");
  EXPECT_EQ(exporter.options.access.cert_file, "c");
  EXPECT_EQ(exporter.options.access.key_file, "k");
  EXPECT_EQ(exporter.options.interval, milliseconds(200));
  EXPECT_EQ(exporter.options.format, OutputFormat::kCheckmk);
}

TEST(CheckOptionsTest, MeasuresForHalfOfAShortTimeoutUnlessToldOtherwise) {
  EXPECT_EQ(Good({"--check", "bandwidth", "-t", "2"}).options.interval, seconds(1));
  EXPECT_EQ(Good({"--check", "all", "-t", "60"}).options.interval, seconds(3));
}

TEST(CheckOptionsTest, AllIsAllThatHasSomethingToSay) {
  using enum Check;
  EXPECT_THAT(Good({"--check", "all"}).options.checks,
              ElementsAre(kSpot, kCredentials, kMetadata, kHardening, kBandwidth));
  EXPECT_THAT(Good({"--check", "all", "--expect", "zone_id=a", "--exclude", "hardening",
                    "--exclude", "bandwidth"})
                  .options.checks,
              ElementsAre(kSpot, kCredentials, kMetadata, kIdentity));
  // What a host says for all of its checks does not have to fit those that are left.
  EXPECT_THAT(Good({"--check", "all", "--role", "any", "--interval", "1", "--expect", "zone_id=a",
                    "--exclude", "credentials", "--exclude", "bandwidth", "--exclude", "identity"})
                  .options.checks,
              ElementsAre(kSpot, kMetadata, kHardening));
}

TEST(CheckOptionsTest, BadUsageIsUnknownWithTheReasonAndAUsageLine) {
  const struct {
    std::vector<const char*> flags;
    const char* reason;
  } kTable[] = {
      {{}, "--check: it must say what to check"},
      {{"--check"}, "--check"},
      {{"--check", "spots"}, "--check: \"spots\" is not one of"},
      {{"--check", "spot", "--check", "all"}, "--check: given 2 times"},
      {{"--check", "spot", "-w", "5:1"}, "--warning: \"5:1\" is no range"},
      {{"--check", "spot", "-c", ""}, "--critical: \"\" is no range"},
      {{"--check", "all", "-c", "5"}, "--critical: a range has no one meaning"},
      {{"--check", "hardening", "-w", "5"}, "--warning: --check hardening has no value"},
      {{"--check", "identity", "-w", "5"}, "--warning: --check identity has no value"},
      {{"--check", "spot", "-t", "0"}, "--timeout: \"0\" is not a number of seconds"},
      {{"--check", "spot", "-t", "1e3"}, "--timeout: \"1e3\""},
      {{"--check", "spot", "-t", "nan"}, "--timeout: \"nan\""},
      {{"--check", "spot", "--interval", "1"}, "--interval: only --check bandwidth"},
      {{"--check", "bandwidth", "--interval", "10"}, "--interval: it must be shorter"},
      {{"--check", "spot", "--mode", "soft"}, "--mode: \"soft\""},
      {{"--check", "spot", "--metadata-url", "https://h"}, "--metadata-url: \"https://h\""},
      {{"--check", "spot", "--metadata-url", "http://h/x"}, "--metadata-url: \"http://h/x\""},
      {{"--check", "spot", "--exporter", "ftp://h"}, "--exporter: \"ftp://h\""},
      {{"--check", "spot", "--exporter", "http://h", "--mode", "normal"},
       "--mode: with --exporter"},
      {{"--check", "spot", "--exporter-ca-file", "f"}, "--exporter-ca-file: only with --exporter"},
      {{"--check", "spot", "--exporter", "http://h", "--exporter-username", "u"}, "go together"},
      {{"--check", "spot", "--exporter", "http://h", "--exporter-key-file", "u"}, "go together"},
      {{"--check", "spot", "--role", "any"}, "--role: only --check credentials"},
      {{"--check", "credentials", "--role", "a/b"}, "--role: \"a/b\""},
      {{"--check", "credentials", "--expect", "zone_id=a"}, "--expect: only --check identity"},
      {{"--check", "identity", "--expect", "zone_id"}, "--expect: \"zone_id\""},
      {{"--check", "identity", "--expect", "disk_id=a"}, "--expect: \"disk_id=a\""},
      {{"--check", "spot", "--exclude", "spot"}, "--exclude: only --check all"},
      {{"--check", "all", "--exclude", "all"}, "--exclude: \"all\""},
      {{"--check", "all", "--exclude", "spot", "--exclude", "credentials", "--exclude", "metadata",
        "--exclude", "hardening", "--exclude", "bandwidth"},
       "--exclude: nothing is left"},
      {{"--check", "spot", "--output", "xml"}, "--output: \"xml\""},
      {{"--check", "spot", "--frobnicate=secret"}, "\"--frobnicate\" is not a flag"},
      {{"--check", "spot", "secret"}, "there is an argument that belongs to no flag"},
      {{"--check", "spot", "--exporter", "https://u:secret@host"}, "with no password in it"},
      {{"--check", "spot", "--exporter", "u:secret"}, "with no password in it"},
      {{"--check", "spot", "--metadata-url", "http://u:secret@host"}, "--metadata-url: "},
      {{"--check", "spot", "--exporter", "http://host/?token=secret"}, "\"http://host/?...\""},
      {{"--check", "spot", "-psecret"}, "\"-p\" is not a flag"},
      {{"--check", "spot", "--verbose=secret"}, "--verbose: it lacks its value"},
  };
  for (const auto& row : kTable) {
    const auto invocation = Read(row.flags);
    EXPECT_EQ(invocation.action, CheckInvocation::Action::kRefuse) << row.reason;
    EXPECT_THAT(invocation.text, StartsWith("ALIYUN_ECS UNKNOWN - "));
    EXPECT_THAT(invocation.text, HasSubstr(row.reason));
    EXPECT_THAT(invocation.text, HasSubstr("\nUsage: check_aliyun_ecs --check "));
    EXPECT_THAT(invocation.text, Not(HasSubstr("secret")));
  }
}

TEST(CheckOptionsTest, EveryComplaintIsMadeAtOnce) {
  const std::string text = Read({"--check", "spot", "-w", "a", "-t", "b", "--mode", "c"}).text;
  EXPECT_THAT(text, HasSubstr("--warning"));
  EXPECT_THAT(text, HasSubstr("--timeout"));
  EXPECT_THAT(text, HasSubstr("--mode"));
}

TEST(CheckOptionsTest, HelpAndVersionArePrinted) {
  for (const char* const flag : {"-h", "--help"}) {
    EXPECT_EQ(Read({flag}).action, CheckInvocation::Action::kPrint);
    EXPECT_THAT(Read({flag}).text, HasSubstr("CRITICAL, UNKNOWN, WARNING, OK"));
  }
  for (const char* const flag : {"-V", "--version"}) {
    EXPECT_EQ(Read({flag}).action, CheckInvocation::Action::kPrint);
    EXPECT_THAT(Read({flag}).text, StartsWith("check_aliyun_ecs 0."));
  }
}

}  // namespace
}  // namespace aliyun_ecs
