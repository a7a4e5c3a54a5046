#pragma once

#include <optional>

namespace aliyun_ecs {

// What Prometheus' client libraries tell of their own process, as far as the kernel says it.
struct ProcessStatistics {
  double cpu_seconds = 0;  // user and system, of all threads, since the start
  std::optional<double> open_fds;
  std::optional<double> max_fds;  // none: no limit
  std::optional<double> virtual_memory_bytes;
  std::optional<double> resident_memory_bytes;
  std::optional<double> start_time_seconds;  // Unix time

  // Of this process. A few system calls; safe to call from any thread.
  [[nodiscard]] static ProcessStatistics Read();
};

}  // namespace aliyun_ecs
