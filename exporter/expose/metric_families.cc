#include "expose/metric_families.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Labels = std::vector<ClientMetric::Label>;

// What the three kinds of families are made from.
struct FixedPage {
  const Snapshot& snapshot;
  const BuildInfo& build;
};
struct LivePage {
  const Snapshot& snapshot;
  Instant now;
  SpotVerdict spot;
};
struct ProcessPage {
  const ProcessStatistics& process;
  const AnswerCounts& answers;
};

void AddSample(MetricFamily& family, Labels labels, double value) {
  // A second sample with the same labels would make Prometheus refuse the whole page.
  const bool again = std::any_of(family.metric.begin(), family.metric.end(),
                                 [&](const ClientMetric& other) { return other.label == labels; });
  if (again) return;
  ClientMetric metric;
  metric.label = std::move(labels);
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

std::optional<double> UnixSeconds(const std::optional<SystemTime>& time) {
  return time ? std::optional(ToUnixSeconds(*time)) : std::nullopt;
}

// The indices under which an item is read: the entries of its directory, or one empty index.
std::vector<std::string> IndicesOf(const Snapshot& snapshot, std::optional<Directory> directory) {
  if (!directory) return {std::string()};
  const auto& listing = snapshot.Listing(*directory);
  const auto* const entries = listing ? listing->Get<std::vector<std::string>>() : nullptr;
  return entries == nullptr ? std::vector<std::string>() : *entries;
}

void FillLabels(const FixedPage& page, const Family& row, MetricFamily& family) {
  const auto items = ItemsOf(row);
  for (const auto& index : IndicesOf(page.snapshot, DirectoryOf(items.front()))) {
    auto facts = FactsOf(page.snapshot, items, index);
    if (!facts) continue;
    Labels labels;
    if (!row.labels.empty()) labels.push_back({std::string(row.labels), index});
    for (auto& [label, value] : *facts) labels.push_back({std::string(label), std::move(value)});
    AddSample(family, std::move(labels), 1);
  }
}

void FillEntries(const FixedPage& page, const Family& row, MetricFamily& family) {
  const ItemId item = ItemsOf(row).front();
  const Reading* const reading = page.snapshot.Find(item);
  const auto* const words = reading == nullptr ? nullptr : reading->Get<std::vector<std::string>>();
  if (words == nullptr) return;
  for (const auto& word : *words) AddSample(family, {{std::string(Row(item).label), word}}, 1);
}

void FillBandwidth(const FixedPage& page, const Family& row, MetricFamily& family) {
  const Reading* const reading = page.snapshot.Find(ItemsOf(row).front());
  const auto* const kilobits = reading == nullptr ? nullptr : reading->Get<std::int64_t>();
  constexpr std::int64_t kBytesPerKilobit = 1000 / 8;
  if (kilobits != nullptr) AddSample(family, {}, static_cast<double>(*kilobits * kBytesPerKilobit));
}

// The families below are made by code of their own: their items fit no general filling, or they
// tell of the exporter itself.

void FillInterfaceAddresses(const FixedPage& page, MetricFamily& family) {
  constexpr std::pair<ItemId, std::string_view> kKinds[] = {
      {ItemAt("network/interfaces/macs/[mac]/private-ipv4s"), "private_ipv4"},
      {ItemAt("network/interfaces/macs/[mac]/ipv4-prefixes"), "ipv4_prefix"},
      {ItemAt("network/interfaces/macs/[mac]/ipv6-prefixes"), "ipv6_prefix"},
  };
  for (const auto& mac : IndicesOf(page.snapshot, Directory::kInterfaces)) {
    for (const auto& [item, kind] : kKinds) {
      const Reading* const reading = page.snapshot.Find(item, mac);
      const auto* const addresses =
          reading == nullptr ? nullptr : reading->Get<std::vector<std::string>>();
      if (addresses == nullptr) continue;
      for (const auto& address : *addresses) {
        AddSample(family, {{"mac", mac}, {"kind", std::string(kind)}, {"address", address}}, 1);
      }
    }
  }
}

// Tags that are wanted but not there are empty, so that the series does not change when one comes.
void FillInstanceTags(const FixedPage& page, MetricFamily& family) {
  if (page.snapshot.Excludes(kInstanceTag)) return;
  const auto present = IndicesOf(page.snapshot, Directory::kTags);
  if (present.empty()) return;
  Labels labels;
  for (const std::string& key : page.snapshot.instance_tags) {
    const Reading* const reading = page.snapshot.Find(kInstanceTag, key);
    if (reading != nullptr && !IsSettled(Row(kInstanceTag), *reading)) return;
    const auto* const text = reading == nullptr ? nullptr : reading->Get<std::string>();
    labels.push_back({TagLabel(key), text == nullptr ? std::string() : *text});
  }
  AddSample(family, std::move(labels), 1);
}

void FillPublicKeys(const FixedPage& page, MetricFamily& family) {
  constexpr ItemId kKey = ItemAt("public-keys/[keypair-id]/openssh-key");
  for (const auto& pair : IndicesOf(page.snapshot, Directory::kKeyPairs)) {
    const Reading* const reading = page.snapshot.Find(kKey, pair);
    const auto* const key = reading == nullptr ? nullptr : reading->Get<PublicKey>();
    if (key == nullptr) continue;
    AddSample(family,
              {{"keypair_id", pair}, {"key_type", key->type}, {"fingerprint", key->fingerprint}},
              1);
  }
}

void FillSpotState(const LivePage& page, MetricFamily& family) {
  if (page.snapshot.Excludes(kSpotTerminationTime)) return;
  for (const SpotState state : kSpotStates) {
    AddSample(family, {{"state", std::string(Name(state))}}, state == page.spot.state ? 1 : 0);
  }
}

void FillSpotTimestamp(const LivePage& page, MetricFamily& family) {
  if (page.spot.termination) AddSample(family, {}, ToUnixSeconds(*page.spot.termination));
}

void FillSpotCountdown(const LivePage& page, MetricFamily& family) {
  if (page.spot.termination) {
    AddSample(family, {}, ToSeconds(*page.spot.termination - page.now.system));
  }
}

void FillSpotFirstSeen(const LivePage& page, MetricFamily& family) {
  if (page.spot.first_seen) AddSample(family, {}, ToUnixSeconds(*page.spot.first_seen));
}

void FillSpotNotices(const FixedPage& page, MetricFamily& family) {
  if (page.snapshot.Excludes(kSpotTerminationTime)) return;
  AddSample(family, {}, static_cast<double>(page.snapshot.spot.notices));
}

void FillSpotChanges(const FixedPage& page, MetricFamily& family) {
  if (page.snapshot.Excludes(kSpotTerminationTime)) return;
  AddSample(family, {{"change", "moved"}}, static_cast<double>(page.snapshot.spot.moved));
  AddSample(family, {{"change", "withdrawn"}}, static_cast<double>(page.snapshot.spot.withdrawn));
}

void FillSpotDrill(const LivePage& page, MetricFamily& family) {
  if (const auto seconds = UnixSeconds(RunningDrill(page.snapshot, page.now))) {
    AddSample(family, {}, *seconds);
  }
}

void FillRoleAttached(const FixedPage& page, MetricFamily& family) {
  if (const auto attached = RoleAttached(page.snapshot)) AddSample(family, {}, *attached ? 1 : 0);
}

// One sample for each role whose document was read, of the value that `pick` takes from it.
template <typename Page, typename Pick>
void FillFromCredentials(const Page& page, MetricFamily& family, Pick pick) {
  for (const auto& role : IndicesOf(page.snapshot, Directory::kRoles)) {
    const Reading* const reading = page.snapshot.Find(kRoleCredentials, role);
    const auto* const credentials = reading == nullptr ? nullptr : reading->Get<Credentials>();
    if (credentials == nullptr) continue;
    const std::optional<double> value = pick(*credentials);
    if (value) AddSample(family, {{"role", role}}, *value);
  }
}

void FillCredentialSuccess(const FixedPage& page, MetricFamily& family) {
  FillFromCredentials(page, family, [](const Credentials& credentials) {
    return std::optional<double>(credentials.success ? 1 : 0);
  });
}

void FillCredentialExpiration(const FixedPage& page, MetricFamily& family) {
  FillFromCredentials(page, family, [](const Credentials& credentials) {
    return UnixSeconds(credentials.expiration);
  });
}

void FillCredentialLastUpdated(const FixedPage& page, MetricFamily& family) {
  FillFromCredentials(page, family, [](const Credentials& credentials) {
    return UnixSeconds(credentials.last_updated);
  });
}

void FillCredentialCountdown(const LivePage& page, MetricFamily& family) {
  FillFromCredentials(page, family, [&](const Credentials& credentials) -> std::optional<double> {
    if (!credentials.expiration) return std::nullopt;
    return ToSeconds(*credentials.expiration - page.now.system);
  });
}

void FillCredentialRotations(const FixedPage& page, MetricFamily& family) {
  if (page.snapshot.Excludes(kRoleCredentials)) return;
  for (const auto& [role, history] : page.snapshot.roles) {
    AddSample(family, {{"role", role}}, static_cast<double>(history.rotations));
  }
}

void FillUp(const FixedPage& page, MetricFamily& family) {
  AddSample(family, {}, page.snapshot.up.value_or(false) ? 1 : 0);
}

void FillNormalModeOpen(const LivePage& page, MetricFamily& family) {
  if (const auto open = NormalModeOpen(page.snapshot, page.now)) {
    AddSample(family, {}, *open ? 1 : 0);
  }
}

void FillClockSkew(const FixedPage& page, MetricFamily& family) {
  if (const auto& skew = page.snapshot.clock_skew) AddSample(family, {}, ToSeconds(*skew));
}

void FillItems(const FixedPage& page, MetricFamily& family) {
  std::array<int, kReadingStates.size()> counts{};
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto state = JudgeRow(page.snapshot, static_cast<ItemId>(i));
    if (state) ++counts[static_cast<std::size_t>(*state)];
  }
  for (const ReadingState state : kReadingStates) {
    AddSample(family, {{"state", std::string(Name(state))}},
              counts[static_cast<std::size_t>(state)]);
  }
}

