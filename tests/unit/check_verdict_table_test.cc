#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check/direct_source.h"
#include "check/judge.h"
#include "check/plugin_output.h"
#include "metadata/snapshot_json.h"
#include "support/exporter_rig.h"
#include "unit/temporary_folder.h"

// What the plugin says in every situation to every question: situations x sources x questions. The
// table is tests/golden/check_verdicts.tsv, to be read by people; to write it anew after a change
// that is meant, run with UPDATE_GOLDEN=1 and read the difference. What must hold whatever the
// table says is asserted beside it.

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

using MaybeAnswer = std::optional<Result<HttpResponse>>;

constexpr std::string_view kTable = ALIYUN_ECS_SOURCE_DIR "/tests/golden/check_verdicts.tsv";

struct Situation {
  std::string_view name;
  std::function<void(simulator::Instance&)> prepare;
  std::function<MaybeAnswer(FakeClock&, const HttpRequest&)> interfere = {};
  MetadataMode mode = MetadataMode::kHardened;
  // The checks that rest on what cannot be read then: none of them may be OK.
  std::vector<Check> blind = {};
};

const std::vector<Check> kAllChecks(kChecks.begin(), kChecks.end());
const std::vector<Check> kAllButHardening{Check::kSpot, Check::kCredentials, Check::kMetadata,
                                          Check::kIdentity, Check::kBandwidth};

bool IsToken(const HttpRequest& request) { return request.method == HttpMethod::kPut; }

// Every request is answered so.
auto Everything(int status, std::string body = "") {
  return [status, body](FakeClock&, const HttpRequest&) { return AnswerWith(status, body); };
}

auto Lost(ErrorCode code, std::string_view message) {
  return [=](FakeClock& clock, const HttpRequest& request) {
    if (code == ErrorCode::kTimeout) clock.Advance(request.timeout);
    return MaybeAnswer(Fail(code, std::string(message)));
  };
}

template <typename Answer>
auto Only(std::string_view end, Answer answer) {
  return [=](FakeClock& clock, const HttpRequest& request) {
    return request.path.ends_with(end) ? MaybeAnswer(answer(clock, request)) : MaybeAnswer();
  };
}

