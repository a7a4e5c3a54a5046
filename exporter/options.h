#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "client/metadata_client.h"
#include "client/url.h"
#include "expose/http_server.h"
#include "notify/alertmanager.h"
#include "poll/poller.h"

namespace aliyun_ecs {

// Everything a user can set, checked and typed.
struct Options {
  std::vector<ListenAddress> listen_addresses;
  std::string telemetry_path;
  std::string web_config_file;   // empty: none
  int max_requests = 0;          // of the web server at once; 0: no limit
  bool exporter_metrics = true;  // of the exporter's own process, on the page
  bool once = false;             // one page to standard output instead of a server
  std::string textfile;          // empty: none
  std::string metadata_url;      // without a final slash
  std::string state_file;        // empty: none
  std::string spot_notice_file;  // empty: none
  std::string drill_file;        // empty: none
  std::vector<Url> alertmanagers;
  AddedToAlerts added_to_alerts;
  std::string alertmanager_http_config;  // empty: none
  ClientOptions client;
  PollOptions poll;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
};

// The values of every setting as they were given or are by default, by the flag's name without its
// dashes.
using Settings = std::map<std::string_view, std::vector<std::string>>;

// What the command line asks for.
struct Invocation {
  enum class Action { kRun, kPrint, kRefuse, kHealthcheck };
  Action action = Action::kRun;
  Options options;                      // kRun, kHealthcheck
  Settings settings;                    // kRun: what the options were made of
  std::string text;                     // kPrint: for standard output, then exit 0
  std::vector<std::string> complaints;  // kRefuse: one line each for standard error, then exit 1
};

// Environment variables and their values.
using Environment = std::map<std::string, std::string>;
[[nodiscard]] Environment ProcessEnvironment();

// Reads the settings from the command line, else from the environment
// (--poll.spot-interval is ALIYUN_ECS_EXPORTER_POLL_SPOT_INTERVAL), else from the file named by
// --config.file (YAML; keys as the flags, dotted or nested), else takes the default. Every wrong
// value is complained of, not only the first.
[[nodiscard]] Invocation ReadOptions(int argc, const char* const* argv,
                                     const Environment& environment);

// What a running exporter does about settings that were read anew (SIGHUP).
struct Reload {
  std::vector<std::string_view> applied;  // changed, and can change without a restart
  std::vector<std::string_view> ignored;  // changed, and cannot

  [[nodiscard]] static Reload Compare(const Settings& before, const Settings& after);
};

}  // namespace aliyun_ecs
