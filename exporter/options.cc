#include "options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/build_info.h"
#include "base/text.h"
#include "base/yaml_document.h"
#include "client/http_config.h"
#include "client/url.h"
#include "expose/metrics_reference.h"
#include "expose/site.h"
#include "expose/tls.h"
#include "expose/web_config.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using Values = std::vector<std::string>;

// Takes one value into the options, or says what is allowed.
using Take = std::optional<std::string> (*)(Options&, const std::string&);

struct Setting {
  std::string_view name;
  bool repeatable;
  std::string_view initial;      // the default, as a user would write it; empty: none
  std::string_view placeholder;  // empty: a switch
  std::string_view help;
  Take take;
};

// "1h30m", "5s", "500ms": whole numbers with units, as Go and Prometheus write durations.
std::optional<Duration> ParseDuration(std::string_view text) {
  constexpr std::pair<std::string_view, Duration> kUnits[] = {
      {"ms", milliseconds(1)}, {"s", seconds(1)}, {"m", minutes(1)}, {"h", hours(1)}};
  constexpr Duration kMost = hours(24 * 365);
  if (text.empty()) return std::nullopt;
  Duration total{};
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || count < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto unit_size = std::min(text.find_first_of("0123456789"), text.size());
    const auto unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& entry) {
      return entry.first == text.substr(0, unit_size);
    });
    if (unit == std::end(kUnits)) return std::nullopt;
    if (count > kMost / unit->second) return std::nullopt;
    total += count * unit->second;
    if (total > kMost) return std::nullopt;
    text.remove_prefix(unit_size);
  }
  return total;
}

std::optional<std::string> TakeDuration(const std::string& text, Duration least, Duration most,
                                        std::string_view allowed, Duration& into) {
  const auto duration = ParseDuration(text);
  if (!duration || *duration < least || *duration > most) return std::string(allowed);
  into = *duration;
  return std::nullopt;
}

template <Duration PollOptions::*kMember>
std::optional<std::string> TakeInterval(Options& options, const std::string& text) {
  return TakeDuration(text, seconds(1), hours(24), "a duration from 1s to 24h, like 5s or 1h30m",
                      options.poll.*kMember);
}

template <double PollOptions::*kMember, int kLeastTimesTen, int kMost>
std::optional<std::string> TakeNumber(Options& options, const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr double kLeast = kLeastTimesTen / 10.0;
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || !(value >= kLeast && value <= kMost)) {
    return fmt::format("a number from {} to {}", kLeast, kMost);
  }
  options.poll.*kMember = value;
  return std::nullopt;
}

std::optional<std::string> TakeListenAddress(Options& options, const std::string& text) {
  const auto address = ListenAddress::Parse(text);
  if (!address) return "an address like :10200, 127.0.0.1:10200 or [::1]:10200";
#ifdef ALIYUN_ECS_SYSTEM_CIVETWEB
  if (address->host.starts_with('[')) {
    return "an IPv4 address, because this exporter was built with the system's CivetWeb, which "
           "has no IPv6";
  }
#endif
  const auto same = [&](const ListenAddress& other) {
    return other.port != 0 && other.ToString() == address->ToString();
  };
  auto& addresses = options.listen_addresses;
  if (std::any_of(addresses.begin(), addresses.end(), same)) return "an address of its own";
  addresses.push_back(*address);
  return std::nullopt;
}

std::optional<std::string> TakeTelemetryPath(Options& options, const std::string& text) {
  if (!Site::IsTelemetryPath(text)) {
    return "a path like /metrics of letters, digits and /._- that no other page has";
  }
  options.telemetry_path = text;
  return std::nullopt;
}

// http://HOST or http://HOST:PORT. The service speaks plain HTTP only.
std::optional<std::string> TakeMetadataUrl(Options& options, const std::string& text) {
  const auto url = ParseUrl(text);
  if (!url || url->https || !url->path.empty()) {
    return "a URL like http://100.100.100.200 or http://127.0.0.1:10280";
  }
  options.metadata_url = url->ToString();
  return std::nullopt;
}

std::optional<std::string> TakeMode(Options& options, const std::string& text) {
  if (text != "hardened" && text != "normal") return "hardened or normal";
  options.client.mode = text == "normal" ? MetadataMode::kNormal : MetadataMode::kHardened;
  return std::nullopt;
}

