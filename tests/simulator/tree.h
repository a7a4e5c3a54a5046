#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aliyun_ecs::simulator {

enum class Profile {
  kLinux,    // what a plain Linux instance has: no Windows items, no Marketplace image, no
             // public-ipv4
  kFull,     // every item of the catalog; synthetic, since no real instance has all of them
  kWindows,  // as a captured listing of a Windows instance has it: KMS and WSUS, no mirror, no keys
};

// "linux", "full", "windows"; nullopt for anything else.
[[nodiscard]] std::optional<Profile> ParseProfile(std::string_view text);

// How much of IPv6 the interfaces have.
enum class Ipv6 : std::uint8_t { kNone, kPrefixes, kFull };

// "none", "prefixes", "full"; nullopt for anything else.
[[nodiscard]] std::optional<Ipv6> ParseIpv6(std::string_view text);

// What Tree::FromCatalog fills.
struct CatalogContents {
  Profile profile = Profile::kLinux;
  int interfaces = 1;    // 1 to kMostInterfaces
  int disks = 1;         // 0 to kMostDisks
  bool key_pair = true;  // no Windows instance has one
  bool public_address = true;
  std::optional<bool> marketplace_image = {};  // left open: only with kFull
  Ipv6 ipv6 = Ipv6::kPrefixes;
  int instance = 1;  // 1 to kMostInstances; each has an identity of its own in the same vSwitch
};
inline constexpr int kMostInstances = 10;
inline constexpr int kMostInterfaces = 64;
inline constexpr int kMostDisks = 64;

// What an instance's metadata is made of: leaf texts by their path below the version, such as
// "meta-data/instance-id". A directory exists through the leaves below it, so that no path is both
// and none is empty.
//
// A value; not thread-safe.
class Tree {
 public:
  static constexpr std::size_t kMostNames = 64;  // in a path
  // What Put takes in all, paths and texts together: far more than any metadata.
  static constexpr std::size_t kMostLeaves = 10'000;
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;

  // An instance of made-up but consistent values: the catalog's examples, and undocumented leaves
  // that real instances have too. The RAM credential and the spot notice are missing; they have a
  // life of their own (instance.h).
  [[nodiscard]] static Tree FromCatalog(const CatalogContents& contents);

  // The tree of a JSON object: objects are directories and strings are leaves; a name with slashes
  // is a path. Nothing else is added. An Error is one sentence that names the place.
  [[nodiscard]] static Result<Tree> FromJson(std::string_view json);

  // What the service prints for `path`: the text of a leaf, or the listing of a directory, with or
  // without a slash at the end; nullopt where there is nothing. The root is "".
  [[nodiscard]] std::optional<std::string> Read(std::string_view path) const;

  // Sets a leaf. Fails when a name of the path is none, when the path would turn a leaf into a
  // directory or the other way round, or when there is no room; the tree is then unchanged.
  [[nodiscard]] Result<void> Put(std::string_view path, std::string text);

  // Sets a leaf and removes what stands in its way, whether there is room or not.
  // REQUIRES: every name of the path is one.
  void Overwrite(std::string_view path, std::string text);

  // Removes a leaf, or a directory with all below it; false when there was neither.
  bool Erase(std::string_view path);

  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& leaves() const {
    return leaves_;
  }

 private:
  using Leaves = std::map<std::string, std::string, std::less<>>;

  [[nodiscard]] bool HasDirectory(std::string_view path) const;
  Leaves::iterator Remove(Leaves::iterator leaf);

  Leaves leaves_;
  std::size_t bytes_ = 0;  // of them
};

// Adds interface or disk `number` of that instance, as FromCatalog makes them, in place of any
// other of that name. Returns the name of its directory: the MAC address, or the disk's ID without
// "d-". REQUIRES: 1 <= number <= kMostInterfaces or kMostDisks.
std::string AddInterface(Tree& tree, int instance, int number, Ipv6 ipv6);
std::string AddDisk(Tree& tree, int instance, int number);

// The names that those give.
[[nodiscard]] std::string InterfaceName(int instance, int number);
[[nodiscard]] std::string DiskName(int instance, int number);

}  // namespace aliyun_ecs::simulator
