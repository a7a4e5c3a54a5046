#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace aliyun_ecs {

enum class HttpMethod { kGet, kPut, kPost };

struct HttpHeader {
  std::string_view name;
  std::string_view value;  // may point into a Secret, so it must not be kept or logged
};

struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string path;                 // "/latest/meta-data/instance-id"
  std::vector<HttpHeader> headers;  // what they point to outlives the call
  std::string body;                 // of a POST
  Duration timeout{};               // for the whole exchange; at least a millisecond
  std::size_t max_body_bytes = 0;
};

struct HttpResponse {
  int status = 0;
  Secret body;
  std::optional<Duration> retry_after;  // where the service sent one in seconds
  std::optional<SystemTime> date;       // of the Date header, where there is one
  bool through_proxy = false;           // a Via header tells of one
};

// The first of the program's two seams (the second is base/clock.h): one HTTP exchange, with the
// metadata service or with another server that an operator named. An answer of any status is a
// success here; errors are kTimeout, kUnreachable, kMalformed (no HTTP, cut short, a head that does
// not end, or a 200 larger than allowed) and kCancelled. A larger body of another status is left
// out.
//
// Implementations go straight to the server: no proxy (it would get the session token, and add
// X-Forwarded-For, which the metadata service refuses), no redirect; to the metadata service by
// plain HTTP only.
//
// Not thread-safe; a stop request may come from any thread and ends Perform at once.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  [[nodiscard]] virtual Result<HttpResponse> Perform(const HttpRequest& request,
                                                     std::stop_token stop) = 0;
};

}  // namespace aliyun_ecs
