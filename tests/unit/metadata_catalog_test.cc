#include "metadata/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "base/secret.h"
#include "metadata/value.h"

namespace aliyun_ecs {
namespace {

// The paths of the vendor's page, typed from it and not from the catalog.
std::set<std::string> DocumentedPaths() {
  std::ifstream file(ALIYUN_ECS_SOURCE_DIR "/tests/fixtures/documented_items.tsv");
  EXPECT_TRUE(file) << "the oracle is missing";
  std::set<std::string> paths;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with('#')) paths.insert(line.substr(0, line.find('\t')));
  }
  return paths;
}

std::set<std::string> CatalogPaths() {
  std::set<std::string> paths;
  for (const Item& item : kItems) paths.emplace(item.path);
  return paths;
}

TEST(CatalogTest, HasEveryDocumentedItem) {
  const auto documented = DocumentedPaths();
  ASSERT_EQ(documented.size(), 45u);
  const auto catalog = CatalogPaths();
  for (const auto& path : documented) EXPECT_TRUE(catalog.contains(path)) << path;
}

TEST(CatalogTest, HasNoItemThatIsNotOnTheVendorsListButOneThatItDroppedAndTheTags) {
  const auto documented = DocumentedPaths();
  std::vector<std::string> others;
  for (const auto& path : CatalogPaths()) {
    if (!documented.contains(path)) others.push_back(path);
  }
  EXPECT_THAT(others, ::testing::ElementsAre("instance/max-netbw-ingress", "tags/instance/[key]"));
}

TEST(CatalogTest, EveryExampleIsUnderstoodByItsOwnShape) {
  for (const Item& item : kItems) {
    if (item.example.empty()) continue;  // has a life of its own: the credential, the notice
    const auto value = ParseItem(item, Secret(item.example));
    ASSERT_TRUE(value) << item.path << ": " << value.error().message;
    EXPECT_TRUE(value->has_value()) << item.path;
  }
}

TEST(CatalogTest, LabelsOfOneFamilyAreDistinctUnlessItemsShareOneOnPurpose) {
  for (const Family& family : kFamilies) {
    if (family.fill != FamilyFill::kLabels) continue;
    std::set<std::string_view> labels{family.labels};
    for (const ItemId item : ItemsOf(family)) {
      EXPECT_TRUE(labels.insert(Row(item).label).second) << Row(item).path;
    }
  }
}

TEST(CatalogTest, NoLabelNameClashesWithWhatScrapeTargetsUsuallyHave) {
  const std::set<std::string_view> common{"region", "zone", "job", "instance", "env", "cluster"};
  for (const Item& item : kItems) EXPECT_FALSE(common.contains(item.label)) << item.path;
}

TEST(CatalogTest, PutsAnIndexInThePlaceOfThePlaceholder) {
  constexpr ItemId kNetmask = ItemAt("network/interfaces/macs/[mac]/netmask");
  EXPECT_EQ(PathOf(kNetmask, "00:16:3e:00:00:01"),
            "network/interfaces/macs/00:16:3e:00:00:01/netmask");
  EXPECT_EQ(PathOf(ItemAt("hostname"), ""), "hostname");
}

TEST(CatalogTest, SomeFamilyHasEachMetadataPathInItsHelp) {
  for (const Family& family : kFamilies) {
    for (const ItemId item : ItemsOf(family)) {
      // The path itself, or the directory or last part that stands for it.
      const std::string path(Row(item).path);
      const auto slash = path.rfind('/');
      const bool named = family.help.find(path) != std::string_view::npos ||
                         (slash != std::string::npos &&
                          (family.help.find(path.substr(0, slash + 1)) != std::string_view::npos));
      EXPECT_TRUE(named) << family.name << " does not name " << path;
    }
  }
}

TEST(TagLabelTest, KeepsWhatALabelNameMayHave) {
  EXPECT_EQ(TagLabel("team"), "tag_team");
  EXPECT_EQ(TagLabel("Cost-Center.2"), "tag_Cost_Center_2");
  EXPECT_EQ(TagLabel("acs:ecs@x=y,z"), "tag_acs_ecs_x_y_z");
}

TEST(FirstFillCostTest, CountsTagsOnlyWhereSomebodyWantsThem) {
  EXPECT_EQ(FirstFillCost(1, 1, 1, 1), 52u);
  EXPECT_EQ(FirstFillCost(1, 1, 1, 1, 2), 52u + 1 + 2) << "the listing and two tags";
}

}  // namespace
}  // namespace aliyun_ecs
