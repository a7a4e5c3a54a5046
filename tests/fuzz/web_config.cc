#include "expose/web_config.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "fuzz/fuzz.h"

// The reader of --web.config.file: a configuration that the server can be given, or sentences of
// one line, whatever the file holds.

namespace aliyun_ecs::fuzz {

void Fuzz(std::string_view input) {
  const auto reading = ParseWebConfig(std::string(input), "/folder");
  for (const auto& complaint : reading.complaints) {
    ALWAYS(!complaint.empty());
    ALWAYS(complaint.find_first_of("\r\n") == std::string::npos);
  }
  for (const auto& [user, hash] : reading.config.users) {
    ALWAYS(IsBcryptHash(hash));
    ALWAYS(user.find(':') == std::string::npos);
  }
  for (const auto& [name, value] : reading.config.headers) {
    ALWAYS(IsPrintableUtf8(name + value));
  }
  if (const auto& limit = reading.config.rate_limit) {
    ALWAYS(limit->burst >= 1 && limit->interval > Duration::zero());
  }
  if (!reading.complaints.empty() || !reading.config.tls) return;
  const TlsConfig& tls = *reading.config.tls;
  ALWAYS(!tls.cert_file.empty() && !tls.key_file.empty());
  ALWAYS(tls.min_version <= tls.max_version);
}

}  // namespace aliyun_ecs::fuzz
