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
  EXPECT_EQ(document["up"], false);
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

}  // namespace
}  // namespace aliyun_ecs