std::optional<std::string> TakeTokenTtl(Options& options, const std::string& text) {
  const auto ttl = ParseWhole<int>(text, 1, 21600);
  if (!ttl) return "a number of seconds from 1 to 21600";
  options.client.token_ttl = seconds(*ttl);
  return std::nullopt;
}

std::optional<std::string> TakeTimeout(Options& options, const std::string& text) {
  return TakeDuration(text, milliseconds(10), seconds(60), "a duration from 10ms to 60s",
                      options.client.timeout);
}

std::optional<std::string> TakeExclude(Options& options, const std::string& text) {
  const auto found = std::find_if(kItems.begin(), kItems.end(),
                                  [&](const Item& item) { return item.path == text; });
  if (found == kItems.end()) {
    return "an item as METRICS.md lists it, like disks/[disk-id]/name";
  }
  options.poll.exclude.set(static_cast<std::size_t>(found - kItems.begin()));
  return std::nullopt;
}

// 0 turns it off.
std::optional<std::string> TakePostureInterval(Options& options, const std::string& text) {
  if (text == "0") {
    options.poll.posture_interval = Duration::zero();
    return std::nullopt;
  }
  return TakeDuration(text, seconds(1), hours(24), "0, or a duration from 1s to 24h",
                      options.poll.posture_interval);
}

// Keys behind commas; also repeated.
std::optional<std::string> TakeInstanceTags(Options& options, const std::string& text) {
  constexpr std::size_t kMostTags = 20;  // an instance has no more
  auto& tags = options.poll.instance_tags;
  for (const auto piece : Split(text, ',')) {
    const std::string key(Trim(piece));
    if (!IsIndex(key)) {
      return "a list of tag keys like team,env; the service can tell only keys of letters, digits "
             "and "
             "@:_-.=+";
    }
    const bool again = std::any_of(tags.begin(), tags.end(), [&](const std::string& other) {
      return TagLabel(other) == TagLabel(key);
    });
    if (again)
      return "a list of tag keys that make different labels: " + TagLabel(key) + " is twice";
    if (tags.size() == kMostTags) return "a list of at most 20 tag keys";
    tags.push_back(key);
  }
  return std::nullopt;
}

// The file need not be there yet, but somebody must be able to put it there.
template <std::string Options::*kMember>
std::optional<std::string> TakeFileToCome(Options& options, const std::string& text) {
  const std::filesystem::path path(text);
  std::error_code ignored;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (!path.has_filename() || !std::filesystem::is_directory(folder, ignored) ||
      (std::filesystem::exists(path, ignored) &&
       !std::filesystem::is_regular_file(path, ignored))) {
    return "a regular file, there or not yet, in a folder that exists";
  }
  options.*kMember = text;
  return std::nullopt;
}

// node_exporter reads no other files, so another name would be ignored without a word.
std::optional<std::string> TakeTextfile(Options& options, const std::string& text) {
  if (!text.ends_with(".prom")) return "a file called *.prom, which node_exporter reads";
  return TakeFileToCome<&Options::textfile>(options, text);
}

std::optional<std::string> TakeWebConfigFile(Options& options, const std::string& text) {
  if (text.empty()) return "the name of a file";
  options.web_config_file = text;
  return std::nullopt;
}

std::optional<std::string> TakeAlertmanagerUrl(Options& options, const std::string& text) {
  auto url = ParseUrl(text);
  if (!url) {
    return "a URL like https://alertmanager.example:9093 or http://localhost:9093/prefix, without "
           "a "
           "user name or password (those go into --alertmanager.http-config)";
  }
  if (url->path.ends_with("/api/v2/alerts")) return "a URL without /api/v2/alerts at its end";
  auto& urls = options.alertmanagers;
  const bool again = std::any_of(urls.begin(), urls.end(), [&](const Url& other) {
    return other.ToString() == url->ToString();
  });
  if (again) return "another URL than those before";
  urls.push_back(*std::move(url));
  return std::nullopt;
}

