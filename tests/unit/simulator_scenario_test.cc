#include "simulator/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/exporter_rig.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

std::string ReadSource(const std::string& file) {
  std::ifstream stream(std::string(ALIYUN_ECS_SOURCE_DIR "/tests/simulator/") + file);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

Complaints ComplaintsAbout(std::string_view json) {
  const auto scenario = Scenario::FromJson(json);
  return scenario ? Complaints{} : scenario.error();
}

TEST(SimulatorScenario, KeepsItsEventsInTheOrderOfTime) {
  const auto scenario = Scenario::FromJson(R"({"description": "d", "start": {"instances": 2},
    "events": [{"at_seconds": 2.5, "call": "POST /control/reset"},
               {"at_seconds": 1, "instance": 2, "call": "PUT /control/tags", "body": {"a": "b"}},
               {"at_seconds": 2.5, "call": "PUT /control/items/hostname", "body": "x\ny"}]})");
  ASSERT_TRUE(scenario);
  EXPECT_EQ(scenario->description, "d");
  ASSERT_THAT(scenario->events, SizeIs(3));
  EXPECT_EQ(scenario->events[0].at, seconds(1));
  EXPECT_EQ(scenario->events[0].call.target, "/control/tags?instance=2");
  EXPECT_EQ(scenario->events[0].call.body, R"({"a":"b"})");
  EXPECT_EQ(scenario->events[1].call.method, "POST");
  EXPECT_EQ(scenario->events[1].at, std::chrono::milliseconds(2500));
  EXPECT_EQ(scenario->events[2].call.body, "x\ny");
}

TEST(SimulatorScenario, TellsAllThatIsWrongEachWithItsPlace) {
  EXPECT_THAT(
      ComplaintsAbout(R"({"start": {"interfaces": 65, "profil": "linux", "throttle": {"rate": 1},
                                    "tags": {"a b": ""}},
        "evnts": [],
        "events": [{"at_seconds": -1, "call": "POST /control/reset"},
                   {"call": "PUT /control/spot-termination", "body": {"in_seconds": "x"}},
                   {"at_seconds": 1, "call": "PUT /control/nothing"},
                   7,
                   {"at_seconds": 1, "call": "reset", "instance": 2},
                   {"at_seconds": 1, "call": "PUT /control/faults",
                    "body": {"faults": [{"fault": "status", "statu": 3}, {"fault": "delay"}]}},
                   {"at_seconds": 1, "call": "PUT /control/items/a", "body": {}},
                   {"at_seconds": 1, "call": "GET /control/reset"}]})"),
      ElementsAre(HasSubstr(R"(there is no "evnts" here, only "$schema" and "description")"),
                  HasSubstr(R"(start: there is no "profil" here, only "instances")"),
                  "start.interfaces must be a whole number from 1 to 64",
                  "start.throttle.burst is missing", HasSubstr(R"(start.tags: the tag "a b")"),
                  "events[0].at_seconds must be a number from 0 to 2678400",
                  "events[1].at_seconds is missing",
                  "events[1].body.in_seconds must be a whole number from 0 to 2678400",
                  R"(events[2]: there is no "/control/nothing")", "events[3] is not a JSON object",
                  "events[4].instance must be a whole number from 1 to 1",
                  "events[4].call must be a method, a blank and a path of the control API",
                  HasSubstr(R"(events[5].body.faults[0]: there is no "statu" here)"),
                  "events[5].body.faults[1].delay_seconds is missing",
                  "events[6].body must be a string, the text of the item",
                  HasSubstr(R"(events[7]: "/control/reset" allows POST only)")));
}

TEST(SimulatorScenario, RefusesWhatIsNoScenario) {
  EXPECT_THAT(ComplaintsAbout(""), ElementsAre("this is not JSON"));
  EXPECT_THAT(ComplaintsAbout("{"), ElementsAre("this is not JSON"));
  EXPECT_THAT(ComplaintsAbout("[]"), ElementsAre("the scenario is not a JSON object"));
  EXPECT_THAT(ComplaintsAbout("{}"), ElementsAre(R"("events" is missing)"));
  EXPECT_THAT(ComplaintsAbout(R"({"events": {}})"), SizeIs(1));
  EXPECT_THAT(ComplaintsAbout(std::string(Scenario::kLargestText + 1, ' ')), SizeIs(1));
  EXPECT_THAT(ComplaintsAbout(R"({"start": {"profile": "windows", "http_tokens": "required"},
                                  "events": []})"),
              ElementsAre(HasSubstr("Windows")));
  EXPECT_THAT(ComplaintsAbout(R"({"start": {"credential_life_seconds": 60,
                                            "credential_overlap_seconds": 60}, "events": []})"),
              ElementsAre("a credential that lives 60 s cannot be succeeded 60 s before its end"));
}

