#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/build_info.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/secret.h"
#include "base/service_manager.h"
#include "client/curl_transport.h"
#include "client/http_config.h"
#include "client/metadata_client.h"
#include "expose/http_server.h"
#include "expose/metrics_page.h"
#include "expose/site.h"
#include "expose/textfile.h"
#include "expose/web_config.h"
#include "expose/web_guard.h"
#include "metadata/judge.h"
#include "metadata/snapshot.h"
#include "notify/alert_sender.h"
#include "notify/drill_file.h"
#include "notify/notice_file.h"
#include "options.h"
#include "poll/poller.h"
#include "poll/state_file.h"

// Wires the parts. The only file that knows all of them, and the only one that waits.

namespace aliyun_ecs {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;      // a sentence on standard error, or in the log, says why
constexpr int kIncomplete = 2;  // --once: the page lacks something

using Reread = std::function<Invocation()>;

void Complain(const std::string& sentence) {
  std::fprintf(stderr, "aliyun_ecs_exporter: %s\n", sentence.c_str());
}

template <typename Words>
std::string Joined(const Words& words) {
  std::string joined;
  for (const auto& word : words) joined += (joined.empty() ? "" : ", ") + std::string(word);
  return joined;
}

std::string UserAgent() { return "aliyun_ecs_exporter/" + std::string(GetBuildInfo().version); }

// All that listens to the metadata service, and the ways out that do not need a web server.
struct Exporter {
  explicit Exporter(const Options& options)
      : transport(options.metadata_url, UserAgent()),
        client(transport, clock, options.client),
        state_file(MakeStateFile(options, machine)),
        poller(WithMachine(options.poll, machine), client, clock, store,
               state_file ? &*state_file : nullptr) {
    if (!options.drill_file.empty()) drill_file.emplace(options.drill_file);
    if (!options.spot_notice_file.empty()) notice_file.emplace(options.spot_notice_file);
    if (!options.textfile.empty()) textfile.emplace(options.textfile, page);
  }

  static std::optional<StateFile> MakeStateFile(const Options& options, const Machine& machine) {
    if (options.state_file.empty()) return std::nullopt;
    return std::optional<StateFile>(std::in_place, options.state_file, machine.boot_id);
  }

  static PollOptions WithMachine(PollOptions poll, const Machine& machine) {
    poll.jitter_seed = machine.Seed();
    poll.on_ecs = machine.IsEcs();
    return poll;
  }

  // Takes what this program knows itself into the snapshot, and puts a notice into its file. To be
  // called every now and then by the polling thread.
  void Follow(std::vector<NotificationCounts> notifications) {
    LocalFacts local;
    local.notifications = std::move(notifications);
    if (drill_file) local.drill = drill_file->Follow(*store.Current(), Now(clock));
    poller.SetLocalFacts(std::move(local));
    if (notice_file) notice_file->Follow(*store.Current(), Now(clock));
  }

  const BuildInfo& build = GetBuildInfo();
  const RealClock clock;
  const Machine machine = Machine::Read();
  SnapshotStore store;
  MetricsPage page{store, clock, build, /*answers=*/nullptr};  // for files and --once
  CurlTransport transport;
  MetadataClient client;
  std::optional<StateFile> state_file;
  Poller poller;
  std::optional<DrillFile> drill_file;
  std::optional<NoticeFile> notice_file;
  std::optional<Textfile> textfile;
};

// Calls the poller whenever it asks to be called, and `turn` behind each call and at least every
// five seconds, until `stop`.
template <typename Turn>
void Poll(const std::stop_token& stop, Exporter& exporter, Turn turn) {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    const SteadyTime next = exporter.poller.Step(stop);
    turn();
    std::unique_lock lock(mutex);
    // In slices: waiting does not count the time that the machine sleeps, Clock::Steady does.
    constexpr Duration kSlice = std::chrono::seconds(5);
    for (Duration left = next - exporter.clock.Steady();
         left > Duration::zero() && !stop.stop_requested(); left = next - exporter.clock.Steady()) {
      wake.wait_for(lock, stop, std::min(left, kSlice), [] { return false; });
      turn();
    }
  }
}

// One --alertmanager.url, and the thread that may have to wait for it.
class AlertThread {
 public:
  AlertThread(const Options& options, const Url& url, const Exporter& exporter)
      : sender_(
            url.HostAndPort(), options.added_to_alerts,
            [config = options.alertmanager_http_config, url = url.ToString()] {
              return Connect(config, url);
            },
            exporter.clock, exporter.store, exporter.machine.Seed()),
        thread_(
            [this, &clock = exporter.clock](const std::stop_token& stop) { Run(stop, clock); }) {}

