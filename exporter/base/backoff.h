#pragma once

#include <algorithm>

#include "base/clock.h"

namespace aliyun_ecs {

// `first` after one failure, doubled by each further one, at most `most`.
// REQUIRES: failures >= 1, first > 0.
[[nodiscard]] inline Duration DoublingBackoff(unsigned failures, Duration first, Duration most) {
  Duration pause = first;
  for (unsigned i = 1; i < failures && pause < most; ++i) pause *= 2;
  return std::min(pause, most);
}

}  // namespace aliyun_ecs
