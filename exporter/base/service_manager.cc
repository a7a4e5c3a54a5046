#include "base/service_manager.h"

#ifdef ALIYUN_ECS_SYSTEMD
#include <systemd/sd-daemon.h>
#endif
#include <time.h>

#include <cstdint>
#include <string>

namespace aliyun_ecs {
namespace {

#ifdef ALIYUN_ECS_SYSTEMD
// That nobody listens, or does not any more, is no trouble of ours.
void Notify(const std::string& state) { sd_notify(/*unset_environment=*/0, state.c_str()); }

std::optional<Duration> WatchdogInterval() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds);
}
#else
void Notify(const std::string&) {}

std::optional<Duration> WatchdogInterval() { return std::nullopt; }
#endif

}  // namespace

ServiceManager::ServiceManager() : watchdog_interval_(WatchdogInterval()) {}

void ServiceManager::Ready(std::string_view status) {
  if (!ready_.exchange(true)) Notify("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::FeedWatchdog() const { Notify("WATCHDOG=1"); }

void ServiceManager::Reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // systemd's own clock
  const std::uint64_t microseconds = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
                                     static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  Notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void ServiceManager::Reloaded() const { Notify("READY=1"); }

void ServiceManager::Stopping() const { Notify("STOPPING=1"); }

}  // namespace aliyun_ecs
