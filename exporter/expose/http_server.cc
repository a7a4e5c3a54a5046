#include "expose/http_server.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/text.h"

#ifndef ALIYUN_ECS_SYSTEM_CIVETWEB
extern "C" int aliyun_ecs_request_fill(const mg_connection* connection);
#endif

namespace aliyun_ecs {
namespace {

// A connection holds a worker from when it is accepted until it is closed, however slow its client
// is; so there are more workers than requests that are worked on at once.
constexpr int kSpareWorkers = 24;
constexpr const char* kLongestHeaderSection = "16384";

// Why CivetWeb refused a request that it could not read.
enum class RequestFill { kWhole = 0, kTooLarge = 1, kIncomplete = 2 };

// Whether both CivetWeb and the kernel have it: a kernel may be booted without, and Debian 12's
// CivetWeb was built without.
bool HasIpv6() {
#ifdef ALIYUN_ECS_SYSTEM_CIVETWEB
  return false;
#else
  const int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
  if (descriptor >= 0) close(descriptor);
  return descriptor >= 0;
#endif
}

// What CivetWeb calls an address.
std::string CivetwebPort(const ListenAddress& address) {
  if (!address.host.empty()) return address.ToString();
  const std::string port = std::to_string(address.port);
  return HasIpv6() ? "+" + port : "0.0.0.0:" + port;
}

RequestFill FillOf([[maybe_unused]] const mg_connection* connection) {
#ifdef ALIYUN_ECS_SYSTEM_CIVETWEB
  return RequestFill::kWhole;  // it does not say
#else
  return static_cast<RequestFill>(aliyun_ecs_request_fill(connection));
#endif
}

// Ended by a zero byte, like what it is made of.
std::string_view Text(const char* text) { return text == nullptr ? "" : text; }

std::string_view Header(const mg_connection* connection, const char* name) {
  return Text(mg_get_header(connection, name));
}

std::string_view ReasonPhrase(mg_connection* connection, int status) {
  if (status == 431) return "Request Header Fields Too Large";  // CivetWeb knows no 431
  return Text(mg_get_response_code_text(connection, status));
}

// "Connection: keep-alive, close" says it, too, and so does the second such header.
bool SaysClose(const mg_request_info& request) {
  for (int i = 0; i < request.num_headers; ++i) {
    if (mg_strcasecmp(request.http_headers[i].name, "Connection") != 0) continue;
    const std::string value = LowerCase(Text(request.http_headers[i].value));
    for (std::string_view word : Split(value, ',')) {
      word.remove_prefix(std::min(word.find_first_not_of(" \t"), word.size()));
      if (word.substr(0, word.find_first_of(" \t")) == "close") return true;
    }
  }
  return false;
}

// Whether the connection ends with this answer. A body that nobody reads would be taken for the
// next request; of several lengths CivetWeb takes one.
bool MustClose(const mg_connection* connection, const mg_request_info& request) {
  return Text(request.http_version) != "1.1" ||
         mg_get_header(connection, "Content-Length") != nullptr ||
         mg_get_header(connection, "Transfer-Encoding") != nullptr ||
         mg_get_header(connection, "Upgrade") != nullptr || SaysClose(request);
}

}  // namespace

std::optional<ListenAddress> ListenAddress::Parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  ListenAddress address;
  address.host = text.substr(0, colon);
  const auto port = ParseWhole<std::uint16_t>(text.substr(colon + 1), 0, UINT16_MAX);
  if (!port) return std::nullopt;
  address.port = *port;

  in6_addr parsed{};
  const std::string& host = address.host;
  if (host.find('\0') != std::string::npos) return std::nullopt;  // where inet_pton() would stop
  if (host.empty() || inet_pton(AF_INET, host.c_str(), &parsed) == 1) return address;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed && inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &parsed) == 1) {
    return address;
  }
  return std::nullopt;
}

// One request's place among those in progress.
class Turn {
 public:
  explicit Turn(std::atomic<int>& in_progress)
      : in_progress_(in_progress), number_(++in_progress) {}
  ~Turn() { --in_progress_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  std::atomic<int>& in_progress_;
  int number_;
};

struct HttpServer::Impl {
  Handler handler;
  HttpServerOptions options;
  mg_context* context = nullptr;
  std::atomic<bool> started{false};
  std::atomic<int> in_progress{0};
  std::mutex mutex;
  std::string first_complaint;  // of CivetWeb while it starts; guarded by mutex

  void Send(mg_connection* connection, const WebResponse& response, bool with_body,
            bool close) const;

