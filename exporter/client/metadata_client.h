#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include "client/session.h"
#include "client/transport.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

enum class MetadataMode { kHardened, kNormal };

struct ClientOptions {
  MetadataMode mode = MetadataMode::kHardened;
  std::chrono::seconds token_ttl{21600};  // 1..21600
  Duration timeout = std::chrono::seconds(2);
};

inline constexpr std::size_t kMaxItemBytes = 64 * 1024;
inline constexpr std::size_t kMaxDocumentBytes = 1024 * 1024;  // of a listing or a JSON document

// Stands for the path of a request for a session token, where those of others stand.
inline constexpr std::string_view kSessionTokenName = "(session token)";

// One request to the metadata service and what came of it.
struct Exchange {
  // Of a reading: the body of a 200, nullopt for a 404 ("there is none"), or what went wrong:
  //   401 kUnauthorized, 403 kForbidden, 429 and 503 kThrottled, any other status kRefused, and
  //   the errors of HttpTransport.
  // Of a session token: nullopt when it was given; else 403 kForbidden, 429 and 503 kThrottled,
  //   any other status kRefused.
  Result<std::optional<Secret>> answer;
  std::optional<int> status;            // nullopt: no HTTP answer came
  std::optional<Duration> retry_after;  // where the service sent one
  std::optional<SystemTime> date;       // of the service's clock, where it sent one
  bool through_proxy = false;           // the answer says that it came through one
  Instant sent_at;
  Duration duration{};
};

// Whether normal mode is open, from what ProbeNormalMode was answered; nullopt where that says
// nothing of it. The answer's body is consumed.
[[nodiscard]] std::optional<bool> TellsOfNormalMode(Exchange& exchange);

// Speaks the metadata service's protocol over a transport: paths, headers, session tokens, and one
// meaning for each status. Every call is one request; when to make it, and whether again, is the
// caller's decision.
//
// Hardened mode sends a session token with every read and never falls back to normal mode.
// Source: the vendor's page on instance metadata, "hardened mode".
//
// Not thread-safe. The transport and clock outlive it.
class MetadataClient {
 public:
  MetadataClient(HttpTransport& transport, const Clock& clock, const ClientOptions& options);

  // True when a token must be got before anything can be read.
  [[nodiscard]] bool NeedsToken() const;

  // Asks for a session token (PUT /latest/api/token) and keeps it for the calls that follow. The
  // exchange's answer holds no body then. A 404 is kRefused: it says that the path is not there.
  [[nodiscard]] Exchange RenewToken(std::stop_token stop);

  // Reads "/latest/meta-data/" + `path`, at most `most` bytes of it. A 401 drops the token, so that
  // NeedsToken() turns true. REQUIRES: !NeedsToken().
  [[nodiscard]] Exchange Read(std::string_view path, std::stop_token stop,
                              std::size_t most = kMaxItemBytes);

  // Reads a harmless item without a session token, whatever the mode. TellsOfNormalMode says what
  // came of it; what it reads is not to be shown.
  [[nodiscard]] Exchange ProbeNormalMode(std::stop_token stop);

  // From now on no request takes longer than that; at least a millisecond.
  void LimitRequestsTo(Duration timeout) { options_.timeout = timeout; }

  // Forgets the session token: it was given to another instance.
  void DropToken() { session_.Drop(); }

  [[nodiscard]] const Session& session() const { return session_; }
  [[nodiscard]] MetadataMode mode() const { return options_.mode; }

 private:
  Exchange Perform(const HttpRequest& request, std::stop_token stop);

  HttpTransport& transport_;
  const Clock& clock_;
  ClientOptions options_;
  Session session_;
};

}  // namespace aliyun_ecs
