#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aliyun_ecs {

// Text that was compressed once to be part of many gzip members: whole deflate blocks that refer to
// nothing before them.
class DeflatedText {
 public:
  // Compresses well, and so takes its time. Throws std::bad_alloc.
  explicit DeflatedText(std::string_view text);

 private:
  friend class GzipMember;
  std::string blocks_;
  std::uint32_t checksum_;
  std::uint32_t checksum_step_;  // what appending this does to a checksum, for zlib
  std::uint32_t size_;           // of the text
};

// Builds one gzip member (RFC 1952) of pieces. One, because not every client reads a second one.
class GzipMember {
 public:
  GzipMember();

  void Add(const DeflatedText& text);
  // As it is, which is quick, and for a few words no larger than compressed.
  void AddStored(std::string_view text);
  // The whole member. Nothing can be added then.
  [[nodiscard]] std::string Finish();

 private:
  std::string bytes_;
  std::uint32_t checksum_ = 0;
  std::uint32_t size_ = 0;  // of the text, modulo 2^32
};

}  // namespace aliyun_ecs