  // CivetWeb calls these from its threads. No exception may pass through its C code.
  static int OnRequest(mg_connection* connection) noexcept;
  static int OnError(mg_connection* connection, int status, const char* reason) noexcept;
  static int OnMessage(const mg_connection* connection, const char* message) noexcept;
};

// In one write. Not by CivetWeb's response functions: they drop every header when a client asks
// for an upgrade.
void HttpServer::Impl::Send(mg_connection* connection, const WebResponse& response, bool with_body,
                            bool close) const {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += ReasonPhrase(connection, response.status);
  const auto add = [&](std::string_view name, std::string_view value) {
    out.append("\r\n").append(name).append(": ").append(value);
  };
  add("Content-Type", response.content_type);
  add("Content-Length", std::to_string(response.body.size()));
  add("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) add(name, value);
  if (close) {
    add("Connection", "close");
    mg_disable_connection_keep_alive(connection);
  }
  out += "\r\n\r\n";
  if (with_body) out += response.body;
  // Before it is sent: who has the answer must find it counted.
  if (options.answers != nullptr) options.answers->Count(response.status);
  mg_write(connection, out.data(), out.size());
}

int HttpServer::Impl::OnRequest(mg_connection* connection) noexcept {
  const mg_request_info* const request = mg_get_request_info(connection);
  const std::string_view method = Text(request->request_method);
  try {
    auto& impl = *static_cast<Impl*>(request->user_data);
    std::optional<WebResponse> response;
    {
      // Over before the answer is sent: who has it may ask again at once.
      const Turn turn(impl.in_progress);
      if (impl.options.max_requests <= 0 || turn.number() <= impl.options.max_requests) {
        response = impl.handler({.method = method,
                                 .path = Text(request->local_uri),
                                 .accept = Header(connection, "Accept"),
                                 .accept_encoding = Header(connection, "Accept-Encoding"),
                                 .authorization = Header(connection, "Authorization")});
      }
    }
    if (!response) return OnError(connection, 503, "more requests at once than --web.max-requests");
    impl.Send(connection, *response, /*with_body=*/method != "HEAD",
              MustClose(connection, *request));
    return response->status;  // anything but 0: handled
  } catch (const std::exception& exception) {
    return OnError(connection, 500, exception.what());
  }
}

// Requests that never get as far as the handler (malformed, too large, of an unknown method), and
// handlers that throw.
int HttpServer::Impl::OnError(mg_connection* connection, int status, const char* reason) noexcept {
  if (status == 400 || status == 413) {
    const RequestFill fill = FillOf(connection);
    if (fill == RequestFill::kTooLarge) status = 431;
    if (fill == RequestFill::kIncomplete) status = 408;
  }
  const auto& impl = *static_cast<const Impl*>(mg_get_user_data(mg_get_context(connection)));
  try {
    Log(status == 500 ? LogLevel::kError : LogLevel::kDebug, "a request could not be answered",
        {{"status", status}, {"reason", Text(reason)}});
    const mg_request_info* const request = mg_get_request_info(connection);
    const bool head = request != nullptr && Text(request->request_method) == "HEAD";
    WebResponse response;
    response.status = status;
    response.body = std::to_string(status) + ": ";
    response.body += ReasonPhrase(connection, status);
    response.body += "\n";
    impl.Send(connection, response, !head, /*close=*/true);
  } catch (const std::exception&) {
    mg_disable_connection_keep_alive(connection);  // out of memory: end this connection
  }
  return status;
}

int HttpServer::Impl::OnMessage(const mg_connection* connection, const char* message) noexcept {
  auto* const impl = static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
  try {
    Log(LogLevel::kDebug, "web server", {{"detail", message}});
    if (impl == nullptr || impl->started) return 1;
    const std::lock_guard lock(impl->mutex);
    if (impl->first_complaint.empty()) impl->first_complaint = message;
  } catch (const std::exception&) {
    // Out of memory: the message is lost, the server is not.
  }
  return 1;  // do not print it elsewhere
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::vector<ListenAddress>& addresses,
                                                      Handler handler,
                                                      const HttpServerOptions& settings) {
  static const unsigned initialised = mg_init_library(0);
  static_cast<void>(initialised);  // of no use: without features it returns 0, like a failure

  auto impl = std::make_unique<Impl>();
  impl->handler = std::move(handler);
  impl->options = settings;
  std::string ports, names;
  for (const ListenAddress& address : addresses) {
    ports +=
        (ports.empty() ? "" : ",") + CivetwebPort(address) + (settings.tls == nullptr ? "" : "s");
    names += (names.empty() ? "" : ", ") + address.ToString();
  }
  const int most_at_once =
      settings.max_requests > 0 ? settings.max_requests : HttpServerOptions().max_requests;
  const std::string workers = std::to_string(most_at_once + kSpareWorkers);
  const char* options[] = {
      "listening_ports", ports.c_str(), "num_threads", workers.c_str(), "connection_queue", "64",
      "listen_backlog", "128", "request_timeout_ms", "5000", "max_request_size",
      kLongestHeaderSection,
      // Short: an idle connection holds a worker.
      "keep_alive_timeout_ms", "1000", "enable_keep_alive", "yes", "tcp_nodelay", "1",
      "enable_auth_domain_check", "no",
      // These are "*" unless set: CivetWeb would answer cross-origin preflights by itself.
      "access_control_allow_origin", "", "access_control_allow_methods", "",
      "access_control_allow_headers", "", nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &Impl::OnRequest;
  callbacks.http_error = [](mg_connection* connection, int status, const char* reason) {
    Impl::OnError(connection, status, reason);
    return 0;  // answered
  };
  callbacks.log_message = &Impl::OnMessage;
  callbacks.external_ssl_ctx = [](void** context, void* user_data) {
    *context = static_cast<Impl*>(user_data)->options.tls;
    return *context == nullptr ? 0 : 1;  // 1: CivetWeb leaves it as it is
  };
  impl->context = mg_start(&callbacks, impl.get(), options);
  impl->started = true;
  if (impl->context == nullptr) {
    const std::lock_guard lock(impl->mutex);
    return Fail(ErrorCode::kUnavailable,
                "cannot listen on " + names + ": " + impl->first_complaint);
  }

  std::vector<mg_server_port> bound(addresses.size() * 2);
  const int count =
      mg_get_server_ports(impl->context, static_cast<int>(bound.size()), bound.data());
  auto server = std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
  for (std::size_t i = 0; i < addresses.size() && static_cast<int>(i) < count; ++i) {
    server->addresses_.push_back({addresses[i].host, bound[i].port});
  }
  return server;
}

HttpServer::~HttpServer() { mg_stop(impl_->context); }

}  // namespace aliyun_ecs