  // To be called when the snapshot may say something new. Never waits.
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    wake_.notify_one();
  }

  void RequestStop() { thread_.request_stop(); }
  [[nodiscard]] NotificationCounts Counts() const { return sender_.Counts(); }

 private:
  static Result<std::unique_ptr<HttpTransport>> Connect(const std::string& config,
                                                        const std::string& url) {
    HttpConfigReading reading;
    if (!config.empty()) reading = ReadHttpConfig(config);
    if (!reading.complaints.empty()) {
      return Fail(ErrorCode::kInvalid, config + ": " + Joined(reading.complaints));
    }
    return std::make_unique<CurlTransport>(url, UserAgent(), std::move(reading.access));
  }

  // Needs no slices as Poll does: Wake comes at least every five seconds.
  void Run(const std::stop_token& stop, const Clock& clock) {
    while (!stop.stop_requested()) {
      const Duration pause = sender_.Step(stop) - clock.Steady();
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, std::max(pause, Duration::zero()), [this] { return woken_; });
      woken_ = false;
    }
  }

  AlertSender sender_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

// All of them. Two URLs of one host and port, as behind a proxy, are counted together.
struct AlertThreads {
  explicit AlertThreads(const Options& options, const Exporter& exporter) {
    for (const Url& url : options.alertmanagers) {
      each.push_back(std::make_unique<AlertThread>(options, url, exporter));
    }
  }

  void Wake() {
    for (const auto& thread : each) thread->Wake();
  }
  void RequestStop() {
    for (const auto& thread : each) thread->RequestStop();
  }
  [[nodiscard]] std::vector<NotificationCounts> Counts() const {
    std::vector<NotificationCounts> all;
    for (const auto& thread : each) {
      const NotificationCounts counts = thread->Counts();
      const auto same = std::find_if(all.begin(), all.end(), [&](const NotificationCounts& other) {
        return other.alertmanager == counts.alertmanager;
      });
      if (same == all.end()) {
        all.push_back(counts);
      } else {
        same->sent += counts.sent;
        same->failed += counts.failed;
      }
    }
    return all;
  }

  std::vector<std::unique_ptr<AlertThread>> each;
};

// The signals that this program understands, from now on blocked in every thread: they come only
// to who waits for them here. To be made before the first thread starts.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, number);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is told of like a full disk
  }

  // The number of the next one, or 0 when none came in that time.
  [[nodiscard]] int Wait(Duration longest) const {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(longest);
    timespec timeout{};
    timeout.tv_sec = whole.count();
    timeout.tv_nsec = (longest - whole).count();
    return std::max(0, sigtimedwait(&set_, nullptr, &timeout));
  }
  // Until then, also where this program is stopped and continued meanwhile.
  void WaitUntil(const Clock& clock, SteadyTime end) const {
    for (Duration left = end - clock.Steady(); left > Duration::zero();
         left = end - clock.Steady()) {
      if (Wait(left) != 0) return;
    }
  }

 private:
  sigset_t set_{};
};

// `--once`: one page, as complete as it gets in a few seconds.
int RunOnce(const Options& options, const Signals& signals) {
  Exporter exporter(options);
  std::stop_source over;  // by a signal, by the time, or because nothing is missing any more
  std::jthread waiting([&, end = exporter.clock.Steady() + std::chrono::seconds(10)] {
    signals.WaitUntil(exporter.clock, end);
    over.request_stop();
  });
  bool complete = false;
  Poll(over.get_token(), exporter, [&] {
    complete = IsComplete(*exporter.store.Current());
    if (complete) over.request_stop();
  });
  pthread_kill(waiting.native_handle(), SIGTERM);  // to it alone
  waiting.join();
  exporter.poller.Finish();
  exporter.Follow({});
  if (exporter.textfile) {
    if (const auto written = exporter.textfile->Write(); !written) {
      Complain(written.error().message);
      return kFailed;
    }
  } else {
    const std::string page = exporter.page.Text(Exposition::kText);
    if (std::fwrite(page.data(), 1, page.size(), stdout) != page.size() ||
        std::fflush(stdout) != 0) {
      Complain(std::string("the page cannot be written: ") + std::strerror(errno));
      return kFailed;
    }
  }
  if (complete) return kDone;
  const auto missing = MissingForReadiness(*exporter.store.Current());
  constexpr std::size_t kWorthNaming = 5;
  Complain(missing.empty() ? "the page is not complete"
           : missing.size() <= kWorthNaming
               ? "the page is not complete; not known: " + Joined(missing)
               : "the page is not complete; not known: " + std::to_string(missing.size()) +
                     " items");
  return kIncomplete;
}

