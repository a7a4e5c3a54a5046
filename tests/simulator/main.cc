#include <fmt/format.h>
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/build_info.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "simulator/control.h"
#include "simulator/protocol.h"
#include "simulator/scenario.h"
#include "simulator/server.h"
#include "simulator/service.h"
#include "simulator/start.h"
#include "simulator/tree.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr const char* kDescription =
    "The Alibaba Cloud ECS instance metadata service in miniature, for tests and drills.\n"
    "All identities and secrets in it are made up.";

// The command line as it was typed; nullopt where a flag was not given.
struct Flags {
  std::vector<std::string> listen_addresses;
  std::vector<std::string> control_addresses = {"127.0.0.1:10281"};
  std::optional<std::string> http_tokens, http_endpoint, throttle;
  std::optional<std::string> instances, tree, profile, interfaces, disks, ipv6, role;
  std::optional<std::string> credential_life, credential_overlap;
  std::optional<std::string> user_data, active_system_events, identity_document, meta_data_all;
  std::optional<std::string> scenario;
  std::vector<std::string> tags;
  bool no_role = false;
  bool no_key_pair = false;
  bool no_public_address = false;
  bool no_spot = false;
  bool marketplace_image = false;
  std::array<std::optional<std::string>, kProtocolOptionCount> protocol;  // as in the table
};

// What remains when all of it is right.
struct Setup {
  std::vector<std::string> listen_addresses;
  std::vector<std::string> control_addresses;
  std::vector<InstanceStart> starts;
  ProtocolOptions protocol;
  std::optional<Scenario> scenario;
};

constexpr std::string_view kDefaultListenAddress = "127.0.0.1:10280";
constexpr std::size_t kLargestFile = std::size_t{16} << 20;

// Where the instances answer: an address of 127.0.0.1 stands for all of 127.0.0.1 to 127.0.0.N.
std::vector<std::string> AddressesOfAll(const std::vector<std::string>& addresses, int instances) {
  constexpr std::string_view kFirst = "127.0.0.1:";
  std::vector<std::string> all;
  for (const auto& address : addresses) {
    all.push_back(address);
    if (!address.starts_with(kFirst)) continue;
    for (int number = 2; number <= instances; ++number) {
      auto other = fmt::format("127.0.0.{}:{}", number, address.substr(kFirst.size()));
      if (std::find(addresses.begin(), addresses.end(), other) == addresses.end()) {
        all.push_back(std::move(other));
      }
    }
  }
  return all;
}

// Turns flags into a Setup and collects what is wrong with them.
class Checker {
 public:
  Setup Check(const Flags& flags) {
    Setup setup;
    setup.listen_addresses = flags.listen_addresses;
    if (setup.listen_addresses.empty())
      setup.listen_addresses = {std::string(kDefaultListenAddress)};
    setup.control_addresses = flags.control_addresses;
    CheckAddresses("listen-address", setup.listen_addresses);
    CheckAddresses("control.listen-address", setup.control_addresses);
    CheckProtocol(flags, setup.protocol);
    auto options = CheckStart(flags);
    if (flags.scenario) {
      setup.scenario = CheckScenario(*flags.scenario, options);
      if (setup.scenario) options = Merge(options, setup.scenario->start);
    }
    std::optional<Tree> tree;
    if (flags.tree) tree = CheckTree(*flags.tree);
    setup.starts = MakeStarts(options, tree, complaints_);
    setup.listen_addresses = AddressesOfAll(setup.listen_addresses, options.instances.value_or(1));
    return setup;
  }

  void Complain(std::string sentence) { complaints_.push_back(std::move(sentence)); }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void Complain(std::string_view flag, std::string_view value, std::string_view allowed) {
    Complain(fmt::format("--{}={}: {}", flag, value, allowed));
  }

  void CheckAddresses(std::string_view flag, const std::vector<std::string>& addresses) {
    for (const auto& address : addresses) {
      if (!Server::IsAddress(address)) Complain(flag, address, "must be HOST:PORT or :PORT");
    }
  }

  void CheckProtocol(const Flags& flags, ProtocolOptions& protocol) {
    for (std::size_t i = 0; i < flags.protocol.size(); ++i) {
      if (!flags.protocol[i]) continue;
      const auto& row = ProtocolOptionTable()[i];
      const auto set = SetProtocolOption(protocol, row.name, *flags.protocol[i]);
      if (!set) Complain(row.name, *flags.protocol[i], set.error().message);
    }
  }

