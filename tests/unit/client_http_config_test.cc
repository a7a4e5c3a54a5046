#include "client/http_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A folder with what the texts name.
class HttpConfigTest : public testing::Test {
 protected:
  HttpConfigTest() {
    for (const char* const name : {"ca.pem", "client.pem", "client.key"})
      PutFile(folder_ / name, "x");
    PutFile(folder_ / "secret", "of-the-file\nmore\n");
    PutFile(folder_ / "empty", "\n");
  }
  [[nodiscard]] HttpConfigReading Parse(const std::string& text) const {
    return ParseHttpConfig(text, folder_.path());
  }

  TemporaryFolder folder_;
};

TEST_F(HttpConfigTest, AnEmptyFileAsksForNothing) {
  for (const char* const text :
       {"", "# nothing\n", "{}", "basic_auth:\nauthorization:\ntls_config:\n", "tls_config: {}"}) {
    const auto reading = Parse(text);
    EXPECT_THAT(reading.complaints, IsEmpty()) << text;
    EXPECT_TRUE(reading.access.username.empty() && reading.access.bearer_token.empty()) << text;
  }
}

TEST_F(HttpConfigTest, TakesAUserAndItsPassword) {
  for (const auto& [password, expected] :
       {std::pair("password: 'a: b'", "a: b"), {"password_file: secret", "of-the-file"}}) {
    const auto reading = Parse("basic_auth:\n  username: me\n  " + std::string(password));
    EXPECT_THAT(reading.complaints, IsEmpty());
    EXPECT_EQ(reading.access.username, "me");
    EXPECT_EQ(reading.access.password.Reveal(), expected);
    EXPECT_TRUE(reading.access.bearer_token.empty());
  }
}

TEST_F(HttpConfigTest, TakesABearerToken) {
  for (const auto& [token, expected] : {std::pair("type: Bearer, credentials: abc", "abc"),
                                        {"type: bearer, credentials: abc", "abc"},
                                        {"credentials_file: secret", "of-the-file"}}) {
    const auto reading = Parse("authorization: {" + std::string(token) + "}");
    EXPECT_THAT(reading.complaints, IsEmpty());
    EXPECT_EQ(reading.access.bearer_token.Reveal(), expected);
    EXPECT_TRUE(reading.access.username.empty());
  }
}

TEST_F(HttpConfigTest, TakesCertificatesOfTheFilesFolderOrFromElsewhere) {
  const std::string elsewhere = folder_ / "client.key";
  const auto reading =
      Parse("tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: " + elsewhere +
            ", insecure_skip_verify: false}");
  EXPECT_THAT(reading.complaints, IsEmpty());
  EXPECT_EQ(reading.access.ca_file, folder_ / "ca.pem");
  EXPECT_EQ(reading.access.cert_file, folder_ / "client.pem");
  EXPECT_EQ(reading.access.key_file, elsewhere);
}

