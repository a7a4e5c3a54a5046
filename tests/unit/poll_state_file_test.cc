#include "poll/state_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "support/exporter_rig.h"
#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kBoot = "8a6d2c5e-0000-4000-8000-000000000001";
constexpr Instant kNow{SteadyTime(seconds(10'000)), SystemTime(seconds(1'800'000'000))};

SavedState FullState() {
  SavedState state;
  state.budget = {{12.5, kNow.steady}, 7, kNow.steady + minutes(5), 3};
  state.spot.termination = kNow.system + minutes(3);
  state.spot.first_seen = kNow.system - minutes(2);
  state.spot.ends_at = kNow.steady + minutes(3);
  state.spot.notices = 2;
  state.spot.moved = 1;
  state.roles["Role"] = {kNow.system + hours(2), 7};
  state.listings[static_cast<std::size_t>(Directory::kRoles)] =
      Answer{Value(std::vector<std::string>{"Role"}), kNow};
  state.listings[static_cast<std::size_t>(Directory::kTags)] = Answer{std::nullopt, kNow};
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const std::string index = DirectoryOf(kItems[i]) ? "entry-1" : "";
    const auto value = ParseItem(kItems[i], Secret(kItems[i].example));
    // The example of the credentials says only where they come from.
    const Value credentials = Credentials{true, kNow.system + hours(2), kNow.system - hours(4)};
    state.answers[{static_cast<ItemId>(i), index}] = Answer{value ? *value : credentials, kNow};
  }
  return state;
}

std::string FullText() { return SavedStateToJson(FullState(), kBoot); }

TEST(SavedStateTest, ComesBackAsItWas) {
  const auto back = SavedStateFromJson(FullText(), kBoot, kNow);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->budget, FullState().budget);
  EXPECT_EQ(back->answers.size(), kItems.size());
  EXPECT_EQ(SavedStateToJson(*back, kBoot), FullText());
}

TEST(SavedStateTest, ANoticeFarAheadDoesNotCostTheRest) {
  SavedState state = FullState();
  state.spot.termination = ParseUtc("2199-12-31T23:59:59Z");
  state.spot.ends_at = kNow.steady + (*state.spot.termination - kNow.system);
  EXPECT_TRUE(SavedStateFromJson(SavedStateToJson(state, kBoot), kBoot, kNow));
}

TEST(SavedStateTest, BelongsToOneBoot) {
  EXPECT_FALSE(SavedStateFromJson(FullText(), "another", kNow));
  EXPECT_FALSE(SavedStateFromJson(FullText(), "", kNow));
  EXPECT_FALSE(SavedStateFromJson(SavedStateToJson(FullState(), ""), "", kNow));
}

TEST(SavedStateTest, ATruncatedOneIsRefused) {
  const std::string text = SavedStateToJson(SavedState{}, kBoot);
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_FALSE(SavedStateFromJson(text.substr(0, size), kBoot, kNow)) << size;
  }
}

// Puts each of many wrong values in the place of each member of `json`, one after the other.
void ForEachDamage(Json& whole, Json& json, const std::string& path) {
  for (auto& member : json.items()) {
    Json& place = member.value();
    const std::string name = path + "/" + member.key();
    const Json right = place;
    for (const Json& wrong :
         {Json(-1), Json(1.5), Json(1e300), Json(18446744073709551615ULL),
          Json(Json::array({Json::array()})), Json(Json::object({{"x", 1}})), Json("\x01")}) {
      // The budget's tokens are a number with a fraction, and cut to the burst.
      if (name == "/budget/tokens" && wrong.is_number() && wrong >= 0) continue;
      // What is there beside the directories and items that we know is no damage.
      if ((name == "/listings" || name == "/items") && wrong.is_object()) continue;
      place = wrong;
      EXPECT_FALSE(SavedStateFromJson(whole.dump(), kBoot, kNow)) << name << ' ' << wrong;
    }
    place = right;
    if (place.is_object()) ForEachDamage(whole, place, name);
  }
}