void FillLastSuccess(const FixedPage& page, MetricFamily& family) {
  for (const RefreshClass refresh : kRefreshClasses) {
    const auto oldest = OldestAnswer(page.snapshot, refresh);
    if (oldest)
      AddSample(family, {{"refresh", std::string(Name(refresh))}}, ToUnixSeconds(*oldest));
  }
}

void FillRefreshInterval(const FixedPage& page, MetricFamily& family) {
  for (const RefreshClass refresh : kRefreshClasses) {
    const Duration interval = page.snapshot.RefreshInterval(refresh);
    if (interval == Duration::zero()) continue;
    AddSample(family, {{"refresh", std::string(Name(refresh))}}, ToSeconds(interval));
  }
}

void FillRequests(const FixedPage& page, MetricFamily& family) {
  for (std::size_t i = 0; i < kRequestCodeNames.size(); ++i) {
    AddSample(family, {{"code", std::string(kRequestCodeNames[i])}},
              static_cast<double>(page.snapshot.statistics.requests[i]));
  }
}

void FillDurations(const FixedPage& page, MetricFamily& family) {
  const PollStatistics& statistics = page.snapshot.statistics;
  ClientMetric metric;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < statistics.durations.size(); ++i) {
    cumulative += statistics.durations[i];
    const double bound =
        i < kDurationBounds.size() ? kDurationBounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = statistics.duration_seconds;
  family.metric.push_back(std::move(metric));
}