  StartOptions CheckStart(const Flags& flags) {
    StartOptions options;
    options.instances = CheckCount("instances", flags.instances, 1, kMostInstances);
    options.profile = CheckWord<Profile>("profile", flags.profile, ParseProfile,
                                         "must be linux, windows or full");
    options.interfaces = CheckCount("interfaces", flags.interfaces, 1, kMostInterfaces);
    options.disks = CheckCount("disks", flags.disks, 0, kMostDisks);
    options.ipv6 = CheckWord<Ipv6>("ipv6", flags.ipv6, ParseIpv6, "must be none, prefixes or full");
    options.http_tokens = CheckWord<HttpTokens>("http-tokens", flags.http_tokens, ParseHttpTokens,
                                                "must be optional or required");
    options.http_endpoint = CheckWord<HttpEndpoint>(
        "http-endpoint", flags.http_endpoint, ParseHttpEndpoint, "must be enabled or disabled");
    options.throttle =
        CheckWord<Throttle>("throttle", flags.throttle, ParseThrottle,
                            "must be RATE/BURST, requests per second and at once, such as 2/10");
    options.credential_life = CheckSeconds("credential-life", flags.credential_life,
                                           kShortestCredentialLife, kLongestCredentialLife);
    options.credential_overlap =
        CheckSeconds("credential-overlap", flags.credential_overlap, std::chrono::seconds(1),
                     kLongestCredentialLife - std::chrono::seconds(1));
    options.identity_document = CheckSwitch("identity-document", flags.identity_document);
    options.meta_data_all = CheckSwitch("meta-data-all", flags.meta_data_all);
    if (flags.no_key_pair) options.key_pair = false;
    if (flags.no_public_address) options.public_address = false;
    if (flags.marketplace_image) options.marketplace_image = true;
    if (flags.no_spot) options.spot = false;
    options.active_system_events = flags.active_system_events;
    if (flags.user_data) {
      auto text = ReadWholeFile(*flags.user_data, kLargestFile);
      if (text) {
        options.user_data = std::move(*text);
      } else {
        Complain("user-data", *flags.user_data, text.error().message);
      }
    }
    CheckRole(flags, options);
    CheckTags(flags, options);
    return options;
  }

  void CheckRole(const Flags& flags, StartOptions& options) {
    if (flags.role && flags.no_role) Complain("--role and --no-role exclude each other");
    if (flags.role && !IsRoleName(*flags.role)) Complain("role", *flags.role, kRoleNameRule);
    options.role = flags.no_role ? std::optional<std::string>("") : flags.role;
  }

  void CheckTags(const Flags& flags, StartOptions& options) {
    for (const auto& tag : flags.tags) {
      const auto equals = tag.find('=');
      if (equals == std::string::npos || !IsTagKey(tag.substr(0, equals))) {
        Complain("tag", tag, "must be KEY=VALUE with a key of letters, digits or @:_-.,");
        continue;
      }
      if (!options.tags) options.tags.emplace();
      options.tags->insert_or_assign(tag.substr(0, equals), tag.substr(equals + 1));
    }
  }

  std::optional<Tree> CheckTree(const std::string& file) {
    const auto text = ReadWholeFile(file, kLargestFile);
    auto tree = text ? Tree::FromJson(*text) : tl::unexpected(text.error());
    if (tree) return std::move(*tree);
    Complain("tree", file, tree.error().message);
    return std::nullopt;
  }

  std::optional<Scenario> CheckScenario(const std::string& file, const StartOptions& options) {
    const auto text = ReadWholeFile(file, kLargestFile);
    if (!text) {
      Complain("scenario", file, text.error().message);
      return std::nullopt;
    }
    auto scenario = Scenario::FromJson(*text, options);
    if (scenario) return std::move(*scenario);
    for (const auto& complaint : scenario.error()) Complain("scenario", file, complaint);
    return std::nullopt;
  }

  std::optional<int> CheckCount(std::string_view flag, const std::optional<std::string>& text,
                                int least, int most) {
    if (!text) return std::nullopt;
    const auto value = ParseWhole<int>(*text, least, most);
    if (!value) {
      Complain(flag, *text, fmt::format("must be a whole number from {} to {}", least, most));
    }
    return value;
  }

  std::optional<std::chrono::seconds> CheckSeconds(std::string_view flag,
                                                   const std::optional<std::string>& text,
                                                   std::chrono::seconds least,
                                                   std::chrono::seconds most) {
    const auto count =
        CheckCount(flag, text, static_cast<int>(least.count()), static_cast<int>(most.count()));
    return count ? std::optional(std::chrono::seconds(*count)) : std::nullopt;
  }

