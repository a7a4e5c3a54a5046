#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "simulator/http.h"
#include "simulator/request_parser.h"

namespace aliyun_ecs::simulator {

// How long the server has patience with a client.
struct Patience {
  Duration idle = std::chrono::seconds(30);
  Duration request = std::chrono::seconds(10);  // from its first byte on
  Duration stall = std::chrono::seconds(30);    // that reads nothing
  Duration farewell = std::chrono::seconds(1);  // that has been told the end
};

// Serves a Handler over HTTP/1.1 on one or more TCP addresses, with connections kept alive, and
// carries each response as its Delivery says.
//
// One thread of its own serves all connections and calls the handler; a response that is delayed,
// dripped or never sent holds a connection but no thread. At most kMostConnections are open at a
// time; further clients wait in the system's queue until one ends. It speaks HTTP itself and uses
// no library, because a library does well what this has to do badly: a wrong Content-Length, an
// RST, bytes that are no HTTP. It also tells the handler which address it was asked under.
//
// The destructor ends all connections and returns when the thread calls the handler no more.
class Server {
 public:
  // Of a body at most so many bytes are passed on: enough to see that it exceeds one MiB.
  static constexpr std::size_t kLargestBodyRead = RequestParser::kLargestBodyKept;
  // Two servers of a process fit into the 1024 files that it may usually have open.
  static constexpr std::size_t kMostConnections = 500;
  // What a client still says after the end is read and forgotten, or it would lose the answer
  // before; but no more than so many bytes.
  static constexpr std::size_t kLongestFarewell = std::size_t{1} << 20;

  // True for the forms "127.0.0.1:10280", "[::1]:10280", "localhost:10280" and ":10280".
  [[nodiscard]] static bool IsAddress(std::string_view text);

  // Listens on all of `addresses` or fails with one sentence. Without a host it is every IPv4
  // address of the machine; port 0 is any that is free. What the handler uses must outlive the
  // Server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> Start(
      const std::vector<std::string>& addresses, Handler handler, const Patience& patience = {});

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Where it listens, "127.0.0.1:40123", in the order asked for.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  class Loop;

  Server();

  std::vector<std::string> addresses_;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace aliyun_ecs::simulator