TEST(SimulatorScenario, ItsCallsAreCheckedAgainstWhatTheFlagsMakeOfItsStart) {
  constexpr std::string_view kSecond =
      R"({"start": {"instances": 2, "credential_life_seconds": 600},
      "events": [{"at_seconds": 1, "instance": 2, "call": "PUT /control/role",
                  "body": {"name": "A", "expires_in_seconds": 500}}]})";
  const auto told = [](std::string_view json, std::optional<int> instances,
                       std::optional<seconds> life = {}) {
    StartOptions flags;
    flags.instances = instances;
    flags.credential_life = life;
    return Scenario::FromJson(json, flags);
  };
  EXPECT_TRUE(Scenario::FromJson(kSecond));
  EXPECT_TRUE(told(kSecond, 3, seconds(500)));
  const auto refused = told(kSecond, 1, seconds(60));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(),
              ElementsAre("events[0].instance must be a whole number from 1 to 1",
                          "events[0].body.expires_in_seconds must be a whole number from 1 to 60"));
  constexpr std::string_view kRepaired =
      R"({"start": {"credential_life_seconds": 60, "credential_overlap_seconds": 60}, "events": []})";
  EXPECT_TRUE(told(kRepaired, 1, seconds(600)));
  constexpr std::string_view kThird =
      R"({"events": [{"at_seconds": 1, "instance": 3, "call": "DELETE /control/tags"}]})";
  EXPECT_FALSE(Scenario::FromJson(kThird));
  const auto taken = told(kThird, 3);
  ASSERT_TRUE(taken);
  // What the flags say is not the scenario's.
  EXPECT_EQ(taken->start.instances, std::nullopt);
}

TEST(SimulatorScenario, BottomlessBodiesAreRefusedAndNotFollowed) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THAT(ComplaintsAbout(R"({"events": [{"at_seconds": 1, "call": "PUT /control/tags",
                                             "body": )" +
                              deep + "}]}"),
              ElementsAre("events[0].body is more than 16 levels deep"));
}

TEST(SimulatorScenario, MakesEachCallWhenItsTimeHasComeAndTellsOfRefusals) {
  ExporterRig rig;
  Control control(rig.service);
  auto scenario = Scenario::FromJson(R"({"events": [
      {"at_seconds": 10, "call": "PUT /control/items/hostname", "body": "first"},
      {"at_seconds": 20, "call": "DELETE /control/tags"},
      {"at_seconds": 20, "call": "PUT /control/items/hostname", "body": "second"}]})");
  ASSERT_TRUE(scenario);
  const auto start = rig.clock.Steady();
  ScenarioPlayer player(std::move(*scenario), start, control);
  const auto hostname = [&] {
    return rig.service.WithInstance(
        [](Instance& instance) { return instance.Read("meta-data/hostname").value_or(""); });
  };
  EXPECT_EQ(player.next(), start + seconds(10));
  EXPECT_THAT(player.RunDue(start + seconds(9)), SizeIs(0));
  EXPECT_EQ(hostname(), "simulated-ecs-1");
  EXPECT_THAT(player.RunDue(start + seconds(10)), SizeIs(1));
  EXPECT_EQ(hostname(), "first");
  const auto outcomes = player.RunDue(start + seconds(30));
  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_EQ(outcomes[0].call, "DELETE /control/tags");
  EXPECT_EQ(outcomes[0].status, 404);
  EXPECT_THAT(outcomes[0].errors, HasSubstr("there are no tags"));
  EXPECT_EQ(outcomes[1].status, 200);
  EXPECT_EQ(hostname(), "second");
  EXPECT_EQ(player.next(), std::nullopt);
}

