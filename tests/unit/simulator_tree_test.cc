#include "simulator/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/text.h"
#include "metadata/catalog.h"

namespace aliyun_ecs::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr const char* kInterfaces = "meta-data/network/interfaces/macs/";

std::vector<std::string> Lines(const std::optional<std::string>& text) {
  std::vector<std::string> lines;
  if (!text) return lines;
  for (const auto line : Split(*text, '\n')) lines.emplace_back(line);
  return lines;
}

Tree TreeOf(std::initializer_list<std::pair<const char*, const char*>> leaves) {
  Tree tree;
  for (const auto& [path, text] : leaves) EXPECT_TRUE(tree.Put(path, text)) << path;
  return tree;
}

std::string ComplaintAbout(std::string_view json) {
  const auto tree = Tree::FromJson(json);
  return tree ? "no complaint" : tree.error().message;
}

TEST(SimulatorTree, ListsInTheOrderOfWhatIsShownWithTheSlashIncluded) {
  const auto tree = TreeOf({{"m/network/a", ""},
                            {"m/network-type", ""},
                            {"m/instance/b", ""},
                            {"m/instance/a", ""},
                            {"m/instance-id", ""},
                            {"m/mac", ""}});
  EXPECT_EQ(tree.Read("m/"), "instance-id\ninstance/\nmac\nnetwork-type\nnetwork/");
}

TEST(SimulatorTree, ListsADirectoryWithoutItsSlashToo) {
  const auto tree = TreeOf({{"m/a/x", ""}, {"m/b", ""}});
  EXPECT_EQ(tree.Read("m"), "a/\nb");
  EXPECT_EQ(tree.Read("m/a"), tree.Read("m/a/"));
}

TEST(SimulatorTree, RefusesBottomlessPaths) {
  Tree tree;
  std::string path = "a";
  for (std::size_t i = 1; i < Tree::kMostNames; ++i) path += "/a";
  EXPECT_TRUE(tree.Put(path, ""));
  const auto refused = tree.Put("b/" + path, "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "a path may have 64 names, not 65");
}

TEST(SimulatorTree, ListsTheRoot) {
  EXPECT_EQ(TreeOf({{"meta-data/a", ""}, {"user-data", ""}}).Read(""), "meta-data/\nuser-data");
  EXPECT_EQ(Tree().Read(""), "");
}

TEST(SimulatorTree, GivesALeafAsItIs) {
  const auto tree = TreeOf({{"a/crlf", "1\r\n2"}, {"a/empty", ""}, {"a/nul", "x"}});
  EXPECT_EQ(tree.Read("a/crlf"), "1\r\n2");
  EXPECT_EQ(tree.Read("a/empty"), "");
}

TEST(SimulatorTree, HasNothingAtALeafWithASlashNorBelowIt) {
  const auto tree = TreeOf({{"a/b", "text"}});
  EXPECT_EQ(tree.Read("a/b/"), std::nullopt);
  EXPECT_EQ(tree.Read("a/b/c"), std::nullopt);
  EXPECT_EQ(tree.Read("a//"), std::nullopt);
  EXPECT_EQ(tree.Read("/"), std::nullopt);
  EXPECT_EQ(tree.Read("ab"), std::nullopt);
  EXPECT_EQ(tree.Read("b"), std::nullopt);
}

TEST(SimulatorTree, ListsARoleWithoutASlashThoughItsDocumentLiesBelow) {
  const auto tree = TreeOf({{"meta-data/ram/security-credentials/Role", "{}"}});
  EXPECT_EQ(tree.Read("meta-data/ram/security-credentials/"), "Role");
  EXPECT_EQ(tree.Read("meta-data/ram"), "security-credentials/");
}

TEST(SimulatorTree, RefusesToTurnALeafIntoADirectoryAndTheOtherWayRound) {
  auto tree = TreeOf({{"a/b", "text"}});
  const auto below = tree.Put("a/b/c", "x");
  ASSERT_FALSE(below);
  EXPECT_EQ(below.error().message,
            R"("a/b" cannot be a directory, because it has a text of its own)");
  const auto above = tree.Put("a", "x");
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().message, R"("a" cannot have a text, because it is a directory)");
  EXPECT_EQ(tree.leaves().size(), 1U);
}

