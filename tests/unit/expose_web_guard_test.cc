#include "expose/web_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "temporary_folder.h"

namespace aliyun_ecs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// The hash of "right", and the header that names it.
constexpr const char* kHash = "$2b$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC";
constexpr const char* kRight = "Basic cHJvbWV0aGV1czpyaWdodA==";  // prometheus:right
constexpr const char* kWrong = "Basic cHJvbWV0aGV1czp3cm9uZw==";  // prometheus:wrong

class WebGuardTest : public ::testing::Test {
 protected:
  // Each text has another length, so that the change is seen however coarse file times are.
  void Write(const std::string& text) { std::ofstream(path) << text; }

  WebGuard& Open(const std::string& text) {
    Write(text);
    auto opening = WebGuard::Open(path, clock, [this](const WebRequest& request) {
      ++answered;
      WebResponse response;
      response.body = request.path;
      response.headers = {{"X-Frame-Options", "sameorigin"}};
      return response;
    });
    EXPECT_THAT(opening.complaints, IsEmpty());
    guard = std::move(opening.guard);
    return *guard;
  }
  WebResponse Get(std::string_view path_of_page, std::string_view authorization = {}) {
    return guard->Handle({.method = "GET", .path = path_of_page, .authorization = authorization});
  }
  int StatusOf(std::string_view authorization) { return Get("/metrics", authorization).status; }
  void Pass() { clock.Advance(std::chrono::seconds(1)); }

  const std::string users = std::string("basic_auth_users: {prometheus: ") + kHash + "}\n";
  FakeClock clock;
  TemporaryFolder folder;
  std::string path = folder / "web.yml";
  int answered = 0;
  std::unique_ptr<WebGuard> guard;
};

TEST_F(WebGuardTest, AFileThatAsksForNothingChangesNothing) {
  Open("");
  EXPECT_EQ(guard->tls(), nullptr);
  const WebResponse response = Get("/metrics");
  EXPECT_EQ(response.body, "/metrics");
  EXPECT_THAT(response.headers, ElementsAre(Pair("X-Frame-Options", "sameorigin")));
}

TEST_F(WebGuardTest, WithoutThePasswordOnlyTheProbesAreOpen) {
  Open(users);
  for (const auto* const page : {"/", "/metrics", "/snapshot", "/nowhere", "/-/healthy/"}) {
    const WebResponse response = Get(page);
    EXPECT_EQ(response.status, 401) << page;
    EXPECT_THAT(response.headers, Contains(Pair("WWW-Authenticate", "Basic")));
    EXPECT_EQ(response.body, "401: name and password, please\n");
  }
  EXPECT_EQ(answered, 0);
  for (const auto* const page : {"/-/healthy", "/healthz", "/-/ready", "/readyz"}) {
    EXPECT_EQ(Get(page).status, 200) << page;
  }
  EXPECT_EQ(StatusOf(kWrong), 401);
  EXPECT_EQ(StatusOf(kRight), 200);
}

TEST_F(WebGuardTest, AddsItsHeadersToEveryAnswer) {
  Open(users +
       "http_server_config: {headers: {Strict-Transport-Security: max-age=1, "
       "X-Frame-Options: deny}}\n");
  EXPECT_THAT(Get("/metrics").headers, Contains(Pair("Strict-Transport-Security", "max-age=1")));
  EXPECT_THAT(Get("/metrics").headers, Contains(Pair("X-Frame-Options", "deny")));
  // A page that says so for itself is not contradicted.
  EXPECT_THAT(Get("/metrics", kRight).headers,
              ElementsAre(Pair("X-Frame-Options", "sameorigin"),
                          Pair("Strict-Transport-Security", "max-age=1")));
}

TEST_F(WebGuardTest, LimitsTheRateOfAllButProbes) {
  Open("rate_limit: {interval: 10s, burst: 2}\n");
  EXPECT_EQ(StatusOf(""), 200);
  EXPECT_EQ(StatusOf(""), 200);
  const WebResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.headers, Contains(Pair("Retry-After", "10")));
  EXPECT_EQ(Get("/-/healthy").status, 200);
  clock.Advance(std::chrono::seconds(10));
  EXPECT_EQ(StatusOf(""), 200);
  EXPECT_EQ(StatusOf(""), 429);
}

TEST_F(WebGuardTest, GuessingIsLimitedToo) {
  Open(users + "rate_limit: {interval: 10s, burst: 1}\n");
  EXPECT_EQ(StatusOf(kWrong), 401);
  EXPECT_EQ(StatusOf(kWrong), 429);
}

TEST_F(WebGuardTest, FollowsItsFileWithinASecond) {
  Open(users);
  EXPECT_EQ(StatusOf(""), 401);
  Write("# nothing\n");
  EXPECT_EQ(StatusOf(""), 401) << "not looked at again so soon";
  Pass();
  EXPECT_EQ(StatusOf(""), 200);
}

TEST_F(WebGuardTest, SeesWhatOnlyTheTimeOfAChangeOfRightsTells) {
  Open(users);
  const auto written = std::filesystem::last_write_time(path);
  Write(std::string(users.size() - 1, '#') + "\n");
  std::filesystem::last_write_time(path, written);
  Pass();
  EXPECT_EQ(StatusOf(""), 200);
}

TEST_F(WebGuardTest, WhatIsWrongLaterChangesNothingUntilItIsRight) {
  Open(users);
  Write("basic_auth_users: {prometheus: plain}\n");
  Pass();
  EXPECT_EQ(StatusOf(""), 401);
  EXPECT_EQ(StatusOf(kRight), 200);
  EXPECT_THAT(guard->Reload(), ElementsAre(HasSubstr("basic_auth_users.prometheus")));
  std::filesystem::remove(path);
  Pass();
  EXPECT_EQ(StatusOf(""), 401) << "a lost file opens no door";
  Write("{}");
  Pass();
  EXPECT_EQ(StatusOf(""), 200);
}

TEST_F(WebGuardTest, CanBeToldToReadNow) {
  Open(users);
  Write("");
  EXPECT_THAT(guard->Reload(), IsEmpty());
  EXPECT_EQ(StatusOf(""), 200);
}

TEST_F(WebGuardTest, ARateLimitThatStaysGoesOnCounting) {
  Open("rate_limit: {interval: 1h, burst: 1}\n");
  EXPECT_EQ(StatusOf(""), 200);
  Write("rate_limit: {interval: 1h, burst: 1}\nhttp_server_config: {}\n");
  EXPECT_THAT(guard->Reload(), IsEmpty());
  EXPECT_EQ(StatusOf(""), 429);
  Write("rate_limit: {interval: 1h, burst: 2}\n");
  EXPECT_THAT(guard->Reload(), IsEmpty());
  EXPECT_EQ(StatusOf(""), 200);
}

TEST_F(WebGuardTest, DoesNotOpenWithABadFile) {
  Write("x: 1\ny: 2\n");
  auto opening = WebGuard::Open(path, clock, nullptr);
  EXPECT_EQ(opening.guard, nullptr);
  EXPECT_EQ(opening.complaints.size(), 2u);
  Write("tls_server_config: {cert_file: none.crt, key_file: none.key}\n");
  opening = WebGuard::Open(path, clock, nullptr);
  EXPECT_EQ(opening.guard, nullptr);
  EXPECT_THAT(opening.complaints,
              ElementsAre(HasSubstr("tls_server_config.cert_file: \"" + (folder / "none.crt"))));
}

}  // namespace
}  // namespace aliyun_ecs