TEST_F(HttpConfigTest, SaysWhatIsWrongAndQuotesNoValue) {
  const std::pair<std::string, std::string> cases[] = {
      {"basic_auth: zQ7", "basic_auth must hold keys and values"},
      {"basic_auth: {password: zQ7}", "basic_auth.username is missing"},
      {"basic_auth: {username: a}",
       "basic_auth.password or password_file must be given, and not both"},
      {"basic_auth: {username: a, password: zQ7, password_file: secret}",
       "basic_auth.password or password_file must be given, and not both"},
      {"basic_auth: {username: a, password: \"zQ7\\r\\nX: y\"}",
       "basic_auth.password must be one line of text"},
      {"basic_auth: {username: a, password: ''}", "basic_auth.password must be one line of text"},
      {"basic_auth: {username: 'a:zQ7', password: zQ7}",
       "basic_auth.username must be one line of text without a colon"},
      {"basic_auth: {username: \"a\\nzQ7\", password: zQ7}",
       "basic_auth.username must be one line of text without a colon"},
      {"basic_auth: {username: a, password: zQ7, pass: zQ7}",
       "basic_auth.pass is not a key that is understood here"},
      {"basic_auth: {username: a, password: zQ7, \"password:zQ7\": }",
       "what stands in basic_auth is not a key that is understood here"},
      {"basic_auth: {username: a, password: p,zQ7}",
       "what stands in basic_auth is not a key that is understood here"},
      {"authorization: {credentials: p, credentials zQ7}",
       "what stands in authorization is not a key that is understood here"},
      {"authorization: {credentials: p, credentials=zQ7: x}",
       "what stands in authorization is not a key that is understood here"},
      {"basic_auth: {username: a, password: zQ7, password: zQ7}",
       "basic_auth.password is given twice"},
      {"basic_auth: {username: a, password_file: empty}",
       "basic_auth.password_file: \"" + (folder_ / "empty") + "\" has an empty first line"},
      {"authorization: {type: zQ7, credentials: zQ7}", "authorization.type must be Bearer"},
      {"authorization: {}",
       "authorization.credentials or credentials_file must be given, and not both"},
      {"authorization: {credentials: \"zQ7\\nX: y\"}",
       "authorization.credentials must be one line of text"},
      {"authorization: {credentials: zQ7, scope: zQ7}",
       "authorization.scope is not a key that is understood here"},
      {"basic_auth: {username: a, password: zQ7}\nauthorization: {credentials: zQ7}",
       "basic_auth and authorization cannot be used together"},
      {"tls_config: {cert_file: client.pem}",
       "tls_config.cert_file and key_file must be given together"},
      {"tls_config: {key_file: client.key}",
       "tls_config.cert_file and key_file must be given together"},
      {"tls_config: {insecure_skip_verify: true}",
       "tls_config.insecure_skip_verify: whoever is asked must prove who it is; give its "
       "certificate as ca_file"},
      {"tls_config: {server_name: am}", "tls_config.server_name: use this name in the URL instead"},
      {"tls_config: {min_version: TLS12}",
       "tls_config.min_version is not a key that is understood here"},
      {"bearer_token: zQ7", "bearer_token is not a key that is understood here"},
      {"proxy_url: http://zQ7", "proxy_url is not a key that is understood here"},
      {"zQ6", "the file must hold keys and values"},
  };
  for (const auto& [text, complaint] : cases) {
    const auto reading = Parse(text);
    EXPECT_THAT(reading.complaints, ElementsAre(complaint)) << text;
    for (const auto& each : reading.complaints) EXPECT_THAT(each, Not(HasSubstr("zQ7"))) << text;
  }
  EXPECT_THAT(
      Parse("basic_auth: {username: a\n  password:zQ7").complaints,
      ElementsAre(testing::AllOf(HasSubstr("the file is not YAML (line "), Not(HasSubstr("zQ7")))));
}

TEST_F(HttpConfigTest, ComplainsOfEverythingAtOnce) {
  const auto reading = Parse(
      "basic_auth: {password_file: none-1}\nauthorization: {type: Basic, credentials_file: "
      "none-2}\n"
      "tls_config: {ca_file: none-3, cert_file: none-4, key_file: none-5}\nproxy_url: x");
  EXPECT_THAT(
      reading.complaints,
      ElementsAre(HasSubstr("basic_auth.password_file: "), HasSubstr("username is missing"),
                  HasSubstr("type must be Bearer"), HasSubstr("authorization.credentials_file: "),
                  HasSubstr("cannot be used together"), HasSubstr("tls_config.ca_file: "),
                  HasSubstr("tls_config.cert_file: "), HasSubstr("tls_config.key_file: "),
                  HasSubstr("proxy_url is not")));
}

TEST_F(HttpConfigTest, FilesThatCannotBeReadAreSentences) {
  EXPECT_THAT(ReadHttpConfig(folder_ / "none.yml").complaints, ElementsAre(HasSubstr("none.yml")));
  EXPECT_EQ(ReadHttpConfig(folder_.path()).complaints.size(), 1u);
  PutFile(folder_ / "large.yml", std::string(300 * 1024, '#'));
  EXPECT_EQ(ReadHttpConfig(folder_ / "large.yml").complaints.size(), 1u);
  PutFile(folder_ / "good.yml", "authorization: {credentials_file: secret}");
  EXPECT_EQ(ReadHttpConfig(folder_ / "good.yml").access.bearer_token.Reveal(), "of-the-file");
}

}  // namespace
}  // namespace aliyun_ecs