TEST(SavedStateTest, AnyDamagedMemberMakesTheWholeDamaged) {
  Json json = Json::parse(FullText());
  ForEachDamage(json, json, "");
  json["version"] = 1.0;
  EXPECT_FALSE(SavedStateFromJson(json.dump(), kBoot, kNow));
  json["version"] = 1;
  json["of another program"] = Json::array({1, 2});
  EXPECT_TRUE(SavedStateFromJson(json.dump(), kBoot, kNow)) << "more than we know is no damage";
}

TEST(SavedStateTest, AnIndexThatCannotStandInAPathIsRefused) {
  for (const char* const index : {"..", "a/b", "", "a b", "a?b"}) {
    Json json = Json::parse(FullText());
    Json& disks = json["items"]["disks/[disk-id]/name"];
    disks[index] = disks["entry-1"];
    EXPECT_FALSE(SavedStateFromJson(json.dump(), kBoot, kNow)) << index;
  }
}

TEST(SavedStateTest, DeepNestingIsOnlyDamage) {
  EXPECT_FALSE(SavedStateFromJson(std::string(1 << 20, '['), kBoot, kNow));
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const char* const pointer :
       {"/version", "/boot_id", "/budget", "/budget/tokens", "/budget/at", "/spot/termination",
        "/spot/was_absent", "/roles/Role", "/listings/ram~1security-credentials~1/value",
        "/items/hostname/", "/items/hostname//value", "/items/dns-conf~1nameservers//value"}) {
    Json json = Json::parse(FullText());
    json[Json::json_pointer(pointer)] = "here";
    std::string text = json.dump();
    text.replace(text.find("\"here\""), 6, deep);
    EXPECT_FALSE(SavedStateFromJson(text, kBoot, kNow)) << pointer;
  }
}

// In a document that keeps the order of its members each would be looked for among all before: half
// an hour, longer than a test may take.
TEST(SavedStateTest, VeryManyMembersAreReadSoon) {
  std::string text = FullText();
  std::string many;
  for (int i = 0; i < 600'000; ++i) many += "\"" + std::to_string(i) + "\":0,";
  text.insert(text.find('{') + 1, many);
  EXPECT_TRUE(SavedStateFromJson(text, kBoot, kNow));
}

TEST(StateFileTest, APlaceThatCannotBeWrittenOrReadStopsNothing) {
  const TemporaryFolder folder;
  PutFile(folder / "file", "");
  StateFile below_a_file(folder / "file/state", kBoot);
  below_a_file.Save(FullState(), kNow.steady);
  EXPECT_FALSE(below_a_file.Load(kNow));
  StateFile folder_itself(folder.path(), kBoot);
  folder_itself.Save(FullState(), kNow.steady);
  EXPECT_FALSE(folder_itself.Load(kNow));
}

TEST(StateFileTest, LoadsWhatItSavedUnlessItIsTooLarge) {
  const TemporaryFolder folder;
  StateFile file(folder / "state", kBoot);
  EXPECT_FALSE(file.Load(kNow));
  file.Save(FullState(), kNow.steady);
  EXPECT_TRUE(file.Load(kNow));
  PutFile(folder / "state", FullText() + std::string(std::size_t{4} << 20, ' '));
  EXPECT_FALSE(file.Load(kNow));
}

TEST(StateFileTest, HoldsNoSecretAfterADayOfRotations) {
  const TemporaryFolder folder;
  ExporterRig rig;
  StateFile file(folder / "state", kBoot);
  SnapshotStore store;
  Poller poller({}, rig.metadata_client, rig.clock, store, &file);
  for (const SteadyTime end = rig.clock.Steady() + hours(24); rig.clock.Steady() < end;) {
    rig.clock.AdvanceTo(poller.Step({}));
  }
  poller.Finish();
  const std::string text = ContentOfFile(folder / "state");
  ASSERT_TRUE(SavedStateFromJson(text, kBoot, Now(rig.clock)));
  EXPECT_NE(text.find("SimulatedEcsRole"), std::string::npos);
  for (const auto secret : {simulator::kAccessKeyIdPrefix, simulator::kAccessKeySecretPrefix,
                            simulator::kSecurityTokenPrefix}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
}

}  // namespace
}  // namespace aliyun_ecs
