#include "check/traffic.h"

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/atomic_file.h"
#include "base/text.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = 4096;

// The kernel links what a device lies on as "lower_NAME".
bool LiesOnAnother(const fs::path& device) {
  std::error_code error;
  for (fs::directory_iterator entry(device, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("lower_")) return true;
  }
  return false;
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
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    const fs::path& device = entry->path();
    const auto mac = ReadWholeFile(device / "address", kMaxFileBytes);
    const auto sent = ReadWholeFile(device / "statistics/tx_bytes", kMaxFileBytes);
    // An interface may go while we look at it.
    if (!mac || !sent || LiesOnAnother(device)) continue;
    const std::string_view digits = Trim(*sent);
    std::uint64_t bytes = 0;
    const auto [last, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
    if (bad != std::errc() || last != digits.data() + digits.size()) continue;
    counters.sent_bytes[LowerCase(Trim(*mac))] += bytes;
  }
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
  traffic.bytes_per_second = static_cast<double>(bytes) / ToSeconds(traffic.over);
  return traffic;
}

}  // namespace aliyun_ecs
