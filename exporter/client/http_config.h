#pragma once

#include <string>

#include "base/yaml_section.h"
#include "client/curl_transport.h"

namespace aliyun_ecs {

// A file in the format of Prometheus' http_config, as far as it makes sense here, and everything
// that is wrong with it and with the files that it names, one sentence each:
//
//   basic_auth: {username: exporter, password_file: password}     # or password
//   authorization: {type: Bearer, credentials_file: token}        # or credentials
//   tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}
//
// Paths that are not absolute count from the file's folder. Of a file with a password or token the
// first line counts. No secret is in any sentence.
struct HttpConfigReading {
  OperatorAccess access;
  Complaints complaints;
};
[[nodiscard]] HttpConfigReading ReadHttpConfig(const std::string& path);

// The same of a text; paths count from `folder`.
[[nodiscard]] HttpConfigReading ParseHttpConfig(const std::string& text, const std::string& folder);

}  // namespace aliyun_ecs
