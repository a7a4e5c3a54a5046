#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/build_info.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "client/curl_transport.h"
#include "client/metadata_client.h"
#include "expose/http_server.h"
#include "expose/site.h"
#include "metadata/snapshot.h"
#include "notify/notice_file.h"
#include "options.h"
#include "poll/poller.h"
#include "poll/state_file.h"

// Wires the parts. The only file that knows all of them, and the only one that waits.

namespace aliyun_ecs {
namespace {

// Calls the poller whenever it asks to be called, and `after` behind each call, until `stop`.
template <typename After>
void Poll(const std::stop_token& stop, Poller& poller, const Clock& clock, After after) {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    const SteadyTime next = poller.Step(stop);
    after();
    std::unique_lock lock(mutex);
    // In slices: waiting does not count the time that the machine sleeps, Clock::Steady does.
    constexpr Duration kSlice = std::chrono::seconds(1);
    for (Duration left = next - clock.Steady(); left > Duration::zero() && !stop.stop_requested();
         left = next - clock.Steady()) {
      wake.wait_for(lock, stop, std::min(left, kSlice), [] { return false; });
    }
  }
}

int Run(const Options& options) {
  SetUpLog(options.log_level, options.log_format);
  const BuildInfo& build = GetBuildInfo();
  Log(LogLevel::kInfo, "starting aliyun_ecs_exporter",
      {{"version", build.version}, {"revision", build.revision}});

  // Blocked before any thread starts, so that all inherit it and only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const RealClock clock;
  const Machine machine = Machine::Read();
  PollOptions poll = options.poll;
  poll.jitter_seed = machine.Seed();
  if (!machine.product_name.empty()) poll.on_ecs = machine.product_name == kEcsProductName;
  std::optional<StateFile> state_file;
  if (!options.state_file.empty()) state_file.emplace(options.state_file, machine.boot_id);
  std::optional<NoticeFile> notice_file;
  if (!options.spot_notice_file.empty()) notice_file.emplace(options.spot_notice_file);
  SnapshotStore store;
  CurlTransport transport(options.metadata_url,
                          "aliyun_ecs_exporter/" + std::string(build.version));
  MetadataClient client(transport, clock, options.client);
  Poller poller(poll, client, clock, store, state_file ? &*state_file : nullptr);
  AnswerCounter answers;
  const Site site(store, clock, build, options.telemetry_path,
                  options.exporter_metrics ? &answers : nullptr);

  const auto server = HttpServer::Start(
      options.listen_addresses, [&site](const WebRequest& request) { return site.Handle(request); },
      {.max_requests = options.max_requests, .answers = &answers});
  if (!server) {
    Log(LogLevel::kError, server.error().message);
    return 1;
  }
  for (const ListenAddress& address : (*server)->addresses()) {
    Log(LogLevel::kInfo, "listening",
        {{"address", address.ToString()}, {"path", options.telemetry_path}});
  }

  std::jthread polling([&](const std::stop_token& stop) {
    Poll(stop, poller, clock, [&] {
      if (notice_file) notice_file->Follow(*store.Current(), Now(clock));
    });
  });
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  Log(LogLevel::kInfo, "stopping", {{"signal", sigabbrev_np(signal_number)}});
  polling.request_stop();
  polling.join();
  poller.Finish();
  return 0;
}

int Main(int argc, const char* const* argv) {
  Invocation invocation = ReadOptions(argc, argv, ProcessEnvironment());
  switch (invocation.action) {
    case Invocation::Action::kPrint:
      std::fputs(invocation.text.c_str(), stdout);
      return 0;
    case Invocation::Action::kRefuse:
      for (const auto& complaint : invocation.complaints) {
        std::fprintf(stderr, "aliyun_ecs_exporter: %s\n", complaint.c_str());
      }
      return 1;
    case Invocation::Action::kRun:
      break;
  }
  return Run(invocation.options);
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
