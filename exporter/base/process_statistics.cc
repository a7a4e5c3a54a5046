#include "base/process_statistics.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/text.h"

namespace aliyun_ecs {
namespace {

// The start of a file of /proc; none of those read here is longer.
class ProcFile {
 public:
  explicit ProcFile(const char* path) {
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    const ssize_t count = read(descriptor, bytes_.data(), bytes_.size());
    if (count > 0) size_ = static_cast<std::size_t>(count);
    close(descriptor);
  }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 1024> bytes_{};
  std::size_t size_ = 0;
};

// The field of that number, from 0, where single blanks part them.
std::optional<double> Field(std::string_view text, std::size_t number) {
  const auto fields = Split(Trim(text), ' ');
  if (number >= fields.size()) return std::nullopt;
  const std::string_view field = fields[number];
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

std::optional<double> CountOpenFiles() {
  struct stat info {};
  constexpr const char* kFolder = "/proc/self/fd";
  // Linux 6.2 and newer say it without being asked for a list.
  if (stat(kFolder, &info) == 0 && info.st_size > 0) return static_cast<double>(info.st_size);
  std::error_code error;
  const std::filesystem::directory_iterator entries(kFolder, error);
  if (error) return std::nullopt;
  // One of them is the list itself.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

// The kernel tells the start as ticks since boot.
std::optional<double> StartTime() {
  const ProcFile file("/proc/self/stat");
  const auto name_end = file.text().rfind(')');  // the name may hold blanks
  if (name_end == std::string_view::npos) return std::nullopt;
  constexpr std::size_t kStartTime = 22 - 3;  // the field behind the name is number 3 in proc(5)
  const auto ticks = Field(file.text().substr(name_end + 1), kStartTime);
  if (!ticks) return std::nullopt;
  const RealClock clock;
  const double boot = ToUnixSeconds(clock.System()) - ToSeconds(clock.Steady().time_since_epoch());
  return boot + *ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessStatistics ProcessStatistics::Read() {
  ProcessStatistics statistics;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    statistics.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  statistics.open_fds = CountOpenFiles();
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    statistics.max_fds = static_cast<double>(files.rlim_cur);
  }
  const ProcFile pages("/proc/self/statm");
  static const auto page_size = static_cast<double>(sysconf(_SC_PAGESIZE));
  if (const auto size = Field(pages.text(), 0)) statistics.virtual_memory_bytes = *size * page_size;
  if (const auto resident = Field(pages.text(), 1)) {
    statistics.resident_memory_bytes = *resident * page_size;
  }
  // Once, because a stepped clock must not move it.
  static const std::optional<double> start_time = StartTime();
  statistics.start_time_seconds = start_time;
  return statistics;
}

}  // namespace aliyun_ecs
