#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "expose/answer_counter.h"
#include "expose/site.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace aliyun_ecs {

// Where to listen: ":10200" (every address, IPv4 and IPv6), "127.0.0.1:10200" or "[::1]:10200".
// Port 0 lets the system choose.
struct ListenAddress {
  std::string host;  // empty: every address; IPv6 with its brackets
  int port = 0;

  [[nodiscard]] static std::optional<ListenAddress> Parse(std::string_view text);
  [[nodiscard]] std::string ToString() const { return host + ":" + std::to_string(port); }
};

struct HttpServerOptions {
  // Requests that the handler works on at once; one more is answered 503 right away. 0: no limit
  // but the number of workers.
  int max_requests = 40;
  // Speaks TLS with this context of OpenSSL, and nothing else, when set. It outlives the server.
  ssl_ctx_st* tls = nullptr;
  // Counts every answer when set, also those that the handler has no part in. It outlives the
  // server.
  AnswerCounter* answers = nullptr;
};

// A web server on CivetWeb. Its worker threads call the handler, which must be thread-safe and
// outlive the server. Destroying it stops listening and waits for requests in progress.
class HttpServer {
 public:
  using Handler = std::function<WebResponse(const WebRequest&)>;

  // Listens on all addresses, or fails with one sentence that says where it could not.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> Start(
      const std::vector<ListenAddress>& addresses, Handler handler,
      const HttpServerOptions& options = {});

  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Where it listens, with the ports that the system chose.
  [[nodiscard]] const std::vector<ListenAddress>& addresses() const { return addresses_; }

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  std::vector<ListenAddress> addresses_;
};

}  // namespace aliyun_ecs
