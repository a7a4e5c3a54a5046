#pragma once

#include <unistd.h>

#include <utility>

namespace aliyun_ecs {

// Owns a file descriptor, or none: one below 0.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { Close(); }

  [[nodiscard]] int number() const { return number_; }

  // False when the system says so, such as that what was written is lost.
  bool Close() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

}  // namespace aliyun_ecs
