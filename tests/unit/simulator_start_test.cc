#include "simulator/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<InstanceStart> Make(const StartOptions& options,
                                const std::optional<Tree>& tree = std::nullopt) {
  Complaints complaints;
  auto starts = MakeStarts(options, tree, complaints);
  EXPECT_THAT(complaints, SizeIs(0));
  return starts;
}

Complaints ComplaintsAbout(const StartOptions& options,
                           const std::optional<Tree>& tree = std::nullopt) {
  Complaints complaints;
  (void)MakeStarts(options, tree, complaints);
  return complaints;
}

StartOptions FromText(std::string_view text) {
  Complaints complaints;
  auto options = StartFromJson(*ParseJson(text), "start", complaints);
  EXPECT_THAT(complaints, SizeIs(0));
  return options;
}

TEST(SimulatorStart, IsALinuxInstanceWithARoleUnlessTold) {
  const auto starts = Make({});
  ASSERT_THAT(starts, SizeIs(1));
  EXPECT_EQ(starts[0].role, kDefaultRole);
  EXPECT_EQ(starts[0].tree.leaves(), Tree::FromCatalog({}).leaves());
  EXPECT_EQ(starts[0].credential_life, std::chrono::hours(6));
  EXPECT_EQ(starts[0].offered_before_end, std::chrono::minutes(30));
  EXPECT_TRUE(starts[0].serves_identity_document);
  EXPECT_TRUE(starts[0].serves_all);
}

TEST(SimulatorStart, GivesEveryInstanceAnIdentityOfItsOwn) {
  const auto starts = Make(FromText(R"({"instances": 10, "interfaces": 2, "disks": 2})"));
  ASSERT_THAT(starts, SizeIs(10));
  // Unique for each instance, and for each interface and disk.
  std::set<std::string> seen;
  const std::set<std::string> unique = {"instance-id",
                                        "hostname",
                                        "serial-number",
                                        "mac",
                                        "private-ipv4",
                                        "eipv4",
                                        "id",
                                        "name",
                                        "instance-name",
                                        "private-ipv4s",
                                        "network-interface-id",
                                        "ipv4-prefixes",
                                        "ipv6-prefixes"};
  for (const auto& start : starts) {
    std::set<std::string> own;
    for (const auto& [path, text] : start.tree.leaves()) {
      const auto name = path.substr(path.rfind('/') + 1);
      // A disk's name is its number.
      if (!unique.contains(name) || path.ends_with("/name")) continue;
      own.insert(name + ' ' + text);
    }
    for (const auto& text : own) EXPECT_TRUE(seen.insert(text).second) << text;
    EXPECT_EQ(start.tree.Read("meta-data/vpc-id"), "vpc-bp1simulated00000001");
    EXPECT_EQ(start.tree.Read("meta-data/vswitch-id"), "vsw-bp1simulated00000001");
    EXPECT_EQ(start.tree.Read("meta-data/mac"),
              start.tree.Read("meta-data/network/interfaces/macs")->substr(0, 17));
  }
  EXPECT_EQ(starts[1].tree.Read("meta-data/instance-id"), "i-bp1simulated00000002");
  EXPECT_EQ(starts[1].tree.Read("meta-data/private-ipv4"), "192.168.10.13");
  EXPECT_EQ(starts[1].number, 2);
}

TEST(SimulatorStart, MakesWindowsAsACapturedListingHasIt) {
  const auto starts = Make(FromText(R"({"profile": "windows", "role": null})"));
  EXPECT_EQ(starts[0].tree.Read("meta-data"),
            "disks/\ndns-conf/\neipv4\nhibernation/\nhostname\nimage-id\ninstance-id\ninstance/\n"
            "kms-server\nmac\nnetwork-type\nnetwork/\nntp-conf/\nowner-account-id\nprivate-ipv4\n"
            "region-id\nserial-number\nsub-private-ipv4-list\nvpc-cidr-block\nvpc-id\n"
            "vswitch-cidr-block\nvswitch-id\nwsus-server/\nzone-id");
  EXPECT_TRUE(starts[0].windows);
  EXPECT_EQ(starts[0].role, std::nullopt);
}

