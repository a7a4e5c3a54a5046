#include "client/http_config.h"

#include <string>

#include "base/text.h"
#include "fuzz/fuzz.h"

// The reader of --alertmanager.http-config: an access that a transport can use, or sentences of one
// line, whatever the file holds.

namespace aliyun_ecs::fuzz {

void Fuzz(std::string_view input) {
  const auto reading = ParseHttpConfig(std::string(input), "/folder");
  for (const auto& complaint : reading.complaints) {
    ALWAYS(!complaint.empty());
    ALWAYS(complaint.find_first_of("\r\n") == std::string::npos);
  }
  if (!reading.complaints.empty()) return;
  const OperatorAccess& access = reading.access;
  ALWAYS(access.username.empty() == access.password.empty());
  ALWAYS(access.username.empty() || access.bearer_token.empty());
  ALWAYS(access.cert_file.empty() == access.key_file.empty());
  // What becomes part of a header.
  ALWAYS(IsPrintableUtf8(access.username) && access.username.find(':') == std::string::npos);
}

}  // namespace aliyun_ecs::fuzz
