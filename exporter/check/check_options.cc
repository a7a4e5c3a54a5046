#include "check/check_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "base/build_info.h"
#include "base/text.h"
#include "check/plugin_output.h"
#include "client/url.h"

namespace aliyun_ecs {
namespace {

// Without "|": what follows it is perfdata, on any line.
constexpr std::string_view kUsage =
    R"(Usage: check_aliyun_ecs --check CHECK [-w RANGE] [-c RANGE] [-t SECONDS] [-v]
       [--metadata-url URL or --exporter URL] and more, see check_aliyun_ecs --help)";

constexpr std::string_view kDescription =
    R"(A monitoring plugin for an Alibaba Cloud ECS instance: judges what its metadata service, or
a running aliyun_ecs_exporter, says of it.)";

constexpr std::string_view kFooter =
    R"(States: OK (exit status 0), WARNING (1), CRITICAL (2), UNKNOWN (3); of several the worst, in
the order CRITICAL, UNKNOWN, WARNING, OK.

RANGE is [@][start:]end: alert outside of start..end, with @ inside. 10 is 0..10, 10: has no
upper end, '~:10' no lower one. What it is compared with:
  spot         seconds left; without a range any notice is CRITICAL
  credentials  seconds left of the worst role (by default -w 1500: -c 600:)
  metadata     seconds that the slowest answer took; of an exporter, that the newest took
  bandwidth    percent of max-netbw-egress, all interfaces together (by default -w 80 -c 95)
hardening, identity and all take no range.

Without --exporter it must run on the instance itself, and costs the metadata service a session
token and one to seven more requests; each further --expect or role costs one more.

  check_aliyun_ecs --check spot -w @0: -c 120:
  check_aliyun_ecs --check credentials --role AppRole
  check_aliyun_ecs --check identity --expect instance_type=ecs.g6.large
  check_aliyun_ecs --check all --exclude hardening --exporter http://127.0.0.1:10200)";

constexpr std::string_view kDefaultMetadataUrl = "http://100.100.100.200";
constexpr std::string_view kAll = "all";

// A decimal number of seconds.
std::optional<Duration> ParseSeconds(const std::string& text) {
  constexpr double kLeast = 0.05, kMost = 3600;
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc() || end != last || !(number >= kLeast && number <= kMost)) {
    return std::nullopt;
  }
  return std::chrono::round<Duration>(std::chrono::duration<double>(number));
}

std::optional<Check> ParseCheck(const std::string& text) {
  const auto* const found = std::find_if(kChecks.begin(), kChecks.end(),
                                         [&](Check check) { return Name(check) == text; });
  return found == kChecks.end() ? std::nullopt : std::optional(*found);
}

std::string ChecksInWords() {
  std::string words;
  for (const Check check : kChecks) words += std::string(Name(check)) + ", ";
  return words;
}

// What the command line says, as text; each flag is given at most once, but for the lists.
struct Words {
  std::map<std::string, std::vector<std::string>> given;  // by the flag's long name

  [[nodiscard]] bool Has(const std::string& flag) const { return given.contains(flag); }
  [[nodiscard]] std::string Get(const std::string& flag, std::string_view otherwise = "") const {
    const auto found = given.find(flag);
    return found == given.end() ? std::string(otherwise) : found->second.front();
  }
  [[nodiscard]] const std::vector<std::string>& List(const std::string& flag) const {
    static const std::vector<std::string> kNone;
    const auto found = given.find(flag);
    return found == given.end() ? kNone : found->second;
  }
};

// Turns words into options; all complaints at once.
class Maker {
 public:
  explicit Maker(const Words& words) : words_(words) {}