std::vector<Situation> Situations() {
  const auto nothing = [](simulator::Instance&) {};
  const auto termination_in = [](Duration left) {
    return [=](simulator::Instance& instance) { instance.SetTermination(instance.Now() + left); };
  };
  const auto credential_for = [](Duration left) {
    return [=](simulator::Instance& instance) {
      instance.set_rotation({simulator::Rotation::How::kNever, {}, "Failed"});
      instance.AttachRole("SimulatedEcsRole", left);
    };
  };
  const auto access = [](simulator::AccessOptions options) {
    return [=](simulator::Instance& instance) { instance.set_access(options); };
  };
  const auto required = access({simulator::HttpTokens::kRequired});
  constexpr std::string_view kSpotPath = "spot/termination-time";
  constexpr std::string_view kLoginPage = "<html><title>Log in</title></html>";
  const auto timeout = Lost(ErrorCode::kTimeout, "Timeout was reached");
  constexpr auto kNormal = MetadataMode::kNormal;
  return {
      {"all is well", nothing, {}},
      {"notice", termination_in(minutes(5)), {}},
      {"notice, its time just past", termination_in(seconds(-30)), {}},
      {"time that is years past",
       [](simulator::Instance& instance) {
         ASSERT_TRUE(
             instance.Put("meta-data/instance/spot/termination-time", "2020-04-07T17:03:00Z"));
       },
       {},
       {},
       {Check::kSpot}},
      {"no role", [](simulator::Instance& instance) { instance.DetachRole(); }, {}},
      {"credential for 20 minutes", credential_for(minutes(21)), {}},
      {"credential for 8 minutes", credential_for(minutes(9)), {}},
      {"credential has run out", credential_for(seconds(1)), {}},
      {"credential whose Code is Failed",
       [](simulator::Instance& instance) {
         instance.set_rotation({simulator::Rotation::How::kFailing, {}, "Failed"});
         instance.AttachRole("SimulatedEcsRole", minutes(31));
       },
       {}},
      {"role without a document", nothing, Only("/SimulatedEcsRole", Everything(404))},
      {"no MAC address", nothing, Only("/macs/", Everything(404)), {}, {Check::kBandwidth}},
      {"hardened only", required, {}},
      {"hardened only, asked in normal mode", required, {}, kNormal, kAllButHardening},
      {"asked in normal mode", nothing, {}, kNormal},
      {"channel disabled",
       access({simulator::HttpTokens::kOptional, simulator::HttpEndpoint::kDisabled}),
       {},
       {},
       kAllChecks},
      {"proxy in the path",
       nothing,
       [](FakeClock&, const HttpRequest& request) {
         return IsToken(request) ? AnswerWith(403) : MaybeAnswer();
       },
       {},
       kAllChecks},
      {"no session tokens",
       nothing,
       [](FakeClock&, const HttpRequest& request) {
         return IsToken(request) ? AnswerWith(404) : MaybeAnswer();
       },
       {},
       kAllButHardening},
      {"tokens are refused",
       nothing,
       [](FakeClock&, const HttpRequest& request) {
         return IsToken(request) ? MaybeAnswer() : AnswerWith(401);
       },
       {},
       kAllChecks},
      {"throttled", nothing, Everything(429), {}, kAllChecks},
      {"busy", nothing, Everything(503), {}, kAllChecks},
      {"hangs", nothing, timeout, {}, kAllChecks},
      {"nobody there",
       nothing,
       Lost(ErrorCode::kUnreachable, "Couldn't connect to server"),
       {},
       kAllChecks},
      {"server error", nothing, Everything(500), {}, kAllChecks},
      {"redirect", nothing, Everything(302), {}, kAllChecks},
      {"any web server", nothing, Everything(404), {}, kAllChecks},
      {"any web server, asked in normal mode", nothing, Everything(404), kNormal, kAllChecks},
      {"login page", nothing, Everything(200, std::string(kLoginPage)), {}, kAllChecks},
      {"login page behind a token",
       nothing,
       [=](FakeClock&, const HttpRequest& request) {
         return IsToken(request) ? MaybeAnswer() : AnswerWith(200, std::string(kLoginPage));
       },
       {},
       kAllChecks},
      {"empty answers", nothing, Everything(200), {}, kAllChecks},
      {"spot item: hangs", nothing, Only(kSpotPath, timeout), {}, {Check::kSpot}},
      {"spot item: server error", nothing, Only(kSpotPath, Everything(500)), {}, {Check::kSpot}},
      {"spot item: forbidden", nothing, Only(kSpotPath, Everything(403)), {}, {Check::kSpot}},
      {"spot item: nonsense",
       nothing,
       Only(kSpotPath, Everything(200, "soon")),
       {},
       {Check::kSpot}},
      {"role listing: server error",
       nothing,
       Only("/security-credentials/", Everything(500)),
       {},
       {Check::kCredentials}},
      {"credential document: nonsense",
       nothing,
       Only("/SimulatedEcsRole", Everything(200, "{")),
       {},
       {Check::kCredentials}},
      {"zone: server error", nothing, Only("/zone-id", Everything(500)), {}, {Check::kIdentity}},
      {"instance ID: none",
       nothing,
       Only("/instance-id", Everything(404)),
       {},
       {Check::kSpot, Check::kMetadata}},
      {"hardened only, instance ID: none",
       required,
       Only("/instance-id", Everything(404)),
       {},
       {Check::kSpot, Check::kMetadata, Check::kHardening}},
  };
}

struct Asked {
  std::string_view name;
  Check check;
  Criteria criteria = {};
  std::optional<Result<Traffic>> traffic = {};
};

Criteria Ranges(std::string_view warning, std::string_view critical) {
  Criteria criteria;
  if (!warning.empty()) criteria.warning = *Range::Parse(warning);
  if (!critical.empty()) criteria.critical = *Range::Parse(critical);
  return criteria;
}