TEST(SimulatorTree, OverwriteMakesRoom) {
  auto tree = TreeOf({{"a", "text"}, {"d/x", ""}, {"d/y", ""}, {"d-z", ""}});
  tree.Overwrite("a/b/c", "below");
  tree.Overwrite("d", "above");
  EXPECT_EQ(tree.Read(""), "a/\nd\nd-z");
  EXPECT_EQ(tree.Read("a/b/c"), "below");
  EXPECT_EQ(tree.Read("d"), "above");
  tree.Overwrite("d", "again");
  EXPECT_EQ(tree.Read("d"), "again");
}

TEST(SimulatorTree, RefusesNamesThatAreNone) {
  Tree tree;
  for (const char* path : {"", "/a", "a/", "a//b", "a/./b", "..", "a/../b", "a\nb", "a/\xff"}) {
    const auto put = tree.Put(path, "x");
    ASSERT_FALSE(put) << path;
    EXPECT_EQ(put.error().code, ErrorCode::kInvalid);
  }
  EXPECT_TRUE(tree.leaves().empty());
}

TEST(SimulatorTree, HoldsSoManyTextsAndNoMore) {
  Tree tree;
  for (std::size_t i = 0; i < Tree::kMostLeaves; ++i) {
    ASSERT_TRUE(tree.Put("a/" + std::to_string(i), ""));
  }
  const auto refused = tree.Put("b", "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message,
            R"("b" has no room: an instance may have 10000 texts, of 16777216 bytes in all)");
  EXPECT_EQ(tree.leaves().size(), Tree::kMostLeaves);
  EXPECT_TRUE(tree.Put("a/0", "another text"));
  EXPECT_TRUE(tree.Erase("a/1"));
  EXPECT_TRUE(tree.Put("b", ""));
}

TEST(SimulatorTree, HoldsSoManyBytesAndNoMore) {
  const auto text = [](std::size_t less) { return std::string(Tree::kMostBytes - less, 'x'); };
  Tree tree;
  // Paths count.
  ASSERT_TRUE(tree.Put("a", text(4)));
  EXPECT_FALSE(tree.Put("bcd", "e"));
  EXPECT_FALSE(tree.Put("a", text(0)));
  EXPECT_TRUE(tree.Put("b", "cd"));
  EXPECT_FALSE(tree.Put("b", "cde"));
  EXPECT_EQ(tree.Read("b"), "cd");
  EXPECT_TRUE(tree.Put("a", ""));
  EXPECT_TRUE(tree.Put("b", text(2)));
  tree.Overwrite("b/c", "");
  EXPECT_TRUE(tree.Put("d", text(5)));
  EXPECT_TRUE(tree.Erase("d"));
  EXPECT_TRUE(tree.Put("e", text(5)));
  EXPECT_FALSE(tree.Put("f", ""));
  // What the instance itself overwrites always has room; what only becomes less, too.
  tree.Overwrite("e", text(0));
  EXPECT_TRUE(tree.Put("e", text(1)));
  EXPECT_FALSE(tree.Put("b/c", "x"));
}

TEST(SimulatorTree, ErasesALeafOrAWholeDirectoryAndNothingElse) {
  auto tree = TreeOf({{"a/b/c", ""}, {"a/b/d", ""}, {"a/b-", ""}, {"a/bb", ""}, {"e", ""}});
  EXPECT_FALSE(tree.Erase("a/x"));
  EXPECT_FALSE(tree.Erase(""));
  EXPECT_TRUE(tree.Erase("a/b/"));
  EXPECT_EQ(tree.Read("a"), "b-\nbb");
  EXPECT_TRUE(tree.Erase("e"));
  EXPECT_EQ(tree.Read(""), "a/");
}

TEST(SimulatorTreeFromJson, TakesNestedObjectsAndPathsAlike) {
  const auto tree = Tree::FromJson(R"({
      "meta-data": {"instance-id": "i-1", "disks/one": {"id": "d-one"}},
      "meta-data/disks/two/id": "d-two",
      "dynamic/instance-identity/document": "{}"})");
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(tree->leaves().size(), 4U);
  EXPECT_EQ(tree->Read("meta-data/disks/"), "one/\ntwo/");
  EXPECT_EQ(tree->Read("meta-data/instance-id"), "i-1");
  EXPECT_EQ(tree->Read(""), "dynamic/\nmeta-data/");
}

