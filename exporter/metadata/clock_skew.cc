#include "metadata/clock_skew.h"

#include <algorithm>

namespace aliyun_ecs {
namespace {

// How fast two clocks may drift apart, with room for bad crystals. While NTP slews faster, the
// ranges stop overlapping now and then, and begin anew.
constexpr int kDriftPerMillion = 200;

}  // namespace

void ClockSkew::Observe(Instant sent, Duration took, SystemTime date) {
  // The service wrote the header between `sent` and the answer, in the second that begins at
  // `date`.
  const Range seen{sent.system - date - std::chrono::seconds(1), sent.system + took - date,
                   sent.steady};
  if (range_) {
    const Duration drift = (sent.steady - range_->at) / 1'000'000 * kDriftPerMillion;
    const Range common{std::max(seen.least, range_->least - drift),
                       std::min(seen.most, range_->most + drift), sent.steady};
    if (common.least <= common.most) {
      range_ = common;
      return;
    }
  }
  range_ = seen;
}

std::optional<Duration> ClockSkew::Estimate() const {
  if (!range_) return std::nullopt;
  return range_->least + (range_->most - range_->least) / 2;
}

}  // namespace aliyun_ecs