std::vector<Asked> Questions() {
  const auto role = [](bool attached, std::string name) {
    Criteria criteria;
    criteria.role = ExpectedRole{attached, std::move(name)};
    return criteria;
  };
  const auto expect = [](std::string_view label, std::string value) {
    Criteria criteria;
    criteria.identity = {{*ScalarWithLabel(label), std::move(value)}};
    return criteria;
  };
  // Of the simulated instance's 1228.8 Mbit/s.
  const auto traffic = [](double percent, std::vector<std::string> missing = {}) {
    return Result<Traffic>(Traffic{
        percent / 100 * 1228800 * 1000 / 8, seconds(3), {"00:16:3e:00:00:01"}, std::move(missing)});
  };
  return {
      {"spot", Check::kSpot},
      {"spot -w 300: -c 120:", Check::kSpot, Ranges("300:", "120:")},
      {"credentials", Check::kCredentials},
      {"credentials -w 86400:", Check::kCredentials, Ranges("86400:", "")},
      {"credentials --role any", Check::kCredentials, role(true, "")},
      {"credentials --role none", Check::kCredentials, role(false, "")},
      {"credentials --role OtherRole", Check::kCredentials, role(true, "OtherRole")},
      {"metadata", Check::kMetadata},
      {"hardening", Check::kHardening},
      {"identity", Check::kIdentity},
      {"identity --expect zone_id=cn-hangzhou-i", Check::kIdentity,
       expect("zone_id", "cn-hangzhou-i")},
      {"identity --expect zone_id=cn-hangzhou-h", Check::kIdentity,
       expect("zone_id", "cn-hangzhou-h")},
      {"bandwidth, 50 %", Check::kBandwidth, {}, traffic(50)},
      {"bandwidth, 85 %", Check::kBandwidth, {}, traffic(85)},
      {"bandwidth, 97 %", Check::kBandwidth, {}, traffic(97)},
      {"bandwidth, at least 50 %", Check::kBandwidth, {}, traffic(50, {"00:16:3e:00:00:02"})},
      {"bandwidth, at least 97 %", Check::kBandwidth, {}, traffic(97, {"00:16:3e:00:00:02"})},
  };
}

Evidence AskDirectly(const Situation& situation, const Asked& question) {
  FakeClock clock;
  simulator::Service service(LinuxInstance(), clock);
  SimulatorTransport transport(service);
  service.WithInstance(situation.prepare);
  clock.Advance(minutes(1));  // as long as the exporter has had
  if (situation.interfere) {
    transport.Interfere(
        [&](const HttpRequest& request) { return situation.interfere(clock, request); });
  }
  MetadataClient client(transport, clock, {.mode = situation.mode});
  DirectSource source(client, clock, /*on_ecs=*/true, clock.Steady() + seconds(10));
  Evidence evidence;
  evidence.snapshot = source.Ask(QuestionFor({question.check}, question.criteria));
  evidence.now = Now(clock);
  evidence.traffic = question.traffic;
  return evidence;
}

// An exporter that never knew anything else, after a minute.
class RunningExporter {
 public:
  explicit RunningExporter(const Situation& situation)
      : rig_(LinuxInstance(), Options(), {.mode = situation.mode}) {
    rig_.service.WithInstance(situation.prepare);
    if (situation.interfere) {
      rig_.transport.Interfere(
          [&](const HttpRequest& request) { return situation.interfere(rig_.clock, request); });
    }
    rig_.RunFor(minutes(1));
  }

  [[nodiscard]] Evidence Told() const {
    const Instant now = Now(rig_.clock);
    auto told = SnapshotFromJson(SnapshotToJson(*rig_.Current(), now), now);
    EXPECT_TRUE(told) << told.error().message;
    Evidence evidence;
    if (told) evidence.snapshot = std::move(told->snapshot);
    if (told) evidence.now = {now.steady, told->time};
    return evidence;
  }
  [[nodiscard]] Evidence Itself() const {
    Evidence evidence;
    evidence.snapshot = *rig_.Current();
    evidence.now = Now(rig_.clock);
    evidence.now.system = std::chrono::floor<seconds>(evidence.now.system);
    return evidence;
  }

 private:
  static PollOptions Options() {
    PollOptions options;
    options.on_ecs = true;
    return options;
  }

  ExporterRig rig_;
};

