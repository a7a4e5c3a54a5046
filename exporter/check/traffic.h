#pragma once

#include <cstdint>
#include <map>
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

// Reads the counters of this machine's network interfaces. Several devices may have one MAC
// address; what is sent is to be counted once. Where one of them is hardware, the others are left
// out. Where none is, as in a virtual network, those are left out that lie on another one: a VLAN
// or bridge, or an ipvlan whose parent is in another network namespace. A port of a bond goes by
// the address that it was made with. kUnavailable where the kernel shows no interfaces at all.
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
// Of the same moment twice it tells only which interfaces are seen.
[[nodiscard]] Traffic TrafficBetween(const TrafficCounters& before, const TrafficCounters& after,
                                     const std::vector<std::string>& macs);

}  // namespace aliyun_ecs