// Reads the settings anew, does what can be done about them, and says what was not done.
void ReloadSettings(Invocation& running, const Reread& reread, WebGuard* guard) {
  Invocation fresh = reread();
  if (fresh.action != Invocation::Action::kRun) {
    for (const auto& complaint : fresh.complaints) {
      Log(LogLevel::kError, "the settings stay as they are", {{"reason", complaint}});
    }
    return;
  }
  for (const auto& complaint : guard ? guard->Reload() : std::vector<std::string>()) {
    Log(LogLevel::kError, "the web configuration stays as it was",
        {{"file", running.options.web_config_file}, {"reason", complaint}});
  }
  const Reload reload = Reload::Compare(running.settings, fresh.settings);
  SetUpLog(fresh.options.log_level, fresh.options.log_format);
  for (const auto name : reload.applied) running.settings[name] = fresh.settings[name];
  Log(LogLevel::kInfo, "settings read anew", {{"changed", Joined(reload.applied)}});
  if (!reload.ignored.empty()) {
    Log(LogLevel::kWarn, "these settings take effect only after a restart",
        {{"ignored", Joined(reload.ignored)}});
  }
}

int Serve(Invocation& invocation, const Signals& signals, const Reread& reread) {
  const Options& options = invocation.options;
  ServiceManager manager;
  Exporter exporter(options);
  AlertThreads alerts(options, exporter);
  exporter.Follow(alerts.Counts());  // counters are on the page from the start
  AnswerCounter answers;
  const Site site(exporter.store, exporter.clock, exporter.build, options.telemetry_path,
                  options.exporter_metrics ? &answers : nullptr);
  HttpServer::Handler handler = [&site](const WebRequest& request) { return site.Handle(request); };
  std::unique_ptr<WebGuard> guard;
  if (!options.web_config_file.empty()) {
    auto opening = WebGuard::Open(options.web_config_file, exporter.clock, std::move(handler));
    if (opening.guard == nullptr) {
      Log(LogLevel::kError, "the web configuration cannot be used",
          {{"file", options.web_config_file}, {"reason", Joined(opening.complaints)}});
      return kFailed;
    }
    guard = std::move(opening.guard);
    handler = [&guard](const WebRequest& request) { return guard->Handle(request); };
  }
  std::unique_ptr<HttpServer> server;
  if (!options.listen_addresses.empty()) {
    auto started = HttpServer::Start(options.listen_addresses, std::move(handler),
                                     {.max_requests = options.max_requests,
                                      .tls = guard ? guard->tls() : nullptr,
                                      .answers = &answers});
    if (!started) {
      Log(LogLevel::kError, started.error().message);
      return kFailed;
    }
    server = *std::move(started);
    for (const ListenAddress& address : server->addresses()) {
      Log(LogLevel::kInfo, "listening",
          {{"address", address.ToString()}, {"path", options.telemetry_path}});
    }
  }

  std::atomic<Duration> last_turn{exporter.clock.Steady().time_since_epoch()};
  std::jthread polling([&](const std::stop_token& stop) {
    Poll(stop, exporter, [&] {
      exporter.Follow(alerts.Counts());
      alerts.Wake();
      if (exporter.textfile) {
        exporter.textfile->Follow(exporter.store.Current(), exporter.clock.Steady());
      }
      if (IsComplete(*exporter.store.Current())) manager.Ready("the page is complete");
      last_turn = exporter.clock.Steady().time_since_epoch();
    });
  });

  // A unit that waits for this one shall not wait for a metadata service that is not there.
  const SteadyTime ready_by = exporter.clock.Steady() + std::chrono::seconds(5);
  // So often that one that is left out does no harm: after a pause of the machine, say.
  const Duration tick = manager.watchdog_interval().value_or(std::chrono::hours(4)) / 4;
  // A turn takes at most one request and five seconds of waiting.
  const Duration longest_turn = 2 * options.client.timeout + std::chrono::seconds(10);
  int signal_number = 0;
  while (signal_number == 0 || signal_number == SIGHUP) {
    const SteadyTime now = exporter.clock.Steady();
    if (now >= ready_by) manager.Ready("running; the page is not complete yet");
    if (now.time_since_epoch() - last_turn.load() < longest_turn) manager.FeedWatchdog();
    signal_number = signals.Wait(now < ready_by ? std::min(ready_by - now, tick) : tick);
    if (signal_number == SIGHUP) {
      manager.Reloading();
      ReloadSettings(invocation, reread, guard.get());
      manager.Reloaded();
    }
  }

  Log(LogLevel::kInfo, "stopping", {{"signal", sigabbrev_np(signal_number)}});
  manager.Stopping();
  polling.request_stop();
  alerts.RequestStop();
  polling.join();
  exporter.poller.Finish();
  if (exporter.textfile) exporter.textfile->Remove();
  return kDone;
}

