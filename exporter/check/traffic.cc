#include "check/traffic.h"

#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "base/text.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = 4096;

std::string ContentOf(const fs::path& file) {
  const auto content = ReadWholeFile(file, kMaxFileBytes);
  return content ? std::string(Trim(*content)) : std::string();
}

// The kernel links what a device lies on as "lower_NAME". Over the border of a network namespace
// only the numbers tell, but they also differ for one end of a virtual cable, which is of no such
// type.
bool LiesOnAnother(const fs::path& device) {
  const bool tied = ContentOf(device / "iflink") != ContentOf(device / "ifindex");
  if (tied && ContentOf(device / "uevent").find("DEVTYPE=") != std::string::npos) return true;
  std::error_code error;
  for (fs::directory_iterator entry(device, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("lower_")) return true;
  }
  return false;
}

bool IsHardware(const fs::path& device) {
  std::error_code error;
  return fs::exists(device / "device", error);
}

}  // namespace

Result<TrafficCounters> ReadTrafficCounters(const Clock& clock, const std::string& root) {
  const fs::path folder = root + "sys/class/net";
  TrafficCounters counters;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error) {
    return Fail(ErrorCode::kUnavailable,
                JsonQuote(folder.string()) + " cannot be read: " + error.message());
  }
  counters.at = clock.Steady();
  std::map<std::string, std::uint64_t> of_hardware, of_others;  // by MAC address
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    const fs::path& device = entry->path();
    std::string mac = ContentOf(device / "bonding_slave/perm_hwaddr");
    if (mac.empty()) mac = ContentOf(device / "address");
    const auto sent = ParseWhole<std::uint64_t>(ContentOf(device / "statistics/tx_bytes"), 0,
                                                std::numeric_limits<std::uint64_t>::max());
    // An interface may go while we look at it.
    if (mac.empty() || !sent) continue;
    if (IsHardware(device)) {
      of_hardware[LowerCase(mac)] += *sent;
    } else if (!LiesOnAnother(device)) {
      of_others[LowerCase(mac)] += *sent;
    }
  }
  counters.sent_bytes = std::move(of_hardware);
  counters.sent_bytes.merge(of_others);  // keeps what is there
  return counters;
}

Traffic TrafficBetween(const TrafficCounters& before, const TrafficCounters& after,
                       const std::vector<std::string>& macs) {
  Traffic traffic;
  traffic.over = after.at - before.at;
  std::uint64_t bytes = 0;
  for (const std::string& mac : macs) {
    const auto from = before.sent_bytes.find(LowerCase(mac));
    const auto to = after.sent_bytes.find(LowerCase(mac));
    if (from == before.sent_bytes.end() || to == after.sent_bytes.end() ||
        to->second < from->second) {
      traffic.missing.push_back(mac);
      continue;
    }
    bytes += to->second - from->second;
    traffic.counted.push_back(mac);
  }
  if (traffic.over > Duration::zero()) {
    traffic.bytes_per_second = static_cast<double>(bytes) / ToSeconds(traffic.over);
  }
  return traffic;
}

}  // namespace aliyun_ecs
