#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// HTTP as the simulator's parts speak it with each other: values, no sockets. server.h carries
// them over a network; tests hand them over directly.

namespace aliyun_ecs::simulator {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string target;  // path with optional query, still percent-encoded
  Headers headers = {};
  std::string body = {};
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain";
  Headers headers = {};  // besides Content-Type and Content-Length
  std::string body = {};
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

// The page that the metadata service answers with instead of a value.
[[nodiscard]] Response ErrorPage(int status);

}  // namespace aliyun_ecs::simulator
