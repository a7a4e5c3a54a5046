#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/build_info.h"
#include "base/machine.h"
#include "check/check_options.h"
#include "check/cloud_init.h"
#include "check/direct_source.h"
#include "check/exporter_source.h"
#include "check/judge.h"
#include "check/plugin_output.h"
#include "check/traffic.h"
#include "client/curl_transport.h"

// check_aliyun_ecs: one run, one verdict. Wires the parts; the only file here that waits.

namespace aliyun_ecs {
namespace {

constexpr int kUnknownStatus = static_cast<int>(CheckState::kUnknown);

std::string UserAgent() { return "check_aliyun_ecs/" + std::string(GetBuildInfo().version); }

// Ends the process in time should anything hang that has no time limit of its own, such as a file
// of a lost file server. One in a process.
class LastResort {
 public:
  // `words`: what is to be printed then.
  LastResort(std::string words, Duration after) {
    // Never destroyed: the handler may run at any moment.
    words_ = new std::string(std::move(words));
    struct sigaction action {};
    action.sa_handler = [](int) {
      // Only what a signal handler may do.
      [[maybe_unused]] const auto written = write(STDOUT_FILENO, words_->data(), words_->size());
      _exit(kUnknownStatus);
    };
    sigaction(SIGALRM, &action, nullptr);
    // A parent may have left it blocked.
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
    SetTimer(after);
  }
  ~LastResort() { SetTimer(Duration::zero()); }
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;

 private:
  static void SetTimer(Duration after) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(after);
    itimerval timer{};
    timer.it_value.tv_sec = whole.count();
    timer.it_value.tv_usec = std::chrono::floor<std::chrono::microseconds>(after - whole).count();
    setitimer(ITIMER_REAL, &timer, nullptr);
  }

  static inline const std::string* words_ = nullptr;
};

// What one run finds out, in whichever way.
struct Findings {
  Evidence evidence;
  std::vector<std::string> notes;  // how it was found out, for -vvv
  std::optional<Duration> lag;     // of an exporter's report; ExporterReport::lag
};

Result<Findings> AskTheExporter(const CheckOptions& options, const Clock& clock,
                                SteadyTime deadline) {
  OperatorAccess access{options.access.ca_file,
                        options.access.cert_file,
                        options.access.key_file,
                        options.access.username,
                        {},
                        {}};
  if (!options.password_file.empty()) {
    auto password = ReadSecretFile(options.password_file);
    if (!password) return tl::unexpected(std::move(password).error());
    access.password = *std::move(password);
  }
  CurlTransport transport(options.exporter_url, UserAgent(), std::move(access));
  constexpr Duration kShortest = std::chrono::milliseconds(1);  // libcurl takes 0 for "no limit"
  auto report = AskExporter(transport, clock, std::max(deadline - clock.Steady(), kShortest));
  if (!report) {
    return Fail(report.error().code, report.error().message + " (" + options.exporter_url + ")");
  }
  Findings findings;
  findings.evidence.snapshot = std::move(report->snapshot);
  findings.evidence.now = report->now;
  findings.lag = report->lag;
  return findings;
}

Findings AskTheService(const CheckOptions& options, const Clock& clock, SteadyTime deadline) {
  CurlTransport transport(options.metadata_url, UserAgent());
  // Used in this run only.
  constexpr auto kTokenTtl = std::chrono::hours(1);
  MetadataClient client(transport, clock, {.mode = options.mode, .token_ttl = kTokenTtl});
  DirectSource source(client, clock, Machine::Read().IsEcs(), deadline);
  Findings findings;
  findings.evidence.snapshot = source.Ask(QuestionFor(options.checks, options.criteria));
  findings.evidence.now = Now(clock);
  findings.notes = source.journal();
  return findings;
}

// What could not be read, and why.
std::vector<std::string> Troubles(const Snapshot& snapshot) {
  std::vector<std::string> troubles;
  const auto add = [&](const std::string& path, const Reading& reading) {
    if (!reading.failure) return;
    const std::string& message = reading.failure->message;
    const bool named = message.find(path) != std::string::npos;
    troubles.push_back("not read: " + (named ? message : path + ": " + message));
  };
  for (const auto& [key, reading] : snapshot.readings) add(PathOf(key.item, key.index), reading);
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    if (snapshot.listings[i]) add(std::string(kDirectories[i].path), *snapshot.listings[i]);
  }
  return troubles;
}

// A report that may be a copy, or comes from a machine with another time, is told of, and proves
// nothing well that cannot be dated.
void Doubt(Verdict& verdict, Duration lag) {
  const bool behind = lag > Duration::zero();
  if (!behind && verdict.state == CheckState::kOk) verdict.state = CheckState::kUnknown;
  verdict.text += " (the exporter's answer is dated " + HumanDuration(lag) +
                  (behind ? " behind" : " ahead of") +
                  " this machine's clock: it is a copy, or one of the clocks is wrong)";
  verdict.reason.clear();
}

