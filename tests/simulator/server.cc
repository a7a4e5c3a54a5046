#include "simulator/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/log.h"
#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

// Sockets work in real time, whatever clock the service has.
using RealTime = std::chrono::steady_clock::time_point;

RealTime Now() { return std::chrono::steady_clock::now(); }

struct HostAndPort {
  bool ipv6;
  std::string host;  // empty: all
  std::string port;
};

std::optional<HostAndPort> Parse(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = address.substr(0, colon);
  const auto port = address.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;

  if (!ParseWhole<std::uint16_t>(port, 0, UINT16_MAX)) return std::nullopt;
  return HostAndPort{bracketed, std::string(host), std::string(port)};
}

// `reason` may be one of the system's messages, which begin with a capital.
tl::unexpected<Error> CannotListen(std::string_view address, std::string reason) {
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  }
  return Fail(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", address, reason));
}

struct Listener {
  Descriptor socket;
  std::string address;  // as it can be connected to, "127.0.0.1:40123"
};

// The host of a socket's own address, and its port; "" when there is none.
std::pair<std::string, std::string> LocalAddress(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char host[NI_MAXHOST] = "";
  char port[NI_MAXSERV] = "";
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port,
              sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  return {host, port};
}

// "127.0.0.1:80", "[::1]:80".
std::string Join(std::string_view host, std::string_view port) {
  return host.find(':') == std::string_view::npos ? fmt::format("{}:{}", host, port)
                                                  : fmt::format("[{}]:{}", host, port);
}

// `seen` holds the addresses listened on so far.
Result<Listener> Listen(const std::string& address, std::set<std::string>& seen) {
  const auto parsed = Parse(address);
  if (!parsed) return CannotListen(address, "this is not HOST:PORT");
  addrinfo hints{};
  // The metadata service has no IPv6 address, so that a name means its IPv4 one.
  hints.ai_family = parsed->ipv6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* const host = parsed->host.empty() ? nullptr : parsed->host.c_str();
  if (const int error = getaddrinfo(host, parsed->port.c_str(), &hints, &found); error != 0) {
    return CannotListen(address, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);

  Descriptor listener(
      socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (listener.number() < 0) return CannotListen(address, std::generic_category().message(errno));
  const int on = 1;
  setsockopt(listener.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (parsed->ipv6) setsockopt(listener.number(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(listener.number(), found->ai_addr, found->ai_addrlen) != 0) {
    const int error = errno;
    char numeric[NI_MAXHOST] = "";
    getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, nullptr, 0,
                NI_NUMERICHOST);
    if (seen.contains(Join(numeric, parsed->port))) {
      return CannotListen(address, "it is given twice");
    }
    return CannotListen(address, std::generic_category().message(error));
  }
  if (listen(listener.number(), 1024) != 0) {
    return CannotListen(address, std::generic_category().message(errno));
  }
  const auto [name, port] = LocalAddress(listener.number());
  auto where = Join(name, port);
  seen.insert(where);
  return Listener{.socket = std::move(listener), .address = std::move(where)};
}

// RFC 9110: neither has a body, and what follows the head would be the next response.
bool HasBody(const Response& response) { return response.status != 204 && response.status != 304; }

std::string HeadOf(const Response& response, bool keep_alive) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, ReasonPhrase(response.status));
  if (response.date) head += fmt::format("Date: {}\r\n", FormatHttpDate(*response.date));
  head += fmt::format("Connection: {}\r\n", keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) {
    head += fmt::format("{}: {}\r\n", name, value);
  }
  if (HasBody(response)) {
    const auto length = static_cast<std::int64_t>(response.body.size());
    head += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type,
                        std::max<std::int64_t>(0, length + response.delivery.wrong_length_by));
  }
  return head + "\r\n";
}

