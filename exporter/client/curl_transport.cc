#include "client/curl_transport.h"

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <new>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "base/wiping_heap.h"

namespace aliyun_ecs {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct HeaderListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, HeaderListDeleter>;

struct EasyHandleDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using EasyHandle = std::unique_ptr<CURL, EasyHandleDeleter>;

HeaderList MakeHeaderList(const std::vector<HttpHeader>& headers) {
  HeaderList list;
  for (const HttpHeader& header : headers) {
    constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
    Secret line;  // it may hold the session token
    for (const std::string_view piece :
         {header.name, std::string_view(": "), header.value, std::string_view("\0", 1)}) {
      std::ignore = line.Append(piece, kNoLimit);
    }
    curl_slist* const longer = curl_slist_append(list.get(), line.Reveal().data());
    if (longer == nullptr) throw std::bad_alloc();
    std::ignore = list.release();
    list.reset(longer);
  }
  return list;
}

// Where one answer goes.
struct Answer {
  Secret body;
  std::size_t max_body_bytes;
  bool too_large = false;
  bool has_no_status = false;
  bool head_complete = false;  // its empty last line came
  std::size_t head_bytes = 0;
};

// libcurl limits a line of a head, but keeps as many lines as come.
constexpr std::size_t kMaxHeadBytes = 64 * 1024;

// "HTTP/1.1 200 OK". libcurl takes any other line that begins so for a 200.
bool IsStatusLine(std::string_view line) {
  constexpr std::string_view kForm = "HTTP/1.0 000";
  if (line.size() <= kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = line[i] >= '0' && line[i] <= '9';
    if (kForm[i] == '0' ? !digit : line[i] != kForm[i]) return false;
  }
  return line.find_first_of(" \r\n", kForm.size()) == kForm.size();
}

std::size_t ReceiveHeader(char* data, std::size_t size, std::size_t count, void* user) {
  const std::string_view line(data, size * count);
  auto& answer = *static_cast<Answer*>(user);
  const bool first = answer.head_bytes == 0;
  answer.head_bytes += line.size();
  if (answer.head_bytes > kMaxHeadBytes) return 0;
  // Also that of another head, behind one of status 1xx. libcurl knows it in small letters, too.
  if (first || LowerCase(line.substr(0, 5)) == "http/") {
    answer.head_complete = false;
    answer.has_no_status = !IsStatusLine(line);
    if (answer.has_no_status) return 0;
  }
  if (line == "\r\n" || line == "\n") answer.head_complete = true;
  return line.size();
}

std::size_t ReceiveBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  // CURLOPT_MAXFILESIZE trusts Content-Length; this counts.
  if (!answer.body.Append({data, size * count}, answer.max_body_bytes)) {
    answer.too_large = true;
    return 0;
  }
  return size * count;
}

ErrorCode CodeOf(CURLcode code, CURL* easy) {
  long os_error = 0;
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::kTimeout;
    case CURLE_RECV_ERROR:
      // libcurl also says so of chunks that make no sense; then the system has nothing to add.
      curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
      return os_error == 0 ? ErrorCode::kMalformed : ErrorCode::kUnreachable;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_INTERFACE_FAILED:
      return ErrorCode::kUnreachable;
    default:
      return ErrorCode::kMalformed;
  }
}

const char* Header(CURL* easy, const char* name) {
  curl_header* header = nullptr;
  const auto found = curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header);
  return found == CURLHE_OK ? header->value : nullptr;
}

// What libcurl lets pass as a success though it may be half an answer: a head without its end, and
// a 200 with nothing behind a head that does not say that nothing comes. Taken for an empty body,
// either would mean "this instance has none". Of a POST the status says it all.
bool IsWhole(CURL* easy, HttpMethod method, int status, const Answer& answer) {
  return answer.head_complete &&
         (status != 200 || method == HttpMethod::kPost || !answer.body.empty() ||
          Header(easy, "Content-Length") != nullptr ||
          Header(easy, "Transfer-Encoding") != nullptr);
}

// libcurl keeps a copy.
void SetSecret(CURL* easy, CURLoption option, const Secret& secret) {
  constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
  Secret text;
  std::ignore = text.Append(secret.Reveal(), kNoLimit);
  std::ignore = text.Append(std::string_view("\0", 1), kNoLimit);
  curl_easy_setopt(easy, option, text.Reveal().data());
}

// libcurl keeps copies of all strings.
void SetUpAccess(CURL* easy, const OperatorAccess& access) {
  const auto set = [&](CURLoption option, const std::string& value) {
    if (!value.empty()) curl_easy_setopt(easy, option, value.c_str());
  };
  // Instead of the system's: libcurl would go on trusting its folder, too.
  if (!access.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  set(CURLOPT_CAINFO, access.ca_file);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, access.verify_server ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, access.verify_server ? 2L : 0L);
  if (access.tls12) curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_MAX_TLSv1_2});
  set(CURLOPT_SSLCERT, access.cert_file);
  set(CURLOPT_SSLKEY, access.key_file);
  // One that needs a pass phrase is refused; without this somebody would be asked for it.
  curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
  if (!access.bearer_token.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    SetSecret(easy, CURLOPT_XOAUTH2_BEARER, access.bearer_token);
  }
  if (!access.username.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, access.username);
    SetSecret(easy, CURLOPT_PASSWORD, access.password);
  }
}