// These settings are read once.
bool MaySpeakTls(const Options& options) {
  return !options.web_config_file.empty() ||
         std::any_of(options.alertmanagers.begin(), options.alertmanagers.end(),
                     [](const Url& url) { return url.https; });
}

// Whether only who has a certificate gets as far as a request.
bool NeedsClientCertificate(const TlsConfig& tls) {
  return tls.client_auth == ClientAuth::kRequireAnyClientCert ||
         tls.client_auth == ClientAuth::kRequireAndVerifyClientCert;
}

// nullopt: healthy; otherwise why not.
std::optional<std::string> AskHealth(const ListenAddress& address,
                                     const std::optional<TlsConfig>& tls) {
  OperatorAccess access;
  access.verify_server = false;
  const bool expects_refusal = tls && NeedsClientCertificate(*tls);
  access.tls12 = expects_refusal;
  CurlTransport transport((tls ? "https://" : "http://") + address.ToString(), UserAgent(),
                          std::move(access));
  HttpRequest request;
  request.path = "/-/healthy";
  request.timeout = std::chrono::seconds(2);
  request.max_body_bytes = 1024;
  const auto response = transport.Perform(request, std::stop_token());
  if (response && response->status == 200) return std::nullopt;
  if (response) return "it answers with status " + std::to_string(response->status);
  // That it ends the handshake is an answer, too.
  if (expects_refusal && response.error().code == ErrorCode::kMalformed) return std::nullopt;
  return response.error().message;
}

// `--healthcheck`: a container FROM scratch has no other program that could ask.
int CheckHealth(const Options& options) {
  if (options.listen_addresses.empty() || options.listen_addresses.front().port == 0) {
    Complain("--healthcheck: the settings do not say at which port the exporter listens");
    return kFailed;
  }
  ListenAddress address = options.listen_addresses.front();
  if (address.host.empty() || address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "[::]") address.host = "[::1]";
  WebConfigReading web;
  if (!options.web_config_file.empty()) web = ReadWebConfig(options.web_config_file);
  std::vector<std::optional<TlsConfig>> ways{web.config.tls};
  // The file may have changed since, for the next start, or be wrong; the exporter stays as it was.
  ways.push_back(web.config.tls ? std::nullopt : std::optional(TlsConfig()));
  if (!web.complaints.empty()) {
    ways.emplace_back(TlsConfig())->client_auth = ClientAuth::kRequireAnyClientCert;
  }
  std::string first_trouble;
  for (const auto& tls : ways) {
    const auto trouble = AskHealth(address, tls);
    if (!trouble) return kDone;
    if (first_trouble.empty()) first_trouble = *trouble;
  }
  Complain("--healthcheck: " + address.ToString() + ": " + first_trouble);
  return kFailed;
}

int Main(int argc, const char* const* argv) {
  ForbidCoreFiles();
  const Reread reread = [&] { return ReadOptions(argc, argv, ProcessEnvironment()); };
  Invocation invocation = reread();
  switch (invocation.action) {
    case Invocation::Action::kPrint:
      if (std::fputs(invocation.text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
        Complain(std::string("this cannot be written: ") + std::strerror(errno));
        return kFailed;
      }
      return kDone;
    case Invocation::Action::kRefuse:
      for (const auto& complaint : invocation.complaints) Complain(complaint);
      return kFailed;
    case Invocation::Action::kHealthcheck:
      return CheckHealth(invocation.options);
    case Invocation::Action::kRun:
      break;
  }
  // By default every few threads get a heap of their own, and each keeps what it once had.
  mallopt(M_ARENA_MAX, 1);
  if (!MaySpeakTls(invocation.options)) ForgoTls();
  const Signals signals;
  const bool once = invocation.options.once;
  // Who runs it every minute wants to hear of trouble only.
  if (once && invocation.options.log_level == LogLevel::kInfo) {
    invocation.options.log_level = LogLevel::kWarn;
  }
  SetUpLog(invocation.options.log_level, invocation.options.log_format);
  Log(LogLevel::kInfo, "starting aliyun_ecs_exporter",
      {{"version", GetBuildInfo().version}, {"revision", GetBuildInfo().revision}});
  return once ? RunOnce(invocation.options, signals) : Serve(invocation, signals, reread);
}

}  // namespace
}  // namespace aliyun_ecs

int main(int argc, char** argv) {
  try {
    return aliyun_ecs::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "aliyun_ecs_exporter: %s\n", exception.what());
    return 1;
  }
}
