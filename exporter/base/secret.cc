#include "base/secret.h"

#include <string.h>  // explicit_bzero
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace aliyun_ecs {

Secret::Secret(std::string_view bytes) {
  Grow(bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer_.get());
  size_ = bytes.size();
}

Secret::Secret(Secret&& other) noexcept
    : buffer_(std::move(other.buffer_)),
      capacity_(std::exchange(other.capacity_, 0)),
      size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Clear();
    buffer_ = std::move(other.buffer_);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Clear(); }

bool Secret::Append(std::string_view bytes, std::size_t limit) {
  if (bytes.size() > limit || size_ > limit - bytes.size()) return false;
  if (size_ + bytes.size() > capacity_) Grow(std::max(size_ + bytes.size(), capacity_ * 2));
  std::copy(bytes.begin(), bytes.end(), buffer_.get() + size_);
  size_ += bytes.size();
  return true;
}

void Secret::Clear() noexcept {
  // Not std::fill: a compiler may drop a store to memory that is about to be freed.
  if (buffer_) explicit_bzero(buffer_.get(), capacity_);
  buffer_.reset();
  capacity_ = 0;
  size_ = 0;
}

void ForbidCoreFiles() {
  // Not 0, which the kernel takes for "no limit" when cores go to a program; nothing fits into one
  // byte.
  const rlimit no_core{1, 1};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);
}

void Secret::Grow(std::size_t capacity) {
  auto grown = std::make_unique<char[]>(capacity);
  const std::size_t size = size_;
  std::copy(buffer_.get(), buffer_.get() + size, grown.get());
  Clear();
  buffer_ = std::move(grown);
  capacity_ = capacity;
  size_ = size;
}

}  // namespace aliyun_ecs
