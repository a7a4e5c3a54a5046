#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/range.h"

namespace aliyun_ecs {

// What can be checked.
enum class Check : std::uint8_t {
  kSpot,         // is this spot instance about to be taken away?
  kCredentials,  // how long is the RAM credential good for?
  kMetadata,     // does the metadata service answer?
  kHardening,    // is normal mode closed?
  kIdentity,     // is this the instance that is expected here?
  kBandwidth,    // how much of the outbound bandwidth limit is used?
};
inline constexpr std::array kChecks{Check::kSpot,      Check::kCredentials, Check::kMetadata,
                                    Check::kHardening, Check::kIdentity,    Check::kBandwidth};
[[nodiscard]] std::string_view Name(Check check);  // "spot"

// The exit statuses of a monitoring plugin.
enum class CheckState : std::uint8_t { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 };
[[nodiscard]] std::string_view Name(CheckState state);  // "OK"

// The worse of two: CRITICAL, UNKNOWN, WARNING, OK. What is known to be wrong must not be hidden by
// what is not known, nor that by a warning.
[[nodiscard]] CheckState Worse(CheckState one, CheckState other);

// One number for graphs.
struct Perfdata {
  std::string label;
  double value = 0;
  std::string_view unit;  // "s", "B", "%" or none
  std::optional<Range> warning, critical;
  std::optional<double> minimum, maximum;
};

// What came of one check.
struct Verdict {
  Check check;
  CheckState state = CheckState::kUnknown;
  std::string text;  // one sentence, without a dot; may quote the service
  std::vector<Perfdata> perfdata;
  std::vector<std::string> details;  // lines for who asks for more (-v)
  std::string reason;  // of an UNKNOWN that other checks may share: the end of the text
};

}  // namespace aliyun_ecs
