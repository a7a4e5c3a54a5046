#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "simulator/http.h"

namespace aliyun_ecs::simulator {

// HTTP/1.0 and 1.1 requests out of a stream of bytes, a pure function of them: no socket, no time.
// It takes what real clients send, a PUT without Content-Length among it, and refuses what could be
// understood in two ways. Bodies are kept up to kLargestBodyKept; the rest is read and forgotten.
//
// A value; not thread-safe. Its memory is bounded, whatever comes.
class RequestParser {
 public:
  static constexpr std::size_t kLargestHead = 32 * 1024;  // without its last line feed
  static constexpr std::size_t kMostHeaders = 100;
  static constexpr std::size_t kLargestBodyKept = (std::size_t{1} << 20) + 1;
  static constexpr std::uint64_t kLargestBody = std::uint64_t{1} << 30;

  enum class State : std::uint8_t {
    kHead,      // needs more of the head
    kBody,      // needs more of the body
    kComplete,  // request() is one
    kBroken,    // nothing more can be understood; error_status() says why
  };

  // Takes bytes until a request is complete, and keeps the others for the next one.
  State Feed(std::string_view bytes);

  // Goes on to the next request after a complete one, with the bytes that were kept.
  State Next();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int error_status() const { return error_status_; }

  // Set from kBody on.
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

  // True once for a request whose client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool TakeInvitation();

  // True when a part of a request has come.
  [[nodiscard]] bool is_midway() const {
    return state_ == State::kBody || (state_ == State::kHead && !pending_.empty());
  }

 private:
  void Advance();
  bool ParseHead();
  int ReadHead(std::string_view head);
  bool TakeBody();
  bool TakeChunks();
  void Break(int status);
  void Keep(std::string_view bytes);

  enum class Chunk : std::uint8_t { kSize, kData, kDataEnd, kTrailer };

  State state_ = State::kHead;
  int error_status_ = 0;
  std::string pending_;  // not yet understood
  Request request_;
  bool keep_alive_ = true;
  bool invitation_ = false;
  bool chunked_ = false;
  Chunk chunk_ = Chunk::kSize;
  std::uint64_t left_ = 0;      // of the body, or of the chunk
  std::uint64_t received_ = 0;  // of a chunked body
};

}  // namespace aliyun_ecs::simulator
