#include "metadata/catalog.h"

namespace aliyun_ecs {
namespace {

// The checks that make the two tables one catalog.

constexpr bool PathsAreUnique() {
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (kItems[i].path == kItems[j].path) return false;
    }
  }
  return true;
}
static_assert(PathsAreUnique());

constexpr bool PlaceholdersAreKnown() {
  for (const Item& item : kItems) {
    const bool has_placeholder = item.path.find('[') != std::string_view::npos;
    const auto directory = DirectoryOf(item);
    if (has_placeholder != directory.has_value()) return false;
    if (directory && !item.path.starts_with(Row(*directory).path)) return false;
  }
  return true;
}
static_assert(PlaceholdersAreKnown());

constexpr bool EveryItemEndsInAFamily() {
  for (const Item& item : kItems) FamilyAt(item.family);  // throws, so does not compile
  return true;
}
static_assert(EveryItemEndsInAFamily());

// A family that is filled from items has some, of the shape that its filling needs.
constexpr bool FillsFitItems() {
  for (const Family& family : kFamilies) {
    std::size_t count = 0;
    for (const Item& item : kItems) {
      if (item.family != family.name) continue;
      ++count;
      switch (family.fill) {
        case FamilyFill::kLabels:
          if (item.shape != Shape::kWord && item.shape != Shape::kText) return false;
          if (item.label.empty()) return false;
          break;
        case FamilyFill::kEntries:
          if (item.shape != Shape::kList || item.label.empty() || count > 1) return false;
          break;
        case FamilyFill::kBandwidth:
          if (item.shape != Shape::kKilobitsPerSecond || count > 1) return false;
          break;
        case FamilyFill::kCode:
          break;
      }
    }
    if (family.fill != FamilyFill::kCode && count == 0) return false;
  }
  return true;
}
static_assert(FillsFitItems());

constexpr bool SecretsHaveTheirOwnShape() {
  for (const Item& item : kItems) {
    if ((item.sensitivity == Sensitivity::kSecret) != (item.shape == Shape::kCredentialDocument)) {
      return false;
    }
    if ((item.sensitivity == Sensitivity::kDigest) != (item.shape == Shape::kPublicKey)) {
      return false;
    }
  }
  return true;
}
static_assert(SecretsHaveTheirOwnShape());

// Rows cost requests to a service that throttles: a new one must fit what exporter/README.md says.
static_assert(FirstFillCost(1, 1, 1, 1) <= 55);
static_assert(FirstFillCost(2, 2, 1, 1) <= 70);

}  // namespace

std::string PathOf(ItemId id, std::string_view index) {
  const Item& item = Row(id);
  const auto directory = DirectoryOf(item);
  std::string path(item.path);
  if (directory) {
    const auto& placeholder = Row(*directory).placeholder;
    path.replace(path.find(placeholder), placeholder.size(), index);
  }
  return path;
}

std::string TagLabel(std::string_view key) {
  std::string label = "tag_";
  for (const char c : key) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    label += allowed ? c : '_';
  }
  return label;
}

std::vector<ItemId> ItemsOf(const Family& family) {
  std::vector<ItemId> items;
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (kItems[i].family == family.name) items.push_back(static_cast<ItemId>(i));
  }
  return items;
}

std::string_view Name(Shape shape) {
  constexpr std::string_view kNames[] = {"word", "text",       "list",       "Kbit/s",
                                         "time", "public key", "credentials"};
  return kNames[static_cast<std::size_t>(shape)];
}

std::string_view Name(RefreshClass refresh) {
  constexpr std::string_view kNames[] = {"spot", "credentials", "listing", "identity", "posture"};
  return kNames[static_cast<std::size_t>(refresh)];
}

std::string_view Name(Presence presence) {
  return presence == Presence::kAlways ? "always" : "optional";
}

std::string_view Name(Sensitivity sensitivity) {
  constexpr std::string_view kNames[] = {"public", "digest only", "secret"};
  return kNames[static_cast<std::size_t>(sensitivity)];
}

std::string_view Name(FamilyType type) {
  constexpr std::string_view kNames[] = {"info", "gauge", "counter", "histogram"};
  return kNames[static_cast<std::size_t>(type)];
}

}  // namespace aliyun_ecs
