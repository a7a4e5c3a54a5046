#pragma once

#include <mutex>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "simulator/http.h"
#include "simulator/instance.h"
#include "simulator/journal.h"
#include "simulator/token_store.h"

namespace aliyun_ecs::simulator {

inline constexpr std::string_view kTokenPath = "/latest/api/token";
inline constexpr std::string_view kTokenHeader = "X-aliyun-ecs-metadata-token";
inline constexpr std::string_view kTokenTtlHeader = "X-aliyun-ecs-metadata-token-ttl-seconds";

// The metadata service in miniature: requests in, responses out, and no socket anywhere. What it
// does beyond the vendor's document follows real clients and captured answers; what nobody has
// seen is marked in service.cc.
//
// Safe to call from any thread: one mutex guards everything, and no call waits for anything else.
// Borrows the clock.
class Service {
 public:
  Service(InstanceStart start, const Clock& clock);

  [[nodiscard]] Response Handle(const Request& request);

  // Runs `work(Instance&)` while no request is under way, and returns what it returns. `work` must
  // not call the service.
  template <typename Work>
  auto WithInstance(Work&& work) {
    const std::lock_guard lock(mutex_);
    return std::forward<Work>(work)(instance_);
  }

  // A copy of what was asked and answered since the start or the last Reset.
  [[nodiscard]] Journal journal() const;

  // Back to the start: the instance as it began, no session token, an empty journal.
  void Reset();

 private:
  [[nodiscard]] Response Answer(const Request& request, std::string_view path, SteadyTime now);
  [[nodiscard]] Response IssueToken(const Request& request, SteadyTime now);
  [[nodiscard]] Response Value(std::string_view path);

  const Clock& clock_;
  mutable std::mutex mutex_;
  Instance instance_;  // guarded by mutex_, as all below
  TokenStore tokens_;
  Journal journal_;
};

}  // namespace aliyun_ecs::simulator