bool IsLabelName(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// NAME=VALUE, into `added`; `own` are those that the alerts have by themselves.
std::optional<std::string> TakeAddition(AlertLabels& added, const std::string& text,
                                        const std::vector<std::string_view>& own,
                                        std::string_view kind, std::string_view example) {
  const auto equals = std::min(text.find('='), text.size());
  const std::string name = text.substr(0, equals);
  const std::string value = text.substr(std::min(equals + 1, text.size()));
  if (!IsLabelName(name) || value.empty() || !IsPrintableUtf8(value)) {
    return fmt::format("{} and its value like {}", kind, example);
  }
  if (std::find(own.begin(), own.end(), name) != own.end()) {
    return fmt::format("{} that the alerts do not have by themselves", kind);
  }
  if (!added.emplace(name, value).second) return fmt::format("{} that is given once", kind);
  return std::nullopt;
}

std::optional<std::string> TakeAlertmanagerLabel(Options& options, const std::string& text) {
  std::vector<std::string_view> own(kRuleLabels.begin(), kRuleLabels.end());
  own.insert(own.end(), kIdentityLabels.begin(), kIdentityLabels.end());
  return TakeAddition(options.added_to_alerts.labels, text, own, "a label",
                      "job=aliyun-ecs-exporter");
}

std::optional<std::string> TakeAlertmanagerAnnotation(Options& options, const std::string& text) {
  return TakeAddition(options.added_to_alerts.annotations, text,
                      {kOwnAnnotations.begin(), kOwnAnnotations.end()}, "an annotation",
                      "runbook_url=https://wiki.example/spot");
}

std::optional<std::string> TakeAlertmanagerHttpConfig(Options& options, const std::string& text) {
  if (text.empty()) return "the name of a file";
  options.alertmanager_http_config = text;
  return std::nullopt;
}

std::optional<std::string> TakeMaxRequests(Options& options, const std::string& text) {
  const auto number = ParseWhole<int>(text, 0, 1000);
  if (!number) return "a number from 0 (no limit) to 1000";
  options.max_requests = *number;
  return std::nullopt;
}

// A switch. On the command line its name alone is "true".
template <bool Options::*kMember, bool kWhenOn>
std::optional<std::string> TakeSwitch(Options& options, const std::string& text) {
  if (text != "true" && text != "false") return "true or false";
  options.*kMember = (text == "true") == kWhenOn;
  return std::nullopt;
}

std::optional<std::string> TakeLogLevel(Options& options, const std::string& text) {
  const auto level = ParseLogLevel(text);
  if (!level) return "debug, info, warn or error";
  options.log_level = *level;
  return std::nullopt;
}

std::optional<std::string> TakeLogFormat(Options& options, const std::string& text) {
  const auto format = ParseLogFormat(text);
  if (!format) return "logfmt or json";
  options.log_format = *format;
  return std::nullopt;
}

// Everything that is wrong with that file and those that it names.
std::vector<std::string> WebConfigComplaints(const std::string& path) {
  WebConfigReading reading = ReadWebConfig(path);
  if (!reading.complaints.empty() || !reading.config.tls) return reading.complaints;
#ifdef ALIYUN_ECS_SYSTEM_CIVETWEB
  return {"this exporter was built with the system's CivetWeb, which cannot speak TLS here"};
#else
  const auto settings = TlsSettings::Load(*reading.config.tls);
  return settings ? std::vector<std::string>() : std::vector{settings.error().message};
#endif
}

constexpr Setting kSettings[] = {
    {"web.listen-address", true, ":10200", "ADDRESS",
     "where to serve pages; :PORT is every address, IPv4 and IPv6", &TakeListenAddress},
    {"web.telemetry-path", false, "/metrics", "PATH", "path of the metrics page",
     &TakeTelemetryPath},
    {"web.config.file", false, "", "FILE",
     "TLS, client certificates, passwords, headers and rate limit, as for other exporters",
     &TakeWebConfigFile},
    {"web.max-requests", false, "40", "NUMBER",
     "requests that are worked on at once, one more gets 503; 0: no limit", &TakeMaxRequests},
    {"web.disable-exporter-metrics", false, "false", "",
     "leave out process_* and aliyun_ecs_exporter_http_requests_total",
     &TakeSwitch<&Options::exporter_metrics, false>},
    {"metadata.url", false, "http://100.100.100.200", "URL", "where the metadata service is",
     &TakeMetadataUrl},
    {"metadata.mode", false, "hardened", "hardened|normal",
     "with or without a session token; never a silent fallback", &TakeMode},
    {"metadata.token-ttl", false, "21600", "SECONDS", "life of a session token, 1 to 21600",
     &TakeTokenTtl},
    {"metadata.timeout", false, "2s", "DURATION", "for one request", &TakeTimeout},
    {"metadata.exclude", true, "", "ITEM", "an item that is not read at all", &TakeExclude},
    {"poll.spot-interval", false, "5s", "DURATION", "between reads of the spot notice",
     &TakeInterval<&PollOptions::spot_interval>},
    {"poll.notice-interval", false, "2s", "DURATION", "while a notice stands, if shorter",
     &TakeInterval<&PollOptions::notice_interval>},
    {"poll.credentials-interval", false, "1h", "DURATION",
     "between reads of a RAM credential far from its end",
     &TakeInterval<&PollOptions::credentials_interval>},
    {"poll.listing-interval", false, "5m", "DURATION",
     "between listings of interfaces, disks, key pairs and role",
     &TakeInterval<&PollOptions::listing_interval>},
    {"poll.identity-interval", false, "1h", "DURATION", "between reads of everything else",
     &TakeInterval<&PollOptions::identity_interval>},
    {"poll.posture-interval", false, "1h", "DURATION",
     "between requests without a token that tell whether normal mode is open; 0: none",
     &TakePostureInterval},
    {"poll.budget", false, "2", "NUMBER", "most requests per second in the long run",
     &TakeNumber<&PollOptions::budget, 1, 50>},
    {"poll.burst", false, "100", "NUMBER", "most requests at once",
     &TakeNumber<&PollOptions::burst, 10, 1000>},
    {"metrics.instance-tags", true, "", "KEY,...", "instance tags that become labels",
     &TakeInstanceTags},
    {"state.file", false, "", "FILE",
     "what a restart must not forget: spent budget, notice, identity",
     &TakeFileToCome<&Options::state_file>},
    {"spot.notice-file", false, "", "FILE", "there exactly while a spot notice stands (JSON)",
     &TakeFileToCome<&Options::spot_notice_file>},
    {"drill.file", false, "", "FILE",
     "a time in it, at most an hour ahead, starts a drill: {\"time\": \"2026-11-26T08:00:00Z\"}",
     &TakeFileToCome<&Options::drill_file>},
    {"alertmanager.url", true, "", "URL",
     "an Alertmanager that gets the alert of a notice or drill from here, too; not with --once",
     &TakeAlertmanagerUrl},
    {"alertmanager.label", true, "", "NAME=VALUE",
     "a label that Prometheus adds (job, instance, external labels), so that its alert is the same",
     &TakeAlertmanagerLabel},
    {"alertmanager.annotation", true, "", "NAME=VALUE",
     "an annotation like runbook_url, which the rules have and the exporter cannot know",
     &TakeAlertmanagerAnnotation},
    {"alertmanager.http-config", false, "", "FILE",
     "credentials and certificates for the Alertmanagers (YAML, as Prometheus' http_config)",
     &TakeAlertmanagerHttpConfig},
    {"textfile", false, "", "FILE",
     "the page, kept up to date for node_exporter's textfile collector (*.prom)", &TakeTextfile},
    {"once", false, "false", "",
     "print one page (or write it to --textfile) and exit: 0, or 2 when it could not be filled",
     &TakeSwitch<&Options::once, true>},
    {"log.level", false, "info", "LEVEL", "debug, info, warn or error", &TakeLogLevel},
    {"log.format", false, "logfmt", "FORMAT", "logfmt or json", &TakeLogFormat},
};

const Setting* FindSetting(std::string_view name) {
  const auto found = std::find_if(std::begin(kSettings), std::end(kSettings),
                                  [&](const Setting& setting) { return setting.name == name; });
  return found == std::end(kSettings) ? nullptr : found;
}

constexpr std::string_view kEnvironmentPrefix = "ALIYUN_ECS_EXPORTER_";
constexpr std::string_view kConfigFile = "config.file";

std::string EnvironmentName(std::string_view flag) {
  std::string name(kEnvironmentPrefix);
  for (const char c : flag) {
    const bool letter = c >= 'a' && c <= 'z';
    name += letter ? static_cast<char>(c - 'a' + 'A') : '_';
  }
  return name;
}

// Kubernetes gives every pod variables about the Services of its namespace. For one that is called
// aliyun-ecs-exporter they look like settings of ours.
bool IsOfKubernetes(std::string_view environment_name) {
  const auto rest = environment_name.substr(kEnvironmentPrefix.size());
  return rest == "SERVICE_HOST" || rest == "PORT" || rest.starts_with("SERVICE_PORT") ||
         rest.starts_with("PORT_");
}

// A name that somebody gave, as it is where that does no harm to a terminal or a log.
std::string Shown(const std::string& name) {
  return IsPrintableUtf8(name) ? name : JsonQuote(name);
}

// Where settings came from and what was wrong with them.
class Reader {
 public:
  struct Given {
    Values values;
    std::string source;  // behind the value in a complaint; empty for the command line
  };

  void ReadFile(const std::string& path);
  void ReadEnvironment(const Environment& environment);
  void Give(std::string_view name, Values values, std::string source = {}) {
    given_[name] = Given{std::move(values), std::move(source)};
  }
  void Complain(std::string complaint) { complaints_.push_back(std::move(complaint)); }

  // Of what was given and of the defaults.
  [[nodiscard]] Settings MakeSettings() const;
  // `healthcheck`: for one that only asks. The exporter that it asks goes on with the web
  // configuration as it was before it became wrong.
  [[nodiscard]] Options MakeOptions(bool healthcheck);
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void ReadNode(const std::string& path, const std::string& prefix, const YAML::Node& node);

  std::map<std::string_view, Given> given_;  // by Setting::name; the later giver wins
  std::set<std::string> names_in_file_;
  std::vector<std::string> complaints_;
};

void Reader::ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  std::error_code ignored;
  // A folder can be opened, and looks like an empty file.
  if (!file || std::filesystem::is_directory(path, ignored)) {
    Complain(fmt::format("--config.file: {} cannot be read", JsonQuote(path)));
    return;
  }
  text << file.rdbuf();
  const auto document = ReadYamlDocument(text.str());
  if (!document) {
    Complain(fmt::format("--config.file: {} {}", JsonQuote(path), document.error().message));
  } else if (document->IsMap()) {
    ReadNode(path, "", *document);
  } else if (!document->IsNull()) {
    Complain(fmt::format("--config.file: {} is not \"key: value\"", JsonQuote(path)));
  }
}

