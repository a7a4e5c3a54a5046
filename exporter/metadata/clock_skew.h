#pragma once

#include <optional>

#include "metadata/snapshot.h"

namespace aliyun_ecs {

// How far the local wall clock is ahead of the metadata service's, from the Date headers of its
// answers. A header tells the second only, and an answer takes its time; each so gives a range, and
// what all ranges of the last while have in common is much narrower than any. A step of either
// clock begins anew. Not thread-safe.
class ClockSkew {
 public:
  // An answer to a request sent at `sent`, which took `took`, bore the header `date`.
  void Observe(Instant sent, Duration took, SystemTime date);

  // The middle of the range; nullopt before the first header.
  [[nodiscard]] std::optional<Duration> Estimate() const;

 private:
  struct Range {
    Duration least{}, most{};
    SteadyTime at;
  };
  std::optional<Range> range_;
};

}  // namespace aliyun_ecs