std::string Line(const Verdict& verdict) { return PluginOutput({verdict}, false, 0, {}); }

constexpr std::string_view kHeader =
    "# What check_aliyun_ecs says: in each situation, to each question, when it asks the metadata\n"
    "# service itself and when it asks an exporter that has run for a minute in that situation. "
    "What\n"
    "# is the same as when all is well is left out.\n"
    "# Regenerate: UPDATE_GOLDEN=1 build/check/unit_tests --gtest_filter='CheckVerdictTable*'\n";

TEST(CheckVerdictTableTest, IsAsItWasWrittenDown) {
  std::string table(kHeader);
  std::set<std::string> when_well;
  const std::vector<Situation> situations = Situations();
  for (const Situation& situation : situations) {
    const RunningExporter exporter(situation);
    for (const Asked& question : Questions()) {
      Evidence told = exporter.Told();
      told.traffic = question.traffic;
      const Verdict by_exporter = Judge(question.check, told, question.criteria);
      const Verdict direct =
          Judge(question.check, AskDirectly(situation, question), question.criteria);
      const std::string where = fmt::format("{}, {}", situation.name, question.name);
      // Both saw the same, and judge alike; but an exporter asks for more than one check does, and
      // may have heard of trouble with that.
      const bool heard_more = question.check == Check::kMetadata &&
                              direct.state == CheckState::kOk &&
                              by_exporter.state == CheckState::kWarning;
      EXPECT_TRUE(heard_more || by_exporter.state == direct.state)
          << where << "\n"
          << Line(by_exporter) << Line(direct);
      const bool blind = std::find(situation.blind.begin(), situation.blind.end(),
                                   question.check) != situation.blind.end();
      if (blind) {
        EXPECT_NE(direct.state, CheckState::kOk) << where << "\n" << Line(direct);
        EXPECT_NE(by_exporter.state, CheckState::kOk) << where << "\n" << Line(by_exporter);
        // What is expected may be known to be otherwise.
        const bool expects = question.criteria.role || !question.criteria.identity.empty();
        if (question.check != Check::kMetadata && !expects &&
            situation.name != "proxy in the path") {
          EXPECT_EQ(direct.state, CheckState::kUnknown) << where << "\n" << Line(direct);
        }
      }
      for (const auto& [source, verdict] :
           {std::pair("direct", &direct), std::pair("exporter", &by_exporter)}) {
        const std::string said = fmt::format("{}\t{}\t{}", question.name, source, Line(*verdict));
        const bool usual = &situation != &situations.front() && when_well.contains(said);
        if (!usual) table += fmt::format("{}\t{}", situation.name, said);
        if (&situation == &situations.front()) when_well.insert(said);
      }
    }
  }
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(std::string(kTable)) << table;
    return;
  }
  EXPECT_TRUE(ContentOfFile(std::string(kTable)) == table)
      << "tests/golden/check_verdicts.tsv is stale; regenerate it as it says";
}

TEST(CheckVerdictTableTest, AVerdictIsTheSameBeforeAndAfterTheWayThroughJson) {
  for (const Situation& situation : Situations()) {
    const RunningExporter exporter(situation);
    for (const Asked& question : Questions()) {
      Evidence told = exporter.Told(), itself = exporter.Itself();
      told.traffic = itself.traffic = question.traffic;
      EXPECT_EQ(Line(Judge(question.check, told, question.criteria)),
                Line(Judge(question.check, itself, question.criteria)))
          << situation.name << ", " << question.name;
    }
  }
}

// The exporter lives, but has heard nothing new since: as after the machine was paused.
TEST(CheckVerdictTableTest, NothingIsWellThatIsTooOld) {
  const std::vector<Situation> situations = Situations();
  const RunningExporter exporter(situations.front());
  for (const Asked& question : Questions()) {
    Evidence old = exporter.Told();
    old.traffic = question.traffic;
    old.now.steady += std::chrono::hours(4);
    old.now.system += std::chrono::hours(4);
    const Verdict verdict = Judge(question.check, old, question.criteria);
    EXPECT_EQ(verdict.state, CheckState::kUnknown) << Line(verdict);
  }
}

}  // namespace
}  // namespace aliyun_ecs
