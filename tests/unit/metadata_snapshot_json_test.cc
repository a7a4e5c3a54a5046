#include "metadata/snapshot_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/exporter_rig.h"

namespace aliyun_ecs {
namespace {

using nlohmann::json;

json Document(const ExporterRig& rig) {
  return json::parse(SnapshotToJson(*rig.Current(), Now(rig.clock)));
}

TEST(SnapshotJsonTest, TellsWhatIsKnownAndHowOldItIs) {
  ExporterRig rig;
  rig.RunNow();
  rig.clock.Advance(std::chrono::seconds(3));
  const json document = Document(rig);
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["time"], "2026-01-01T00:00:03Z");
  EXPECT_EQ(document["ready"], true);
  EXPECT_EQ(document["mode"], "hardened");
  EXPECT_EQ(document["up"], true);
  EXPECT_EQ(document["spot"]["state"], "none");
  EXPECT_EQ(document["spot"]["termination_time"], nullptr);
  EXPECT_EQ(document["roles"]["attached"], true);
  EXPECT_EQ(document["refresh_intervals"]["listing"], 300);
  EXPECT_EQ(document["listings"]["ram/security-credentials/"]["value"], json({"SimulatedEcsRole"}));
  const json& id = document["items"]["instance-id"];
  EXPECT_EQ(id["state"], "present");
  EXPECT_EQ(id["age_seconds"], 3);
  EXPECT_EQ(id["value"], "i-bp1simulated00000001");
  const json& credentials = document["items"]["ram/security-credentials/SimulatedEcsRole"];
  EXPECT_EQ(credentials["value"], json({{"success", true},
                                        {"expiration", "2026-01-01T06:00:00Z"},
                                        {"last_updated", "2026-01-01T00:00:00Z"}}));
  EXPECT_EQ(document["items"]["kms-server"]["state"], "absent");
  EXPECT_FALSE(document["items"]["kms-server"].contains("value"));
}

TEST(SnapshotJsonTest, TellsBeforeAnythingWasReadThatNothingIsKnown) {
  ExporterRig rig;
  const json document = Document(rig);
  EXPECT_EQ(document["ready"], false);
  EXPECT_EQ(document["up"], nullptr);
  const auto told = SnapshotFromJson(document.dump(), Now(rig.clock));
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->snapshot.up, std::nullopt);
  EXPECT_EQ(document["spot"]["state"], "unknown");
  EXPECT_EQ(document["roles"]["attached"], nullptr);
  EXPECT_EQ(document["roles"]["rotations"], json::object());
  for (const auto& [path, item] : document["items"].items()) {
    EXPECT_EQ(item, json({{"state", "unread"}})) << path;
  }
}

TEST(SnapshotJsonTest, TellsWhatHasChangedNewestFirst) {
  ExporterRig rig;
  EXPECT_EQ(Document(rig)["changes"], json::array());
  rig.RunNow();
  rig.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig.clock.System() + std::chrono::minutes(5));
  });
  rig.RunFor(std::chrono::seconds(5));
  rig.clock.Advance(std::chrono::seconds(2));
  const json changes = Document(rig)["changes"];
  ASSERT_EQ(changes.size(), 5u);
  const Instant noticed = rig.Current()->changes.back().at;
  EXPECT_EQ(changes[0], json({{"time", FormatUtc(noticed.system)},
                              {"age_seconds", ToSeconds(rig.clock.Steady() - noticed.steady)},
                              {"topic", "spot"},
                              {"severity", "critical"},
                              {"text", "spot termination scheduled for 2026-01-01T00:05:00Z"}}));
  EXPECT_EQ(changes[4]["severity"], "info");
  EXPECT_EQ(changes[4]["age_seconds"], 7);
}

