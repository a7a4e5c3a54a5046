#include "expose/web_config.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <string_view>

#include "base/atomic_file.h"
#include "base/text.h"
#include "base/yaml_section.h"

namespace aliyun_ecs {
namespace {

template <typename Value>
using Words = std::pair<std::string_view, Value>;

// Go's names, and OpenSSL's.
constexpr Words<std::string_view> kCiphers[] = {
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    // Of TLS 1.3, whose suites cannot be chosen in Go; empty: taken and of no effect here too.
    {"TLS_AES_128_GCM_SHA256", ""},
    {"TLS_AES_256_GCM_SHA384", ""},
    {"TLS_CHACHA20_POLY1305_SHA256", ""},
};
constexpr Words<std::string_view> kCurves[] = {
    {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}};
constexpr Words<int> kVersions[] = {{"TLS10", TLS1_VERSION},
                                    {"TLS11", TLS1_1_VERSION},
                                    {"TLS12", TLS1_2_VERSION},
                                    {"TLS13", TLS1_3_VERSION}};
constexpr Words<ClientAuth> kClientAuths[] = {
    {"", ClientAuth::kNoClientCert},
    {"NoClientCert", ClientAuth::kNoClientCert},
    {"RequestClientCert", ClientAuth::kRequestClientCert},
    {"RequireAnyClientCert", ClientAuth::kRequireAnyClientCert},
    {"RequireClientCert", ClientAuth::kRequireAnyClientCert},  // its older name
    {"VerifyClientCertIfGiven", ClientAuth::kVerifyClientCertIfGiven},
    {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerifyClientCert},
};

// The headers that may be set, and the values that they may have; none: any.
struct HeaderRow {
  std::string_view name;
  std::vector<std::string_view> values;
};
const std::vector<HeaderRow>& KnownHeaders() {
  static const std::vector<HeaderRow> rows{
      {"Content-Security-Policy", {}},
      {"Strict-Transport-Security", {}},
      {"X-Content-Type-Options", {"nosniff"}},
      {"X-Frame-Options", {"deny", "sameorigin"}},
      {"X-XSS-Protection", {}},
  };
  return rows;
}

template <typename Rows>
auto Find(const Rows& rows, std::string_view word) {
  return std::find_if(std::begin(rows), std::end(rows),
                      [&](const auto& row) { return row.first == word; });
}

template <typename Rows>
std::string Choice(const Rows& rows) {
  std::string choice;
  for (const auto& row : rows) {
    if (!row.first.empty()) choice += (choice.empty() ? "" : ", ") + std::string(row.first);
  }
  return choice;
}

// The value that stands beside the word in `rows`.
template <typename Rows>
auto TakeChoice(YamlSection& section, const std::string& key, const Rows& rows)
    -> std::optional<std::decay_t<decltype(std::begin(rows)->second)>> {
  const auto word = section.TakeWord(key);
  if (!word) return std::nullopt;
  const auto found = Find(rows, *word);
  if (found == std::end(rows)) {
    section.Complain(
        fmt::format("{}: {} is none of {}", section.Path(key), JsonQuote(*word), Choice(rows)));
    return std::nullopt;
  }
  return found->second;
}

// The values that stand beside the words in `rows`, in their order, with colons between.
template <typename Rows>
std::string TakeChoices(YamlSection& section, const std::string& key, const Rows& rows) {
  std::string joined;
  for (const auto& word : section.TakeList(key)) {
    const auto found = Find(rows, word);
    if (found == std::end(rows)) {
      section.Complain(
          fmt::format("{}: {} is none of {}", section.Path(key), JsonQuote(word), Choice(rows)));
    } else if (!found->second.empty()) {
      joined += (joined.empty() ? "" : ":") + std::string(found->second);
    }
  }
  return joined;
}

std::optional<TlsConfig> ReadTls(const YAML::Node& node, const std::string& folder,
                                 Complaints& complaints) {
  YamlSection section(node, "tls_server_config", complaints);
  TlsConfig tls;
  tls.cert_file = section.TakeFile("cert_file", folder);
  tls.key_file = section.TakeFile("key_file", folder);
  tls.client_ca_file = section.TakeFile("client_ca_file", folder);
  const auto client_auth = TakeChoice(section, "client_auth_type", kClientAuths);
  tls.client_auth = client_auth.value_or(ClientAuth::kNoClientCert);
  tls.client_allowed_sans = section.TakeList("client_allowed_sans");
  tls.min_version = TakeChoice(section, "min_version", kVersions).value_or(TLS1_2_VERSION);
  tls.max_version = TakeChoice(section, "max_version", kVersions).value_or(TLS1_3_VERSION);
  tls.ciphers = TakeChoices(section, "cipher_suites", kCiphers);
  tls.curves = TakeChoices(section, "curve_preferences", kCurves);
  tls.prefer_server_ciphers = section.TakeSwitch("prefer_server_cipher_suites").value_or(true);
  section.RefuseTheRest();

  const bool wanted = !tls.cert_file.empty() || !tls.key_file.empty() ||
                      !tls.client_ca_file.empty() || client_auth.has_value() ||
                      !tls.client_allowed_sans.empty();
  if (!wanted) return std::nullopt;
  for (const auto& [key, value] :
       {std::pair("cert_file", &tls.cert_file), std::pair("key_file", &tls.key_file)}) {
    if (value->empty()) section.Complain(fmt::format("{} is missing", section.Path(key)));
  }
  const bool asks = tls.client_auth != ClientAuth::kNoClientCert;
  if (!tls.client_ca_file.empty() && !asks) {
    section.Complain(
        "tls_server_config.client_ca_file needs a client_auth_type that asks for "
        "certificates");
  }
  if (!tls.client_allowed_sans.empty() && !asks) {
    section.Complain(
        "tls_server_config.client_allowed_sans needs a client_auth_type that asks for "
        "certificates");
  }
  if (tls.min_version > tls.max_version) {
    section.Complain("tls_server_config.min_version is above max_version");
  }
  return tls;
}

void ReadHeaders(const YAML::Node& node, WebConfig& config, Complaints& complaints) {
  YamlSection section(node, "http_server_config.headers", complaints);
  for (const auto& [name, value] : section.TakeWords()) {
    const auto& rows = KnownHeaders();
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&, &n = name](const HeaderRow& each) { return each.name == n; });
    if (row == rows.end()) {
      section.Complain(fmt::format("{} is not a header that can be set", section.Path(name)));
    } else if (value.empty()) {
      continue;  // as if it were not there
    } else if (!IsPrintableUtf8(value)) {
      section.Complain(fmt::format("{} must be one line of text", section.Path(name)));
    } else if (!row->values.empty() &&
               std::find(row->values.begin(), row->values.end(), value) == row->values.end()) {
      section.Complain(fmt::format("{}: {} is none of {}", section.Path(name), JsonQuote(value),
                                   fmt::join(row->values, ", ")));
    } else {
      config.headers.emplace_back(name, value);
    }
  }
}