  [[nodiscard]] CheckOptions Make() {
    TakeChecks();
    TakeRanges();
    TakeExpectations();
    TakeTimes();
    TakeSource();
    if (const auto format = words_.Get("output", "nagios"); format == "checkmk") {
      options_.format = OutputFormat::kCheckmk;
    } else if (format != "nagios") {
      Refuse("output", format, "nagios or checkmk");
    }
    return std::move(options_);
  }

  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void Complain(std::string complaint) { complaints_.push_back(std::move(complaint)); }
  void Refuse(std::string_view flag, const std::string& value, std::string_view allowed) {
    Complain(fmt::format("--{}: {} is not {}", flag, JsonQuote(value), allowed));
  }

  void TakeChecks() {
    const std::string word = words_.Get("check");
    options_.together = word == kAll;
    if (options_.together) {
      options_.checks.assign(kChecks.begin(), kChecks.end());
    } else if (const auto check = ParseCheck(word)) {
      options_.checks = {*check};
    } else if (!words_.Has("check")) {
      Complain("--check: it must say what to check: " + ChecksInWords() + "all");
    } else {
      Refuse("check", word, "one of " + ChecksInWords() + "all");
    }
    for (const std::string& excluded : words_.List("exclude")) {
      const auto check = ParseCheck(excluded);
      if (!check) {
        Refuse("exclude", excluded, "one of the checks");
      } else if (!options_.together) {
        Complain("--exclude: only --check all can leave something out");
      } else {
        std::erase(options_.checks, *check);
      }
    }
    // Without expectations it has nothing to say among others.
    if (options_.together && words_.List("expect").empty()) {
      std::erase(options_.checks, Check::kIdentity);
    }
    if (options_.checks.empty() && complaints_.empty()) {
      Complain("--exclude: nothing is left to check");
    }
  }

  [[nodiscard]] bool Checks(Check check) const {
    return std::find(options_.checks.begin(), options_.checks.end(), check) !=
           options_.checks.end();
  }

  void TakeRanges() {
    for (const auto& [flag, into] : {std::pair("warning", &options_.criteria.warning),
                                     std::pair("critical", &options_.criteria.critical)}) {
      if (!words_.Has(flag)) continue;
      auto range = Range::Parse(words_.Get(flag));
      if (!range) {
        Complain(fmt::format("--{}: {}", flag, range.error().message));
      } else if (options_.together) {
        Complain(fmt::format("--{}: a range has no one meaning for --check all", flag));
      } else if (!options_.checks.empty() && !HasRanges(options_.checks.front())) {
        Complain(fmt::format("--{}: --check {} has no value to compare with a range", flag,
                             Name(options_.checks.front())));
      } else {
        *into = *std::move(range);
      }
    }
  }

  void TakeExpectations() {
    if (words_.Has("role")) {
      const std::string role = words_.Get("role");
      if (!IsIndex(role)) {
        Refuse("role", role, "the name of a RAM role, any or none");
      } else if (!Concerns(Check::kCredentials)) {
        Complain("--role: only --check credentials knows of roles");
      } else {
        options_.criteria.role =
            ExpectedRole{role != "none", role == "none" || role == "any" ? "" : role};
      }
    }
    for (const std::string& expectation : words_.List("expect")) {
      const auto equals = expectation.find('=');
      const auto item = ScalarWithLabel(expectation.substr(0, equals));
      if (equals == std::string::npos || !item) {
        Refuse("expect", expectation, "NAME=VALUE, with a name such as instance_type or zone_id");
      } else if (!Concerns(Check::kIdentity)) {
        Complain("--expect: only --check identity compares");
      } else {
        options_.criteria.identity.emplace_back(*item, expectation.substr(equals + 1));
      }
    }
  }

  void TakeTimes() {
    for (const auto& [flag, initial, into] : {std::tuple("timeout", "10", &options_.timeout),
                                              std::tuple("interval", "3", &options_.interval)}) {
      const std::string text = words_.Get(flag, initial);
      const auto seconds = ParseSeconds(text);
      if (!seconds) {
        Refuse(flag, text, "a number of seconds from 0.05 to 3600");
      } else {
        *into = *seconds;
      }
    }
    if (!words_.Has("interval"))
      options_.interval = std::min(options_.interval, options_.timeout / 2);
    const bool waits = Checks(Check::kBandwidth);
    if (waits && complaints_.empty() && options_.interval >= options_.timeout) {
      Complain("--interval: it must be shorter than --timeout");
    }
    if (words_.Has("interval") && !Concerns(Check::kBandwidth) && !options_.checks.empty()) {
      Complain("--interval: only --check bandwidth measures");
    }
  }

