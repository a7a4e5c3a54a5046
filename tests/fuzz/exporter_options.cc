#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "fuzz/option_lines.h"
#include "options.h"

// The exporter's settings: a line of the input is an argument, or "env NAME=VALUE"; what follows a
// line "yaml" is the file of --config.file. Options within their bounds, which mean the same when
// they are given again, or complaints of one line that tell no password.

namespace aliyun_ecs::fuzz {
namespace {

// A file that is nowhere.
class ConfigFile {
 public:
  explicit ConfigFile(std::string_view content) : file_(memfd_create("config", MFD_CLOEXEC)) {
    ALWAYS(write(file_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~ConfigFile() { close(file_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

bool IsOfAUrl(std::string_view argument) {
  return argument.starts_with("--metadata.url=") || argument.starts_with("--alertmanager.url=");
}

void CheckComplaints(const Invocation& invocation, const std::vector<std::string>& arguments) {
  const bool only_in_urls =
      std::all_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
        return argument.find(kPassword) == std::string::npos || IsOfAUrl(argument);
      });
  for (const auto& complaint : invocation.complaints) {
    ALWAYS(!complaint.empty() && IsPrintableUtf8(complaint));
    ALWAYS(!only_in_urls || complaint.find(kPassword) == std::string::npos);
  }
}

void CheckOptions(const Options& options) {
  for (const auto& address : options.listen_addresses) {
    const auto again = ListenAddress::Parse(address.ToString());
    ALWAYS(again && again->host == address.host && again->port == address.port);
  }
  ALWAYS(Site::IsTelemetryPath(options.telemetry_path));
  ALWAYS(ParseUrl(options.metadata_url)->ToString() == options.metadata_url);
  ALWAYS(options.metadata_url.starts_with("http://"));
  for (const auto& url : options.alertmanagers) {
    ALWAYS(ParseUrl(url.ToString())->HostAndPort() == url.HostAndPort());
  }
  for (const auto& added : {options.added_to_alerts.labels, options.added_to_alerts.annotations}) {
    for (const auto& [name, value] : added) ALWAYS(!value.empty() && IsPrintableUtf8(name + value));
  }
  const auto ttl = options.client.token_ttl.count();
  ALWAYS(ttl >= 1 && ttl <= 21600);
  ALWAYS(options.client.timeout >= std::chrono::milliseconds(10));
  ALWAYS(options.client.timeout <= std::chrono::minutes(1));
  ALWAYS(options.poll.budget >= 0.1 && options.poll.budget <= 50);
  ALWAYS(options.poll.burst >= 1 && options.poll.burst <= 1000);
  for (const Duration interval :
       {options.poll.spot_interval, options.poll.notice_interval, options.poll.credentials_interval,
        options.poll.listing_interval, options.poll.identity_interval}) {
    ALWAYS(interval >= std::chrono::seconds(1) && interval <= std::chrono::hours(24));
  }
  const auto& tags = options.poll.instance_tags;
  for (auto tag = tags.begin(); tag != tags.end(); ++tag) {
    ALWAYS(IsIndex(*tag) && std::find(tags.begin(), tag, *tag) == tag);
  }
  ALWAYS(options.max_requests >= 0 && options.max_requests <= 1000);
}

// The settings as a command line mean what they mean.
void GiveAgain(const Settings& settings) {
  std::vector<std::string> arguments;
  for (const auto& [name, values] : settings) {
    // A command line cannot say "none" of what has a default.
    if (name == "web.listen-address" && values.empty()) return;
    for (const auto& value : values) arguments.push_back("--" + std::string(name) + "=" + value);
  }
  const auto argv = ToArgv(arguments);
  const Invocation again = ReadOptions(static_cast<int>(argv.size()), argv.data(), {});
  ALWAYS(again.action == Invocation::Action::kRun);
  ALWAYS(again.settings == settings);
}

}  // namespace

void Fuzz(std::string_view input) {
  if (NamesDevices(input)) return;
  constexpr std::string_view kYaml = "\nyaml\n";
  const auto command_line = input.substr(0, input.find(kYaml));
  const ConfigFile file(input.substr(std::min(input.size(), command_line.size() + kYaml.size())));
  std::vector<std::string> arguments;
  Environment environment;
  for (auto& line : ArgumentsIn(command_line)) {
    if (!line.starts_with("env ")) {
      arguments.push_back(std::move(line));
      continue;
    }
    const auto equals = line.find('=');
    if (equals != std::string::npos)
      environment[line.substr(4, equals - 4)] = line.substr(equals + 1);
  }
  if (command_line.size() < input.size()) arguments.push_back("--config.file=" + file.path());
  const auto argv = ToArgv(arguments);
  const Invocation invocation =
      ReadOptions(static_cast<int>(argv.size()), argv.data(), environment);
  ALWAYS((invocation.action == Invocation::Action::kRefuse) == !invocation.complaints.empty());
  for (const auto& [name, value] : environment) arguments.push_back(name + "=" + value);
  CheckComplaints(invocation, arguments);
  if (invocation.action != Invocation::Action::kRun) return;
  CheckOptions(invocation.options);
  const auto reload = Reload::Compare(invocation.settings, invocation.settings);
  ALWAYS(reload.applied.empty() && reload.ignored.empty());
  GiveAgain(invocation.settings);
}

}  // namespace aliyun_ecs::fuzz