void ReadHttp(const YAML::Node& node, WebConfig& config, Complaints& complaints) {
  YamlSection section(node, "http_server_config", complaints);
  if (section.TakeSwitch("http2").value_or(false)) {
    section.Complain(
        "http_server_config.http2: HTTP/2 is not spoken here; leave it out or say false");
  }
  if (const auto headers = section.Take("headers")) ReadHeaders(*headers, config, complaints);
  section.RefuseTheRest();
}

void ReadUsers(const YAML::Node& node, WebConfig& config, Complaints& complaints) {
  YamlSection section(node, "basic_auth_users", complaints);
  for (const auto& [name, hash] : section.TakeWords()) {
    // The hash itself is in no message: somebody may have written the password.
    if (!IsBcryptHash(hash)) {
      section.Complain(fmt::format("{} must be a bcrypt hash, as \"htpasswd -nBC 10\" makes them",
                                   section.Path(name)));
    } else if (name.find(':') != std::string::npos) {
      section.Complain(
          fmt::format("{} has a colon, which a client cannot send", section.Path(name)));
    } else {
      config.users.emplace(name, hash);
    }
  }
}

// Go's durations, as far as they make sense here: "100ms", "1.5s", "1m".
std::optional<Duration> ParseGoDuration(std::string_view text) {
  constexpr Words<double> kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                                      {"s", 1.0},   {"m", 60.0},  {"h", 3600.0}};
  double seconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double count = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), count, std::chars_format::fixed);
    if (error != std::errc() || text.front() == '-' || !(count < 1e9)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto unit_size = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = Find(kUnits, text.substr(0, unit_size));
    if (unit == std::end(kUnits)) return std::nullopt;
    seconds += count * unit->second;
    text.remove_prefix(unit_size);
  }
  constexpr double kMost = 365 * 24 * 3600.0;
  if (!(seconds <= kMost)) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

