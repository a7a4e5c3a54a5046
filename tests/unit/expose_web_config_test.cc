#include "expose/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "temporary_folder.h"

namespace aliyun_ecs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Of the password "right"; cost 4.
constexpr const char* kHash = "$2b$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC";

WebConfigReading Parse(const std::string& text) { return ParseWebConfig(text, "/folder"); }

TEST(WebConfigTest, AnEmptyFileAsksForNothing) {
  for (const auto* const text :
       {"", "\n# nothing\n", "---\n", "{}", "tls_server_config:\n",
        "tls_server_config: {}\nbasic_auth_users: {}\n", "http_server_config: {http2: false}"}) {
    const auto reading = Parse(text);
    EXPECT_THAT(reading.complaints, IsEmpty()) << text;
    EXPECT_FALSE(reading.config.tls) << text;
    EXPECT_THAT(reading.config.users, IsEmpty()) << text;
    EXPECT_FALSE(reading.config.rate_limit) << text;
  }
}

TEST(WebConfigTest, TakesEveryKeyOfTheFormat) {
  const auto reading = Parse(R"(
tls_server_config:
  cert_file: tls.crt
  key_file: /etc/tls.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca/clients.crt
  client_allowed_sans: [prometheus.example.com, 192.0.2.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    - TLS_AES_128_GCM_SHA256
    - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256, X25519]
http_server_config:
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  prometheus: )" + std::string(kHash) +
                             R"(
rate_limit: {interval: 100ms, burst: 20}
)");
  EXPECT_THAT(reading.complaints, IsEmpty());
  TlsConfig tls;
  tls.cert_file = "/folder/tls.crt";
  tls.key_file = "/etc/tls.key";
  tls.client_auth = ClientAuth::kRequireAndVerifyClientCert;
  tls.client_ca_file = "/folder/ca/clients.crt";
  tls.client_allowed_sans = {"prometheus.example.com", "192.0.2.1"};
  tls.min_version = TLS1_2_VERSION;
  tls.max_version = TLS1_3_VERSION;
  tls.ciphers = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305";
  tls.curves = "P-256:X25519";
  tls.prefer_server_ciphers = false;
  EXPECT_EQ(reading.config.tls, tls);
  EXPECT_THAT(reading.config.headers,
              ElementsAre(Pair("Strict-Transport-Security", "max-age=31536000"),
                          Pair("X-Frame-Options", "deny")));
  EXPECT_THAT(reading.config.users, ElementsAre(Pair("prometheus", kHash)));
  EXPECT_EQ(reading.config.rate_limit, (WebRateLimit{std::chrono::milliseconds(100), 20}));
}

TEST(WebConfigTest, TheDefaultIsTls12AndNewerWithoutClientCertificates) {
  const auto reading = Parse("tls_server_config: {cert_file: c, key_file: k}");
  ASSERT_TRUE(reading.config.tls);
  EXPECT_EQ(reading.config.tls->min_version, TLS1_2_VERSION);
  EXPECT_EQ(reading.config.tls->max_version, TLS1_3_VERSION);
  EXPECT_EQ(reading.config.tls->client_auth, ClientAuth::kNoClientCert);
  EXPECT_TRUE(reading.config.tls->prefer_server_ciphers);
}