// One client. Reads requests and carries responses out; the loop tells it when it may.
class Connection {
 public:
  Connection(Descriptor socket, const Handler& handler, const Patience& patience)
      : socket_(std::move(socket)),
        handler_(handler),
        patience_(patience),
        local_address_(LocalAddress(socket_.number()).first),
        deadline_(Now() + patience.idle) {
    const int on = 1;
    setsockopt(socket_.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  [[nodiscard]] int socket() const { return socket_.number(); }
  [[nodiscard]] bool is_done() const { return stage_ == Stage::kDone; }

  // What poll is to wait for; POLLHUP and POLLERR come unasked.
  [[nodiscard]] short Events() const {
    if (stage_ == Stage::kReading || stage_ == Stage::kEnding) return POLLIN;
    const short closed = peer_sends_no_more_ ? 0 : POLLRDHUP;
    return static_cast<short>(stage_ == Stage::kWriting ? closed | POLLOUT : closed);
  }

  // When OnTime is to be called at the latest.
  [[nodiscard]] std::optional<RealTime> deadline() const { return deadline_; }

  void OnEvents(short events) {
    React(events);
    ServeWhatCame();
  }

  void OnTime() {
    switch (stage_) {
      case Stage::kWaiting:
        BeginDelivery();
        break;
      case Stage::kDripping:
        allowed_ = std::min(out_.size(), allowed_ + delivery_.drip_bytes);
        stage_ = Stage::kWriting;
        Write();
        break;
      default:
        return End();
    }
    ServeWhatCame();
  }

 private:
  enum class Stage : std::uint8_t {
    kReading,
    kWaiting,   // for the end of the delay
    kWriting,   // for the client to take more
    kDripping,  // for the time of the next piece
    kHanging,
    kEnding,  // for the client to have said all
    kDone,
  };

  void React(short events) {
    if (stage_ == Stage::kReading) return Read();
    if (stage_ == Stage::kEnding) return Forget();
    if ((events & (POLLHUP | POLLERR)) != 0) return End();
    if ((events & POLLRDHUP) != 0) {
      // One that has sent all it has to say may still listen, but not to one that never speaks.
      peer_sends_no_more_ = true;
      if (stage_ == Stage::kHanging) return End();
    }
    if (stage_ == Stage::kWriting && (events & POLLOUT) != 0) Write();
  }

  void Read() {
    char piece[64 * 1024];
    const auto size = recv(socket_.number(), piece, sizeof piece, 0);
    if (size < 0) {
      if (errno != EAGAIN && errno != EINTR) End();
      return;
    }
    if (size == 0) {
      if (!parser_.is_midway()) return End();
      peer_sends_no_more_ = true;
      return Refuse(400);
    }
    if (!has_begun_) deadline_ = Now() + patience_.request;
    has_begun_ = true;
    parser_.Feed({piece, static_cast<std::size_t>(size)});
    if (parser_.TakeInvitation()) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      // Nothing else is under way, so that so little is taken whole.
      send(socket_.number(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
    }
  }

  // A piece that was read may hold several requests; one is answered after the other.
  void ServeWhatCame() {
    while (stage_ == Stage::kReading) {
      if (parser_.state() == RequestParser::State::kBroken) return Refuse(parser_.error_status());
      if (parser_.state() != RequestParser::State::kComplete) return;
      Answer();
    }
  }

  void Answer() {
    Request request = parser_.request();
    request.local_address = local_address_;
    Response response;
    // A mistake in the handler must not end the thread.
    try {
      response = handler_(request);
    } catch (const std::exception& error) {
      Log(LogLevel::kError, "request failed", {{"error", error.what()}});
      response = ErrorPage(500);
    }
    Deliver(std::move(response), request.method != "HEAD", parser_.keep_alive());
  }

  // Answers what is no request, and ends.
  void Refuse(int status) { Deliver(ErrorPage(status), true, false); }

  void Deliver(Response response, bool with_body, bool keep_alive) {
    delivery_ = response.delivery;
    ends_ = !keep_alive || delivery_.how == Delivery::How::kCut ||
            delivery_.how == Delivery::How::kGarbage || delivery_.wrong_length_by != 0;
    if (delivery_.how == Delivery::How::kGarbage) {
      out_ = std::move(response.body);
    } else {
      // In one piece, so that it travels in one packet.
      out_ = HeadOf(response, !ends_);
      if (with_body && HasBody(response)) {
        const bool cut = delivery_.how == Delivery::How::kCut;
        out_ += std::string_view(response.body)
                    .substr(0, cut ? response.body.size() / 2 : response.body.size());
      }
    }
    written_ = 0;
    if (delivery_.delay > Duration::zero()) {
      stage_ = Stage::kWaiting;
      deadline_ = Now() + delivery_.delay;
    } else {
      BeginDelivery();
    }
  }

  void BeginDelivery() {
    switch (delivery_.how) {
      case Delivery::How::kHang:
        stage_ = Stage::kHanging;
        deadline_.reset();
        return;
      case Delivery::How::kReset: {
        // A socket that lingers for no time at all is ended by RST.
        const linger none{.l_onoff = 1, .l_linger = 0};
        setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
        return End();
      }
      case Delivery::How::kClose:
        return EndInOrder();
      default:
        allowed_ = delivery_.how == Delivery::How::kDrip
                       ? std::min(out_.size(), delivery_.drip_bytes)
                       : out_.size();
        stage_ = Stage::kWriting;
        Write();
    }
  }

  void Write() {
    while (written_ < allowed_) {
      const auto size =
          send(socket_.number(), out_.data() + written_, allowed_ - written_, MSG_NOSIGNAL);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) {
        deadline_ = Now() + patience_.stall;
        return;
      }
      if (size <= 0) return End();
      written_ += static_cast<std::size_t>(size);
    }
    if (written_ < out_.size()) {
      stage_ = Stage::kDripping;
      deadline_ = Now() + delivery_.drip_interval;
      return;
    }
    if (ends_) return EndInOrder();
    stage_ = Stage::kReading;
    parser_.Next();
    has_begun_ = parser_.is_midway();
    deadline_ = Now() + (has_begun_ ? patience_.request : patience_.idle);
  }

  // The system ends a connection with an RST where bytes wait that nobody has read, and the client
  // may then lose the answer.
  void EndInOrder() {
    shutdown(socket_.number(), SHUT_WR);
    stage_ = Stage::kEnding;
    deadline_ = Now() + patience_.farewell;
  }

  void Forget() {
    char piece[64 * 1024];
    const auto size = recv(socket_.number(), piece, sizeof piece, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return End();
    forgotten_ += static_cast<std::size_t>(size);
    if (forgotten_ > Server::kLongestFarewell) End();
  }

  void End() {
    stage_ = Stage::kDone;
    deadline_.reset();
  }

  Descriptor socket_;
  const Handler& handler_;
  const Patience& patience_;
  std::string local_address_;
  RequestParser parser_;
  Stage stage_ = Stage::kReading;
  std::optional<RealTime> deadline_;
  // A byte of the request that is to be read has come, also of an empty line in front of it.
  bool has_begun_ = false;
  bool peer_sends_no_more_ = false;
  std::size_t forgotten_ = 0;  // bytes that came after the end

  // The response under way.
  Delivery delivery_;
  std::string out_;
  std::size_t written_ = 0;
  std::size_t allowed_ = 0;  // how far it may be written by now
  bool ends_ = false;        // the connection, after this response
};

}  // namespace

// What the thread runs, and the only thing that other threads may do to it: Stop.
class Server::Loop {
 public:
  Loop(std::vector<Listener> listeners, Handler handler, const Patience& patience)
      : listeners_(std::move(listeners)),
        handler_(std::move(handler)),
        patience_(patience),
        stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void Stop() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(stop_.number(), &one, sizeof one);
  }

  void Run() {
    std::vector<pollfd> polled;
    for (;;) {
      polled.clear();
      polled.push_back({.fd = stop_.number(), .events = POLLIN, .revents = 0});
      if (retry_at_ && *retry_at_ <= Now()) retry_at_.reset();
      const bool full = retry_at_ || connections_.size() >= kMostConnections;
      if (full && !was_full_) {
        Log(LogLevel::kWarn, "no more connections are taken until one ends",
            {{"open", std::to_string(connections_.size())}});
      }
      was_full_ = full;
      for (const auto& listener : listeners_) {
        polled.push_back(
            {.fd = full ? -1 : listener.socket.number(), .events = POLLIN, .revents = 0});
      }
      const auto connections = connections_.size();
      for (const auto& connection : connections_) {
        polled.push_back(
            {.fd = connection->socket(), .events = connection->Events(), .revents = 0});
      }
      poll(polled.data(), polled.size(), Timeout());
      if (polled[0].revents != 0) return;
      const auto now = Now();
      for (std::size_t i = 0; i < connections; ++i) {
        auto& connection = *connections_[i];
        if (const auto events = polled[1 + listeners_.size() + i].revents; events != 0) {
          connection.OnEvents(events);
        }
        if (connection.deadline() && *connection.deadline() <= now) connection.OnTime();
      }
      for (std::size_t i = 0; i < listeners_.size(); ++i) {
        if (polled[1 + i].revents != 0) Accept(listeners_[i].socket.number());
      }
      std::erase_if(connections_, [](const auto& connection) { return connection->is_done(); });
    }
  }

 private:
  // For poll: until the next deadline, rounded up.
  [[nodiscard]] int Timeout() const {
    std::optional<RealTime> next = retry_at_;
    for (const auto& connection : connections_) {
      if (const auto deadline = connection->deadline()) {
        next = next ? std::min(*next, *deadline) : *deadline;
      }
    }
    if (!next) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - Now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(wait, 0, 60'000));
  }

  void Accept(int listener) {
    while (connections_.size() < kMostConnections) {
      Descriptor socket(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket.number() < 0) {
        // The client still waits, and poll would call at once again.
        const bool no_room = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        if (no_room) retry_at_ = Now() + std::chrono::milliseconds(100);
        return;
      }
      connections_.push_back(std::make_unique<Connection>(std::move(socket), handler_, patience_));
    }
  }

  std::vector<Listener> listeners_;
  Handler handler_;
  const Patience patience_;
  Descriptor stop_;
  std::vector<std::unique_ptr<Connection>> connections_;
  bool was_full_ = false;
  std::optional<RealTime> retry_at_;  // to accept, after the process had no room for more
};

bool Server::IsAddress(std::string_view text) { return Parse(text).has_value(); }

Server::Server() = default;

Result<std::unique_ptr<Server>> Server::Start(const std::vector<std::string>& addresses,
                                              Handler handler, const Patience& patience) {
  std::vector<Listener> listeners;
  std::set<std::string> seen;
  for (const auto& address : addresses) {
    auto listener = Listen(address, seen);
    if (!listener) return tl::unexpected(std::move(listener.error()));
    listeners.push_back(std::move(*listener));
  }
  // The constructor is private.
  std::unique_ptr<Server> server(new Server());
  for (const auto& listener : listeners) server->addresses_.push_back(listener.address);
  server->loop_ = std::make_unique<Loop>(std::move(listeners), std::move(handler), patience);
  server->thread_ = std::thread([loop = server->loop_.get()] { loop->Run(); });
  return server;
}

Server::~Server() {
  if (!thread_.joinable()) return;
  loop_->Stop();
  thread_.join();
}

}  // namespace aliyun_ecs::simulator
