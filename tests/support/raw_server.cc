#include "support/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

namespace aliyun_ecs {
namespace {

int Checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

// Takes a free port for `socket` and returns it.
std::uint16_t BindToLoopback(int socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  Checked(bind(socket, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  Checked(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

std::string UrlOf(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }

// Of the body behind this head.
std::size_t AnnouncedLength(const std::string& head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const auto found = head.find(kName);
  return found == std::string::npos ? 0 : std::stoul(head.substr(found + kName.size()));
}

}  // namespace

RawServer::RawServer(std::vector<Reply> script)
    : script_(std::make_move_iterator(script.begin()), std::make_move_iterator(script.end())),
      listener_(Checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")),
      stop_event_(Checked(eventfd(0, EFD_CLOEXEC), "eventfd")),
      port_(BindToLoopback(listener_)) {
  Checked(listen(listener_, SOMAXCONN), "listen");
  thread_ = std::thread([this] { Serve(); });
}

RawServer::~RawServer() {
  const std::uint64_t one = 1;
  while (write(stop_event_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  for (const auto& [connection, received] : open_) close(connection);
  close(listener_);
  close(stop_event_);
}

std::string RawServer::url() const { return UrlOf(port_); }

void RawServer::WaitForRequests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  came_in_.wait(lock, [&] { return requests_.size() >= count; });
}

std::vector<std::string> RawServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t RawServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void RawServer::Serve() {
  for (;;) {
    std::vector<pollfd> sockets{{stop_event_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& [connection, received] : open_) sockets.push_back({connection, POLLIN, 0});
    if (poll(sockets.data(), sockets.size(), -1) < 0) continue;  // EINTR
    if (sockets[0].revents != 0) return;
    for (std::size_t i = 2; i < sockets.size(); ++i) {
      if (sockets[i].revents == 0) continue;
      const int connection = sockets[i].fd;
      if (Attend(connection, open_.at(connection))) continue;
      close(connection);
      open_.erase(connection);
    }
    // Last, since a new connection may get the number of one that was just closed.
    if (sockets[1].revents != 0) Accept();
  }
}

void RawServer::Accept() {
  const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection < 0) return;  // it went away again
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  open_.emplace(connection, std::string());
  const std::lock_guard lock(mutex_);
  ++connections_;
}

bool RawServer::Attend(int connection, std::string& received) {
  char buffer[4096];
  const ssize_t size = recv(connection, buffer, sizeof buffer, 0);
  if (size <= 0) return false;
  received.append(buffer, static_cast<std::size_t>(size));
  for (;;) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    const auto end = received.find(kEnd);
    if (end == std::string::npos) return true;
    const std::size_t size_of_request =
        end + kEnd.size() + AnnouncedLength(received.substr(0, end + kEnd.size()));
    if (received.size() < size_of_request) return true;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(received.substr(0, size_of_request));
    }
    came_in_.notify_all();
    received.erase(0, size_of_request);
    if (script_.empty()) return false;
    const Reply reply = std::move(script_.front());
    script_.pop_front();
    if (!Send(connection, reply)) return false;
  }
}

bool RawServer::Send(int connection, const Reply& reply) {
  for (const std::string& piece : reply.pieces) {
    for (std::size_t sent = 0; sent < piece.size();) {
      const ssize_t size = send(connection, piece.data() + sent, piece.size() - sent, MSG_NOSIGNAL);
      if (size < 0) return false;  // the client had enough
      sent += static_cast<std::size_t>(size);
    }
  }
  if (reply.then == Then::kReset) {
    const linger at_once{1, 0};
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  return reply.then == Then::kKeepOpen;
}

ClosedPort::ClosedPort()
    : socket_(Checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")),
      port_(BindToLoopback(socket_)) {}

ClosedPort::~ClosedPort() { close(socket_); }

std::string ClosedPort::url() const { return UrlOf(port_); }

}  // namespace aliyun_ecs
