#include "simulator/start.h"

#include <fmt/format.h>

#include <utility>

#include "simulator/control_json.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;

// A real notice is given five minutes before; the full profile has one from the start.
constexpr auto kNoticeLead = std::chrono::minutes(5);

std::optional<std::string> ParseRole(std::string_view text) {
  return IsRoleName(text) ? std::optional<std::string>(text) : std::nullopt;
}

// Sets what `second` says where `first` says nothing.
template <typename T>
void Fill(std::optional<T>& first, const std::optional<T>& second) {
  if (!first) first = second;
}

CatalogContents ContentsOf(const StartOptions& options, int number) {
  CatalogContents contents;
  contents.profile = options.profile.value_or(contents.profile);
  contents.interfaces = options.interfaces.value_or(contents.interfaces);
  contents.disks = options.disks.value_or(contents.disks);
  contents.key_pair = options.key_pair.value_or(contents.key_pair);
  contents.public_address = options.public_address.value_or(contents.public_address);
  contents.marketplace_image = options.marketplace_image;
  contents.ipv6 = options.ipv6.value_or(contents.ipv6);
  contents.instance = number;
  return contents;
}

// What has no meaning where the tree is given.
void CheckTreeGoesWith(const StartOptions& options, Complaints& complaints) {
  const std::pair<bool, const char*> made_up[] = {
      {options.profile.has_value(), "profile"},
      {options.interfaces.has_value(), "interfaces"},
      {options.disks.has_value(), "disks"},
      {options.key_pair.has_value(), "key pair"},
      {options.public_address.has_value(), "public address"},
      {options.marketplace_image.has_value(), "Marketplace image"},
  };
  for (const auto& [given, name] : made_up) {
    if (given) complaints.push_back(fmt::format("{} has no meaning together with a tree", name));
  }
}

}  // namespace

StartOptions Merge(const StartOptions& first, const StartOptions& second) {
  StartOptions merged = first;
  Fill(merged.instances, second.instances);
  Fill(merged.profile, second.profile);
  Fill(merged.interfaces, second.interfaces);
  Fill(merged.disks, second.disks);
  Fill(merged.ipv6, second.ipv6);
  Fill(merged.key_pair, second.key_pair);
  Fill(merged.public_address, second.public_address);
  Fill(merged.marketplace_image, second.marketplace_image);
  Fill(merged.spot, second.spot);
  Fill(merged.role, second.role);
  Fill(merged.http_tokens, second.http_tokens);
  Fill(merged.http_endpoint, second.http_endpoint);
  Fill(merged.throttle, second.throttle);
  Fill(merged.credential_life, second.credential_life);
  Fill(merged.credential_overlap, second.credential_overlap);
  Fill(merged.tags, second.tags);
  Fill(merged.user_data, second.user_data);
  Fill(merged.active_system_events, second.active_system_events);
  Fill(merged.identity_document, second.identity_document);
  Fill(merged.meta_data_all, second.meta_data_all);
  return merged;
}

const std::vector<std::string_view>& StartMembers() {
  static const std::vector<std::string_view> members = {
      "instances",
      "profile",
      "interfaces",
      "disks",
      "ipv6",
      "key_pair",
      "public_address",
      "marketplace_image",
      "spot",
      "role",
      "http_tokens",
      "http_endpoint",
      "throttle",
      "credential_life_seconds",
      "credential_overlap_seconds",
      "tags",
      "user_data",
      "active_system_events",
      "identity_document",
      "meta_data_all",
  };
  return members;
}