TEST(WebConfigTest, RefusesWhatItDoesNotUnderstandByName) {
  const std::string tls = "tls_server_config: {cert_file: c, key_file: k, ";
  const std::pair<std::string, std::string> cases[] = {
      {"tls_config: {}", "tls_config is not a key that is understood here"},
      {tls + "cert: x}", "tls_server_config.cert is not a key that is understood here"},
      {"http_server_config: {http3: true}",
       "http_server_config.http3 is not a key that is understood here"},
      {"http_server_config: {http2: true}",
       "http_server_config.http2: HTTP/2 is not spoken here; leave it out or say false"},
      {"http_server_config: {headers: {Server: x}}",
       "http_server_config.headers.Server is not a header that can be set"},
      {"http_server_config: {headers: {X-Frame-Options: allow}}",
       "http_server_config.headers.X-Frame-Options: \"allow\" is none of deny, sameorigin"},
      {"http_server_config: {headers: {X-XSS-Protection: \"1\\r\\nX: y\"}}",
       "http_server_config.headers.X-XSS-Protection must be one line of text"},
      {"rate_limit: {interval: 1s, burst: 1, per: ip}",
       "rate_limit.per is not a key that is understood here"},
      {"rate_limit: {interval: soon, burst: 1}",
       "rate_limit.interval must be a duration like 1s or 100ms"},
      {"rate_limit: {interval: 1s, burst: -1}",
       "rate_limit.burst must be a whole number, 0 or more"},
      {"rate_limit: {interval: 1s}",
       "rate_limit.burst must be 1 or more, or nobody gets an answer"},
      {"tls_server_config: {cert_file: c}", "tls_server_config.key_file is missing"},
      {"tls_server_config: {key_file: k}", "tls_server_config.cert_file is missing"},
      {tls + "client_auth_type: Maybe}",
       "tls_server_config.client_auth_type: \"Maybe\" is none of NoClientCert, RequestClientCert, "
       "RequireAnyClientCert, RequireClientCert, VerifyClientCertIfGiven, "
       "RequireAndVerifyClientCert"},
      {tls + "client_ca_file: ca}",
       "tls_server_config.client_ca_file needs a client_auth_type that asks for certificates"},
      {tls + "client_allowed_sans: [a]}",
       "tls_server_config.client_allowed_sans needs a client_auth_type that asks for certificates"},
      {tls + "min_version: SSL3}",
       "tls_server_config.min_version: \"SSL3\" is none of TLS10, TLS11, TLS12, TLS13"},
      {tls + "min_version: TLS13, max_version: TLS12}",
       "tls_server_config.min_version is above max_version"},
      {tls + "curve_preferences: [P-256]}",
       "tls_server_config.curve_preferences: \"P-256\" is none of CurveP256, CurveP384, CurveP521, "
       "X25519"},
      {tls + "prefer_server_cipher_suites: yes}",
       "tls_server_config.prefer_server_cipher_suites must be true or false"},
      {tls + "cipher_suites: all}", "tls_server_config.cipher_suites must be a list"},
      {tls + "cert_file: d}", "tls_server_config.cert_file is given twice"},
      {"basic_auth_users: [prometheus]", "basic_auth_users must hold keys and values"},
      {"basic_auth_users: {\"a:b\": " + std::string(kHash) + "}",
       "basic_auth_users.a:b has a colon, which a client cannot send"},
      {"[]", "the file must hold keys and values"},
      {"just words", "the file must hold keys and values"},
      {"a: 1\n---\nb: 2", "the file is more than one document, or begins with what is none"},
      {", a", "the file is more than one document, or begins with what is none"},
  };
  for (const auto& [text, complaint] : cases) {
    EXPECT_THAT(Parse(text).complaints, ElementsAre(complaint)) << text;
  }
  EXPECT_THAT(Parse(tls + "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}").complaints,
              ElementsAre(HasSubstr("\"TLS_RSA_WITH_RC4_128_SHA\" is none of ")));
  EXPECT_THAT(Parse("a: [").complaints, ElementsAre(HasSubstr("the file is not YAML (line ")));
}

TEST(WebConfigTest, ComplainsOfEverythingAtOnce) {
  EXPECT_EQ(Parse("x: 1\ny: 2\ntls_server_config: {z: 3, cert_file: c}").complaints.size(), 4u);
}

TEST(WebConfigTest, AWrongHashIsNotRepeatedBecauseItMayBeThePassword) {
  const auto reading = Parse("basic_auth_users: {prometheus: hunter2}");
  EXPECT_THAT(reading.complaints,
              ElementsAre("basic_auth_users.prometheus must be a bcrypt hash, as \"htpasswd -nBC "
                          "10\" makes them"));
}

TEST(WebConfigTest, FilesThatCannotBeReadAreSentences) {
  const TemporaryFolder folder;
  EXPECT_THAT(ReadWebConfig(folder / "none.yml").complaints, ElementsAre(HasSubstr("none.yml")));
  EXPECT_EQ(ReadWebConfig(folder.path()).complaints.size(), 1u);
  std::ofstream(folder / "large.yml") << std::string(300 * 1024, '#');
  EXPECT_EQ(ReadWebConfig(folder / "large.yml").complaints.size(), 1u);
}

TEST(IsBcryptHashTest, KnowsTheFormsThatCryptTakesForBcrypt) {
  const std::string good = kHash;
  EXPECT_TRUE(IsBcryptHash(good));
  for (const std::string_view start : {"$2a$04$", "$2y$10$", "$2b$31$"}) {
    EXPECT_TRUE(IsBcryptHash(std::string(start) + good.substr(7))) << start;
  }
  for (const std::string_view start : {"$2$04$.", "$2x$04$", "$2c$04$", "$1a$04$", "$2b$03$",
                                       "$2b$32$", "$2b$4$x", "$2b$0a$", "$2b$04.", "x2b$04$"}) {
    EXPECT_FALSE(IsBcryptHash(std::string(start) + good.substr(7))) << start;
  }
  EXPECT_FALSE(IsBcryptHash(""));
  EXPECT_FALSE(IsBcryptHash(good + "."));
  EXPECT_FALSE(IsBcryptHash(good.substr(0, 59)));
  EXPECT_FALSE(IsBcryptHash(good.substr(0, 59) + "!"));
  EXPECT_FALSE(IsBcryptHash("abJnggxhB/yWI"));  // DES
}

}  // namespace
}  // namespace aliyun_ecs
