#pragma once

#include <mutex>

#include "base/clock.h"

namespace aliyun_ecs {

// Time that moves only when a test says so. Safe to share between threads.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime Steady() const override {
    const std::lock_guard lock(mutex_);
    return steady_;
  }

  [[nodiscard]] SystemTime System() const override {
    const std::lock_guard lock(mutex_);
    return system_;
  }

  // Both times move on together.
  void Advance(Duration duration) {
    const std::lock_guard lock(mutex_);
    steady_ += duration;
    system_ += duration;
  }

  // Moves on to `time`, if that is not past.
  void AdvanceTo(SteadyTime time) {
    const std::lock_guard lock(mutex_);
    if (time <= steady_) return;
    system_ += time - steady_;
    steady_ = time;
  }

  // A step of the wall clock alone, as an administrator or NTP makes it.
  void SetSystem(SystemTime time) {
    const std::lock_guard lock(mutex_);
    system_ = time;
  }

 private:
  mutable std::mutex mutex_;
  SteadyTime steady_{std::chrono::seconds(1000)};
  SystemTime system_{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};
};

}  // namespace aliyun_ecs
