#pragma once

#include <atomic>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace aliyun_ecs {

// Tells systemd how this service is (Type=notify). Says nothing where systemd did not start it, nor
// in a build without ALIYUN_ECS_SYSTEMD, whose unit is Type=simple.
// Safe to call from any thread.
class ServiceManager {
 public:
  ServiceManager();

  // How often at least systemd wants to hear from the watchdog; nullopt: never (no WatchdogSec=).
  [[nodiscard]] std::optional<Duration> watchdog_interval() const { return watchdog_interval_; }

  // The service is up; `status` is for people. Said once, further calls do nothing.
  void Ready(std::string_view status);
  void FeedWatchdog() const;
  // Settings are being read anew, until Reloaded().
  void Reloading() const;
  void Reloaded() const;
  void Stopping() const;

 private:
  std::atomic<bool> ready_{false};
  std::optional<Duration> watchdog_interval_;
};

}  // namespace aliyun_ecs