TEST(SnapshotJsonTest, TellsOfADrillWhileItRunsAndOfNothingElse) {
  ExporterRig rig;
  rig.RunNow();
  json before = Document(rig);
  EXPECT_EQ(before["drill"], nullptr);
  rig.poller.SetLocalFacts({rig.clock.System() + std::chrono::minutes(5), {}});
  const json document = Document(rig);
  before["drill"] = {{"time", "2026-01-01T00:05:00Z"}};
  EXPECT_EQ(document, before);
  rig.clock.Advance(std::chrono::minutes(5));
  EXPECT_EQ(Document(rig)["drill"], nullptr);
}

TEST(SnapshotJsonTest, KeepsTheLastGoodValueBesideAFailure) {
  ExporterRig rig;
  rig.RunNow();
  rig.transport.Interfere([](const HttpRequest& request) {
    return request.path.ends_with("/hostname") ? AnswerWith(500)
                                               : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(std::chrono::hours(1));
  const json hostname = Document(rig)["items"]["hostname"];
  EXPECT_EQ(hostname["state"], "failing");
  EXPECT_EQ(hostname["value"], "simulated-ecs-1");
  EXPECT_NE(hostname["failure"].get<std::string>().find("500"), std::string::npos);
}

class SnapshotFromJsonTest : public testing::Test {
 protected:
  void SetUp() override { rig_.RunNow(); }

  json Good() { return Document(rig_); }
  Result<ToldSnapshot> Read(const json& document) {
    return SnapshotFromJson(document.dump(), Now(rig_.clock));
  }

  ExporterRig rig_;
};

TEST_F(SnapshotFromJsonTest, AgesBecomeMomentsOfThisMachine) {
  rig_.clock.Advance(std::chrono::seconds(7));
  const std::string text = SnapshotToJson(*rig_.Current(), Now(rig_.clock));
  const SteadyTime here(std::chrono::seconds(3));  // it was started a moment ago
  const auto told = SnapshotFromJson(text, {here, SystemTime()});
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->time, rig_.clock.System());
  const Reading* const id = told->snapshot.Find(kInstanceId);
  ASSERT_NE(id, nullptr);
  EXPECT_EQ(id->answer->at.steady, here - std::chrono::seconds(7));
  EXPECT_EQ(id->answer->at.system, rig_.clock.System() - std::chrono::seconds(7));
  EXPECT_EQ(*id->Get<std::string>(), "i-bp1simulated00000001");
  EXPECT_EQ(told->snapshot.readings.size(), rig_.Current()->readings.size());
}

TEST_F(SnapshotFromJsonTest, TakesEveryClockThatAServiceMayHave) {
  rig_.transport.Adorn([](HttpResponse& response) { response.date = SystemTime(); });
  rig_.RunFor(std::chrono::minutes(5));
  ASSERT_GT(*rig_.Current()->clock_skew, std::chrono::seconds(1'000'000'000));
  const auto told = Read(Good());
  ASSERT_TRUE(told) << told.error().message;
}

TEST_F(SnapshotFromJsonTest, KnowsWhatWasToldBeforeTheExporterBegan) {
  rig_.RunFor(std::chrono::minutes(5));
  json document = Good();
  const auto told = Read(document);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_TRUE(IsProven(told->snapshot));
  document["session_token_expiration"] = nullptr;
  document["running_seconds"] = 0.0;
  EXPECT_FALSE(IsProven(Read(document)->snapshot));
}

TEST_F(SnapshotFromJsonTest, WhatIsNotKnownHereIsPassedOver) {
  json document = Good();
  document["items"]["instance/of-the-future"] = {{"state", "present"}, {"value", {1, 2}}};
  document["items"]["disks/../id"] = 5;
  document["listings"]["moons/"] = "many";
  document["more"] = json::object();
  const auto told = Read(document);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->snapshot.readings.size(), rig_.Current()->readings.size());
}

TEST_F(SnapshotFromJsonTest, DeepNestingIsOnlyDamage) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const char* const pointer :
       {"/version", "/time", "/up", "/latency_seconds", "/access/state", "/access/posture", "/spot",
        "/spot/termination_time", "/refresh_intervals/spot", "/listings/disks~1",
        "/listings/disks~1/value", "/items/instance-id", "/items/instance-id/value",
        "/items/instance-id/state", "/items/dns-conf~1nameservers/value",
        "/items/public-keys~10~1openssh-key/value", "/items/instance~1max-netbw-egress/value"}) {
    json document = Good();
    document[json::json_pointer(pointer)] = "here";
    std::string text = document.dump();
    text.replace(text.find("\"here\""), 6, deep);
    EXPECT_FALSE(SnapshotFromJson(text, Now(rig_.clock))) << pointer;
  }
}

