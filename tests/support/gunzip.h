#pragma once

#include <zlib.h>

#include <optional>
#include <string>
#include <string_view>

namespace aliyun_ecs {

// The text of exactly one gzip member; nullopt when it is not that, or something follows it.
[[nodiscard]] inline std::optional<std::string> Gunzip(std::string_view bytes) {
  z_stream stream{};
  constexpr int kGzipOnly = MAX_WBITS + 16;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  int status = Z_OK;
  while (status == Z_OK) {
    const std::size_t before = text.size();
    text.resize(before + 64 * 1024);
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + before);
    stream.avail_out = static_cast<uInt>(text.size() - before);
    status = inflate(&stream, Z_NO_FLUSH);  // Z_STREAM_END only when the checksum is right
    text.resize(text.size() - stream.avail_out);
  }
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? std::optional(text) : std::nullopt;
}

}  // namespace aliyun_ecs