void FillThrottled(const FixedPage& page, MetricFamily& family) {
  AddSample(family, {}, static_cast<double>(page.snapshot.statistics.throttled));
}

void FillBackoff(const LivePage& page, MetricFamily& family) {
  const Duration left = page.snapshot.paused_until - page.now.steady;
  AddSample(family, {}, ToSeconds(std::max(left, Duration::zero())));
}

void FillBudget(const LivePage& page, MetricFamily& family) {
  AddSample(family, {}, std::floor(page.snapshot.budget.Remaining(page.now.steady)));
}

void FillTokenExpiration(const FixedPage& page, MetricFamily& family) {
  if (const auto seconds = UnixSeconds(page.snapshot.token_expiration)) {
    AddSample(family, {}, *seconds);
  }
}

void FillTokenRenewals(const FixedPage& page, MetricFamily& family) {
  AddSample(family, {}, static_cast<double>(page.snapshot.statistics.token_renewals));
}

template <std::uint64_t NotificationCounts::*kMember>
void FillNotifications(const FixedPage& page, MetricFamily& family) {
  for (const auto& counts : page.snapshot.local.notifications) {
    AddSample(family, {{"alertmanager", counts.alertmanager}},
              static_cast<double>(counts.*kMember));
  }
}

void FillBuildInfo(const FixedPage& page, MetricFamily& family) {
  AddSample(family,
            {{"version", std::string(page.build.version)},
             {"revision", std::string(page.build.revision)},
             {"compiler", std::string(page.build.compiler)}},
            1);
}