TEST(SimulatorStart, LeavesOutAndAddsWhatItIsTold) {
  const auto tree = Make(FromText(R"({"key_pair": false, "public_address": false,
      "marketplace_image": true, "ipv6": "full", "tags": {"env": "dev"}, "user_data": "#!",
      "active_system_events": "none", "interfaces": 2, "disks": 3})"))[0]
                        .tree;
  EXPECT_EQ(tree.Read("meta-data/public-keys"), std::nullopt);
  EXPECT_EQ(tree.Read("meta-data/eipv4"), std::nullopt);
  EXPECT_EQ(tree.Read("meta-data/image/market-place/charge-type"), "PrePaid");
  EXPECT_EQ(tree.Read("meta-data/tags/instance"), "env");
  EXPECT_EQ(tree.Read("user-data"), "#!");
  EXPECT_EQ(tree.Read("maintenance"), "active-system-events");
  const std::string second = "meta-data/network/interfaces/macs/00:16:3e:00:00:02/";
  EXPECT_EQ(tree.Read(second + "ipv6s"), "[2001:db8:1234:2::10,2001:db8:1234:2::11]");
  EXPECT_EQ(tree.Read(second + "vpc-ipv6-cidr-blocks"), "[2001:db8:1234::/56]");
  EXPECT_EQ(tree.Read(second + "private-ipv4s"), R"(["192.168.11.11","192.168.11.12"])");
  EXPECT_THAT(*tree.Read("meta-data/disks"), HasSubstr("bp1simulated00000003/"));
  const auto none = Make(FromText(R"({"ipv6": "none"})"))[0].tree;
  EXPECT_EQ(none.Read("meta-data/network/interfaces/macs/00:16:3e:00:00:01/ipv6-prefixes"),
            std::nullopt);
}

TEST(SimulatorStart, AShorterCredentialKeepsItsProportions) {
  const auto start = Make(FromText(R"({"credential_life_seconds": 120})"))[0];
  EXPECT_EQ(start.credential_life, seconds(120));
  EXPECT_EQ(start.offered_before_end, seconds(10));
  EXPECT_EQ(Make(FromText(R"({"credential_life_seconds": 2})"))[0].offered_before_end, seconds(1));
}

TEST(SimulatorStart, TellsAllThatDoesNotGoTogether) {
  EXPECT_THAT(ComplaintsAbout(FromText(R"({"profile": "windows", "http_tokens": "required",
      "key_pair": true, "credential_overlap_seconds": 21600})")),
              ElementsAre(kNoHardenedWindows, "a Windows instance has no key pair",
                          HasSubstr("cannot be succeeded")));
  EXPECT_THAT(ComplaintsAbout(FromText(R"({"profile": "linux", "disks": 2})"), Tree()),
              ElementsAre("profile has no meaning together with a tree",
                          "disks has no meaning together with a tree"));
}

TEST(SimulatorStart, AddsNothingToATreeUnasked) {
  Tree tree;
  ASSERT_TRUE(tree.Put("meta-data/a", "b"));
  const auto start = Make({}, tree)[0];
  EXPECT_EQ(start.tree.leaves(), tree.leaves());
  EXPECT_EQ(start.role, std::nullopt);
  EXPECT_FALSE(start.serves_identity_document);
  EXPECT_FALSE(start.serves_all);
}

TEST(SimulatorStart, TheFirstOfTwoWins) {
  const auto merged = Merge(FromText(R"({"disks": 2, "role": "A"})"),
                            FromText(R"({"disks": 3, "interfaces": 4, "role": null})"));
  EXPECT_EQ(merged.disks, 2);
  EXPECT_EQ(merged.interfaces, 4);
  EXPECT_EQ(merged.role, "A");
  // Every member is merged: one that is set only in the second is there.
  const auto all = FromText(R"({"instances": 2, "profile": "full", "interfaces": 2, "disks": 2,
      "ipv6": "full", "key_pair": true, "public_address": true, "marketplace_image": true,
      "spot": true, "role": "R", "http_tokens": "required", "http_endpoint": "disabled",
      "throttle": {"rate": 1, "burst": 2}, "credential_life_seconds": 60,
      "credential_overlap_seconds": 6, "tags": {}, "user_data": "", "active_system_events": "",
      "identity_document": false, "meta_data_all": false})");
  const auto copy = Merge({}, all);
  EXPECT_TRUE(copy.instances && copy.profile && copy.interfaces && copy.disks && copy.ipv6 &&
              copy.key_pair && copy.public_address && copy.marketplace_image && copy.spot &&
              copy.role && copy.http_tokens && copy.http_endpoint && copy.throttle &&
              copy.credential_life && copy.credential_overlap && copy.tags && copy.user_data &&
              copy.active_system_events && copy.identity_document && copy.meta_data_all);
}

}  // namespace
}  // namespace aliyun_ecs::simulator
