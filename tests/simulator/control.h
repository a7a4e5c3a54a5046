#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "simulator/http.h"
#include "simulator/service.h"

namespace aliyun_ecs::simulator {

// The control API: changes a running Service. Requests in, responses out; bodies are JSON unless
// said otherwise, and every complaint about a request is answered at once as
// {"errors": ["…", …]}, with nothing changed.
//
//   GET|PUT        /control/options              {"http_tokens": "required", "http_endpoint":
//                                                "enabled", "throttle": {"rate": 2, "burst": 10}}
//   GET|PUT        /control/protocol             {"expired-token": "403", …}, see README.md
//   PUT|DELETE     /control/spot-termination     {"in_seconds": 900} or {"at": "…Z"}, and
//                                                "lead_seconds": 300, "then": "hang"
//   PUT|DELETE     /control/role                 {"name": "…", "expires_in_seconds": 2100}
//   POST           /control/credentials/rotate
//   PUT            /control/credentials/rotation {"how": "late", "late_seconds": 300}
//   POST           /control/interfaces           {"ipv6": "full"} or nothing
//   DELETE         /control/interfaces/MAC
//   POST           /control/disks                {"name": "data"} or nothing
//   DELETE         /control/disks/SERIAL
//   PUT|DELETE     /control/tags                 {"env": "prod"}
//   PUT|DELETE     /control/items/PATH           the text itself
//   GET|PUT|DELETE /control/faults               {"faults": [{"fault": "status", …}]}
//   GET            /control/journal
//   POST           /control/reset
//   GET            /metrics                      for Prometheus
//
// With ?instance=N they are about instance N, else about number 1; protocol, reset and metrics are
// about all. Without "lead_seconds" a notice stands at once; with it, it appears that long before
// the end. PATH is below meta-data/ unless it begins with meta-data/ itself or with something that
// lies beside it, such as dynamic/ or user-data. DELETE also removes a whole directory.
//
// Safe to call from any thread. Borrows the service.
class Control {
 public:
  static constexpr std::size_t kLargestBody = std::size_t{1} << 20;

  explicit Control(Service& service) : service_(service) {}

  [[nodiscard]] Response Handle(const Request& request);

  // What can be known of a service before it runs.
  struct Limits {
    int instances = 1;
    std::chrono::seconds credential_life = std::chrono::hours(6);
  };

  // All that Handle would find wrong with the request itself, without a service: a pure function.
  // Complaints about the body begin with `place`; empty: with the member's name.
  [[nodiscard]] static std::vector<std::string> Check(const Request& request, const Limits& limits,
                                                      const std::string& place);

 private:
  Service& service_;
};

}  // namespace aliyun_ecs::simulator
