#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace aliyun_ecs {

// Bytes that must not leave the process: everything that crosses the wire is a Secret until it is
// parsed. It owns one buffer, can be moved but not copied, streamed, compared or
// converted, and wipes its buffer when destroyed, moved from or cleared.
//
// Reveal() is the only door: `grep Reveal` is the audit.
//
// Not thread-safe; one owner at a time.
class Secret {
 public:
  Secret() = default;

  // A copy of `bytes`. Wiping the original is the caller's business.
  explicit Secret(std::string_view bytes);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  // Appends all of `bytes`, or nothing and returns false when they exceed `limit` bytes in total.
  // Grows by moving into a new buffer and wiping the old one.
  [[nodiscard]] bool Append(std::string_view bytes, std::size_t limit);

  // The bytes, valid until the next non-const call.
  [[nodiscard]] std::string_view Reveal() const { return {buffer_.get(), size_}; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Wipes and releases the buffer.
  void Clear() noexcept;

 private:
  void Grow(std::size_t capacity);

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

// From now on this process leaves no core file, and no other process of its user may read its
// memory: either would show secrets.
void ForbidCoreFiles();

}  // namespace aliyun_ecs
