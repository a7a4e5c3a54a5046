#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "simulator/http.h"

struct mg_context;
struct mg_connection;

namespace aliyun_ecs::simulator {

// Serves a Handler over HTTP/1.1 on one or more TCP addresses, with connections kept alive. Every
// method that CivetWeb knows and every path reach the handler, which its worker threads call at
// the same time. Of a body at most kLargestBodyRead bytes are passed on.
//
// The destructor ends all connections and returns when no thread calls the handler any more.
class Server {
 public:
  // Enough for a handler to see that a body exceeds one MiB.
  static constexpr std::size_t kLargestBodyRead = (std::size_t{1} << 20) + 1;

  // True for the forms "127.0.0.1:10280", "[::1]:10280", "localhost:10280" and ":10280".
  [[nodiscard]] static bool IsAddress(std::string_view text);

  // Listens on all of `addresses` or fails with one sentence. Without a host it is every IPv4
  // address of the machine; port 0 is any that is free. What the handler uses must outlive the
  // Server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> Start(
      const std::vector<std::string>& addresses, Handler handler);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Where it listens, "127.0.0.1:40123", in the order asked for.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  explicit Server(Handler handler) : handler_(std::move(handler)) {}

  static int OnRequest(mg_connection* connection);

  Handler handler_;
  std::vector<std::string> addresses_;
  mg_context* context_ = nullptr;
};

}  // namespace aliyun_ecs::simulator