TEST(SimulatorScenario, ItsSchemaKnowsTheSameMembers) {
  const auto schema = Json::parse(ReadSource("scenario.schema.json"));
  const auto names = [](const Json& object) {
    std::vector<std::string> all;
    for (const auto& [name, value] : object.at("properties").items()) all.push_back(name);
    return all;
  };
  const auto& defs = schema.at("$defs");
  EXPECT_THAT(names(schema), UnorderedElementsAreArray(Scenario::Members()));
  EXPECT_THAT(names(defs.at("start")), UnorderedElementsAreArray(StartMembers()));
  EXPECT_THAT(names(defs.at("event")), UnorderedElementsAreArray(Scenario::EventMembers()));
  // The complaint about an unknown member lists the known ones.
  for (const auto& [call, def] : std::vector<std::pair<std::string, std::string>>{
           {"PUT /control/options", "options"},
           {"PUT /control/spot-termination", "termination"},
           {"PUT /control/role", "role"},
           {"PUT /control/credentials/rotation", "rotation"},
           {"PUT /control/faults", "faults"}}) {
    const auto complaints = ComplaintsAbout(R"({"events": [{"at_seconds": 0, "call": ")" + call +
                                            R"(", "body": {"?": 0}}]})");
    ASSERT_FALSE(complaints.empty()) << call;
    for (const auto& name : names(defs.at(def))) EXPECT_THAT(complaints[0], HasSubstr(name));
  }
  const auto complaints = ComplaintsAbout(
      R"({"events": [{"at_seconds": 0, "call": "PUT /control/faults",
                      "body": {"faults": [{"fault": "hang", "?": 0}]}}]})");
  for (const auto& name : names(defs.at("fault"))) EXPECT_THAT(complaints.at(0), HasSubstr(name));
  EXPECT_EQ(defs.at("fault").at("properties").at("fault").at("enum").size(), kFaultKinds);
}

// The scenarios that come with the simulator, through the whole exporter.

InstanceStart StartOf(const Scenario& scenario) {
  Complaints complaints;
  auto starts = MakeStarts(scenario.start, std::nullopt, complaints);
  EXPECT_THAT(complaints, SizeIs(0));
  return starts.at(0);
}

class Rehearsal {
 public:
  explicit Rehearsal(const std::string& file)
      : scenario_(Load(file)),
        rig(StartOf(scenario_)),
        control_(rig.service),
        began_(rig.clock.Steady()),
        player_(scenario_, began_, control_) {}

  // Lets the exporter and the scenario go on until then.
  void PlayUntil(seconds at) {
    const auto end = began_ + at;
    for (auto next = player_.next(); next && *next <= end; next = player_.next()) {
      rig.RunFor(*next - rig.clock.Steady());
      for (const auto& outcome : player_.RunDue(rig.clock.Steady())) {
        EXPECT_LT(outcome.status, 400) << outcome.call << ' ' << outcome.errors;
      }
    }
    rig.RunFor(end - rig.clock.Steady());
  }

  [[nodiscard]] bool is_over() const { return !player_.next(); }

 private:
  static Scenario Load(const std::string& file) {
    auto scenario = Scenario::FromJson(ReadSource("scenarios/" + file));
    EXPECT_TRUE(scenario) << ::testing::PrintToString(scenario.error());
    return std::move(scenario).value();
  }

  Scenario scenario_;

 public:
  ExporterRig rig;

 private:
  Control control_;
  SteadyTime began_;
  ScenarioPlayer player_;
};

TEST(SimulatorRehearsal, AQuietDayShowsFiveCredentialsAndTheOperatorsWork) {
  Rehearsal day("quiet-day.json");
  constexpr const char* kRotations =
      R"(aliyun_ecs_ram_credential_rotations_total{role="QuietDayRole"})";
  constexpr const char* kData =
      R"(aliyun_ecs_disk_info{disk_id="d-bp1simulated00000002",disk_name="data"})";
  day.PlayUntil(seconds(60));
  EXPECT_EQ(day.rig.Sample(R"(aliyun_ecs_spot_termination_state{state="none"})"), 1);
  EXPECT_EQ(day.rig.Sample(kRotations), 0);
  EXPECT_EQ(day.rig.Sample(kData), std::nullopt);
  day.PlayUntil(seconds(600));
  EXPECT_TRUE(day.is_over());
  EXPECT_EQ(day.rig.Sample(kRotations), 4);
  EXPECT_EQ(day.rig.Sample(R"(aliyun_ecs_ram_credential_success{role="QuietDayRole"})"), 1);
  EXPECT_EQ(day.rig.Sample("aliyun_ecs_metadata_up"), 1);
  day.PlayUntil(seconds(2 * 3600));
  EXPECT_THAT(day.rig.Page(), HasSubstr(R"(instance_type="ecs.g6e.xlarge")"));
  EXPECT_THAT(day.rig.Page(), HasSubstr(R"(instance_name="quiet-day")"));
  EXPECT_EQ(day.rig.Sample(kData), std::nullopt);
}

