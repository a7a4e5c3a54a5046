#include "options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

Invocation Read(std::vector<const char*> flags, const Environment& environment = {}) {
  flags.insert(flags.begin(), "aliyun_ecs_exporter");
  return ReadOptions(static_cast<int>(flags.size()), flags.data(), environment);
}

// A file with that text, removed at the end of the test.
class File {
 public:
  explicit File(const std::string& text) {
    char name[] = "/tmp/aliyun_ecs_options_test_XXXXXX";
    const int descriptor = mkstemp(name);
    EXPECT_GE(descriptor, 0);
    close(descriptor);
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~File() { std::remove(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string flag() const { return "--config.file=" + path_; }

 private:
  std::string path_;
};

TEST(OptionsTest, RunsWithoutAnyAndHasTheDocumentedDefaults) {
  const Invocation invocation = Read({});
  ASSERT_EQ(invocation.action, Invocation::Action::kRun);
  const Options& options = invocation.options;
  ASSERT_EQ(options.listen_addresses.size(), 1u);
  EXPECT_EQ(options.listen_addresses[0].ToString(), ":10200");
  EXPECT_EQ(options.telemetry_path, "/metrics");
  EXPECT_EQ(options.max_requests, 40);
  EXPECT_TRUE(options.exporter_metrics);
  EXPECT_FALSE(options.once);
  EXPECT_EQ(options.textfile, "");
  EXPECT_EQ(options.metadata_url, "http://100.100.100.200");
  EXPECT_EQ(options.client.mode, MetadataMode::kHardened);
  EXPECT_EQ(options.client.token_ttl, seconds(21600));
  EXPECT_EQ(options.client.timeout, seconds(2));
  EXPECT_EQ(options.poll.spot_interval, seconds(5));
  EXPECT_EQ(options.poll.notice_interval, seconds(2));
  EXPECT_EQ(options.poll.credentials_interval, hours(1));
  EXPECT_EQ(options.poll.listing_interval, minutes(5));
  EXPECT_EQ(options.poll.identity_interval, hours(1));
  EXPECT_EQ(options.poll.budget, 2);
  EXPECT_EQ(options.poll.burst, 100);
  EXPECT_TRUE(options.poll.exclude.none());
}

TEST(OptionsTest, FlagsWinOverTheEnvironmentThatOverTheFileThatOverTheDefault) {
  const File file("poll.budget: 3\npoll.burst: 30\nmetadata.token-ttl: 300\n");
  const std::string flag = file.flag();
  const Invocation invocation =
      Read({flag.c_str(), "--poll.budget=5"},
           {{"ALIYUN_ECS_EXPORTER_POLL_BUDGET", "4"}, {"ALIYUN_ECS_EXPORTER_POLL_BURST", "40"}});
  ASSERT_EQ(invocation.action, Invocation::Action::kRun) << invocation.complaints.front();
  EXPECT_EQ(invocation.options.poll.budget, 5);
  EXPECT_EQ(invocation.options.poll.burst, 40);
  EXPECT_EQ(invocation.options.client.token_ttl, seconds(300));
  EXPECT_EQ(invocation.options.poll.spot_interval, seconds(5));
}

TEST(OptionsTest, KeysOfTheFileMayBeDottedOrNestedAndListsMayBeLists) {
  const File file(
      "web:\n  listen-address: [':1', '127.0.0.1:2']\n"
      "metadata: {exclude: [hostname], mode: normal}\npoll.spot-interval: 7s\n");
  const std::string flag = file.flag();
  const Invocation invocation = Read({flag.c_str()});
  ASSERT_EQ(invocation.action, Invocation::Action::kRun) << invocation.complaints.front();
  EXPECT_EQ(invocation.options.listen_addresses.size(), 2u);
  EXPECT_TRUE(invocation.options.poll.exclude[static_cast<std::size_t>(ItemAt("hostname"))]);
  EXPECT_EQ(invocation.options.client.mode, MetadataMode::kNormal);
  EXPECT_EQ(invocation.options.poll.spot_interval, seconds(7));
}

TEST(OptionsTest, AnEmptyFileIsGood) {
  for (const auto* const text : {"", "# nothing yet\n", "---\n"}) {
    const File file(text);
    const std::string flag = file.flag();
    EXPECT_THAT(Read({flag.c_str()}).complaints, ::testing::IsEmpty());
  }
}

TEST(OptionsTest, RepeatableFlagsReplaceTheDefaultAndAddUp) {
  const Invocation invocation =
      Read({"--web.listen-address=[::1]:1", "--web.listen-address", "127.0.0.1:2"});
  ASSERT_EQ(invocation.action, Invocation::Action::kRun) << invocation.complaints.front();
  ASSERT_EQ(invocation.options.listen_addresses.size(), 2u);
  EXPECT_EQ(invocation.options.listen_addresses[0].ToString(), "[::1]:1");
  EXPECT_EQ(invocation.options.listen_addresses[1].ToString(), "127.0.0.1:2");
}

TEST(OptionsTest, ListsInTheEnvironmentHaveCommas) {
  const Invocation invocation =
      Read({}, {{"ALIYUN_ECS_EXPORTER_METADATA_EXCLUDE", "hostname, mac"}});
  ASSERT_EQ(invocation.action, Invocation::Action::kRun) << invocation.complaints.front();
  EXPECT_EQ(invocation.options.poll.exclude.count(), 2u);
}

TEST(OptionsTest, UnderstandsDurations) {
  const std::pair<const char*, Duration> cases[] = {{"1s", seconds(1)},
                                                    {"1500ms", milliseconds(1500)},
                                                    {"1m30s", seconds(90)},
                                                    {"24h", hours(24)}};
  for (const auto& [text, expected] : cases) {
    const Invocation invocation = Read({"--poll.identity-interval", text});
    ASSERT_EQ(invocation.action, Invocation::Action::kRun) << text;
    EXPECT_EQ(invocation.options.poll.identity_interval, expected) << text;
  }
  for (const auto* const text :
       {"", "5", "s", "-5s", "5 s", "5sec", "1h1", "999ms", "25h", "99999999999999999999s",
        "5124096h", "9223372036854775807ms", "1e3s", "0x1s", "nan"}) {
    const std::string flag = "--poll.identity-interval=" + std::string(text);
    EXPECT_EQ(Read({flag.c_str()}).action, Invocation::Action::kRefuse) << text;
  }
}

TEST(OptionsTest, RefusesEachWrongValueAndNamesFlagValueAndWhatIsAllowed) {
  const std::pair<const char*, const char*> cases[] = {
      {"--web.listen-address=10200", "127.0.0.1:10200"},
      {"--web.listen-address=:65536", "127.0.0.1:10200"},
      {"--web.listen-address=:-1", "127.0.0.1:10200"},
      {"--web.listen-address=:", "127.0.0.1:10200"},
      {"--web.listen-address=localhost:80", "127.0.0.1:10200"},
      {"--web.listen-address=::1:80", "[::1]:10200"},
      {"--web.telemetry-path=/snapshot", "/metrics"},
      {"--web.telemetry-path=metrics", "/metrics"},
      {"--metadata.url=https://100.100.100.200", "http://"},
      {"--metadata.url=http://", "http://"},
      {"--metadata.url=http://host/path", "http://"},
      {"--metadata.url=http://host:0", "http://"},
      {"--metadata.url=http://host:99999", "http://"},
      {"--metadata.url=http://host:", "http://"},
      {"--metadata.url=http://]", "http://"},
      {"--metadata.url=http://[1.2.3.4]", "http://"},
      {"--metadata.url=http://-x", "http://"},
      {"--web.telemetry-path=//m", "/metrics"},
      {"--web.telemetry-path=/a/../m", "/metrics"},
      {"--metadata.mode=both", "hardened or normal"},
      {"--metadata.token-ttl=0", "1 to 21600"},
      {"--metadata.token-ttl=21601", "1 to 21600"},
      {"--metadata.token-ttl=60s", "1 to 21600"},
      {"--metadata.timeout=61s", "10ms to 60s"},
      {"--metadata.exclude=Hostname", "METRICS.md"},
      {"--poll.spot-interval=0s", "1s to 24h"},
      {"--poll.budget=0", "0.1 to 50"},
      {"--poll.budget=nan", "0.1 to 50"},
      {"--poll.burst=0.5", "1 to 1000"},
      {"--log.level=trace", "debug, info, warn or error"},
      {"--log.format=xml", "logfmt or json"},
  };
  for (const auto& [flag, allowed] : cases) {
    const Invocation invocation = Read({flag});
    ASSERT_EQ(invocation.action, Invocation::Action::kRefuse) << flag;
    const std::string_view text = flag;
    const auto equals = text.find('=');
    EXPECT_THAT(
        invocation.complaints,
        ElementsAre(AllOf(HasSubstr(std::string(text.substr(0, equals))),
                          HasSubstr(std::string(text.substr(equals + 1))), HasSubstr(allowed))))
        << flag;
  }
}

TEST(OptionsTest, RefusesABudgetThatCannotPayForTheSpotIntervalAndTheRest) {
  EXPECT_EQ(Read({"--poll.budget=0.25"}).action, Invocation::Action::kRun);
  EXPECT_THAT(Read({"--poll.budget=0.2"}).complaints, ElementsAre(HasSubstr("at least 0.25")));
  EXPECT_THAT(Read({"--poll.budget=1", "--poll.spot-interval=1s"}).complaints,
              ElementsAre(HasSubstr("at least 1.05")));
}

TEST(OptionsTest, ComplainsOfEverythingAtOnce) {
  const File file("nonsense: 1\npoll: {budget: [1, 2]}\nlog.level: x\n");
  const std::string flag = file.flag();
  const Invocation invocation =
      Read({flag.c_str(), "--metadata.mode=x", "--unknown", "--poll.burst=1", "--poll.burst=2"},
           {{"ALIYUN_ECS_EXPORTER_LOG_FORMAT", "y"}});
  ASSERT_EQ(invocation.action, Invocation::Action::kRefuse);
  EXPECT_EQ(invocation.complaints.size(), 7u) << ::testing::PrintToString(invocation.complaints);
  for (const auto& complaint : invocation.complaints) {
    EXPECT_EQ(complaint.find('\n'), std::string::npos) << complaint;
  }
}

TEST(OptionsTest, AKeyGivenTwiceInTheFileIsRefused) {
  for (const auto* const text :
       {"poll.budget: 1\npoll.budget: 2\n", "poll.budget: 1\npoll: {budget: 2}\n"}) {
    const File file(text);
    const std::string flag = file.flag();
    EXPECT_THAT(Read({flag.c_str()}).complaints, ElementsAre(HasSubstr("given twice"))) << text;
  }
}

TEST(OptionsTest, AFlagWithoutItsValueHidesNoOtherComplaint) {
  const Invocation invocation =
      Read({"--log.level=loud", "--nonsense", "--metadata.mode=x", "--poll.budget"});
  EXPECT_EQ(invocation.complaints.size(), 4u) << ::testing::PrintToString(invocation.complaints);
}

TEST(OptionsTest, AMisspeltEnvironmentVariableIsRefused) {
  // Else a typo would leave credentials being read.
  const Invocation invocation = Read({}, {{"ALIYUN_ECS_EXPORTER_METADATA_EXCLUDES", "mac"},
                                          {"ALIYUN_ECS_OTHER", "x"},
                                          {"PATH", "/bin"}});
  EXPECT_THAT(invocation.complaints,
              ElementsAre(HasSubstr("ALIYUN_ECS_EXPORTER_METADATA_EXCLUDES is not a setting")));
}

TEST(OptionsTest, WhatKubernetesSetsForAServiceOfOurNameIsNoSetting) {
  // A Service called aliyun-ecs-exporter puts these into every pod of its namespace.
  const Invocation invocation = Read({}, {{"ALIYUN_ECS_EXPORTER_SERVICE_HOST", "10.0.0.1"},
                                          {"ALIYUN_ECS_EXPORTER_SERVICE_PORT", "10200"},
                                          {"ALIYUN_ECS_EXPORTER_SERVICE_PORT_METRICS", "10200"},
                                          {"ALIYUN_ECS_EXPORTER_PORT", "tcp://10.0.0.1:10200"},
                                          {"ALIYUN_ECS_EXPORTER_PORT_10200_TCP_ADDR", "10.0.0.1"}});
  EXPECT_EQ(invocation.action, Invocation::Action::kRun)
      << ::testing::PrintToString(invocation.complaints);
}

TEST(OptionsTest, ANameThatWouldHarmATerminalIsQuoted) {
  EXPECT_THAT(Read({}, {{"ALIYUN_ECS_EXPORTER_\x1B[2J", "1"}}).complaints,
              ElementsAre("the environment variable \"ALIYUN_ECS_EXPORTER_\\u001b[2J\" is not a "
                          "setting; see --help"));
}

TEST(OptionsTest, TheFileMayBeNamedInTheEnvironment) {
  const File file("poll.burst: 7\n");
  const Invocation invocation =
      Read({}, {{"ALIYUN_ECS_EXPORTER_CONFIG_FILE", file.flag().substr(14)}});
  EXPECT_EQ(invocation.options.poll.burst, 7);
}

TEST(OptionsTest, RefusesFilesThatAreNoFlatMapOfSettings) {
  for (const auto* const text :
       {"poll: &x {y: *x}\n", "poll.budget: 1\n---\nnonsense: 1\n", "- a\n", "word\n",
        "poll: {budget: {x: 1}}\n", "a: {b: {c: 1}}\n", "? [a, b]\n: 1\n", "a: [\n"}) {
    const File file(text);
    const std::string flag = file.flag();
    const Invocation invocation = Read({flag.c_str()});
    EXPECT_EQ(invocation.complaints.size(), 1u)
        << text << ::testing::PrintToString(invocation.complaints);
  }
}

TEST(OptionsTest, RefusesAListenAddressGivenTwiceUnlessTheSystemChoosesThePort) {
  const auto* const once = "--web.listen-address=127.0.0.1:1";
  EXPECT_THAT(Read({once, once}).complaints,
              ElementsAre("--web.listen-address: \"127.0.0.1:1\" is not an address of its own"));
  EXPECT_THAT(Read({once, "--web.listen-address=127.0.0.1:2"}).complaints, ::testing::IsEmpty());
  const auto* const any = "--web.listen-address=127.0.0.1:0";
  EXPECT_EQ(Read({any, any}).options.listen_addresses.size(), 2u);
}

TEST(OptionsTest, AnEmptyListOfListenAddressesIsRefused) {
  const File file("web.listen-address: []\n");
  const std::string flag = file.flag();
  EXPECT_THAT(Read({flag.c_str()}).complaints, ElementsAre(HasSubstr("--web.listen-address")));
}

TEST(OptionsTest, ChecksSettingsWithoutRunning) {
  EXPECT_EQ(Read({"--healthcheck"}).action, Invocation::Action::kHealthcheck);
  EXPECT_EQ(Read({"--healthcheck", "--log.level=x"}).action, Invocation::Action::kRefuse);
  for (const auto* const lost :
       {"--web.config.file=/no/such/file", "--alertmanager.http-config=/no/such/file"}) {
    const auto* const url = "--alertmanager.url=http://am:9093";
    EXPECT_EQ(Read({url, lost}).action, Invocation::Action::kRefuse) << lost;
    EXPECT_EQ(Read({"--healthcheck", url, lost}).action, Invocation::Action::kHealthcheck)
        << lost << ": the exporter that runs has read it before it was lost";
  }
  const Invocation good = Read({"--config.check"});
  EXPECT_EQ(good.action, Invocation::Action::kPrint);
  EXPECT_EQ(Read({"--config.check", "--log.level=x"}).action, Invocation::Action::kRefuse);
}

TEST(OptionsTest, PrintsHelpVersionAndReference) {
  const std::pair<const char*, const char*> cases[] = {
      {"--help", "--poll.spot-interval"},
      {"-h", "ALIYUN_ECS_EXPORTER_POLL_BUDGET"},
      {"--version", "aliyun_ecs_exporter, version "},
      {"--metrics-reference", "# Metrics"}};
  for (const auto& [flag, part] : cases) {
    const Invocation invocation = Read({flag});
    EXPECT_EQ(invocation.action, Invocation::Action::kPrint) << flag;
    EXPECT_THAT(invocation.text, HasSubstr(part));
  }
}

TEST(OptionsTest, MetadataUrlsLoseTheirFinalSlash) {
  for (const auto* const url : {"http://127.0.0.1:10280", "http://127.0.0.1:10280/"}) {
    const std::string flag = "--metadata.url=" + std::string(url);
    EXPECT_EQ(Read({flag.c_str()}).options.metadata_url, "http://127.0.0.1:10280");
  }
  EXPECT_EQ(Read({"--metadata.url=http://[::1]:1"}).options.metadata_url, "http://[::1]:1");
  EXPECT_EQ(Read({"--metadata.url=http://[::1]"}).options.metadata_url, "http://[::1]");
}

TEST(OptionsTest, PostureMayBeTurnedOff) {
  EXPECT_EQ(Read({}).options.poll.posture_interval, hours(1));
  EXPECT_EQ(Read({"--poll.posture-interval=0"}).options.poll.posture_interval, Duration::zero());
  EXPECT_EQ(Read({"--poll.posture-interval=5m"}).options.poll.posture_interval, minutes(5));
  for (const auto* const wrong : {"--poll.posture-interval=0.5s", "--poll.posture-interval=-1s",
                                  "--poll.posture-interval=25h", "--poll.posture-interval="}) {
    EXPECT_THAT(Read({wrong}).complaints, ElementsAre(HasSubstr("0, or a duration"))) << wrong;
  }
}

TEST(OptionsTest, InstanceTagsAreAListHoweverTheyAreGiven) {
  const std::vector<std::string> expected{"team", "env"};
  EXPECT_EQ(Read({"--metrics.instance-tags=team,env"}).options.poll.instance_tags, expected);
  EXPECT_EQ(Read({"--metrics.instance-tags=team", "--metrics.instance-tags= env"})
                .options.poll.instance_tags,
            expected);
  EXPECT_EQ(Read({}, {{"ALIYUN_ECS_EXPORTER_METRICS_INSTANCE_TAGS", "team, env"}})
                .options.poll.instance_tags,
            expected);
  const File list("metrics.instance-tags: [team, env]\n"),
      word("metrics: {instance-tags: 'team,env'}\n");
  EXPECT_EQ(Read({list.flag().c_str()}).options.poll.instance_tags, expected);
  EXPECT_EQ(Read({word.flag().c_str()}).options.poll.instance_tags, expected);
}

TEST(OptionsTest, RefusesTagsThatCannotBeReadOrMakeTheSameLabel) {
  for (const auto* const wrong : {"--metrics.instance-tags=", "--metrics.instance-tags=team,,env",
                                  "--metrics.instance-tags=cost center",
                                  "--metrics.instance-tags=../x", "--metrics.instance-tags=环境"}) {
    EXPECT_THAT(Read({wrong}).complaints, ElementsAre(HasSubstr("a list of tag keys"))) << wrong;
  }
  EXPECT_THAT(Read({"--metrics.instance-tags=a-b,a.b"}).complaints,
              ElementsAre(HasSubstr("tag_a_b is twice")));
}

TEST(OptionsTest, FilesToWriteMustHaveAPlaceAndBeTwo) {
  const Invocation good = Read({"--state.file=/tmp/aliyun_ecs_state_that_is_not_there"});
  EXPECT_EQ(good.options.state_file, "/tmp/aliyun_ecs_state_that_is_not_there");
  EXPECT_EQ(Read({"--spot.notice-file=here.json"}).options.spot_notice_file, "here.json");
  for (const auto* const wrong :
       {"--state.file=/no/such/folder/x", "--state.file=/tmp", "--state.file=/tmp/",
        "--state.file=/dev/null", "--spot.notice-file=/no/such/folder/x",
        "--spot.notice-file=", "--drill.file=/dev/null", "--drill.file=/no/such/folder/x"}) {
    EXPECT_THAT(Read({wrong}).complaints, ElementsAre(HasSubstr("in a folder that exists")))
        << wrong;
  }
  EXPECT_THAT(Read({"--state.file=/tmp/x", "--spot.notice-file=/tmp/x"}).complaints,
              ElementsAre(HasSubstr("another file")));
  for (const auto* const same : {"--spot.notice-file=/tmp/./x", "--spot.notice-file=/tmp/../tmp/x",
                                 "--spot.notice-file=/tmp/x.tmp"}) {
    EXPECT_THAT(Read({"--state.file=/tmp/x", same}).complaints,
                ElementsAre(HasSubstr("another file")))
        << same;
  }
  EXPECT_THAT(Read({"--state.file=/tmp/x.tmp", "--spot.notice-file=/tmp/x"}).complaints,
              ElementsAre(HasSubstr("another file")));
  EXPECT_THAT(Read({"--drill.file=/tmp/x", "--spot.notice-file=/tmp/x"}).complaints,
              ElementsAre("--drill.file: it must be another file than --spot.notice-file"))
      << "a notice would be taken for a drill";
  EXPECT_THAT(
      Read({"--state.file=/no/x", "--poll.posture-interval=x", "--metrics.instance-tags=a b"})
          .complaints,
      ::testing::SizeIs(3))
      << "all complaints at once";
}

TEST(OptionsTest, ADrillFileMayBeNamedEverywhereAndNeedsARestart) {
  EXPECT_EQ(Read({}).options.drill_file, "");
  EXPECT_EQ(Read({"--drill.file=here.json"}).options.drill_file, "here.json");
  EXPECT_EQ(Read({}, {{"ALIYUN_ECS_EXPORTER_DRILL_FILE", "x.json"}}).options.drill_file, "x.json");
  const File file("drill: {file: y.json}\n");
  const Invocation given = Read({file.flag().c_str()});
  EXPECT_EQ(given.options.drill_file, "y.json");
  EXPECT_THAT(Reload::Compare(Read({}).settings, given.settings).ignored,
              ElementsAre("drill.file"));
}

TEST(OptionsTest, ASwitchIsOnByItsNameOrByTrue) {
  EXPECT_TRUE(Read({"--once"}).options.once);
  EXPECT_TRUE(Read({"--once=true"}).options.once);
  EXPECT_FALSE(Read({"--once=false"}).options.once);
  EXPECT_FALSE(Read({"--web.disable-exporter-metrics"}).options.exporter_metrics);
  const Environment environment{{"ALIYUN_ECS_EXPORTER_WEB_DISABLE_EXPORTER_METRICS", "true"}};
  EXPECT_FALSE(Read({}, environment).options.exporter_metrics);
  EXPECT_TRUE(Read({"--web.disable-exporter-metrics=false"}, environment).options.exporter_metrics);
  const File file("web: {disable-exporter-metrics: true}\nonce: true\n");
  EXPECT_FALSE(Read({file.flag().c_str()}).options.exporter_metrics);
  EXPECT_TRUE(Read({file.flag().c_str()}).options.once);
  EXPECT_THAT(Read({"--once=yes"}).complaints, ElementsAre("--once: \"yes\" is not true or false"));
  EXPECT_THAT(Read({}, {{"ALIYUN_ECS_EXPORTER_ONCE", ""}}).complaints,
              ElementsAre(HasSubstr("is not true or false")));
}

TEST(OptionsTest, ATextfileIsCalledAsNodeExporterWantsItAndNeedsNoWebServer) {
  EXPECT_THAT(Read({"--textfile=/tmp/metrics.txt"}).complaints, ElementsAre(HasSubstr("*.prom")));
  const File file("web.listen-address: []\n");
  EXPECT_EQ(Read({file.flag().c_str(), "--textfile=/tmp/x.prom"}).action, Invocation::Action::kRun);
  EXPECT_EQ(Read({file.flag().c_str(), "--once"}).action, Invocation::Action::kRun);
  EXPECT_EQ(Read({file.flag().c_str()}).action, Invocation::Action::kRefuse);
}

TEST(OptionsTest, TakesAlertmanagersAndTheLabelsThatPrometheusAdds) {
  const File http_config("authorization: {credentials: obviously-fake}");
  const std::string flag = "--alertmanager.http-config=" + http_config.path();
  const Invocation invocation =
      Read({"--alertmanager.url=https://am.example/prefix/", "--alertmanager.url=http://[::1]:9093",
            "--alertmanager.label=job=spot", "--alertmanager.label=_1=a=b",
            "--alertmanager.annotation=runbook_url=https://wiki.example/?a=b", flag.c_str()});
  ASSERT_THAT(invocation.complaints, ElementsAre());
  const Options& options = invocation.options;
  ASSERT_EQ(options.alertmanagers.size(), 2u);
  EXPECT_EQ(options.alertmanagers[0].ToString(), "https://am.example/prefix");
  EXPECT_EQ(options.alertmanagers[1].ToString(), "http://[::1]:9093");
  EXPECT_THAT(options.added_to_alerts.labels, ElementsAre(Pair("_1", "a=b"), Pair("job", "spot")));
  EXPECT_THAT(options.added_to_alerts.annotations,
              ElementsAre(Pair("runbook_url", "https://wiki.example/?a=b")));
  EXPECT_EQ(options.alertmanager_http_config, http_config.path());
}

TEST(OptionsTest, RefusesUrlsThatNoAlertmanagerCanHave) {
  for (const char* const url :
       {"", "am:9093", "ftp://am", "http://am?x", "https://am/api/v2/alerts", "http://am/%20"}) {
    const std::string flag = "--alertmanager.url=" + std::string(url);
    EXPECT_THAT(Read({flag.c_str()}).complaints, ElementsAre(HasSubstr("--alertmanager.url: ")))
        << url;
  }
  EXPECT_THAT(
      Read({"--alertmanager.url=http://am/", "--alertmanager.url=http://am"}).complaints,
      ElementsAre("--alertmanager.url: \"http://am\" is not another URL than those before"));
}

TEST(OptionsTest, AComplaintOfAUrlDoesNotRepeatItsPassword) {
  for (const char* const flag :
       {"--alertmanager.url=https://me:zQ7@x:zQ7@am:9093", "--metadata.url=http://me:zQ7@am",
        "--metadata.url=http://zQ7@am", "--alertmanager.url=http://...@am?zQ7"}) {
    EXPECT_THAT(Read({flag}).complaints,
                ElementsAre(AllOf(HasSubstr("//...@am"), Not(HasSubstr("zQ7")))));
  }
}

TEST(OptionsTest, AComplaintOfAUrlWithoutItsSchemeDoesNotRepeatItsPassword) {
  for (const char* const flag : {"--alertmanager.url=me:zQ7@am:9093", "--metadata.url=zQ7@am",
                                 "--metadata.url=am?zQ7", "--metadata.url=zQ7@am?zQ7"}) {
    EXPECT_THAT(Read({flag}).complaints, ElementsAre(AllOf(HasSubstr("am"), Not(HasSubstr("zQ7")))))
        << flag;
  }
}

TEST(OptionsTest, AComplaintOfAnUnknownFlagDoesNotRepeatThePasswordOfItsUrl) {
  EXPECT_THAT(Read({"--metadata.ur=http://me:zQ7@am"}).complaints,
              ElementsAre("\"--metadata.ur\" is not a flag; see --help"));
  EXPECT_THAT(Read({"http://me:zQ7@am"}).complaints,
              ElementsAre("\"http://...@am\" is not a flag; see --help"));
}

TEST(OptionsTest, AComplaintOfAnUnknownFlagDoesNotRepeatItsValue) {
  for (const std::vector<const char*>& flags :
       {std::vector{"--alertmanager.password=zQ7"}, {"--alertmanager.password", "zQ7"}}) {
    EXPECT_THAT(Read(flags).complaints,
                ElementsAre("\"--alertmanager.password\" is not a flag; see --help"));
  }
}

TEST(OptionsTest, RefusesAnnotationsThatTheAlertsHaveThemselves) {
  for (const char* const annotation : {"", "a", "a-b=x", "summary=x", "description=x"}) {
    const std::string flag = "--alertmanager.annotation=" + std::string(annotation);
    EXPECT_THAT(Read({"--alertmanager.url=http://am", flag.c_str()}).complaints,
                ElementsAre(HasSubstr("--alertmanager.annotation: ")))
        << annotation;
  }
}

TEST(OptionsTest, RefusesLabelsThatTheAlertsCannotHave) {
  for (const char* const label :
       {"", "job", "job=", "=x", "1a=x", "a-b=x", "a b=x", "a=\n", "a=\xFF", "alertname=x",
        "severity=page", "instance_id=i", "instance_name=n", "instance_type=t", "zone_id=z"}) {
    const std::string flag = "--alertmanager.label=" + std::string(label);
    EXPECT_THAT(Read({"--alertmanager.url=http://am", flag.c_str()}).complaints,
                ElementsAre(HasSubstr("--alertmanager.label: ")))
        << label;
  }
  EXPECT_THAT(
      Read({"--alertmanager.url=http://am", "--alertmanager.label=a=1", "--alertmanager.label=a=2"})
          .complaints,
      ElementsAre("--alertmanager.label: \"a=2\" is not a label that is given once"));
}

TEST(OptionsTest, NamesEverythingThatIsWrongWithTheHttpConfig) {
  const File http_config("authorization: {type: zQ7}\nproxy_url: zQ7");
  const std::string flag = "--alertmanager.http-config=" + http_config.path();
  EXPECT_THAT(Read({"--alertmanager.url=http://am", flag.c_str()}).complaints,
              ElementsAre("--alertmanager.http-config: " + http_config.path() +
                              ": authorization.type must be Bearer",
                          HasSubstr("authorization.credentials or credentials_file must be given"),
                          HasSubstr("proxy_url is not a key that is understood here")));
  EXPECT_THAT(Read({"--alertmanager.url=http://am", "--alertmanager.http-config="}).complaints,
              ElementsAre(HasSubstr("is not the name of a file")));
}

TEST(OptionsTest, WhatOnlyAnAlertmanagerNeedsIsRefusedWithoutOne) {
  const File http_config("");
  const std::string flag = "--alertmanager.http-config=" + http_config.path();
  EXPECT_THAT(
      Read({"--alertmanager.label=a=1", flag.c_str()}).complaints,
      ElementsAre(
          "--alertmanager.label: there is no --alertmanager.url that it could serve",
          "--alertmanager.http-config: there is no --alertmanager.url that it could serve"));
}

TEST(ReloadTest, TellsWhatChangedAndWhatOfItNeedsARestart) {
  const Invocation before = Read({"--poll.budget=3", "--metadata.exclude=kms-server"});
  const auto compare = [&](std::vector<const char*> flags) {
    return Reload::Compare(before.settings, Read(std::move(flags)).settings);
  };
  Reload reload = compare({"--metadata.exclude=kms-server", "--poll.budget=3"});
  EXPECT_THAT(reload.applied, ElementsAre());
  EXPECT_THAT(reload.ignored, ElementsAre());
  // The default, given, is no change; one that is not given any more is.
  reload = compare({"--log.level=debug", "--log.format=logfmt", "--poll.spot-interval=5s"});
  EXPECT_THAT(reload.applied, ElementsAre("log.level"));
  EXPECT_THAT(reload.ignored, ElementsAre("metadata.exclude", "poll.budget"));
}

}  // namespace
}  // namespace aliyun_ecs