// A setting's key may be dotted ("poll.budget: 2") or nested ("poll: {budget: 2}").
void Reader::ReadNode(const std::string& path, const std::string& prefix, const YAML::Node& node) {
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      Complain(fmt::format("{}: a key that is not a word", Shown(path)));
      continue;
    }
    const std::string name = prefix + entry.first.Scalar();
    if (!names_in_file_.insert(name).second) {
      Complain(fmt::format("{}: {} is given twice", Shown(path), JsonQuote(name)));
    }
    const Setting* const setting = FindSetting(name);
    // No setting lies deeper; an alias in YAML can make a map hold itself.
    if (setting == nullptr && entry.second.IsMap() && prefix.empty()) {
      ReadNode(path, name + ".", entry.second);
      continue;
    }
    if (setting == nullptr) {
      Complain(fmt::format("{}: {} is not a setting; see --help", Shown(path), JsonQuote(name)));
      continue;
    }
    Values values;
    bool words = true;
    if (entry.second.IsScalar()) {
      values.push_back(entry.second.Scalar());
    } else if (entry.second.IsSequence() && setting->repeatable) {
      for (const auto& element : entry.second) {
        words = words && element.IsScalar();
        if (element.IsScalar()) values.push_back(element.Scalar());
      }
    } else {
      words = false;
    }
    if (!words) {
      Complain(fmt::format("{}: {} must be {}", Shown(path), JsonQuote(name),
                           setting->repeatable ? "a value or a list of values" : "one value"));
      continue;
    }
    Give(setting->name, std::move(values), "in " + path);
  }
}

