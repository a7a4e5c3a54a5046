#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "expose/web_config.h"

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace aliyun_ecs {

// Certificates, key and rules of TLS as they were loaded at one moment. Immutable; may be used by
// any number of connections at once, and outlives none that uses it.
class TlsSettings {
 public:
  // Reads the files. kInvalid with a sentence that names the file, and holds nothing of it.
  [[nodiscard]] static Result<std::shared_ptr<const TlsSettings>> Load(const TlsConfig& config);

  // Makes a connection, whose handshake has just begun, one of these settings.
  [[nodiscard]] bool ApplyTo(ssl_st* connection) const;

 private:
  struct Deleter {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsSettings(const TlsConfig& config, std::unique_ptr<ssl_ctx_st, Deleter> context)
      : config_(config), context_(std::move(context)) {}

  TlsConfig config_;
  std::unique_ptr<ssl_ctx_st, Deleter> context_;
};

// The context that a web server keeps while the settings change: each handshake asks for those
// that are to be used now. No session is ever resumed, so none escapes the rules of today.
class TlsContext {
 public:
  // `current` is called from the web server's threads. It may throw; the handshake fails then.
  using Current = std::function<std::shared_ptr<const TlsSettings>()>;
  explicit TlsContext(Current current);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For HttpServerOptions::tls.
  [[nodiscard]] ssl_ctx_st* get() const { return context_; }

 private:
  Current current_;
  ssl_ctx_st* context_;
};

}  // namespace aliyun_ecs
