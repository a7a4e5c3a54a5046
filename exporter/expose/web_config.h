#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace aliyun_ecs {

// What a client certificate is asked for; the names are Go's.
enum class ClientAuth : std::uint8_t {
  kNoClientCert,
  kRequestClientCert,           // asked for, not needed, not verified
  kRequireAnyClientCert,        // needed, not verified
  kVerifyClientCertIfGiven,     // not needed, verified
  kRequireAndVerifyClientCert,  // needed and verified
};

struct TlsConfig {
  std::string cert_file;  // PEM, the chain after the certificate
  std::string key_file;   // PEM, not encrypted
  ClientAuth client_auth = ClientAuth::kNoClientCert;
  std::string client_ca_file;                    // PEM; empty: the system's
  std::vector<std::string> client_allowed_sans;  // empty: any
  int min_version = 0;                           // as OpenSSL numbers them (TLS1_2_VERSION)
  int max_version = 0;
  std::string ciphers;  // OpenSSL's list for TLS 1.2 and older; empty: OpenSSL's own
  std::string curves;   // OpenSSL's list; empty: OpenSSL's own
  bool prefer_server_ciphers = true;

  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

// At most `burst` requests at once, and one more after each `interval`.
struct WebRateLimit {
  Duration interval{};
  int burst = 0;

  friend bool operator==(const WebRateLimit&, const WebRateLimit&) = default;
};

// The file of --web.config.file, in the format of Prometheus' exporter-toolkit:
//
//   tls_server_config: {cert_file: tls.crt, key_file: tls.key}
//   basic_auth_users: {prometheus: $2y$10$…}
//
// Paths that are not absolute count from the file's folder.
struct WebConfig {
  std::optional<TlsConfig> tls;
  std::vector<std::pair<std::string, std::string>> headers;  // added to every answer
  std::map<std::string, std::string> users;  // bcrypt hashes by name; empty: no passwords
  std::optional<WebRateLimit> rate_limit;
};

// A file and everything that is wrong with it, one sentence each. What the certificate files hold
// is for TlsSettings to judge.
struct WebConfigReading {
  WebConfig config;
  std::vector<std::string> complaints;
};
[[nodiscard]] WebConfigReading ReadWebConfig(const std::string& path);

// The same of a text; paths count from `folder`.
[[nodiscard]] WebConfigReading ParseWebConfig(const std::string& text, const std::string& folder);

// True for "$2a$", "$2b$" or "$2y$", a cost from 04 to 31, and 53 characters of salt and hash.
// What crypt_r(3) does not know for bcrypt it takes for DES, of which no hash is safe.
[[nodiscard]] bool IsBcryptHash(const std::string& text);

}  // namespace aliyun_ecs
