#include <fmt/format.h>
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/build_info.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "simulator/control.h"
#include "simulator/server.h"
#include "simulator/service.h"
#include "simulator/tree.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr const char* kDescription =
    "The Alibaba Cloud ECS instance metadata service in miniature, for tests and drills.\n"
    "All identities and secrets in it are made up.";

constexpr const char* kDefaultRole = "SimulatedEcsRole";

// A real notice is given five minutes before.
constexpr auto kNoticeLead = std::chrono::minutes(5);

// The command line as it was typed; nullopt where a flag was not given.
struct Flags {
  std::vector<std::string> listen_addresses = {"127.0.0.1:10280"};
  std::vector<std::string> control_addresses = {"127.0.0.1:10281"};
  std::string http_tokens = "optional";
  std::string http_endpoint = "enabled";
  std::optional<std::string> tree, profile, role, interfaces, disks;
  bool no_role = false;
};

// What remains when all of it is right.
struct Setup {
  std::vector<std::string> listen_addresses;
  std::vector<std::string> control_addresses;
  InstanceStart start;
};

std::optional<int> ParseCount(std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value >= least && value <= most ? std::optional(value) : std::nullopt;
}

Result<Tree> LoadTree(const std::string& file) {
  const auto cannot_read = [] {
    return Fail(ErrorCode::kInvalid,
                fmt::format("the file cannot be read: {}", std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rb"),
                                                               std::fclose);
  if (!stream) return cannot_read();
  std::string text;
  char piece[16 * 1024];
  while (const auto size = std::fread(piece, 1, sizeof piece, stream.get())) {
    text.append(piece, size);
  }
  // A directory can be opened, but not read.
  if (std::ferror(stream.get()) != 0) return cannot_read();
  return Tree::FromJson(text);
}

// Turns flags into a Setup and collects what is wrong with them.
class Checker {
 public:
  Setup Check(const Flags& flags) {
    Setup setup{.listen_addresses = flags.listen_addresses,
                .control_addresses = flags.control_addresses,
                .start = {}};
    CheckAddresses("listen-address", flags.listen_addresses);
    CheckAddresses("control.listen-address", flags.control_addresses);
    const auto tokens = ParseHttpTokens(flags.http_tokens);
    if (tokens) {
      setup.start.access.http_tokens = *tokens;
    } else {
      Complain("http-tokens", flags.http_tokens, "must be optional or required");
    }
    const auto endpoint = ParseHttpEndpoint(flags.http_endpoint);
    if (endpoint) {
      setup.start.access.http_endpoint = *endpoint;
    } else {
      Complain("http-endpoint", flags.http_endpoint, "must be enabled or disabled");
    }
    CheckRole(flags, setup.start);
    if (flags.tree) {
      CheckTree(flags, setup.start);
    } else {
      CheckProfile(flags, setup.start);
    }
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

  void CheckRole(const Flags& flags, InstanceStart& start) {
    if (flags.role && flags.no_role) Complain("--role and --no-role exclude each other");
    if (flags.role && !IsRoleName(*flags.role)) {
      Complain("role", *flags.role,
               "must be 1 to 64 letters, digits, dots, hyphens or underscores");
    }
    if (flags.no_role) return;
    // A tree is served as it is, with nothing of ours added unasked.
    start.role = flags.role || flags.tree ? flags.role : std::optional<std::string>(kDefaultRole);
  }

  void CheckTree(const Flags& flags, InstanceStart& start) {
    for (const auto& [given, flag] : {std::pair(&flags.profile, "--profile"),
                                      {&flags.interfaces, "--interfaces"},
                                      {&flags.disks, "--disks"}}) {
      if (*given) Complain(fmt::format("{} has no meaning together with --tree", flag));
    }
    auto tree = LoadTree(*flags.tree);
    if (tree) {
      start.tree = std::move(*tree);
    } else {
      Complain("tree", *flags.tree, tree.error().message);
    }
  }

  void CheckProfile(const Flags& flags, InstanceStart& start) {
    CatalogContents contents;
    const auto profile = flags.profile.value_or("linux");
    if (profile == "full") {
      contents.profile = Profile::kFull;
      start.termination_in = kNoticeLead;
    } else if (profile != "linux") {
      Complain("profile", profile, "must be linux or full");
    }
    CheckCount("interfaces", flags.interfaces, 1, kMostInterfaces, contents.interfaces);
    CheckCount("disks", flags.disks, 0, kMostDisks, contents.disks);
    start.tree = Tree::FromCatalog(contents);
  }

  void CheckCount(std::string_view flag, const std::optional<std::string>& text, int least,
                  int most, int& count) {
    if (!text) return;
    if (const auto value = ParseCount(*text, least, most)) {
      count = *value;
    } else {
      Complain(flag, *text, fmt::format("must be a whole number from {} to {}", least, most));
    }
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
  const auto add = [&app](const char* name, auto& value, std::string help) {
    return app.add_option(name, value, std::move(help))->expected(0, 1)->take_last();
  };
  const auto add_repeatable = [&app](const char* name, auto& values, std::string help) {
    app.add_option(name, values, std::move(help))
        ->expected(0, 1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  };
  add_repeatable("--listen-address", flags.listen_addresses,
                 "HOST:PORT to serve metadata on; port 0: any; repeatable (127.0.0.1:10280)");
  add_repeatable("--control.listen-address", flags.control_addresses,
                 "HOST:PORT to serve the control API on; repeatable (127.0.0.1:10281)");
  add("--http-tokens", flags.http_tokens, "optional or required: hardened mode only (optional)");
  add("--http-endpoint", flags.http_endpoint,
      "enabled or disabled: the metadata channel (enabled)");
  add("--tree", flags.tree,
      "FILE.json to serve instead of a made-up instance: objects are directories,\n"
      "strings are leaves, the top holds meta-data");
  add("--profile", flags.profile,
      "linux: what a plain Linux instance has; full: every item there is, which no\n"
      "real instance has (linux)");
  add("--interfaces", flags.interfaces,
      fmt::format("network interfaces, 1 to {} (1)", kMostInterfaces));
  add("--disks", flags.disks, fmt::format("disks, 0 to {} (1)", kMostDisks));
  add("--role", flags.role,
      fmt::format("name of the attached RAM role ({}; none with --tree)", kDefaultRole));
  app.add_flag("--no-role", flags.no_role, "no RAM role is attached")->disable_flag_override();
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
  Service service(std::move(setup.start), clock);
  Control control(service);
  const auto metadata_server =
      Serve(setup.listen_addresses, "metadata",
            [&service](const Request& request) { return service.Handle(request); });
  if (!metadata_server) return 1;
  const auto control_server =
      Serve(setup.control_addresses, "control",
            [&control](const Request& request) { return control.Handle(request); });
  if (!control_server) return 1;

  int signal = 0;
  sigwait(&stop_signals, &signal);
  Log(LogLevel::kInfo, "stopping", {{"signal", strsignal(signal)}});
  return 0;
}

}  // namespace
}  // namespace aliyun_ecs::simulator

int main(int argc, char** argv) { return aliyun_ecs::simulator::Main(argc, argv); }