TEST(SimulatorRehearsal, AnEvictionIsAFalseAlarmAMovedNoticeAndSilence) {
  Rehearsal eviction("eviction.json");
  const auto state = [&](const char* name) {
    return eviction.rig.Sample(std::string(R"(aliyun_ecs_spot_termination_state{state=")") + name +
                               "\"}");
  };
  const auto left = [&] {
    return eviction.rig.Sample("aliyun_ecs_spot_termination_in_seconds").value_or(-1);
  };
  eviction.PlayUntil(seconds(29));
  EXPECT_EQ(state("none"), 1);
  eviction.PlayUntil(seconds(40));
  EXPECT_EQ(state("scheduled"), 1);
  EXPECT_EQ(left(), 290);
  eviction.PlayUntil(seconds(110));
  EXPECT_EQ(state("none"), 1);
  EXPECT_EQ(eviction.rig.Sample(
                R"(aliyun_ecs_spot_termination_notice_changes_total{change="withdrawn"})"),
            1);
  eviction.PlayUntil(seconds(419));
  EXPECT_EQ(state("none"), 1);
  eviction.PlayUntil(seconds(430));
  EXPECT_EQ(state("scheduled"), 1);
  EXPECT_EQ(left(), 290);
  eviction.PlayUntil(seconds(490));
  EXPECT_EQ(left(), 290);
  EXPECT_EQ(
      eviction.rig.Sample(R"(aliyun_ecs_spot_termination_notice_changes_total{change="moved"})"),
      1);
  eviction.PlayUntil(seconds(779));
  EXPECT_EQ(eviction.rig.Sample("aliyun_ecs_metadata_up"), 1);
  eviction.PlayUntil(seconds(800));
  EXPECT_TRUE(eviction.is_over());
  EXPECT_EQ(eviction.rig.Sample("aliyun_ecs_metadata_up"), 0);
  EXPECT_EQ(state("scheduled"), 1);
  EXPECT_LT(left(), 0);
}

TEST(SimulatorRehearsal, AThrottlingStormIsCountedAndPasses) {
  Rehearsal storm("throttling-storm.json");
  constexpr const char* kSuccess = R"(aliyun_ecs_ram_credential_success{role="StormRole"})";
  const auto throttled = [&] {
    return storm.rig.Sample("aliyun_ecs_metadata_throttled_total").value_or(-1);
  };
  storm.PlayUntil(seconds(89));
  EXPECT_EQ(throttled(), 0);
  EXPECT_EQ(storm.rig.Sample(kSuccess), 1);
  storm.PlayUntil(seconds(299));
  const auto after_429 = throttled();
  EXPECT_GT(after_429, 0);
  EXPECT_GT(storm.rig.Sample(R"(aliyun_ecs_metadata_requests_total{code="429"})"), 0);
  storm.PlayUntil(seconds(479));
  EXPECT_GT(throttled(), after_429);
  EXPECT_GT(storm.rig.Sample(R"(aliyun_ecs_metadata_requests_total{code="503"})"), 0);
  storm.PlayUntil(seconds(899));
  EXPECT_EQ(storm.rig.Sample(kSuccess), 0);
  EXPECT_LT(storm.rig.Sample(R"(aliyun_ecs_ram_credential_expires_in_seconds{role="StormRole"})"),
            0);
  storm.PlayUntil(seconds(1500));
  EXPECT_TRUE(storm.is_over());
  EXPECT_EQ(storm.rig.Sample(kSuccess), 1);
  EXPECT_EQ(storm.rig.Sample("aliyun_ecs_metadata_backoff_seconds"), 0);
  EXPECT_EQ(storm.rig.Sample(R"(aliyun_ecs_spot_termination_state{state="none"})"), 1);
  EXPECT_EQ(storm.rig.Sample("aliyun_ecs_metadata_up"), 1);
}

}  // namespace
}  // namespace aliyun_ecs::simulator
