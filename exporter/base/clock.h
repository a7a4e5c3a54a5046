#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace aliyun_ecs {

using Duration = std::chrono::nanoseconds;

// The time line of Clock::Steady. It starts at boot, never jumps, and counts while the machine
// sleeps: a hibernated instance must not trust an old session token.
struct SteadyTimeline {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyTimeline>;
  static constexpr bool is_steady = true;
};
using SteadyTime = SteadyTimeline::time_point;

// Wall-clock time, which an administrator or NTP may step.
using SystemTime = std::chrono::sys_time<Duration>;

// The second of the program's two seams (the first is client/transport.h). It answers two
// questions and never waits; the only waiting in the exporter is one short loop in main.cc.
// Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // For intervals, deadlines and ages.
  [[nodiscard]] virtual SteadyTime Steady() const = 0;

  // For what is published as a timestamp and for what the service says in wall-clock time.
  [[nodiscard]] virtual SystemTime System() const = 0;
};

// CLOCK_BOOTTIME and CLOCK_REALTIME.
class RealClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime Steady() const override;
  [[nodiscard]] SystemTime System() const override;
};

// "2026-11-23T15:20:00Z", the metadata service's own form; fractions are cut off.
[[nodiscard]] std::string FormatUtc(SystemTime time);

// The time in exactly that form (YYYY-MM-DDThh:mm:ssZ, a date that exists), or nullopt.
[[nodiscard]] std::optional<SystemTime> ParseUtc(std::string_view text);

// "59 s", "4 min 59 s", "2 h 5 min", "3 d 2 h": for people; without a sign.
[[nodiscard]] std::string HumanDuration(Duration duration);

// Seconds with fraction, as Prometheus wants them.
[[nodiscard]] inline double ToSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
[[nodiscard]] inline double ToUnixSeconds(SystemTime time) {
  return ToSeconds(time.time_since_epoch());
}

}  // namespace aliyun_ecs
