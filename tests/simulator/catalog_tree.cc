#include <fmt/format.h>

#include <string>
#include <string_view>

#include "metadata/catalog.h"
#include "simulator/tree.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr std::string_view kMetaData = "meta-data/";
constexpr std::string_view kKeyPair = "skp-bp1simulated00000001";

// Which items a Linux instance without a Marketplace image lacks. public-ipv4 is documented, but
// no published listing of a real instance has it.
bool IsOnLinux(std::string_view path) {
  return !path.starts_with("wsus-server/") && !path.starts_with("image/") && path != "kms-server" &&
         path != "public-ipv4";
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The catalog's example, which is the first's, as the value of interface or disk `number`. All
// interfaces are in one VPC, each in a vSwitch of its own.
std::string ExampleFor(const Item& item, int number) {
  std::string text(item.example);
  if (number == 1 || item.path.ends_with("/vpc-id")) return text;
  ReplaceAll(text, "simulated00000001", fmt::format("simulated{:08}", number));
  ReplaceAll(text, "simulated-disk-1", fmt::format("simulated-disk-{}", number));
  ReplaceAll(text, "192.168.10.", fmt::format("192.168.{}.", 9 + number));
  ReplaceAll(text, ":1a00:1::", fmt::format(":1a00:{:x}::", number));
  return text;
}

// The name of entry `number` in its directory. A disk's is its ID without "d-".
std::string EntryName(Directory directory, int number) {
  switch (directory) {
    case Directory::kInterfaces:
      return fmt::format("00:16:3e:00:00:{:02x}", number);
    case Directory::kDisks:
      return ExampleFor(Row(ItemAt("disks/[disk-id]/id")), number).substr(2);
    case Directory::kKeyPairs:
      break;
    case Directory::kRoles:
    case Directory::kTags:
      break;
  }
  return std::string(kKeyPair);
}

int CountOf(Directory directory, const CatalogContents& contents) {
  switch (directory) {
    case Directory::kInterfaces:
      return contents.interfaces;
    case Directory::kDisks:
      return contents.disks;
    case Directory::kKeyPairs:
      return contents.key_pair ? 1 : 0;
    case Directory::kRoles:
    case Directory::kTags:
      break;
  }
  return 0;
}

}  // namespace

Tree Tree::FromCatalog(const CatalogContents& contents) {
  Tree tree;
  const auto put = [&tree](std::string_view path, std::string text) {
    tree.Overwrite(std::string(kMetaData) + std::string(path), std::move(text));
  };
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto id = static_cast<ItemId>(i);
    const Item& item = Row(id);
    // The two with a life of their own have no example.
    if (item.example.empty()) continue;
    if (contents.profile == Profile::kLinux && !IsOnLinux(item.path)) continue;
    const auto directory = DirectoryOf(item);
    if (!directory) {
      put(item.path, std::string(item.example));
      continue;
    }
    for (int number = 1; number <= CountOf(*directory, contents); ++number) {
      put(PathOf(id, EntryName(*directory, number)), ExampleFor(item, number));
    }
  }
  // Not on the vendor's page, but on real instances.
  put("hibernation/configured", "false");
  put("instance/last-host-landing-time", "2026-01-01 00:00:00");
  put("sub-private-ipv4-list", "192.168.10.12");
  return tree;
}

}  // namespace aliyun_ecs::simulator
