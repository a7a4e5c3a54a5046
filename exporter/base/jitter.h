#pragma once

#include <cstdint>
#include <random>

#include "base/clock.h"

namespace aliyun_ecs {

// What keeps a fleet from doing the same in the same second: numbers that differ from seed to seed,
// and are the same again for the same seed. Not thread-safe.
class Jitter {
 public:
  explicit Jitter(std::uint64_t seed) : random_(seed), phase_(Uniform(0, 1)) {}

  // Where in any interval this instance's turn is, in [0, 1). Never changes.
  [[nodiscard]] double phase() const { return phase_; }

  // `pause`, up to a fifth shorter or longer; another each time.
  [[nodiscard]] Duration Stretch(Duration pause) {
    return std::chrono::duration_cast<Duration>(pause * Uniform(0.8, 1.2));
  }

 private:
  double Uniform(double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random_);
  }

  std::mt19937_64 random_;
  double phase_;
};

}  // namespace aliyun_ecs