void Reader::ReadEnvironment(const Environment& environment) {
  for (const auto& [name, text] : environment) {
    if (!name.starts_with(kEnvironmentPrefix) || name == EnvironmentName(kConfigFile)) continue;
    if (IsOfKubernetes(name)) continue;
    const auto* const setting =
        std::find_if(std::begin(kSettings), std::end(kSettings),
                     [&, &n = name](const Setting& s) { return EnvironmentName(s.name) == n; });
    if (setting == std::end(kSettings)) {
      Complain(
          fmt::format("the environment variable {} is not a setting; see --help", Shown(name)));
      continue;
    }
    Values values;
    if (setting->repeatable) {
      for (const auto piece : Split(text, ',')) values.emplace_back(Trim(piece));
    } else {
      values.push_back(text);
    }
    Give(setting->name, std::move(values), "in the environment variable " + name);
  }
}

Settings Reader::MakeSettings() const {
  Settings settings;
  for (const Setting& setting : kSettings) {
    auto& values = settings[setting.name];
    const auto found = given_.find(setting.name);
    if (found != given_.end()) {
      values = found->second.values;
    } else if (!setting.initial.empty()) {
      values.emplace_back(setting.initial);
    }
  }
  return settings;
}

// The same for all ways to write it.
std::string PlaceOf(const std::string& file) {
  std::error_code failed;
  const auto place = std::filesystem::weakly_canonical(file, failed);
  return failed ? file : place.string();
}

