#include "expose/gzip.h"

#include <zlib.h>

#include <new>

namespace aliyun_ecs {
namespace {

const Bytef* Bytes(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

std::uint32_t Checksum(std::uint32_t so_far, std::string_view text) {
  return static_cast<std::uint32_t>(crc32(so_far, Bytes(text), static_cast<uInt>(text.size())));
}

void AppendLittleEndian(std::string& out, std::uint32_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

}  // namespace

DeflatedText::DeflatedText(std::string_view text)
    : checksum_(Checksum(0, text)),
      checksum_step_(
          static_cast<std::uint32_t>(crc32_combine_gen(static_cast<z_off_t>(text.size())))),
      size_(static_cast<std::uint32_t>(text.size())) {
  z_stream stream{};
  // For a short text most of the time would go into the memory of a large window.
  constexpr std::size_t kShort = 2048;
  const bool is_short = text.size() <= kShort;
  const int window_bits = is_short ? 11 : MAX_WBITS;
  const int memory_level = is_short ? 4 : 8;  // 8 is zlib's default
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, /*without a header*/ -window_bits,
                   memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  constexpr std::size_t kFlushMarker = 16;
  blocks_.resize(deflateBound(&stream, text.size()) + kFlushMarker);
  stream.next_in = const_cast<Bytef*>(Bytes(text));  // zlib's interface knows no const
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(blocks_.data());
  stream.avail_out = static_cast<uInt>(blocks_.size());
  // Ends at a byte and forgets what was before. There is room for all of it, so one call does.
  deflate(&stream, Z_FULL_FLUSH);
  blocks_.resize(stream.total_out);
  deflateEnd(&stream);
  blocks_.shrink_to_fit();
}

GzipMember::GzipMember() {
  constexpr std::size_t kUsual = 8 * 1024;
  bytes_.reserve(kUsual);
  // Magic number, deflate, no flags, no time, nothing about effort, operating system unknown.
  bytes_.append("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
}

void GzipMember::Add(const DeflatedText& text) {
  bytes_ += text.blocks_;
  checksum_ =
      static_cast<std::uint32_t>(crc32_combine_op(checksum_, text.checksum_, text.checksum_step_));
  size_ += text.size_;
}

void GzipMember::AddStored(std::string_view text) {
  checksum_ = Checksum(checksum_, text);
  size_ += static_cast<std::uint32_t>(text.size());
  constexpr std::size_t kLongestBlock = 65535;
  while (!text.empty()) {
    const auto block = text.substr(0, kLongestBlock);
    const auto size = static_cast<std::uint32_t>(block.size());
    bytes_ += '\0';  // stored, not the last
    AppendLittleEndian(bytes_, size, 2);
    AppendLittleEndian(bytes_, ~size, 2);
    bytes_ += block;
    text.remove_prefix(block.size());
  }
}

std::string GzipMember::Finish() {
  bytes_.append("\x03\0", 2);  // an empty last block
  AppendLittleEndian(bytes_, checksum_, 4);
  AppendLittleEndian(bytes_, size_, 4);
  return std::move(bytes_);
}

}  // namespace aliyun_ecs