TEST(SimulatorTreeFromJson, AddsNothingOfOurs) {
  const auto tree = Tree::FromJson("{}");
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->leaves().empty());
}

TEST(SimulatorTreeFromJson, SaysWhereTextIsNotJson) {
  EXPECT_EQ(ComplaintAbout("{\n  \"a\": \"b\",\n  oops\n}"),
            "this is not JSON from line 3, column 3 on");
  EXPECT_EQ(ComplaintAbout(""), "this is not JSON from line 1, column 1 on");
  EXPECT_THAT(ComplaintAbout("{\"a\": \"\xff\"}"), HasSubstr("not JSON from line 1"));
  EXPECT_THAT(ComplaintAbout("{} {}"), HasSubstr("not JSON from line 1"));
}

TEST(SimulatorTreeFromJson, RefusesANumberThatNoDoubleHolds) {
  EXPECT_EQ(ComplaintAbout(R"({"a": 1e999})"), "a number in it is too large");
}

TEST(SimulatorTreeFromJson, SaysWhichValueIsWrong) {
  EXPECT_EQ(ComplaintAbout("[]"), "the outermost value is not an object, but array");
  EXPECT_EQ(ComplaintAbout("3"), "the outermost value is not an object, but number");
  EXPECT_EQ(ComplaintAbout(R"({"a": {"b": 3}})"),
            R"("a/b" is neither a string nor an object, but number)");
  EXPECT_EQ(ComplaintAbout(R"({"a": {"b": ["c"]}})"),
            R"("a/b" is neither a string nor an object, but array)");
  EXPECT_EQ(ComplaintAbout(R"({"a": null})"), R"("a" is neither a string nor an object, but null)");
  EXPECT_THAT(ComplaintAbout(R"({"a": {}})"), HasSubstr(R"("a" is an empty object)"));
}

TEST(SimulatorTreeFromJson, SaysWhichNameIsWrong) {
  EXPECT_EQ(ComplaintAbout(R"({"a": {"": "x"}})"), R"("a/" has an empty name in it)");
  EXPECT_EQ(ComplaintAbout(R"({"/a": "x"})"), R"("/a" has an empty name in it)");
  EXPECT_THAT(ComplaintAbout(R"({"a": {"..": "x"}})"),
              HasSubstr(R"("a/.." has the name ".." in it)"));
  EXPECT_THAT(ComplaintAbout(R"({"a": {"x\ny": "x"}})"), HasSubstr("control character"));
  EXPECT_EQ(ComplaintAbout(R"({"a/b": "x", "a": {"b": "y"}})"), R"("a/b" is given twice)");
  EXPECT_THAT(ComplaintAbout(R"({"a": "x", "a/b": "y"})"),
              HasSubstr(R"("a" cannot be a directory)"));
}

TEST(SimulatorTreeFromJson, RefusesBottomlessNesting) {
  std::string json;
  for (int i = 0; i < 100'000; ++i) json += R"({"a":)";
  json += R"("x")" + std::string(100'000, '}');
  EXPECT_THAT(ComplaintAbout(json), HasSubstr("directories deep"));
}

TEST(SimulatorTreeFromCatalog, FullHasEveryItemButTheTwoWithALifeOfTheirOwn) {
  const auto tree = Tree::FromCatalog({.profile = Profile::kFull});
  const auto entry_of = [](Directory directory) -> std::string {
    switch (directory) {
      case Directory::kInterfaces:
        return "00:16:3e:00:00:01";
      case Directory::kDisks:
        return "bp1simulated00000001";
      case Directory::kKeyPairs:
        return "skp-bp1simulated00000001";
      case Directory::kRoles:
      case Directory::kTags:
        break;
    }
    return "";
  };
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto id = static_cast<ItemId>(i);
    const auto directory = DirectoryOf(id);
    if (directory == Directory::kTags) continue;  // only where the instance allows them
    const auto path = "meta-data/" + PathOf(id, directory ? entry_of(*directory) : "");
    const bool alive = id == kRoleCredentials || id == kSpotTerminationTime;
    EXPECT_EQ(tree.leaves().contains(path), !alive) << path;
    if (!alive) {
      EXPECT_EQ(tree.Read(path), std::string(Row(id).example));
    }
  }
}

