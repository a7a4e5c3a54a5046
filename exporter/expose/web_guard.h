#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/token_bucket.h"
#include "expose/basic_auth.h"
#include "expose/site.h"
#include "expose/tls.h"
#include "expose/web_config.h"

namespace aliyun_ecs {

// Stands in front of the site and lets in whom the file of --web.config.file allows: TLS and client
// certificates for every connection; then, but for the probes (Site::IsProbe), the rate limit and
// passwords. Adds the configured headers to every answer.
//
// The file and the certificates are read again when they change, looked at no more than once a
// second by whoever comes next. What is wrong then is logged once, and what was good stays. Whether
// TLS is spoken at all cannot change while the server runs.
//
// Safe to call from any number of threads.
class WebGuard {
 public:
  using Handler = std::function<WebResponse(const WebRequest&)>;

  // Everything that is wrong with the file, one sentence each, or a guard that follows it. The
  // clock outlives the guard.
  struct Opening {
    std::unique_ptr<WebGuard> guard;
    std::vector<std::string> complaints;
  };
  [[nodiscard]] static Opening Open(const std::string& path, const Clock& clock, Handler handler);

  [[nodiscard]] WebResponse Handle(const WebRequest& request);

  // For HttpServerOptions::tls; null when TLS is not spoken. Lives as long as the guard.
  [[nodiscard]] ssl_ctx_st* tls() const { return tls_ ? tls_->get() : nullptr; }

  // Reads the files now. Returns what is wrong with them; then everything stays as it is.
  std::vector<std::string> Reload();

 private:
  // How a file looks from outside: device, inode, size, times of modification and of change. Zeros:
  // not there.
  using Look = std::array<std::int64_t, 7>;
  using Looks = std::vector<std::pair<std::string, Look>>;  // by path
  struct Rules {
    WebConfig config;
    std::optional<BasicAuth> auth;           // with users only
    std::shared_ptr<const TlsSettings> tls;  // with TLS only
  };

  WebGuard(std::string path, const Clock& clock, Handler handler)
      : path_(std::move(path)), clock_(clock), handler_(std::move(handler)) {}

  [[nodiscard]] static Look LookAt(const std::string& path);
  [[nodiscard]] std::vector<std::string> Load(std::shared_ptr<const Rules>& into,
                                              Looks& files) const;
  std::vector<std::string> Adopt();  // REQUIRES: mutex_ is held
  [[nodiscard]] std::shared_ptr<const Rules> Current();
  [[nodiscard]] std::optional<WebResponse> Objection(const Rules& rules, const WebRequest& request);

  const std::string path_;
  const Clock& clock_;
  const Handler handler_;
  std::unique_ptr<TlsContext> tls_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const Rules> rules_;
  Looks seen_;  // the files that were read last, and how they looked before
  SteadyTime looked_{};
  std::optional<TokenBucket> bucket_;
};

}  // namespace aliyun_ecs
