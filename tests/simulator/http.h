#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

// HTTP as the simulator's parts speak it with each other: values, no sockets. server.h carries
// them over a network; tests hand them over directly.

namespace aliyun_ecs::simulator {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string target;  // path with optional query, still percent-encoded
  Headers headers = {};
  std::string body = {};
  std::string local_address =
      {};  // the server's own, "127.0.0.2", where it was asked over a socket
};

// How a response is to be carried. Who makes responses only decides it; server.h acts it out.
struct Delivery {
  enum class How : std::uint8_t {
    kWhole,
    kCut,      // the head, half of the body, and the end of the connection
    kDrip,     // the head and the body in pieces of drip_bytes, one each drip_interval
    kGarbage,  // the body alone, which is not HTTP, and the end of the connection
    kHang,     // nothing, until the client gives up
    kClose,    // nothing, and an orderly end of the connection
    kReset,    // nothing, and an RST
  };

  How how = How::kWhole;
  Duration delay{};  // before anything of the above
  std::size_t drip_bytes = 1;
  Duration drip_interval{};
  // What Content-Length says too much, or too little; the connection ends then.
  std::int64_t wrong_length_by = 0;

  friend bool operator==(const Delivery&, const Delivery&) = default;
};

// True when the client gets no HTTP response at all.
[[nodiscard]] constexpr bool IsUnanswered(Delivery::How how) {
  return how == Delivery::How::kGarbage || how == Delivery::How::kHang ||
         how == Delivery::How::kClose || how == Delivery::How::kReset;
}

struct Response {
  int status = 200;
  std::string content_type = "text/plain";
  Headers headers = {};  // besides Date, Content-Type and Content-Length
  std::string body = {};
  std::optional<SystemTime> date = {};  // for the Date header
  Delivery delivery = {};
};

// Called from several threads at once. For HEAD it answers as for GET; who sends the response
// leaves the body out.
using Handler = std::function<Response(const Request&)>;

// The first header of that name in any case, or null.
[[nodiscard]] const std::string* FindHeader(const Request& request, std::string_view name);

struct Target {
  std::string path;   // decoded
  std::string query;  // as it came, without the question mark; often empty
};
[[nodiscard]] Target ParseTarget(std::string_view target);

// "Not Found" for 404.
[[nodiscard]] std::string_view ReasonPhrase(int status);

// "Thu, 01 Jan 2026 00:00:00 GMT", in any locale.
[[nodiscard]] std::string FormatHttpDate(SystemTime time);

// The page that the metadata service answers with instead of a value.
[[nodiscard]] Response ErrorPage(int status);

}  // namespace aliyun_ecs::simulator