TEST(SimulatorTreeFromCatalog, LinuxListsWhatALinuxInstanceLists) {
  const auto tree = Tree::FromCatalog({});
  EXPECT_EQ(tree.Read("meta-data/"),
            "disks/\ndns-conf/\neipv4\nhibernation/\nhostname\nimage-id\ninstance-id\ninstance/\n"
            "mac\nnetwork-type\nnetwork/\nntp-conf/\nowner-account-id\nprivate-ipv4\npublic-keys/\n"
            "region-id\nserial-number\nsource-address\nsub-private-ipv4-list\nvpc-cidr-block\n"
            "vpc-id\nvswitch-cidr-block\nvswitch-id\nzone-id");
  EXPECT_EQ(tree.Read("meta-data/instance/spot"), std::nullopt);
  EXPECT_EQ(tree.Read("meta-data/hibernation/configured"), "false");
}

TEST(SimulatorTreeFromCatalog, ListsAsTheServicePrintsThem) {
  const auto tree = Tree::FromCatalog({});
  EXPECT_EQ(tree.Read("meta-data/disks/"), "bp1simulated00000001/");
  EXPECT_EQ(tree.Read("meta-data/disks/bp1simulated00000001/id"), "d-bp1simulated00000001");
  EXPECT_EQ(tree.Read(kInterfaces), "00:16:3e:00:00:01/");
  EXPECT_EQ(tree.Read("meta-data/mac"), "00:16:3e:00:00:01");
  EXPECT_EQ(tree.Read("meta-data/public-keys/"), "skp-bp1simulated00000001/");
  // Three encodings of a list.
  EXPECT_EQ(tree.Read("meta-data/dns-conf/nameservers"), "100.100.2.136\r\n100.100.2.138");
  EXPECT_EQ(tree.Read("meta-data/ntp-conf/ntp-servers"), "ntp1.aliyun.com\r\nntp2.aliyun.com");
  EXPECT_EQ(tree.Read(std::string(kInterfaces) + "00:16:3e:00:00:01/private-ipv4s"),
            R"(["192.168.10.11","192.168.10.12"])");
}

TEST(SimulatorTreeFromCatalog, GivesEveryInterfaceAndDiskValuesOfItsOwn) {
  const auto tree = Tree::FromCatalog({.interfaces = kMostInterfaces, .disks = kMostDisks});
  const auto macs = Lines(tree.Read(kInterfaces));
  ASSERT_EQ(macs.size(), static_cast<std::size_t>(kMostInterfaces));
  EXPECT_THAT(macs, IsSupersetOf({"00:16:3e:00:00:02/", "00:16:3e:00:00:40/"}));
  for (const char* item : {"network-interface-id", "primary-ip-address", "private-ipv4s", "gateway",
                           "vswitch-id", "vswitch-cidr-block", "ipv4-prefixes", "ipv6-prefixes"}) {
    std::set<std::string> values;
    for (const auto& mac : macs) {
      const auto value = tree.Read(kInterfaces + mac + item);
      ASSERT_TRUE(value) << mac << item;
      values.insert(*value);
    }
    EXPECT_EQ(values.size(), macs.size()) << item;
  }
  std::set<std::string> vpcs;
  for (const auto& mac : macs) vpcs.insert(*tree.Read(kInterfaces + mac + "vpc-id"));
  EXPECT_EQ(vpcs.size(), 1U);

  const auto disks = Lines(tree.Read("meta-data/disks/"));
  ASSERT_EQ(disks.size(), static_cast<std::size_t>(kMostDisks));
  std::set<std::string> names;
  for (const auto& disk : disks) {
    EXPECT_EQ(*tree.Read("meta-data/disks/" + disk + "id") + "/", "d-" + disk);
    names.insert(*tree.Read("meta-data/disks/" + disk + "name"));
  }
  EXPECT_EQ(names.size(), disks.size());
}

TEST(SimulatorTreeFromCatalog, HasNoDirectoryForWhatItLacks) {
  const auto tree = Tree::FromCatalog({.disks = 0, .key_pair = false});
  EXPECT_EQ(tree.Read("meta-data/disks/"), std::nullopt);
  EXPECT_EQ(tree.Read("meta-data/public-keys/"), std::nullopt);
  EXPECT_THAT(*tree.Read("meta-data"), Not(HasSubstr("disks")));
}

}  // namespace
}  // namespace aliyun_ecs::simulator
