#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/token_bucket.h"
#include "simulator/http.h"

namespace aliyun_ecs::simulator {

// So many requests a second in the long run, and so many at once. REQUIRES: rate > 0, burst >= 1.
struct Throttle {
  // What people may ask for.
  static constexpr double kLeastRate = 0.001;
  static constexpr double kMostRate = 1e6;
  static constexpr double kLeastBurst = 1;
  static constexpr double kMostBurst = 1e6;

  double rate = 1;
  double burst = 1;

  friend bool operator==(const Throttle&, const Throttle&) = default;
};

// "2/10": rate 2, burst 10; nullopt for what is beyond the limits, and for anything else.
[[nodiscard]] std::optional<Throttle> ParseThrottle(std::string_view text);

// Trouble that somebody asked for: what happens, to which requests, and when.
struct Fault {
  enum class Kind : std::uint8_t {
    kStatus,  // the service's page of a status
    kDelay,   // the service's own answer, later
    kHang,    // see Delivery for these
    kReset,
    kClose,
    kCut,
    kDrip,
    kGarbage,
    kHtml,         // 200 with a page of somebody else, as a captive portal answers
    kWrongLength,  // the service's own answer with another Content-Length
    kThrottle,     // the service's own answer, but not more often than so
  };

  Kind kind = Kind::kStatus;

  // Which requests: paths as they are asked for, without query; '*' stands for any characters.
  std::string path = "*";
  std::optional<std::string> method = {};

  // What happens to them.
  int status = 503;                                      // kStatus, kThrottle
  std::optional<std::chrono::seconds> retry_after = {};  // kStatus, kThrottle
  Duration delay{};                                      // every kind
  std::size_t drip_bytes = 1;
  Duration drip_interval = std::chrono::seconds(1);
  std::int64_t wrong_length_by = 100;
  Throttle throttle = {};

  // When: of the requests that match, not the first `after_requests`; of the others each with that
  // probability, decided by a generator that begins at `seed`; at most `times`; and no longer than
  // `lasts` after it was set.
  std::uint64_t after_requests = 0;
  double probability = 1;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> times = {};
  std::optional<Duration> lasts = {};
};

// "status", "wrong-length", …; nullopt for anything else.
[[nodiscard]] std::optional<Fault::Kind> ParseFaultKind(std::string_view text);
[[nodiscard]] std::string_view Name(Fault::Kind kind);
inline constexpr int kFaultKinds = 11;

// True when `pattern` describes all of `text`. Takes time in proportion to the product of both.
[[nodiscard]] bool MatchesPattern(std::string_view pattern, std::string_view text);

// The faults of one instance, and how far each of them has come. Not thread-safe.
class FaultList {
 public:
  static constexpr std::size_t kMostFaults = 100;

  FaultList() = default;
  FaultList(std::vector<Fault> faults, SteadyTime now);

  // The fault that strikes this request: the first in the list that matches and whose time it is;
  // null mostly. The pointer is good until the list changes.
  [[nodiscard]] const Fault* Strike(std::string_view method, std::string_view path, SteadyTime now);

  struct Entry {
    Fault fault;
    std::uint64_t matched = 0;
    std::uint64_t struck = 0;
  };
  [[nodiscard]] std::vector<Entry> entries() const;

 private:
  struct Active {
    Entry entry;
    SteadyTime since;
    std::mt19937_64 random;
    std::optional<TokenBucket> bucket;
  };

  [[nodiscard]] static bool Strikes(Active& active, SteadyTime now);

  std::vector<Active> faults_;
};

// True when the fault puts something in the place of the service's answer.
[[nodiscard]] bool Replaces(const Fault& fault);

// What comes in the place of the service's answer. REQUIRES: Replaces(fault).
[[nodiscard]] Response ReplacementOf(const Fault& fault);

// How the response, of the service or in its place, is carried.
[[nodiscard]] Delivery DeliveryOf(const Fault& fault);

}  // namespace aliyun_ecs::simulator
