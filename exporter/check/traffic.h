#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace aliyun_ecs {

// What the kernel counted as sent at one moment.
struct TrafficCounters {
  SteadyTime at;
  std::map<std::string, std::uint64_t> sent_bytes;  // by MAC address, in small letters
};

// Reads the counters of this machine's network interfaces. Devices that lie on top of another one,
// a VLAN, bond or bridge, are left out: what they send is counted below them, under the same MAC
// address. kUnavailable where the kernel shows no interfaces at all.
//
// `root`: below which sys/class/net is looked for; ends in a slash.
[[nodiscard]] Result<TrafficCounters> ReadTrafficCounters(const Clock& clock,
                                                          const std::string& root = "/");

// What the elastic interfaces of the instance have sent between two readings.
struct Traffic {
  double bytes_per_second = 0;
  Duration over{};
  std::vector<std::string> counted, missing;  // MAC addresses
};

// `macs`: those of the instance. An interface that is not seen in both readings, or whose counter
// ran backwards in between (it was taken away and came back), is missing.
// REQUIRES: before.at < after.at.
[[nodiscard]] Traffic TrafficBetween(const TrafficCounters& before, const TrafficCounters& after,
                                     const std::vector<std::string>& macs);

}  // namespace aliyun_ecs
