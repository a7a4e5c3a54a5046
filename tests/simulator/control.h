#pragma once

#include <cstddef>

#include "simulator/http.h"
#include "simulator/service.h"

namespace aliyun_ecs::simulator {

// The control API: changes a running Service. Requests in, responses out; bodies are JSON unless
// said otherwise, and every complaint about a request is answered at once as
// {"errors": ["…", …]}, with nothing changed.
//
//   GET|PUT    /control/options             {"http_tokens": "required", "http_endpoint": "enabled"}
//   PUT|DELETE /control/spot-termination    {"in_seconds": 300} or {"at": "2026-01-01T00:05:00Z"}
//   PUT|DELETE /control/role                {"name": "…", "expires_in_seconds": 2100}
//   POST       /control/credentials/rotate
//   PUT|DELETE /control/items/PATH          the text itself
//   GET        /control/journal
//   POST       /control/reset
//
// PATH is below meta-data/ unless it begins with meta-data/ itself or with something that lies
// beside it, such as dynamic/ or user-data. DELETE also removes a whole directory.
//
// Safe to call from any thread. Borrows the service.
class Control {
 public:
  static constexpr std::size_t kLargestBody = std::size_t{1} << 20;

  explicit Control(Service& service) : service_(service) {}

  [[nodiscard]] Response Handle(const Request& request);

 private:
  Service& service_;
};

}  // namespace aliyun_ecs::simulator
