#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/transport.h"

namespace aliyun_ecs {

// How to be let in by a server of the operator's own.
struct OperatorAccess {
  std::string ca_file;              // PEM; empty: what the system trusts
  std::string cert_file, key_file;  // PEM, of this client; empty: none
  std::string username;             // of basic authentication; empty: none
  Secret password;
  Secret bearer_token;  // empty: none
  // False only for this machine's own server, whose name no certificate has.
  bool verify_server = true;
  // TLS 1.2 at most: there a server refuses who has no certificate in the handshake already.
  bool tls12 = false;
};

// For a program that is never going to speak TLS, before its first CurlTransport: OpenSSL leaves
// out what only TLS needs, half a MiB of the static program. Cannot be undone.
void ForgoTls();

// HttpTransport by libcurl, on one kept-alive connection. Create the first one before other
// threads start: it initialises libcurl.
class CurlTransport final : public HttpTransport {
 public:
  // `base_url`: "http://100.100.100.200", without a path. `user_agent`: "program/version".
  CurlTransport(std::string base_url, std::string user_agent);

  // For a server of the operator's own: `base_url` may begin with https:// and have a path. The
  // server's certificate is verified, unless `access` says otherwise.
  CurlTransport(std::string base_url, std::string user_agent, OperatorAccess access);

  ~CurlTransport() override;

  [[nodiscard]] Result<HttpResponse> Perform(const HttpRequest& request,
                                             std::stop_token stop) override;

 private:
  struct Multi;

  std::string base_url_;
  std::string user_agent_;
  std::optional<OperatorAccess> access_;  // nullopt: the metadata service
  std::unique_ptr<Multi> multi_;
};

}  // namespace aliyun_ecs
