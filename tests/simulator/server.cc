#include "simulator/server.h"

#include <civetweb.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr std::pair<const char*, const char*> kOptions[] = {
    // A client that keeps its connection open holds a thread.
    {"num_threads", "64"},
    {"enable_keep_alive", "yes"},
    {"keep_alive_timeout_ms", "30000"},
    {"request_timeout_ms", "10000"},
    {"tcp_nodelay", "1"},
    {"connection_queue", "1024"},
    {"listen_backlog", "1024"},
    // ParseTarget does it.
    {"decode_url", "no"},
};

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

  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return HostAndPort{bracketed, std::string(host), std::string(port)};
}

// `reason` may be one of the system's messages, which begin with a capital.
tl::unexpected<Error> CannotListen(std::string_view address, std::string reason) {
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  }
  return Fail(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", address, reason));
}

// The numeric form of an address that can be listened on. CivetWeb tells why one cannot only in
// its log, so that this looks first.
Result<std::string> Resolve(const std::string& address) {
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

  const int probe = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return CannotListen(address, std::generic_category().message(errno));
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int error = bind(probe, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
  close(probe);
  if (error != 0) return CannotListen(address, std::generic_category().message(error));

  char numeric[NI_MAXHOST];
  getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, nullptr, 0,
              NI_NUMERICHOST);
  const auto shown = parsed->ipv6 ? fmt::format("[{}]", numeric) : std::string(numeric);
  return fmt::format("{}:{}", shown, parsed->port);
}

// As an HTTP date.
std::string Date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

// What CivetWeb will do with the connection: it obeys the client.
bool WillKeepAlive(mg_connection* connection) {
  if (const char* wish = mg_get_header(connection, "Connection")) {
    return strcasestr(wish, "keep-alive") != nullptr;
  }
  const char* const version = mg_get_request_info(connection)->http_version;
  return version != nullptr && std::string_view(version) == "1.1";
}

void Write(mg_connection* connection, const Response& response, bool with_body, bool keep_alive) {
  // In one piece, so that it travels in one packet.
  std::string bytes =
      fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nConnection: {}\r\n", response.status,
                  ReasonPhrase(response.status), Date(), keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) {
    bytes += fmt::format("{}: {}\r\n", name, value);
  }
  // A 204 has no body and so no length.
  if (response.status != 204) {
    bytes += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type,
                         response.body.size());
  }
  bytes += "\r\n";
  if (with_body && response.status != 204) bytes += response.body;
  mg_write(connection, bytes.data(), bytes.size());
}

// The body up to Server::kLargestBodyRead bytes; nullopt when less arrived than was announced.
std::optional<std::string> ReadBody(mg_connection* connection) {
  const auto announced = mg_get_request_info(connection)->content_length;
  const bool chunked = mg_get_header(connection, "Transfer-Encoding") != nullptr;
  if (announced <= 0 && !chunked) return "";
  // curl waits a second for this before it sends a large body.
  if (mg_get_header(connection, "Expect") != nullptr) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    mg_write(connection, kContinue.data(), kContinue.size());
  }
  std::string body;
  char piece[16 * 1024];
  for (;;) {
    const int size = mg_read(connection, piece, sizeof piece);
    if (size < 0) return std::nullopt;
    if (size == 0) break;
    body.append(piece, static_cast<std::size_t>(size));
    if (body.size() >= Server::kLargestBodyRead) {
      body.resize(Server::kLargestBodyRead);
      return body;
    }
  }
  // The client stalled, or the server is about to stop.
  if (!chunked && body.size() < static_cast<std::size_t>(announced)) return std::nullopt;
  return body;
}

int OnLibraryMessage(const mg_connection*, const char* message) {
  Log(LogLevel::kDebug, "http server", {{"detail", message}});
  return 1;  // not to standard error as well
}

// Requests that CivetWeb cannot parse.
int OnLibraryError(mg_connection* connection, int status, const char*) {
  Write(connection, ErrorPage(status), true, false);
  return 0;
}

}  // namespace

int Server::OnRequest(mg_connection* connection) {
  const auto* const info = mg_get_request_info(connection);
  const auto& server = *static_cast<const Server*>(info->user_data);

  Request request{.method = info->request_method, .target = info->local_uri_raw};
  if (info->query_string != nullptr) {
    request.target += '?';
    request.target += info->query_string;
  }
  for (int i = 0; i < info->num_headers; ++i) {
    request.headers.emplace_back(info->http_headers[i].name, info->http_headers[i].value);
  }

  Response response;
  bool keep_alive = WillKeepAlive(connection);
  if (auto body = ReadBody(connection)) {
    request.body = std::move(*body);
    // An exception must not pass through CivetWeb, which is C.
    try {
      response = server.handler_(request);
    } catch (const std::exception& error) {
      Log(LogLevel::kError, "request failed", {{"error", error.what()}});
      response = ErrorPage(500);
    }
  } else {
    response = ErrorPage(400);
    keep_alive = false;
    mg_disable_connection_keep_alive(connection);
  }
  Write(connection, response, request.method != "HEAD", keep_alive);
  return response.status;
}

bool Server::IsAddress(std::string_view text) { return Parse(text).has_value(); }

Result<std::unique_ptr<Server>> Server::Start(const std::vector<std::string>& addresses,
                                              Handler handler) {
  // Counted inside; once for the process is enough, for it has no effect that could be undone.
  [[maybe_unused]] static const unsigned features = mg_init_library(MG_FEATURES_DEFAULT);

  std::string all;
  std::string all_numeric;
  std::vector<std::string> hosts;
  std::set<std::string> seen;
  for (const auto& address : addresses) {
    const auto numeric = Resolve(address);
    if (!numeric) return tl::unexpected(numeric.error());
    if (!numeric->ends_with(":0") && !seen.insert(*numeric).second) {
      return CannotListen(address, "it is given twice");
    }
    all += (all.empty() ? "" : ", ") + address;
    all_numeric += (all_numeric.empty() ? "" : ",") + *numeric;
    hosts.push_back(numeric->substr(0, numeric->rfind(':')));
  }

  // The constructor is private.
  std::unique_ptr<Server> server(new Server(std::move(handler)));
  mg_callbacks callbacks{};
  callbacks.begin_request = &Server::OnRequest;
  callbacks.log_message = &OnLibraryMessage;
  callbacks.http_error = &OnLibraryError;
  std::vector<const char*> options = {"listening_ports", all_numeric.c_str()};
  for (const auto& [name, value] : kOptions) options.insert(options.end(), {name, value});
  options.push_back(nullptr);
  server->context_ = mg_start(&callbacks, server.get(), options.data());
  if (server->context_ == nullptr) {
    return CannotListen(all, "the HTTP server did not start");
  }
  std::vector<mg_server_port> ports(addresses.size());
  const int count =
      mg_get_server_ports(server->context_, static_cast<int>(ports.size()), ports.data());
  for (std::size_t i = 0; i < hosts.size() && i < static_cast<std::size_t>(count); ++i) {
    server->addresses_.push_back(fmt::format("{}:{}", hosts[i], ports[i].port));
  }
  return server;
}

Server::~Server() {
  if (context_ != nullptr) mg_stop(context_);
}

}  // namespace aliyun_ecs::simulator