  void TakeSource() {
    const std::string mode = words_.Get("mode", "hardened");
    if (mode != "hardened" && mode != "normal") Refuse("mode", mode, "hardened or normal");
    if (mode == "normal") options_.mode = MetadataMode::kNormal;
    const std::string metadata = words_.Get("metadata-url", kDefaultMetadataUrl);
    if (const auto url = ParseUrl(metadata); url && !url->https && url->path.empty()) {
      options_.metadata_url = url->ToString();
    } else {
      Refuse("metadata-url", WithoutUrlSecrets(metadata, /*is_url=*/true),
             "a URL like " + std::string(kDefaultMetadataUrl));
    }
    if (words_.Has("exporter")) {
      const std::string exporter = words_.Get("exporter");
      if (const auto url = ParseUrl(exporter)) {
        options_.exporter_url = url->ToString();
      } else {
        Refuse("exporter", WithoutUrlSecrets(exporter, /*is_url=*/true),
               "a URL like http://127.0.0.1:10200, with no password in it");
      }
      for (const char* const flag : {"metadata-url", "mode"}) {
        if (!words_.Has(flag)) continue;
        Complain(fmt::format("--{}: with --exporter the metadata service is not asked", flag));
      }
    }
    const std::pair<const char*, std::string*> access[] = {
        {"exporter-username", &options_.access.username},
        {"exporter-password-file", &options_.password_file},
        {"exporter-ca-file", &options_.access.ca_file},
        {"exporter-cert-file", &options_.access.cert_file},
        {"exporter-key-file", &options_.access.key_file},
    };
    for (const auto& [flag, into] : access) {
      if (!words_.Has(flag)) continue;
      *into = words_.Get(flag);
      if (into->empty()) Complain(fmt::format("--{}: it is empty", flag));
      if (!words_.Has("exporter")) Complain(fmt::format("--{}: only with --exporter", flag));
    }
    if (options_.access.username.empty() != options_.password_file.empty()) {
      Complain("--exporter-username and --exporter-password-file go together");
    }
    if (options_.access.username.find(':') != std::string::npos) {
      Complain("--exporter-username: a colon cannot be part of it");
    }
    if (options_.access.cert_file.empty() != options_.access.key_file.empty()) {
      Complain("--exporter-cert-file and --exporter-key-file go together");
    }
  }

  // A flag of one check. With --check all it may be there for a check that was left out.
  [[nodiscard]] bool Concerns(Check check) const { return options_.together || Checks(check); }

  const Words& words_;
  CheckOptions options_;
  std::vector<std::string> complaints_;
};

CheckInvocation Refused(std::string_view sentence) {
  CheckInvocation invocation;
  invocation.action = CheckInvocation::Action::kRefuse;
  invocation.text = UnknownOutput("", sentence) + std::string(kUsage) + '\n';
  return invocation;
}

// The first thing in a text that looks like a flag, "--name" or "-n". What follows it may be
// secret.
std::string FlagIn(std::string_view text) {
  const auto begin = std::min(text.find('-'), text.size());
  std::string_view flag = text.substr(begin);
  if (!flag.starts_with("--")) return std::string(flag.substr(0, 2));
  const auto end = flag.find_first_not_of("abcdefghijklmnopqrstuvwxyz-");
  return std::string(flag.substr(0, end));
}

std::string Version() {
  const BuildInfo& build = GetBuildInfo();
  return fmt::format("check_aliyun_ecs {} (revision {}, built by {})\n", build.version,
                     build.revision, build.compiler);
}

}  // namespace

