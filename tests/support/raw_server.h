#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace aliyun_ecs {

// A TCP server on a free port of 127.0.0.1 that speaks no protocol: for each request, which ends
// at an empty line and the bytes that a Content-Length announces, it sends the bytes it was told
// and does with the connection what it was told. So it can be as broken as a test wants. Its thread
// waits in poll(), never sleeps, and ends with the object. The methods may be called from any
// thread.
class RawServer {
 public:
  enum class Then {
    kKeepOpen,  // and wait for the next request
    kClose,     // orderly
    kReset,     // by RST, as a firewall or a dying process does
  };

  struct Reply {
    // Each is written by itself. None: no answer at all.
    std::vector<std::string> pieces;
    Then then = Then::kKeepOpen;
  };

  // Answers the first request by the first reply, whatever the connection, and so on. Requests
  // beyond the script are recorded, and their connections closed without an answer.
  explicit RawServer(std::vector<Reply> script);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  // "http://127.0.0.1:port"
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Waits until `count` requests have come in.
  void WaitForRequests(std::size_t count) const;

  // The bytes of each request, its empty line and its body included. A body that is not announced
  // shows in front of the next one.
  [[nodiscard]] std::vector<std::string> requests() const;

  // How many connections were accepted so far. Connections are accepted in the order in which they
  // came, so after an answer on a new one every earlier one is counted.
  [[nodiscard]] std::size_t connections() const;

 private:
  void Serve();
  void Accept();
  // Reads what is there and replies; false when the connection is done.
  bool Attend(int connection, std::string& received);
  bool Send(int connection, const Reply& reply);

  std::deque<Reply> script_;         // the thread's own
  std::map<int, std::string> open_;  // what is not yet a whole request; the thread's own
  int listener_ = -1;
  int stop_event_ = -1;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable came_in_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::size_t connections_ = 0;        // guarded by mutex_

  std::thread thread_;
};

// A port of 127.0.0.1 where nobody listens, taken so that nobody else can.
class ClosedPort {
 public:
  ClosedPort();
  ~ClosedPort();
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  [[nodiscard]] std::string url() const;

 private:
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace aliyun_ecs