  template <typename T>
  std::optional<T> CheckWord(std::string_view flag, const std::optional<std::string>& text,
                             std::optional<T> (*parse)(std::string_view),
                             std::string_view allowed) {
    if (!text) return std::nullopt;
    auto value = parse(*text);
    if (!value) Complain(flag, *text, allowed);
    return value;
  }

  std::optional<bool> CheckSwitch(std::string_view flag, const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    if (*text == "on" || *text == "off") return *text == "on";
    Complain(flag, *text, "must be on or off");
    return std::nullopt;
  }

  std::vector<std::string> complaints_;
};

// Fills `flags`; returns the exit status when the program ends here.
std::optional<int> ReadCommandLine(int argc, char** argv, Flags& flags, Checker& checker) {
  CLI::App app(kDescription, "aliyun_ecs_simulator");
  const auto& build = GetBuildInfo();
  app.set_version_flag("--version", fmt::format("aliyun_ecs_simulator {} (revision {}, {})",
                                                build.version, build.revision, build.compiler));
  // What follows keeps CLI11 from ending at the first mistake: unknown flags are collected, and a
  // missing value is an empty one.
  app.allow_extras();
  const auto add = [&app](const std::string& name, auto& value, std::string help) {
    return app.add_option(name, value, std::move(help))->expected(0, 1)->take_last();
  };
  const auto add_repeatable = [&app](const char* name, auto& values, std::string help) {
    app.add_option(name, values, std::move(help))
        ->expected(0, 1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  };
  add_repeatable("--listen-address", flags.listen_addresses,
                 fmt::format("HOST:PORT to serve metadata on; port 0: any; repeatable ({});\n"
                             "with several instances 127.0.0.1 stands for 127.0.0.1 to 127.0.0.N",
                             kDefaultListenAddress));
  add_repeatable("--control.listen-address", flags.control_addresses,
                 "HOST:PORT to serve the control API on; repeatable (127.0.0.1:10281)");
  add("--scenario", flags.scenario,
      "FILE.json with a story on a timeline; flags win over its \"start\"");

  app.option_defaults()->group("The instances");
  add("--instances", flags.instances,
      fmt::format("how many, 1 to {}; number N answers under 127.0.0.N, number 1 also\n"
                  "under any other address (1)",
                  kMostInstances));
  add("--http-tokens", flags.http_tokens, "optional or required: hardened mode only (optional)");
  add("--http-endpoint", flags.http_endpoint,
      "enabled or disabled: the metadata channel (enabled)");
  add("--throttle", flags.throttle,
      "RATE/BURST: requests per second and at once that an instance is allowed (no limit)");
  add("--tree", flags.tree,
      "FILE.json to serve instead of a made-up instance: objects are directories,\n"
      "strings are leaves, the top holds meta-data");
  add("--profile", flags.profile,
      "linux: what a plain Linux instance has; windows: what a Windows instance has;\n"
      "full: every item there is, which no real instance has (linux)");
  add("--interfaces", flags.interfaces,
      fmt::format("network interfaces, 1 to {} (1)", kMostInterfaces));
  add("--disks", flags.disks, fmt::format("disks, 0 to {} (1)", kMostDisks));
  add("--ipv6", flags.ipv6,
      "of the interfaces: none; prefixes; full: addresses, gateway and blocks too (prefixes)");
  add("--role", flags.role,
      fmt::format("name of the attached RAM role ({}; none with --tree)", kDefaultRole));
  add("--credential-life", flags.credential_life,
      "seconds that a credential of the role lives, 2 to 86400 (21600)");
  add("--credential-overlap", flags.credential_overlap,
      "seconds before its end that the next one is offered (a twelfth of its life)");
  add("--user-data", flags.user_data, "FILE to serve as user-data (404)");
  add("--active-system-events", flags.active_system_events,
      "TEXT of maintenance/active-system-events, whose form is not published (404)");
  add("--identity-document", flags.identity_document,
      "on or off: dynamic/instance-identity/document (on; off with --tree)");
  add("--meta-data-all", flags.meta_data_all,
      "on or off: meta-data/all, undocumented, but read by cloud-init (on; off with --tree)");
  add_repeatable("--tag", flags.tags, "KEY=VALUE of tags/instance/KEY; repeatable (none: 404)");
  const auto add_switch = [&app](const char* name, bool& value, const char* help) {
    app.add_flag(name, value, help)->disable_flag_override();
  };
  add_switch("--no-role", flags.no_role, "no RAM role is attached");
  add_switch("--no-key-pair", flags.no_key_pair, "no key pair; a Windows instance has none anyway");
  add_switch("--no-public-address", flags.no_public_address, "no eipv4 and public-ipv4");
  add_switch("--no-spot", flags.no_spot, "no spot instance: it can get no notice");
  add_switch("--marketplace-image", flags.marketplace_image, "made from a Marketplace image");

  app.option_defaults()->group(
      "What the vendor leaves open [D: documented, C: in clients, O: observed, I: inferred, ?]");
  for (std::size_t i = 0; i < flags.protocol.size(); ++i) {
    const auto& row = ProtocolOptionTable()[i];
    add(fmt::format("--{}", row.name), flags.protocol[i],
        fmt::format("{}: {} ({}) [{}]", row.values, row.text, row.fallback, row.grade));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    checker.Complain(error.what());
  }
  for (const auto& argument : app.remaining()) {
    checker.Complain(fmt::format("{}: there is no such flag; --help lists them", argument));
  }
  return std::nullopt;
}

// One server and its log lines; null after a complaint on standard error.
std::unique_ptr<Server> Serve(const std::vector<std::string>& addresses, std::string_view what,
                              Handler handler) {
  auto server = Server::Start(addresses, std::move(handler));
  if (!server) {
    fmt::print(stderr, "aliyun_ecs_simulator: {}\n", server.error().message);
    return nullptr;
  }
  for (const auto& address : (*server)->addresses()) {
    Log(LogLevel::kInfo, "listening", {{"address", address}, {"for", what}});
  }
  return std::move(*server);
}

// Waits for one of the signals; 0 when the time is over before.
int WaitFor(const sigset_t& signals, std::optional<Duration> limit) {
  for (;;) {
    int signal = 0;
    if (limit) {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(*limit);
      const timespec wait{.tv_sec = seconds.count(), .tv_nsec = (*limit - seconds).count()};
      signal = sigtimedwait(&signals, nullptr, &wait);
    } else {
      signal = sigwaitinfo(&signals, nullptr);
    }
    if (signal > 0) return signal;
    if (errno != EINTR) return 0;
  }
}

// Plays the scenario, and serves on after its end. Returns the signal that ends the program.
int Play(Scenario scenario, const Clock& clock, Control& control, const sigset_t& stop_signals) {
  Log(LogLevel::kInfo, "scenario begins", {{"description", scenario.description}});
  ScenarioPlayer player(std::move(scenario), clock.Steady(), control);
  for (;;) {
    for (const auto& outcome : player.RunDue(clock.Steady())) {
      const bool refused = outcome.status >= 400;
      Log(refused ? LogLevel::kWarn : LogLevel::kInfo, refused ? "call refused" : "call made",
          {{"call", outcome.call},
           {"status", fmt::format("{}", outcome.status)},
           {"errors", Trim(outcome.errors)}});
    }
    const auto next = player.next();
    if (!next) break;
    const auto wait = *next - clock.Steady();
    if (const int signal = WaitFor(stop_signals, std::max(wait, Duration::zero()))) return signal;
  }
  Log(LogLevel::kInfo, "scenario is over");
  return WaitFor(stop_signals, std::nullopt);
}

int Main(int argc, char** argv) {
  Flags flags;
  Checker checker;
  if (const auto status = ReadCommandLine(argc, argv, flags, checker)) return *status;
  auto setup = checker.Check(flags);
  if (!checker.complaints().empty()) {
    for (const auto& complaint : checker.complaints()) {
      fmt::print(stderr, "aliyun_ecs_simulator: {}\n", complaint);
    }
    return 1;
  }

  SetUpLog(LogLevel::kInfo, LogFormat::kLogfmt);
  // Before the first thread, so that all inherit it and only sigwait gets them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  const RealClock clock;
  Service service(std::move(setup.starts), setup.protocol, clock);
  Control control(service);
  const auto metadata_server =
      Serve(setup.listen_addresses, "metadata",
            [&service](const Request& request) { return service.Handle(request); });
  if (!metadata_server) return 1;
  const auto control_server =
      Serve(setup.control_addresses, "control",
            [&control](const Request& request) { return control.Handle(request); });
  if (!control_server) return 1;

  const int signal = setup.scenario ? Play(std::move(*setup.scenario), clock, control, stop_signals)
                                    : WaitFor(stop_signals, std::nullopt);
  Log(LogLevel::kInfo, "stopping", {{"signal", strsignal(signal)}});
  return 0;
}

}  // namespace
}  // namespace aliyun_ecs::simulator

int main(int argc, char** argv) {
  try {
    return aliyun_ecs::simulator::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "aliyun_ecs_simulator: %s\n", exception.what());
    return 1;
  }
}