void FillHttpRequests(const ProcessPage& page, MetricFamily& family) {
  for (std::size_t i = 0; i < kAnswerCodeNames.size(); ++i) {
    AddSample(family, {{"code", std::string(kAnswerCodeNames[i])}},
              static_cast<double>(page.answers[i]));
  }
}

void FillProcessCpu(const ProcessPage& page, MetricFamily& family) {
  AddSample(family, {}, page.process.cpu_seconds);
}

template <std::optional<double> ProcessStatistics::*kMember>
void FillProcess(const ProcessPage& page, MetricFamily& family) {
  if (page.process.*kMember) AddSample(family, {}, *(page.process.*kMember));
}

using FixedFill = void (*)(const FixedPage&, MetricFamily&);
using LiveFill = void (*)(const LivePage&, MetricFamily&);
using ProcessFill = void (*)(const ProcessPage&, MetricFamily&);

struct CodeFill {
  std::string_view family;
  std::variant<FixedFill, LiveFill, ProcessFill> fill;
};
constexpr CodeFill kCodeFills[] = {
    {"aliyun_ecs_instance_tags_info", &FillInstanceTags},
    {"aliyun_ecs_network_interface_address_info", &FillInterfaceAddresses},
    {"aliyun_ecs_public_key_info", &FillPublicKeys},
    {"aliyun_ecs_spot_termination_state", &FillSpotState},
    {"aliyun_ecs_spot_termination_timestamp_seconds", &FillSpotTimestamp},
    {"aliyun_ecs_spot_termination_in_seconds", &FillSpotCountdown},
    {"aliyun_ecs_spot_termination_first_seen_timestamp_seconds", &FillSpotFirstSeen},
    {"aliyun_ecs_spot_termination_notices_total", &FillSpotNotices},
    {"aliyun_ecs_spot_termination_notice_changes_total", &FillSpotChanges},
    {"aliyun_ecs_spot_drill_timestamp_seconds", &FillSpotDrill},
    {"aliyun_ecs_ram_role_attached", &FillRoleAttached},
    {"aliyun_ecs_ram_credential_success", &FillCredentialSuccess},
    {"aliyun_ecs_ram_credential_expiration_timestamp_seconds", &FillCredentialExpiration},
    {"aliyun_ecs_ram_credential_last_updated_timestamp_seconds", &FillCredentialLastUpdated},
    {"aliyun_ecs_ram_credential_expires_in_seconds", &FillCredentialCountdown},
    {"aliyun_ecs_ram_credential_rotations_total", &FillCredentialRotations},
    {"aliyun_ecs_metadata_up", &FillUp},
    {"aliyun_ecs_metadata_normal_mode_open", &FillNormalModeOpen},
    {"aliyun_ecs_metadata_items", &FillItems},
    {"aliyun_ecs_metadata_last_success_timestamp_seconds", &FillLastSuccess},
    {"aliyun_ecs_metadata_refresh_interval_seconds", &FillRefreshInterval},
    {"aliyun_ecs_metadata_clock_skew_seconds", &FillClockSkew},
    {"aliyun_ecs_metadata_requests_total", &FillRequests},
    {"aliyun_ecs_metadata_request_duration_seconds", &FillDurations},
    {"aliyun_ecs_metadata_throttled_total", &FillThrottled},
    {"aliyun_ecs_metadata_backoff_seconds", &FillBackoff},
    {"aliyun_ecs_metadata_request_budget_remaining", &FillBudget},
    {"aliyun_ecs_metadata_token_expiration_timestamp_seconds", &FillTokenExpiration},
    {"aliyun_ecs_metadata_token_renewals_total", &FillTokenRenewals},
    {"aliyun_ecs_alertmanager_notifications_total", &FillNotifications<&NotificationCounts::sent>},
    {"aliyun_ecs_alertmanager_notifications_failed_total",
     &FillNotifications<&NotificationCounts::failed>},
    {"aliyun_ecs_exporter_build_info", &FillBuildInfo},
    {"aliyun_ecs_exporter_http_requests_total", &FillHttpRequests},
    {"process_cpu_seconds_total", &FillProcessCpu},
    {"process_open_fds", &FillProcess<&ProcessStatistics::open_fds>},
    {"process_max_fds", &FillProcess<&ProcessStatistics::max_fds>},
    {"process_virtual_memory_bytes", &FillProcess<&ProcessStatistics::virtual_memory_bytes>},
    {"process_resident_memory_bytes", &FillProcess<&ProcessStatistics::resident_memory_bytes>},
    {"process_start_time_seconds", &FillProcess<&ProcessStatistics::start_time_seconds>},
};