bool Includes(const CheckOptions& options, Check check) {
  for (const Check one : options.checks) {
    if (one == check) return true;
  }
  return false;
}

void WaitUntil(const Clock& clock, SteadyTime time) {
  while (true) {
    const Duration left = time - clock.Steady();
    if (left <= Duration::zero()) return;
    const auto whole = std::chrono::floor<std::chrono::seconds>(left);
    const timespec pause{whole.count(), (left - whole).count()};
    nanosleep(&pause, nullptr);
  }
}

// The second reading of the counters. Nobody waits for it who has nothing to compare it with.
std::optional<Result<Traffic>> MeasureTraffic(const Snapshot& snapshot, const Clock& clock,
                                              const Result<TrafficCounters>& before,
                                              Duration interval) {
  if (!before) return tl::unexpected(before.error());
  const auto& listing = snapshot.Listing(Directory::kInterfaces);
  const auto* const macs = listing ? listing->Get<std::vector<std::string>>() : nullptr;
  if (macs == nullptr) return std::nullopt;
  // Which of them are seen here at all.
  if (TrafficBetween(*before, *before, *macs).counted.empty()) return Traffic{{}, {}, {}, *macs};
  WaitUntil(clock, before->at + interval);
  const auto after = ReadTrafficCounters(clock);
  if (!after) return tl::unexpected(after.error());
  return TrafficBetween(*before, *after, *macs);
}

std::string Print(const CheckOptions& options, const std::vector<Verdict>& verdicts,
                  const std::vector<std::string>& notes) {
  if (options.format == OutputFormat::kCheckmk) return CheckmkOutput(verdicts);
  return PluginOutput(verdicts, options.together, options.verbosity, notes);
}

// Of every check the same: nothing is known.
std::string PrintUnknown(const CheckOptions& options, const std::string& text) {
  if (options.together && options.format == OutputFormat::kNagios) {
    return UnknownOutput("all", text);
  }
  std::vector<Verdict> verdicts;
  for (const Check check : options.checks) {
    verdicts.push_back({check, CheckState::kUnknown, text, {}, {}, {}});
  }
  return Print(options, verdicts, {});
}

int Finish(const std::string& output, CheckState state) {
  const bool written = std::fwrite(output.data(), 1, output.size(), stdout) == output.size() &&
                       std::fflush(stdout) == 0;
  return written ? static_cast<int>(state) : kUnknownStatus;
}

int Main(int argc, const char* const* argv) {
  const CheckInvocation invocation = ReadCheckOptions(argc, argv);
  if (invocation.action != CheckInvocation::Action::kRun) {
    return Finish(invocation.text, CheckState::kUnknown);
  }
  const CheckOptions& options = invocation.options;
  const RealClock clock;
  const SteadyTime deadline = clock.Steady() + options.timeout;
  const LastResort last_resort(
      PrintUnknown(options,
                   fmt::format("no end within {:g} s: something local hangs, such as a file",
                               ToSeconds(options.timeout))),
      options.timeout + std::chrono::milliseconds(100));
  ForbidCoreFiles();
  signal(SIGPIPE, SIG_IGN);

  const bool measure = Includes(options, Check::kBandwidth);
  const auto before =
      measure ? ReadTrafficCounters(clock) : Result<TrafficCounters>(TrafficCounters());
  const bool direct = options.exporter_url.empty();
  auto findings = direct ? Result<Findings>(AskTheService(options, clock, deadline))
                         : AskTheExporter(options, clock, deadline);
  if (!findings) {
    return Finish(PrintUnknown(options, findings.error().message), CheckState::kUnknown);
  }
  Evidence& evidence = findings->evidence;
  if (measure) {
    const SteadyTime asked = clock.Steady();
    evidence.traffic = MeasureTraffic(evidence.snapshot, clock, before, options.interval);
    // What was read has grown older meanwhile.
    evidence.now.steady += clock.Steady() - asked;
    evidence.now.system += clock.Steady() - asked;
  }
  // Of an exporter elsewhere this machine's cloud-init says nothing.
  if (direct && Includes(options, Check::kHardening)) evidence.cloud_init = InstalledCloudInit();

  std::vector<Verdict> verdicts;
  for (const Check check : options.checks) {
    verdicts.push_back(Judge(check, evidence, options.criteria));
    if (findings->lag) Doubt(verdicts.back(), *findings->lag);
  }
  constexpr int kWithTroubles = 2, kWithRequests = 3;
  std::vector<std::string> notes;
  if (options.verbosity >= kWithTroubles) notes = Troubles(evidence.snapshot);
  if (options.verbosity >= kWithRequests) {
    notes.insert(notes.end(), findings->notes.begin(), findings->notes.end());
  }
  return Finish(Print(options, verdicts, notes), WorstOf(verdicts));
}

}  // namespace
}  // namespace aliyun_ecs

int main(int argc, char** argv) {
  try {
    return aliyun_ecs::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::fputs(aliyun_ecs::UnknownOutput("", exception.what()).c_str(), stdout);
    return aliyun_ecs::kUnknownStatus;
  }
}