Options Reader::MakeOptions(bool healthcheck) {
  Options options;
  const Settings settings = MakeSettings();
  for (const Setting& setting : kSettings) {
    const auto given = given_.find(setting.name);
    const std::string source = given == given_.end() ? "" : given->second.source;
    for (const auto& value : settings.at(setting.name)) {
      const auto allowed = setting.take(options, value);
      if (!allowed) continue;
      const std::string shown = WithoutUrlSecrets(value, setting.placeholder == "URL");
      Complain(fmt::format("--{}: {}{}{} is not {}", setting.name, JsonQuote(shown),
                           source.empty() ? "" : " ", source, *allowed));
    }
  }
  // One request in each spot interval, and one in 20 s for everything else.
  const double needed = 1 / ToSeconds(options.poll.spot_interval) + 1.0 / 20;
  if (complaints_.empty() && options.poll.budget < needed) {
    Complain(
        fmt::format("--poll.budget: {} requests per second are not enough for "
                    "--poll.spot-interval={:g}s and all else; at least {:.2f}",
                    options.poll.budget, ToSeconds(options.poll.spot_interval), needed));
  }
  const std::pair<std::string_view, const std::string&> files[] = {
      {"state.file", options.state_file},
      {"spot.notice-file", options.spot_notice_file},
      {"drill.file", options.drill_file},
      {"textfile", options.textfile},
  };
  for (auto one = std::begin(files); one != std::end(files); ++one) {
    for (auto other = std::begin(files); other != one; ++other) {
      if (one->second.empty() || other->second.empty()) continue;
      const std::string here = PlaceOf(one->second), there = PlaceOf(other->second);
      // A file is first written beside its place.
      if (here != there && here != there + ".tmp" && here + ".tmp" != there) continue;
      Complain(fmt::format("--{}: it must be another file than --{}", one->first, other->first));
    }
  }
  if (!options.web_config_file.empty() && !healthcheck) {
    for (const auto& complaint : WebConfigComplaints(options.web_config_file)) {
      Complain(fmt::format("--web.config.file: {}: {}", Shown(options.web_config_file), complaint));
    }
  }
  if (!options.alertmanager_http_config.empty() && !healthcheck) {
    for (const auto& complaint : ReadHttpConfig(options.alertmanager_http_config).complaints) {
      Complain(fmt::format("--alertmanager.http-config: {}: {}",
                           Shown(options.alertmanager_http_config), complaint));
    }
  }
  for (const auto* const name :
       {"alertmanager.label", "alertmanager.annotation", "alertmanager.http-config"}) {
    if (settings.at(name).empty() || !settings.at("alertmanager.url").empty()) continue;
    Complain(fmt::format("--{}: there is no --alertmanager.url that it could serve", name));
  }
  const bool other_way_out = options.once || !options.textfile.empty();
  if (options.listen_addresses.empty() && !other_way_out && complaints_.empty()) {
    Complain("--web.listen-address: the list is empty, so there is nowhere to listen");
  }
  return options;
}

std::string Version() {
  const BuildInfo& build = GetBuildInfo();
  return fmt::format("aliyun_ecs_exporter, version {} (revision {}, built by {})\n", build.version,
                     build.revision, build.compiler);
}

}  // namespace

