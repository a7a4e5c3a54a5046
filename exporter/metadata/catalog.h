#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// What the metadata service says and how we tell it: two joined tables, items and families.
//
// An item is one row of the vendor's list, a family is one metric family of the page. The poller,
// the page, METRICS.md and the simulator's default tree all follow from these two tables, so that
// an item of a known shape is one row here and one line in tests/fixtures/documented_items.tsv.
// The join and the cost of the first fill are checked when this file is compiled.

namespace aliyun_ecs {

// How the bytes of an item are read; metadata/value.h has one parser for each.
enum class Shape : std::uint8_t {
  kWord,                // printable UTF-8 without blanks: an ID, an address, a host name
  kText,                // one line of printable UTF-8: what people call things
  kList,                // several words: JSON array, [bare, words], or lines ended by LF or CR LF
  kKilobitsPerSecond,   // a decimal integer
  kTime,                // 2020-04-07T17:03:00Z
  kPublicKey,           // one line of OpenSSH's authorized_keys
  kCredentialDocument,  // the JSON document of a RAM role
};

// How often an item can change, and so how often it is read (poll/schedule.h).
enum class RefreshClass : std::uint8_t {
  kSpot,         // the reclaim notice: it lives five minutes
  kCredentials,  // a RAM role's credential document: hourly, and often when it is near its end
  kListing,      // which interfaces, disks, key pairs, roles and tags there are
  kIdentity,     // everything else: changes when an operator changes the instance
  kPosture,      // whether normal mode is open: one request without a token; no item of the list
};
inline constexpr std::array kRefreshClasses{RefreshClass::kSpot, RefreshClass::kCredentials,
                                            RefreshClass::kListing, RefreshClass::kIdentity,
                                            RefreshClass::kPosture};

enum class Presence : std::uint8_t {
  kAlways,    // every instance has it; an empty answer is malformed
  kOptional,  // 404 or an empty answer means that this instance has none
};

enum class Sensitivity : std::uint8_t {
  kPublic,  // shown as it is
  kDigest,  // shown as type and fingerprint; the body is withheld
  kSecret,  // holds live secrets: only the names and times named in METRICS.md leave the parser
};

// The directories whose entries stand for the placeholder in a path.
enum class Directory : std::uint8_t { kInterfaces, kDisks, kKeyPairs, kRoles, kTags };

// Whose words the entries of a directory are.
enum class Naming : std::uint8_t {
  kVendor,  // the vendor's: one that cannot stand in a path makes the listing malformed
  kUsers,   // people's: those that cannot stand in a path are passed over, nobody can read them
};

struct DirectoryRow {
  std::string_view path;         // below meta-data/, with the final slash
  std::string_view placeholder;  // as the vendor writes it
  Presence presence;             // whether every instance has an entry in it
  Naming naming;
};

// In the order of enum Directory.
inline constexpr std::array<DirectoryRow, 5> kDirectories{{
    {"network/interfaces/macs/", "[mac]", Presence::kAlways, Naming::kVendor},
    {"disks/", "[disk-id]", Presence::kOptional, Naming::kVendor},  // absent on old instances
    {"public-keys/", "[keypair-id]", Presence::kOptional, Naming::kVendor},
    {"ram/security-credentials/", "[role-name]", Presence::kOptional, Naming::kVendor},
    // 404 until the instance allows it (InstanceMetadataTags).
    {"tags/instance/", "[key]", Presence::kOptional, Naming::kUsers},
}};

struct Item {
  std::string_view path;     // below meta-data/, as the vendor writes it
  std::string_view family;   // the metric family it ends in, by name
  std::string_view label;    // its label there; empty: it is the sample's value
  std::string_view help;     // what it is
  std::string_view example;  // obviously made up, of the real form; the simulator's default
  Shape shape;
  RefreshClass refresh;
  Presence presence;
  Sensitivity sensitivity;
};

inline constexpr auto kItems = [] {
  using enum Shape;
  using enum RefreshClass;
  using enum Presence;
  using enum Sensitivity;
  constexpr std::string_view kInstance = "aliyun_ecs_instance_info";
  constexpr std::string_view kNetwork = "aliyun_ecs_instance_network_info";
  constexpr std::string_view kInterface = "aliyun_ecs_network_interface_info";
  constexpr std::string_view kAddress = "aliyun_ecs_network_interface_address_info";
  constexpr std::string_view kDisk = "aliyun_ecs_disk_info";
  constexpr std::string_view kMarketplace = "aliyun_ecs_image_marketplace_info";
  constexpr std::string_view kWindows = "aliyun_ecs_windows_service_info";
  constexpr std::string_view kVirtualization = "aliyun_ecs_virtualization_info";
  constexpr std::string_view kTags = "aliyun_ecs_instance_tags_info";
  // A table is read by its columns.
  // clang-format off
  return std::to_array<Item>({
    {"dns-conf/nameservers", "aliyun_ecs_dns_nameserver_info", "nameserver", "DNS servers of the instance", "100.100.2.136\r\n100.100.2.138", kList, kIdentity, kAlways, kPublic},
    {"hostname", kInstance, "hostname", "host name", "simulated-ecs-1", kWord, kIdentity, kAlways, kPublic},
    {"instance/instance-type", kInstance, "instance_type", "instance type", "ecs.g6e.large", kWord, kIdentity, kAlways, kPublic},
    {"instance/instance-name", kInstance, "instance_name", "instance name", "simulated-instance-1", kText, kIdentity, kOptional, kPublic},
    {"image-id", kInstance, "image_id", "image the instance was made from", "aliyun_3_x64_20G_alibase_20210425.vhd", kWord, kIdentity, kAlways, kPublic},
    {"image/market-place/product-code", kMarketplace, "product_code", "product code of a Marketplace image", "cmjj00000001", kWord, kIdentity, kOptional, kPublic},
    {"image/market-place/charge-type", kMarketplace, "charge_type", "charge type of a Marketplace image", "PrePaid", kText, kIdentity, kOptional, kPublic},
    {"instance-id", kInstance, "instance_id", "instance ID", "i-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"mac", kNetwork, "mac", "MAC address of the primary interface", "00:16:3e:00:00:01", kWord, kIdentity, kAlways, kPublic},
    {"network-type", kNetwork, "network_type", "network type", "vpc", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/network-interface-id", kInterface, "network_interface_id", "ID of the elastic network interface", "eni-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/netmask", kInterface, "netmask", "network mask of the interface", "255.255.255.0", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/vswitch-cidr-block", kInterface, "vswitch_cidr_block", "IPv4 CIDR block of the interface's vSwitch", "192.168.10.0/24", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/vpc-cidr-block", kInterface, "vpc_cidr_block", "IPv4 CIDR block of the interface's VPC", "192.168.0.0/16", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/private-ipv4s", kAddress, "address", "private IPv4 addresses of the interface", "[\"192.168.10.11\",\"192.168.10.12\"]", kList, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/vswitch-id", kInterface, "vswitch_id", "vSwitch of the interface", "vsw-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/vpc-id", kInterface, "vpc_id", "VPC of the interface", "vpc-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/primary-ip-address", kInterface, "primary_ip_address", "primary private IPv4 address of the interface", "192.168.10.11", kWord, kIdentity, kAlways, kPublic},
    {"network/interfaces/macs/[mac]/gateway", kInterface, "gateway", "IPv4 gateway of the interface", "192.168.10.253", kWord, kIdentity, kAlways, kPublic},
    {"instance/max-netbw-egress", "aliyun_ecs_instance_max_netbw_egress_bytes_per_second", "", "largest outbound bandwidth inside the VPC, in Kbit/s", "1228800", kKilobitsPerSecond, kIdentity, kAlways, kPublic},
    {"instance/max-netbw-ingress", "aliyun_ecs_instance_max_netbw_ingress_bytes_per_second", "", "largest inbound bandwidth inside the VPC, in Kbit/s", "1228800", kKilobitsPerSecond, kIdentity, kOptional, kPublic},
    {"network/interfaces/macs/[mac]/ipv4-prefixes", kAddress, "address", "IPv4 prefixes assigned to the interface", "192.168.10.64/28", kList, kIdentity, kOptional, kPublic},
    {"network/interfaces/macs/[mac]/ipv6-prefixes", kAddress, "address", "IPv6 prefixes assigned to the interface", "2001:db8:1234:1a00:1::/80", kList, kIdentity, kOptional, kPublic},
    {"disks/[disk-id]/id", kDisk, "disk_id", "ID of the disk", "d-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"disks/[disk-id]/name", kDisk, "disk_name", "name of the disk", "simulated-disk-1", kText, kIdentity, kOptional, kPublic},
    {"private-ipv4", kNetwork, "private_ipv4", "private IPv4 address of the primary interface", "192.168.10.11", kWord, kIdentity, kAlways, kPublic},
    {"public-ipv4", kNetwork, "public_ipv4", "public IPv4 address of the primary interface", "203.0.113.11", kWord, kIdentity, kOptional, kPublic},
    {"eipv4", kNetwork, "eipv4", "fixed public or elastic IPv4 address of the primary interface", "203.0.113.11", kWord, kIdentity, kOptional, kPublic},
    {"ntp-conf/ntp-servers", "aliyun_ecs_ntp_server_info", "ntp_server", "NTP servers of the instance", "ntp1.aliyun.com\r\nntp2.aliyun.com", kList, kIdentity, kAlways, kPublic},
    {"owner-account-id", kInstance, "owner_account_id", "account that owns the instance", "1609000000000001", kWord, kIdentity, kAlways, kPublic},
    {"region-id", kInstance, "region_id", "region", "cn-hangzhou", kWord, kIdentity, kAlways, kPublic},
    {"zone-id", kInstance, "zone_id", "zone", "cn-hangzhou-i", kWord, kIdentity, kAlways, kPublic},
    {"public-keys/[keypair-id]/openssh-key", "aliyun_ecs_public_key_info", "fingerprint", "public key given when the instance was made", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNpbXVsYXRlZC1lZDI1NTE5LXB1YmxpYy1rZXktMDAx simulated@example.com", kPublicKey, kIdentity, kOptional, kDigest},
    {"serial-number", kInstance, "serial_number", "serial number", "00000000-0000-4000-8000-000000000001", kWord, kIdentity, kAlways, kPublic},
    {"source-address", "aliyun_ecs_source_address_info", "source_address", "package mirrors of a Linux instance", "http://mirrors.cloud.aliyuncs.com", kList, kIdentity, kOptional, kPublic},
    {"kms-server", kWindows, "kms_server", "KMS activation server of a Windows instance", "kms.cloud.aliyuncs.com", kWord, kIdentity, kOptional, kPublic},
    {"wsus-server/wu-server", kWindows, "wu_server", "update server of a Windows instance", "http://update.cloud.aliyuncs.com", kWord, kIdentity, kOptional, kPublic},
    {"wsus-server/wu-status-server", kWindows, "wu_status_server", "update status server of a Windows instance", "http://update.cloud.aliyuncs.com", kWord, kIdentity, kOptional, kPublic},
    {"vpc-id", kNetwork, "vpc_id", "VPC of the instance", "vpc-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"vpc-cidr-block", kNetwork, "vpc_cidr_block", "IPv4 CIDR block of the VPC", "192.168.0.0/16", kWord, kIdentity, kAlways, kPublic},
    {"vswitch-cidr-block", kNetwork, "vswitch_cidr_block", "IPv4 CIDR block of the vSwitch", "192.168.10.0/24", kWord, kIdentity, kAlways, kPublic},
    {"vswitch-id", kNetwork, "vswitch_id", "vSwitch of the instance", "vsw-bp1simulated00000001", kWord, kIdentity, kAlways, kPublic},
    {"ram/security-credentials/[role-name]", "aliyun_ecs_ram_credential_expiration_timestamp_seconds", "", "temporary credential of the attached RAM role", "", kCredentialDocument, kCredentials, kOptional, kSecret},
    {"instance/spot/termination-time", "aliyun_ecs_spot_termination_timestamp_seconds", "", "when a spot instance will be stopped and released", "", kTime, kSpot, kOptional, kPublic},
    {"instance/virtualization-solution", kVirtualization, "solution", "virtualization solution", "ECS Virt", kText, kIdentity, kAlways, kPublic},
    {"instance/virtualization-solution-version", kVirtualization, "version", "internal build of the virtualization solution", "2.0", kText, kIdentity, kAlways, kPublic},
    {"tags/instance/[key]", kTags, "", "tags of the instance that --metrics.instance-tags names", "simulated", kText, kIdentity, kOptional, kPublic},
  });
  // clang-format on
}();

// An index into kItems.
enum class ItemId : std::uint8_t {};

constexpr const Item& Row(ItemId id) { return kItems[static_cast<std::size_t>(id)]; }

// The item of that path. In a constant expression an unknown path does not compile.
constexpr ItemId ItemAt(std::string_view path) {
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (kItems[i].path == path) return static_cast<ItemId>(i);
  }
  throw std::invalid_argument("no such item");
}

inline constexpr ItemId kSpotTerminationTime = ItemAt("instance/spot/termination-time");
inline constexpr ItemId kRoleCredentials = ItemAt("ram/security-credentials/[role-name]");
inline constexpr ItemId kInstanceId = ItemAt("instance-id");
inline constexpr ItemId kInstanceTag = ItemAt("tags/instance/[key]");

// What a request without a session token asks for, to tell whether normal mode is open. Harmless:
// it is on every page of the instance's console.
inline constexpr ItemId kProbedItem = ItemAt("region-id");

constexpr const DirectoryRow& Row(Directory directory) {
  return kDirectories[static_cast<std::size_t>(directory)];
}

// The directory whose entries an item is read for; nullopt for a scalar, which is read once.
constexpr std::optional<Directory> DirectoryOf(const Item& item) {
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    if (item.path.find(kDirectories[i].placeholder) != std::string_view::npos) {
      return static_cast<Directory>(i);
    }
  }
  return std::nullopt;
}
constexpr std::optional<Directory> DirectoryOf(ItemId id) { return DirectoryOf(Row(id)); }

// "network/interfaces/macs/00:16:3e:00:00:01/netmask": the path with `index` for its placeholder.
[[nodiscard]] std::string PathOf(ItemId id, std::string_view index);

enum class FamilyType : std::uint8_t { kInfo, kGauge, kCounter, kHistogram };

// How the samples of a family come about.
enum class FamilyFill : std::uint8_t {
  kLabels,     // one series of the labels of its items, for the instance or for each entry of
               // their directory; shown once every always-present label was read
  kEntries,    // one series for each word of its one item, a list
  kBandwidth,  // the value of its one item, Kbit/s, as bytes per second
  kCode,       // by code of its own: expose/metric_families.cc
};

struct Family {
  std::string_view name;
  FamilyType type;
  FamilyFill fill;
  std::string_view labels;  // those that no item gives, comma separated; kLabels: the entry's name
  std::string_view help;    // ends in the metadata path, where it comes from one
};

// In the order of METRICS.md. The page has those that change only with the snapshot first.
inline constexpr auto kFamilies = [] {
  using enum FamilyType;
  using enum FamilyFill;
  // A table is read by its columns.
  // clang-format off
  return std::to_array<Family>({
    {"aliyun_ecs_instance_info", kInfo, kLabels, "", "Identity of the instance; value 1. From instance-id, hostname, serial-number, image-id, region-id, zone-id, owner-account-id, instance/instance-name and instance/instance-type."},
    {"aliyun_ecs_instance_network_info", kInfo, kLabels, "", "Network of the instance and addresses of its primary interface; value 1. From mac, network-type, private-ipv4, public-ipv4, eipv4, vpc-id, vpc-cidr-block, vswitch-id and vswitch-cidr-block."},
    {"aliyun_ecs_instance_tags_info", kInfo, kCode, "tag_KEY", "Tags of the instance, those that --metrics.instance-tags names; value 1. From tags/instance/[key]."},
    {"aliyun_ecs_network_interface_info", kInfo, kLabels, "mac", "An attached elastic network interface; value 1. From network/interfaces/macs/[mac]/."},
    {"aliyun_ecs_network_interface_address_info", kInfo, kCode, "mac,kind", "An address or prefix of an interface; value 1. From private-ipv4s, ipv4-prefixes and ipv6-prefixes of network/interfaces/macs/[mac]/."},
    {"aliyun_ecs_disk_info", kInfo, kLabels, "", "An attached disk; value 1. From disks/[disk-id]/."},
    {"aliyun_ecs_image_marketplace_info", kInfo, kLabels, "", "The Marketplace image the instance was made from, if it was; value 1. From image/market-place/."},
    {"aliyun_ecs_virtualization_info", kInfo, kLabels, "", "Virtualization of the instance; value 1. From instance/virtualization-solution and instance/virtualization-solution-version."},
    {"aliyun_ecs_dns_nameserver_info", kInfo, kEntries, "", "A DNS server of the instance; value 1. From dns-conf/nameservers."},
    {"aliyun_ecs_ntp_server_info", kInfo, kEntries, "", "An NTP server of the instance; value 1. From ntp-conf/ntp-servers."},
    {"aliyun_ecs_source_address_info", kInfo, kEntries, "", "A package mirror for the instance; value 1. From source-address."},
    {"aliyun_ecs_windows_service_info", kInfo, kLabels, "", "Activation and update servers of a Windows instance; value 1. From kms-server and wsus-server/."},
    {"aliyun_ecs_public_key_info", kInfo, kCode, "keypair_id,key_type", "A public key given when the instance was made; value 1. From public-keys/[keypair-id]/openssh-key."},
    {"aliyun_ecs_instance_max_netbw_egress_bytes_per_second", kGauge, kBandwidth, "", "Limit of the instance's outbound bandwidth, all interfaces together. From instance/max-netbw-egress, Kbit/s x 1000 / 8."},
    {"aliyun_ecs_instance_max_netbw_ingress_bytes_per_second", kGauge, kBandwidth, "", "Limit of the instance's inbound bandwidth, all interfaces together. From instance/max-netbw-ingress, Kbit/s x 1000 / 8."},
    {"aliyun_ecs_spot_termination_state", kGauge, kCode, "state", "Whether a spot instance is to be taken away: exactly one state is 1. From instance/spot/termination-time."},
    {"aliyun_ecs_spot_termination_timestamp_seconds", kGauge, kCode, "", "When the instance will be stopped and released, while that is scheduled. From instance/spot/termination-time."},
    {"aliyun_ecs_spot_termination_in_seconds", kGauge, kCode, "", "Time left until then, computed at each scrape; negative once past. From instance/spot/termination-time."},
    {"aliyun_ecs_spot_termination_first_seen_timestamp_seconds", kGauge, kCode, "", "When the notice was first read, while it stands. From instance/spot/termination-time."},
    {"aliyun_ecs_spot_termination_notices_total", kCounter, kCode, "", "Distinct notices read. From instance/spot/termination-time."},
    {"aliyun_ecs_spot_termination_notice_changes_total", kCounter, kCode, "change", "Notices that got another time or were withdrawn. From instance/spot/termination-time."},
    {"aliyun_ecs_spot_drill_timestamp_seconds", kGauge, kCode, "", "The termination time that a drill pretends, while it runs; no notice, and no real family changes. From --drill.file."},
    {"aliyun_ecs_ram_role_attached", kGauge, kCode, "", "1 when a RAM role is attached to the instance, else 0; no sample while unknown. From ram/security-credentials/."},
    {"aliyun_ecs_ram_credential_success", kGauge, kCode, "role", "1 when the credential document's Code is Success, else 0. From ram/security-credentials/[role-name]."},
    {"aliyun_ecs_ram_credential_expiration_timestamp_seconds", kGauge, kCode, "role", "When the credential offered last ends. From ram/security-credentials/[role-name]."},
    {"aliyun_ecs_ram_credential_last_updated_timestamp_seconds", kGauge, kCode, "role", "When the credential offered last was made. From ram/security-credentials/[role-name]."},
    {"aliyun_ecs_ram_credential_expires_in_seconds", kGauge, kCode, "role", "Time left until the credential ends, computed at each scrape; negative once past. From ram/security-credentials/[role-name]."},
    {"aliyun_ecs_ram_credential_rotations_total", kCounter, kCode, "role", "New credentials seen after the first. From ram/security-credentials/[role-name]."},
    {"aliyun_ecs_metadata_up", kGauge, kCode, "", "1 when the newest exchange was an answer of the metadata service (200, 404, 429 or 503), 0 when it was not: time-out, unreachable, malformed, any other status, or a refused session token."},
    {"aliyun_ecs_metadata_normal_mode_open", kGauge, kCode, "", "1 when a request without a session token is answered, 0 when it is refused; no sample while unknown. From region-id."},
    {"aliyun_ecs_metadata_items", kGauge, kCode, "state", "Items of the catalog by state of their newest reading; items that are excluded do not count."},
    {"aliyun_ecs_metadata_last_success_timestamp_seconds", kGauge, kCode, "refresh", "When the oldest reading shown of a refresh class was taken; 0 before the first."},
    {"aliyun_ecs_metadata_refresh_interval_seconds", kGauge, kCode, "refresh", "How often a refresh class is read when all is well."},
    {"aliyun_ecs_metadata_clock_skew_seconds", kGauge, kCode, "", "How far the local clock is ahead of the metadata service's; no sample where the service sends no Date header."},
    {"aliyun_ecs_metadata_requests_total", kCounter, kCode, "code", "Requests to the metadata service by HTTP status, or by what went wrong."},
    {"aliyun_ecs_metadata_request_duration_seconds", kHistogram, kCode, "", "Duration of requests to the metadata service."},
    {"aliyun_ecs_metadata_throttled_total", kCounter, kCode, "", "Requests that the metadata service answered with 429 or 503."},
    {"aliyun_ecs_metadata_backoff_seconds", kGauge, kCode, "", "What is left of the pause after throttling."},
    {"aliyun_ecs_metadata_request_budget_remaining", kGauge, kCode, "", "Requests that the budget would allow at once."},
    {"aliyun_ecs_metadata_token_expiration_timestamp_seconds", kGauge, kCode, "", "When the session token ends, in hardened mode. From /latest/api/token."},
    {"aliyun_ecs_metadata_token_renewals_total", kCounter, kCode, "", "Session tokens obtained. From /latest/api/token."},
    {"aliyun_ecs_alertmanager_notifications_total", kCounter, kCode, "alertmanager", "Posts of alerts to an Alertmanager. Only with --alertmanager.url."},
    {"aliyun_ecs_alertmanager_notifications_failed_total", kCounter, kCode, "alertmanager", "Posts of alerts to an Alertmanager that it did not accept. Only with --alertmanager.url."},
    {"aliyun_ecs_exporter_build_info", kInfo, kCode, "version,revision,compiler", "What this exporter was built from; value 1."},
    {"aliyun_ecs_exporter_http_requests_total", kCounter, kCode, "code", "Requests to this exporter's web server by HTTP status of the answer. Not with --web.disable-exporter-metrics."},
    {"process_cpu_seconds_total", kCounter, kCode, "", "User and system CPU time of the exporter. Not with --web.disable-exporter-metrics, like all process_*."},
    {"process_open_fds", kGauge, kCode, "", "Open file descriptors of the exporter."},
    {"process_max_fds", kGauge, kCode, "", "Most file descriptors that the exporter may open; no sample without a limit."},
    {"process_virtual_memory_bytes", kGauge, kCode, "", "Virtual memory of the exporter."},
    {"process_resident_memory_bytes", kGauge, kCode, "", "Resident memory of the exporter."},
    {"process_start_time_seconds", kGauge, kCode, "", "When the exporter was started."},
  });
  // clang-format on
}();

// The family of that name. In a constant expression an unknown name does not compile.
constexpr const Family& FamilyAt(std::string_view name) {
  for (const Family& family : kFamilies) {
    if (family.name == name) return family;
  }
  throw std::invalid_argument("no such family");
}

// The items that end in a family, in the order of the table.
[[nodiscard]] std::vector<ItemId> ItemsOf(const Family& family);

// "tag_cost_center" for the tag "cost-center": the label of an instance tag. What a label name
// cannot have becomes an underscore.
[[nodiscard]] std::string TagLabel(std::string_view key);

// Requests of the first fill: session token, posture, scalars, listings, and what hangs on their
// entries. Tags are listed only where somebody wants them.
constexpr std::size_t FirstFillCost(std::size_t interfaces, std::size_t disks,
                                    std::size_t key_pairs, std::size_t roles,
                                    std::size_t tags = 0) {
  std::size_t cost = 2 + kDirectories.size() - (tags == 0 ? 1 : 0);
  for (const Item& item : kItems) {
    const std::size_t entries[] = {interfaces, disks, key_pairs, roles, tags};
    const auto directory = DirectoryOf(item);
    cost += directory ? entries[static_cast<std::size_t>(*directory)] : 1;
  }
  return cost;
}

[[nodiscard]] std::string_view Name(Shape shape);
[[nodiscard]] std::string_view Name(RefreshClass refresh);
[[nodiscard]] std::string_view Name(Presence presence);
[[nodiscard]] std::string_view Name(Sensitivity sensitivity);
[[nodiscard]] std::string_view Name(FamilyType type);

}  // namespace aliyun_ecs
