#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "simulator/fault.h"
#include "simulator/http.h"
#include "simulator/instance.h"
#include "simulator/journal.h"
#include "simulator/protocol.h"
#include "simulator/token_store.h"

namespace aliyun_ecs::simulator {

inline constexpr std::string_view kTokenPath = "/latest/api/token";
inline constexpr std::string_view kTokenHeader = "X-aliyun-ecs-metadata-token";
inline constexpr std::string_view kTokenTtlHeader = "X-aliyun-ecs-metadata-token-ttl-seconds";

// What is counted since the start; Reset changes none of it.
struct ServiceCounters {
  std::map<int, std::uint64_t> requests_by_status;  // 0: no HTTP response
  std::uint64_t tokens_issued = 0;
  std::uint64_t throttled = 0;                      // by the instances' own throttles
  std::array<std::uint64_t, kFaultKinds> faults{};  // in the order of Fault::Kind
};

// The metadata service in miniature: requests in, responses out, and no socket anywhere. What it
// does beyond the vendor's document follows real clients and captured answers; what nobody has
// seen is an option (protocol.h), or marked in service.cc.
//
// It serves one or several instances, told apart by Request::local_address: 127.0.0.N is number N,
// and every other address is number 1. Numbers begin at 1.
//
// Safe to call from any thread: one mutex guards everything, and no call waits for anything else.
// Borrows the clock.
class Service {
 public:
  Service(InstanceStart start, const Clock& clock);

  // REQUIRES: 1 to kMostInstances starts.
  Service(std::vector<InstanceStart> starts, ProtocolOptions protocol, const Clock& clock);

  // The response says in its Delivery how it is to be carried; nothing here waits.
  [[nodiscard]] Response Handle(const Request& request);

  [[nodiscard]] int instances() const { return static_cast<int>(places_.size()); }

  // Runs `work(Instance&)` while no request is under way, and returns what it returns. `work` must
  // not call the service. REQUIRES: 1 <= number <= instances().
  template <typename Work>
  auto WithInstance(Work&& work) {
    return WithInstance(1, std::forward<Work>(work));
  }
  template <typename Work>
  auto WithInstance(int number, Work&& work) {
    const std::lock_guard lock(mutex_);
    return std::forward<Work>(work)(At(number).instance);
  }

  // A copy of what an instance was asked and answered since the start or the last Reset.
  [[nodiscard]] Journal journal(int number = 1) const;

  [[nodiscard]] ProtocolOptions protocol() const;
  // Runs `change(ProtocolOptions&)` while no request is under way; returns what came of it.
  template <typename Change>
  ProtocolOptions ChangeProtocol(Change&& change) {
    const std::lock_guard lock(mutex_);
    std::forward<Change>(change)(protocol_);
    return protocol_;
  }

  // In place of all others of that instance. REQUIRES: at most FaultList::kMostFaults.
  void SetFaults(int number, std::vector<Fault> faults);
  [[nodiscard]] std::vector<FaultList::Entry> faults(int number) const;

  [[nodiscard]] ServiceCounters counters() const;
  [[nodiscard]] std::size_t remembered_tokens() const;
  // How many instances show a notice.
  [[nodiscard]] int notices();

  [[nodiscard]] SystemTime Now() const { return clock_.System(); }

  // Back to the start: the instances and the options as they began, no session token, no fault, an
  // empty journal.
  void Reset();

 private:
  // An instance, and what the service remembers about it.
  struct Place {
    Instance instance;
    FaultList faults;
    Journal journal;
  };

  [[nodiscard]] Place& At(int number) { return places_[static_cast<std::size_t>(number - 1)]; }
  [[nodiscard]] const Place& At(int number) const {
    return places_[static_cast<std::size_t>(number - 1)];
  }
  [[nodiscard]] int NumberAt(std::string_view local_address) const;
  [[nodiscard]] Journal NewJournal() const;

  [[nodiscard]] Response Respond(int number, const Request& request, std::string_view path,
                                 SteadyTime now);
  [[nodiscard]] Response Answer(int number, const Request& request, std::string_view path,
                                SteadyTime now);
  [[nodiscard]] Response IssueToken(int number, const Request& request, SteadyTime now);
  [[nodiscard]] Response Throttled() const;
  [[nodiscard]] Response Value(Instance& instance, std::string_view path);
  void Finish(Response& response) const;

  const Clock& clock_;
  const ProtocolOptions first_protocol_;
  mutable std::mutex mutex_;
  std::deque<Place> places_;  // guarded by mutex_ but for its size, as all below
  ProtocolOptions protocol_;
  TokenStore tokens_;
  ServiceCounters counters_;
};

}  // namespace aliyun_ecs::simulator