StartOptions StartFromJson(const Json& json, const std::string& place, Complaints& complaints) {
  JsonObject object(json, place, StartMembers(), complaints);
  StartOptions options;
  const auto count = [&](const char* name, int least, int most) -> std::optional<int> {
    const auto number = object.GetWhole(name, least, most);
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
  };
  options.instances = count("instances", 1, kMostInstances);
  options.profile = object.Get<Profile>("profile", ParseProfile, R"("linux", "windows" or "full")");
  options.interfaces = count("interfaces", 1, kMostInterfaces);
  options.disks = count("disks", 0, kMostDisks);
  options.ipv6 = object.Get<Ipv6>("ipv6", ParseIpv6, R"("none", "prefixes" or "full")");
  options.key_pair = object.GetBool("key_pair");
  options.public_address = object.GetBool("public_address");
  options.marketplace_image = object.GetBool("marketplace_image");
  options.spot = object.GetBool("spot");
  if (const auto* const role = object.Find("role"); role != nullptr && role->is_null()) {
    options.role = "";
  } else {
    options.role = object.Get<std::string>(
        "role", ParseRole, "null, or 1 to 64 letters, digits, dots, hyphens or underscores");
  }
  options.http_tokens =
      object.Get<HttpTokens>("http_tokens", ParseHttpTokens, R"("optional" or "required")");
  options.http_endpoint =
      object.Get<HttpEndpoint>("http_endpoint", ParseHttpEndpoint, R"("enabled" or "disabled")");
  if (const auto* const throttle = object.Find("throttle")) {
    options.throttle = ThrottleFromJson(*throttle, object.PlaceInside("throttle"), complaints);
  }
  options.credential_life =
      object.GetSeconds("credential_life_seconds", kShortestCredentialLife, kLongestCredentialLife);
  options.credential_overlap = object.GetSeconds("credential_overlap_seconds", seconds(1),
                                                 kLongestCredentialLife - seconds(1));
  if (const auto* const tags = object.Find("tags")) {
    options.tags = TagsFromJson(*tags, object.PlaceInside("tags"), complaints);
  }
  options.user_data = object.GetText("user_data");
  options.active_system_events = object.GetText("active_system_events");
  options.identity_document = object.GetBool("identity_document");
  options.meta_data_all = object.GetBool("meta_data_all");
  return options;
}

std::vector<InstanceStart> MakeStarts(const StartOptions& options, const std::optional<Tree>& tree,
                                      Complaints& complaints) {
  const bool windows = options.profile == Profile::kWindows;
  const bool full = options.profile == Profile::kFull;
  if (tree) CheckTreeGoesWith(options, complaints);
  if (windows && options.http_tokens == HttpTokens::kRequired) {
    complaints.emplace_back(kNoHardenedWindows);
  }
  if (windows && options.key_pair.value_or(false)) {
    complaints.emplace_back("a Windows instance has no key pair");
  }
  const InstanceStart usual;
  const Duration life =
      options.credential_life ? Duration(*options.credential_life) : usual.credential_life;
  // A shorter life keeps the proportions unless something else is said.
  const Duration overlap = options.credential_overlap
                               ? Duration(*options.credential_overlap)
                               : std::max(Duration(seconds(1)), life / (usual.credential_life /
                                                                        usual.offered_before_end));
  if (overlap >= life) {
    complaints.push_back(
        fmt::format("a credential that lives {} s cannot be succeeded {} s before its end",
                    ToSeconds(life), ToSeconds(overlap)));
  }

  std::vector<InstanceStart> starts;
  for (int number = 1; number <= options.instances.value_or(1); ++number) {
    InstanceStart start;
    start.tree = tree ? *tree : Tree::FromCatalog(ContentsOf(options, number));
    if (options.user_data) start.tree.Overwrite("user-data", *options.user_data);
    if (options.active_system_events) {
      start.tree.Overwrite("maintenance/active-system-events", *options.active_system_events);
    }
    if (options.tags) {
      for (const auto& [key, value] : *options.tags) {
        start.tree.Overwrite("meta-data/tags/instance/" + key, value);
      }
    }
    const auto role = options.role.value_or(tree ? "" : std::string(kDefaultRole));
    if (!role.empty()) start.role = role;
    start.access.http_tokens = options.http_tokens.value_or(start.access.http_tokens);
    start.access.http_endpoint = options.http_endpoint.value_or(start.access.http_endpoint);
    start.access.throttle = options.throttle;
    start.spot = options.spot.value_or(true);
    if (full && !tree && start.spot) start.termination_in = kNoticeLead;
    start.credential_life = life;
    start.offered_before_end = overlap;
    start.number = number;
    start.windows = windows;
    start.ipv6 = options.ipv6.value_or(start.ipv6);
    start.serves_identity_document = options.identity_document.value_or(!tree);
    start.serves_all = options.meta_data_all.value_or(!tree);
    starts.push_back(std::move(start));
  }
  return starts;
}

}  // namespace aliyun_ecs::simulator