Environment ProcessEnvironment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Invocation ReadOptions(int argc, const char* const* argv, const Environment& environment) {
  CLI::App app(
      "Tells Prometheus what the instance metadata service says about this Alibaba Cloud "
      "ECS instance.");
  app.name("aliyun_ecs_exporter");
  app.footer(fmt::format(
      "A flag on the command line wins over the environment (--poll.budget is {}), that over\n"
      "--config.file (YAML; keys as the flags, \"poll.budget: 2\" or nested), that over the "
      "default.\nRepeatable flags: lists in the file, commas in the environment.",
      EnvironmentName("poll.budget")));
  app.allow_extras();
  std::map<std::string_view, const CLI::Option*> flags;
  for (const Setting& setting : kSettings) {
    const std::string help(setting.help);
    auto* const option = app.add_option("--" + std::string(setting.name), help);
    flags[setting.name] = option;
    // A flag without its value is an empty one, which its setting complains of; an exception here
    // would hide what else is wrong.
    option->expected(0, 1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    // Not by default_str(): CLI11 would take that for a flag without its value.
    if (setting.placeholder.empty()) {
      option->type_name("");
      continue;
    }
    option->type_name(setting.initial.empty()
                          ? std::string(setting.placeholder)
                          : fmt::format("{}={}", setting.placeholder, setting.initial));
  }
  std::string config_file;
  app.add_option("--config.file", config_file, "settings in YAML")->type_name("FILE");
  bool config_check = false, healthcheck = false, version = false, metrics_reference = false;
  app.add_flag("--config.check", config_check, "check all settings, say what is wrong, and exit");
  app.add_flag(
      "--healthcheck", healthcheck,
      "ask the exporter that runs here with these settings whether it is healthy, and exit: "
      "0, or 1 when not");
  app.add_flag("--metrics-reference", metrics_reference, "print METRICS.md and exit");
  app.add_flag("--version", version, "print the version and exit");

  Invocation invocation;
  Reader reader;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    invocation.action = Invocation::Action::kPrint;
    invocation.text = app.help();
    return invocation;
  } catch (const CLI::ParseError& error) {
    reader.Complain(error.what());
  }
  if (version || metrics_reference) {
    invocation.action = Invocation::Action::kPrint;
    invocation.text = version ? Version() : MetricsReference();
    return invocation;
  }
  bool is_value = false;  // of an unknown flag, and perhaps a secret
  for (const auto& extra : app.remaining()) {
    const auto equals = extra.find('=');
    const bool is_flag = extra.starts_with('-');
    const bool skip = !is_flag && is_value;
    is_value = is_flag && equals == std::string::npos;
    if (skip) continue;
    const std::string shown =
        WithoutUrlSecrets(is_flag ? extra.substr(0, equals) : extra, /*is_url=*/false);
    reader.Complain(fmt::format("{} is not a flag; see --help", JsonQuote(shown)));
  }
  if (config_file.empty()) {
    const auto found = environment.find(EnvironmentName(kConfigFile));
    if (found != environment.end()) config_file = found->second;
  }
  if (!config_file.empty()) reader.ReadFile(config_file);
  reader.ReadEnvironment(environment);
  for (const auto& [name, option] : flags) {
    Values values = option->results();
    if (values.empty()) continue;
    const Setting& setting = *FindSetting(name);
    if (setting.placeholder.empty()) {
      for (auto& value : values) value = value.empty() ? "true" : value;
    }
    if (!setting.repeatable && values.size() > 1) {
      reader.Complain(fmt::format("--{}: given {} times, allowed once", name, values.size()));
    }
    reader.Give(name, std::move(values));
  }
  invocation.options = reader.MakeOptions(healthcheck);
  invocation.settings = reader.MakeSettings();
  invocation.complaints = reader.complaints();
  if (!invocation.complaints.empty()) {
    invocation.action = Invocation::Action::kRefuse;
  } else if (config_check) {
    invocation.action = Invocation::Action::kPrint;
    invocation.text = "all settings are good\n";
  } else if (healthcheck) {
    invocation.action = Invocation::Action::kHealthcheck;
  }
  return invocation;
}

Reload Reload::Compare(const Settings& before, const Settings& after) {
  constexpr std::string_view kChangeable[] = {"log.level", "log.format"};
  Reload reload;
  for (const auto& [name, values] : after) {
    const auto old = before.find(name);
    if (old != before.end() && old->second == values) continue;
    const bool changeable =
        std::find(std::begin(kChangeable), std::end(kChangeable), name) != std::end(kChangeable);
    (changeable ? reload.applied : reload.ignored).push_back(name);
  }
  return reload;
}

}  // namespace aliyun_ecs