CheckInvocation ReadCheckOptions(int argc, const char* const* argv) {
  CLI::App app{std::string(kDescription)};
  app.name("check_aliyun_ecs");
  app.set_help_flag("-h,--help", "print this and exit (status 3)");
  app.footer(std::string(kFooter));
  struct Flag {
    const char* names;
    const char* key;
    const char* type;
    const char* help;
    bool list = false;
  };
  constexpr Flag kFlags[] = {
      {"--check", "check", "CHECK",
       "spot, credentials, metadata, hardening, identity, bandwidth, or all"},
      {"-w,--warning", "warning", "RANGE", "WARNING when the value alerts"},
      {"-c,--critical", "critical", "RANGE", "CRITICAL when the value alerts"},
      {"-t,--timeout", "timeout", "SECONDS=10", "for the whole run"},
      {"--metadata-url", "metadata-url", "URL=http://100.100.100.200",
       "where the metadata service is"},
      {"--mode", "mode", "hardened|normal", "with or without a session token"},
      {"--exporter", "exporter", "URL", "ask this aliyun_ecs_exporter instead"},
      {"--exporter-username", "exporter-username", "NAME", "of basic authentication"},
      {"--exporter-password-file", "exporter-password-file", "FILE",
       "its first line is the password"},
      {"--exporter-ca-file", "exporter-ca-file", "FILE", "certificates to trust (PEM)"},
      {"--exporter-cert-file", "exporter-cert-file", "FILE", "certificate of this client (PEM)"},
      {"--exporter-key-file", "exporter-key-file", "FILE", "and its key"},
      {"--role", "role", "NAME|any|none", "credentials: the role that must be attached"},
      {"--expect", "expect", "NAME=VALUE", "identity: a label that must be so; repeatable", true},
      {"--interval", "interval", "SECONDS=3", "bandwidth: measured over this time"},
      {"--exclude", "exclude", "CHECK", "leave out of --check all; repeatable", true},
      {"--output", "output", "nagios|checkmk", "nagios by default"},
  };
  std::map<const Flag*, CLI::Option*> flags;
  for (const Flag& flag : kFlags) {
    const std::string help = flag.help;
    auto* const option = app.add_option(flag.names, help);
    option->type_name(flag.type)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    flags[&flag] = option;
  }
  app.allow_extras();
  bool version = false;
  int verbosity = 0;
  app.add_flag("-v,--verbose", verbosity, "details; -vv: what was not read; -vvv: each request");
  app.add_flag("-V,--version", version, "print the version and exit (status 3)");

  CheckInvocation invocation;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    invocation.action = CheckInvocation::Action::kPrint;
    invocation.text = app.help();
    return invocation;
  } catch (const CLI::ParseError& error) {
    return Refused(FlagIn(error.what()) + ": it lacks its value, or has one that it cannot have");
  }
  if (version) {
    invocation.action = CheckInvocation::Action::kPrint;
    invocation.text = Version();
    return invocation;
  }
  Words words;
  std::vector<std::string> complaints;
  for (const auto& [flag, option] : flags) {
    if (option->count() == 0) continue;
    words.given[flag->key] = option->results();
    if (!flag->list && option->count() > 1) {
      complaints.push_back(
          fmt::format("--{}: given {} times, allowed once", flag->key, option->count()));
    }
  }
  for (const std::string& extra : app.remaining()) {
    // Without what may be a password.
    complaints.push_back(extra.starts_with('-') ? JsonQuote(FlagIn(extra)) + " is not a flag"
                                                : "there is an argument that belongs to no flag");
  }
  Maker maker(words);
  invocation.options = maker.Make();
  invocation.options.verbosity = verbosity;
  complaints.insert(complaints.end(), maker.complaints().begin(), maker.complaints().end());
  if (complaints.empty()) return invocation;
  std::string sentence;
  for (const std::string& complaint : complaints) {
    sentence += (sentence.empty() ? "" : "; ") + complaint;
  }
  return Refused(sentence);
}

}  // namespace aliyun_ecs
