#include <fmt/format.h>

#include <string>
#include <string_view>

#include "metadata/catalog.h"
#include "simulator/tree.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr std::string_view kMetaData = "meta-data/";
constexpr std::string_view kKeyPair = "skp-bp1simulated00000001";

// Which items an instance of that kind lacks. public-ipv4 is documented, but no published listing
// of a real instance has it.
bool IsOn(const CatalogContents& contents, std::string_view path) {
  const bool full = contents.profile == Profile::kFull;
  const bool windows = contents.profile == Profile::kWindows;
  if (path.starts_with("image/market-place/")) return contents.marketplace_image.value_or(full);
  if (path == "public-ipv4") return full && contents.public_address;
  if (path == "eipv4") return contents.public_address;
  if (path.starts_with("wsus-server/") || path == "kms-server") return full || windows;
  if (path == "source-address") return !windows;
  return true;
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The catalog's example, which is that of the first instance and its first interface and disk, as
// the value of another. All interfaces are in one VPC; each of an instance is in a vSwitch of its
// own, where those of the other instances are too.
std::string ExampleFor(const Item& item, int instance, int number) {
  std::string text(item.example);
  if (item.path.ends_with("vpc-id")) return text;
  const int before = instance - 1;
  const bool is_entry = DirectoryOf(item).has_value();
  if (item.path.ends_with("vswitch-id")) {
    ReplaceAll(text, "simulated00000001", fmt::format("simulated{:08}", number));
  } else {
    ReplaceAll(text, "simulated00000001",
               fmt::format("simulated{:08}", is_entry ? number + 1000 * before : instance));
  }
  ReplaceAll(text, "simulated-disk-1", fmt::format("simulated-disk-{}", number));
  ReplaceAll(text, "simulated-ecs-1", fmt::format("simulated-ecs-{}", instance));
  ReplaceAll(text, "simulated-instance-1", fmt::format("simulated-instance-{}", instance));
  ReplaceAll(text, "8000-000000000001", fmt::format("8000-{:012}", instance));
  ReplaceAll(text, "00:16:3e:00:00:01", InterfaceName(instance, 1));
  ReplaceAll(text, "203.0.113.11", fmt::format("203.0.113.{}", 10 + instance));
  ReplaceAll(text, "192.168.10.12", fmt::format("192.168.10.{}", 12 + 2 * before));
  ReplaceAll(text, "192.168.10.11", fmt::format("192.168.10.{}", 11 + 2 * before));
  ReplaceAll(text, "192.168.10.64", fmt::format("192.168.10.{}", 64 + 16 * before));
  ReplaceAll(text, "192.168.10.", fmt::format("192.168.{}.", 9 + number));
  ReplaceAll(text, ":1a00:1::", fmt::format(":1a{:02x}:{:x}::", before, number));
  return text;
}

void PutMetaData(Tree& tree, std::string_view path, std::string text) {
  tree.Overwrite(std::string(kMetaData) + std::string(path), std::move(text));
}

// The items of entry `name` of a directory.
void PutEntry(Tree& tree, Directory directory, const std::string& name, int instance, int number,
              Ipv6 ipv6) {
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto id = static_cast<ItemId>(i);
    const Item& item = Row(id);
    if (item.example.empty() || DirectoryOf(item) != directory) continue;
    if (item.path.ends_with("/ipv6-prefixes") && ipv6 == Ipv6::kNone) continue;
    PutMetaData(tree, PathOf(id, name), ExampleFor(item, instance, number));
  }
}

}  // namespace

std::optional<Profile> ParseProfile(std::string_view text) {
  if (text == "linux") return Profile::kLinux;
  if (text == "full") return Profile::kFull;
  if (text == "windows") return Profile::kWindows;
  return std::nullopt;
}

std::optional<Ipv6> ParseIpv6(std::string_view text) {
  if (text == "none") return Ipv6::kNone;
  if (text == "prefixes") return Ipv6::kPrefixes;
  if (text == "full") return Ipv6::kFull;
  return std::nullopt;
}

std::string InterfaceName(int instance, int number) {
  return fmt::format("00:16:3e:00:{:02x}:{:02x}", instance - 1, number);
}

std::string DiskName(int instance, int number) {
  return ExampleFor(Row(ItemAt("disks/[disk-id]/id")), instance, number).substr(2);
}

std::string AddInterface(Tree& tree, int instance, int number, Ipv6 ipv6) {
  auto mac = InterfaceName(instance, number);
  PutEntry(tree, Directory::kInterfaces, mac, instance, number, ipv6);
  if (ipv6 == Ipv6::kFull) {
    // Not in the catalog. Two of them are lists in brackets without quotes, which are not JSON.
    const auto put = [&](std::string_view name, std::string text) {
      PutMetaData(tree, fmt::format("network/interfaces/macs/{}/{}", mac, name), std::move(text));
    };
    const auto network = fmt::format("2001:db8:1234:{:x}::", number);
    put("ipv6s", fmt::format("[{0}{1:x}0,{0}{1:x}1]", network, instance));
    put("ipv6-gateway", network + "ffff");
    put("vswitch-ipv6-cidr-block", network + "/64");
    put("vpc-ipv6-cidr-blocks", "[2001:db8:1234::/56]");
  }
  return mac;
}

std::string AddDisk(Tree& tree, int instance, int number) {
  auto serial = DiskName(instance, number);
  PutEntry(tree, Directory::kDisks, serial, instance, number, Ipv6::kNone);
  return serial;
}

Tree Tree::FromCatalog(const CatalogContents& contents) {
  Tree tree;
  for (const Item& item : kItems) {
    // The two with a life of their own have no example.
    if (item.example.empty() || DirectoryOf(item) || !IsOn(contents, item.path)) continue;
    PutMetaData(tree, item.path, ExampleFor(item, contents.instance, 1));
  }
  for (int number = 1; number <= contents.interfaces; ++number) {
    AddInterface(tree, contents.instance, number, contents.ipv6);
  }
  for (int number = 1; number <= contents.disks; ++number) {
    AddDisk(tree, contents.instance, number);
  }
  if (contents.key_pair && contents.profile != Profile::kWindows) {
    PutEntry(tree, Directory::kKeyPairs, std::string(kKeyPair), 1, 1, Ipv6::kNone);
  }
  // Not on the vendor's page, but on real instances.
  PutMetaData(tree, "hibernation/configured", "false");
  PutMetaData(tree, "instance/last-host-landing-time", "2026-01-01 00:00:00");
  PutMetaData(tree, "sub-private-ipv4-list",
              fmt::format("192.168.10.{}", 12 + 2 * (contents.instance - 1)));
  return tree;
}

}  // namespace aliyun_ecs::simulator