TEST_F(SnapshotFromJsonTest, RefusesEveryDocumentThatLacksSomethingOrHasItWrong) {
  ASSERT_TRUE(Read(Good()));
  rig_.service.WithInstance([&](simulator::Instance& instance) {
    instance.SetTermination(rig_.clock.System() + std::chrono::minutes(5));
  });
  rig_.RunFor(std::chrono::seconds(5));
  const json good = Good();
  ASSERT_TRUE(Read(good));
  const auto expect_refused = [&](const char* pointer, const json& value) {
    json bad = good;
    bad[json::json_pointer(pointer)] = value;
    const auto told = Read(bad);
    ASSERT_FALSE(told) << pointer << " " << value;
    EXPECT_EQ(told.error().code, ErrorCode::kMalformed);
  };
  for (const char* const gone :
       {"version", "time", "published_age_seconds", "running_seconds", "ready", "mode", "up",
        "latency_seconds", "paused_seconds", "session_token_expiration", "access",
        "clock_skew_seconds", "spot", "refresh_intervals", "listings", "items"}) {
    json bad = good;
    bad.erase(gone);
    EXPECT_FALSE(Read(bad)) << gone;
  }
  expect_refused("/version", 2);
  expect_refused("/version", "1");
  expect_refused("/time", "yesterday");
  expect_refused("/time", nullptr);
  expect_refused("/mode", "soft");
  expect_refused("/up", 1);
  expect_refused("/paused_seconds", -1);
  expect_refused("/published_age_seconds", 1e300);
  expect_refused("/latency_seconds", -0.5);
  expect_refused("/access/state", "excellent");
  expect_refused("/access/posture", json::object());
  expect_refused("/access/posture/age_seconds", "5");
  expect_refused("/spot/termination_time", nullptr);
  expect_refused("/spot/ends_in_seconds", nullptr);
  expect_refused("/spot/first_seen", "2026");
  expect_refused("/refresh_intervals/spot", -5);
  expect_refused("/refresh_intervals/spot", 7e9);  // three times that is more than a Duration holds
  expect_refused("/refresh_intervals", json::array());
  expect_refused("/items", json::array());
  expect_refused("/items/instance-id", "i-1");
  expect_refused("/items/instance-id/age_seconds", -1);
  expect_refused("/items/instance-id/value", 5);
  expect_refused("/items/instance-id/value", "<html>");
  expect_refused("/items/instance-id/value", "i-1\ni-2");
  expect_refused("/items/instance-id/state", "absent");
  expect_refused("/items/instance-id/state", 0);
  expect_refused("/items/instance-id", {{"state", "absent"}, {"age_seconds", 1}});
  expect_refused("/items/instance-id",
                 {{"state", "failing"}, {"failure", "a|b\n"}, {"failure_code", "timeout"}});
  expect_refused("/items/instance-id",
                 {{"state", "failing"}, {"failure", "a"}, {"failure_code", "boredom"}});
  expect_refused("/items/instance~1max-netbw-egress/value", -1);
  expect_refused("/listings/ram~1security-credentials~1/value", {"../../etc"});
  expect_refused("/listings/ram~1security-credentials~1/value", {5});
  for (const std::string_view text :
       {"", "null", "[]", "{}", "{\"version\":1}", "{\"version\":1,\"items\":{}", "<html>"}) {
    EXPECT_FALSE(SnapshotFromJson(text, Now(rig_.clock))) << text;
  }
}

}  // namespace
}  // namespace aliyun_ecs