// Only the seconds form of Retry-After; a date would depend on the service's clock.
std::optional<Duration> RetryAfter(CURL* easy) {
  const char* const header = Header(easy, "Retry-After");
  if (header == nullptr) return std::nullopt;
  const auto value = ParseWhole<unsigned>(header, 0, std::numeric_limits<unsigned>::max());
  return value ? std::optional<Duration>(seconds(*value)) : std::nullopt;
}

std::optional<SystemTime> Date(CURL* easy) {
  const char* const header = Header(easy, "Date");
  const std::time_t time = header == nullptr ? -1 : curl_getdate(header, nullptr);
  // What libcurl takes for a date may lie before the first or behind the last that we can hold.
  constexpr std::time_t kMost = 7'258'118'400;  // 2200-01-01
  if (time <= 0 || time >= kMost) return std::nullopt;
  return SystemTime(seconds(time));
}

}  // namespace

void ForgoTls() {
  // The first call decides; libcurl makes the second, whatever it is told of TLS.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
                          OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_LOAD_CONFIG,
                      nullptr);
}

struct CurlTransport::Multi {
  Multi() : handle(curl_multi_init()) {
    if (handle == nullptr) throw std::runtime_error("libcurl gave no handle");
  }
  ~Multi() { curl_multi_cleanup(handle); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  // Drives the exchange to its end. nullopt when `stop` came first.
  std::optional<CURLcode> Run(CURL* easy, const std::stop_token& stop);

  CURLM* handle;  // keeps the connection between exchanges
};

std::optional<CURLcode> CurlTransport::Multi::Run(CURL* easy, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { curl_multi_wakeup(handle); });
  std::optional<CURLcode> code;
  curl_multi_add_handle(handle, easy);
  for (int running = 1; !stop.stop_requested();) {
    if (curl_multi_perform(handle, &running) != CURLM_OK) {
      code = CURLE_FAILED_INIT;
      break;
    }
    if (running == 0) {
      int left = 0;
      const CURLMsg* const message = curl_multi_info_read(handle, &left);
      code = message == nullptr ? CURLE_FAILED_INIT : message->data.result;
      break;
    }
    // Wakes up for the socket, for libcurl's own deadlines, and for the stop request.
    curl_multi_poll(handle, nullptr, 0, 1000, nullptr);
  }
  curl_multi_remove_handle(handle, easy);
  return code;
}

CurlTransport::CurlTransport(std::string base_url, std::string user_agent)
    : base_url_(std::move(base_url)), user_agent_(std::move(user_agent)) {
  // It keeps tokens and answers in its own buffers.
  static const CURLcode initialised = curl_global_init_mem(
      CURL_GLOBAL_DEFAULT, &std::malloc, &WipeAndFree, &WipingRealloc, &strdup, &std::calloc);
  if (initialised != CURLE_OK) throw std::runtime_error("libcurl cannot be initialised");
  multi_ = std::make_unique<Multi>();
}

CurlTransport::CurlTransport(std::string base_url, std::string user_agent, OperatorAccess access)
    : CurlTransport(std::move(base_url), std::move(user_agent)) {
  access_ = std::move(access);
}

CurlTransport::~CurlTransport() = default;

Result<HttpResponse> CurlTransport::Perform(const HttpRequest& request, std::stop_token stop) {
  // A new one each time, so that nothing is left of the exchange before, such as its errno.
  const EasyHandle owned_easy(curl_easy_init());
  CURL* const easy = owned_easy.get();
  if (easy == nullptr) throw std::bad_alloc();
  const HeaderList headers = MakeHeaderList(request.headers);
  const std::string url = base_url_ + request.path;
  Answer answer{{}, request.max_body_bytes};
  const auto timeout = static_cast<long>(duration_cast<milliseconds>(request.timeout).count());

  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, access_ ? "http,https" : "http");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  // Both are needed: without them libcurl follows http_proxy, and the token goes to the proxy.
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a host name being resolved holds up nobody
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent_.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, static_cast<long>(request.max_body_bytes));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &ReceiveHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &answer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &ReceiveBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
  // Like `curl -X PUT` of the vendor's page: no body and no Content-Length.
  if (request.method == HttpMethod::kPut) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
  if (request.method == HttpMethod::kPost) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (access_) SetUpAccess(easy, *access_);

  const auto code = multi_->Run(easy, stop);
  if (!code) return Fail(ErrorCode::kCancelled, "the request was cancelled");
  HttpResponse response;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.retry_after = RetryAfter(easy);
  response.date = Date(easy);
  response.through_proxy = Header(easy, "Via") != nullptr;
  if (answer.too_large || *code == CURLE_FILESIZE_EXCEEDED) {
    // Of any other status the status alone counts, however long its page is.
    if (response.status != 200) return response;
    return Fail(ErrorCode::kMalformed,
                "the answer is larger than " + std::to_string(request.max_body_bytes) + " bytes");
  }
  if (answer.has_no_status) return Fail(ErrorCode::kMalformed, "the answer has no HTTP status");
  // The message is one of libcurl's fixed sentences: it never holds bytes of the exchange.
  if (*code != CURLE_OK) return Fail(CodeOf(*code, easy), curl_easy_strerror(*code));

  if (!IsWhole(easy, request.method, response.status, answer)) {
    return Fail(ErrorCode::kMalformed, "the answer is cut short");
  }
  response.body = std::move(answer.body);
  return response;
}

}  // namespace aliyun_ecs