void ReadRateLimit(const YAML::Node& node, WebConfig& config, Complaints& complaints) {
  YamlSection section(node, "rate_limit", complaints);
  const auto interval_word = section.TakeWord("interval");
  const auto burst_word = section.TakeWord("burst");
  section.RefuseTheRest();
  if (!interval_word && !burst_word) return;
  WebRateLimit limit;
  const auto interval = ParseGoDuration(interval_word.value_or("0s"));
  if (!interval) {
    section.Complain("rate_limit.interval must be a duration like 1s or 100ms");
    return;
  }
  limit.interval = *interval;
  const auto burst = ParseWhole<int>(burst_word.value_or("0"), 0, std::numeric_limits<int>::max());
  if (!burst) {
    section.Complain("rate_limit.burst must be a whole number, 0 or more");
    return;
  }
  limit.burst = *burst;
  if (limit.interval == Duration::zero()) return;  // no limit
  if (limit.burst == 0) {
    section.Complain("rate_limit.burst must be 1 or more, or nobody gets an answer");
    return;
  }
  config.rate_limit = limit;
}

}  // namespace

bool IsBcryptHash(const std::string& text) {
  constexpr std::size_t kSize = 60;
  constexpr std::string_view kAlphabet =
      "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (text.size() != kSize || text[0] != '$' || text[1] != '2' || text[3] != '$' ||
      text[6] != '$') {
    return false;
  }
  if (text[2] != 'a' && text[2] != 'b' && text[2] != 'y') return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!is_digit(text[4]) || !is_digit(text[5])) return false;
  const int cost = (text[4] - '0') * 10 + (text[5] - '0');
  return cost >= 4 && cost <= 31 && text.find_first_not_of(kAlphabet, 7) == std::string::npos;
}

WebConfigReading ParseWebConfig(const std::string& text, const std::string& folder) {
  WebConfigReading reading;
  ReadYamlSections(text, reading.complaints, [&](YamlSection& top) {
    if (const auto node = top.Take("tls_server_config")) {
      reading.config.tls = ReadTls(*node, folder, reading.complaints);
    }
    if (const auto node = top.Take("http_server_config")) {
      ReadHttp(*node, reading.config, reading.complaints);
    }
    if (const auto node = top.Take("basic_auth_users")) {
      ReadUsers(*node, reading.config, reading.complaints);
    }
    if (const auto node = top.Take("rate_limit")) {
      ReadRateLimit(*node, reading.config, reading.complaints);
    }
  });
  return reading;
}

WebConfigReading ReadWebConfig(const std::string& path) {
  constexpr std::size_t kLongest = 256 * 1024;
  const auto text = ReadWholeFile(path, kLongest);
  if (!text) return {{}, {text.error().message}};
  return ParseWebConfig(*text, std::filesystem::path(path).parent_path().string());
}

}  // namespace aliyun_ecs