constexpr const CodeFill& CodeFillOf(std::string_view family) {
  for (const CodeFill& fill : kCodeFills) {
    if (fill.family == family) return fill;
  }
  throw std::invalid_argument("no code fills this family");
}

constexpr bool EveryCodeFamilyIsFilled() {
  for (const Family& family : kFamilies) {
    if (family.fill == FamilyFill::kCode) CodeFillOf(family.name);  // throws, so does not compile
  }
  return true;
}
static_assert(EveryCodeFamilyIsFilled());

prometheus::MetricType TypeOf(FamilyType type) {
  switch (type) {
    case FamilyType::kCounter:
      return prometheus::MetricType::Counter;
    case FamilyType::kHistogram:
      return prometheus::MetricType::Histogram;
    case FamilyType::kInfo:  // text format 0.0.4 has no other word for it
    case FamilyType::kGauge:
      break;
  }
  return prometheus::MetricType::Gauge;
}

// The families that this kind of code fills; their table has the catalog's order.
template <typename Fill, typename Page>
std::vector<MetricFamily> CodeFamilies(const Page& page) {
  std::vector<MetricFamily> families;
  for (const CodeFill& code : kCodeFills) {
    const Fill* const fill = std::get_if<Fill>(&code.fill);
    if (fill == nullptr) continue;
    MetricFamily family = EmptyFamily(FamilyAt(code.family));
    (*fill)(page, family);
    if (!family.metric.empty()) families.push_back(std::move(family));
  }
  return families;
}

}  // namespace

MetricFamily EmptyFamily(const Family& row) {
  MetricFamily family;
  family.name = row.name;
  family.help = row.help;
  family.type = TypeOf(row.type);
  return family;
}

std::vector<MetricFamily> FixedFamilies(const Snapshot& snapshot, const BuildInfo& build) {
  const FixedPage page{snapshot, build};
  std::vector<MetricFamily> families;
  for (const Family& row : kFamilies) {
    MetricFamily family = EmptyFamily(row);
    switch (row.fill) {
      case FamilyFill::kLabels:
        FillLabels(page, row, family);
        break;
      case FamilyFill::kEntries:
        FillEntries(page, row, family);
        break;
      case FamilyFill::kBandwidth:
        FillBandwidth(page, row, family);
        break;
      case FamilyFill::kCode:
        if (const auto* const fill = std::get_if<FixedFill>(&CodeFillOf(row.name).fill)) {
          (*fill)(page, family);
        }
        break;
    }
    if (!family.metric.empty()) families.push_back(std::move(family));
  }
  return families;
}

std::vector<MetricFamily> LiveFamilies(const Snapshot& snapshot, Instant now) {
  return CodeFamilies<LiveFill>(LivePage{snapshot, now, JudgeSpot(snapshot, now)});
}

std::vector<MetricFamily> ProcessFamilies(const ProcessStatistics& process,
                                          const AnswerCounts& answers) {
  return CodeFamilies<ProcessFill>(ProcessPage{process, answers});
}

std::vector<MetricFamily> MetricFamilies(const Snapshot& snapshot, Instant now,
                                         const BuildInfo& build) {
  std::vector<MetricFamily> families = FixedFamilies(snapshot, build);
  for (auto& family : LiveFamilies(snapshot, now)) families.push_back(std::move(family));
  return families;
}

}  // namespace aliyun_ecs
