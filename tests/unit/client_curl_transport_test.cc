#include "client/curl_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "support/raw_server.h"

namespace aliyun_ecs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using Then = RawServer::Then;

// Long enough that nothing here reaches it: a test that had to wait for it would hang for all to
// see.
constexpr Duration kForever = seconds(60);

constexpr char kUserAgent[] = "aliyun_ecs_test/0.0";

// A whole answer with a Content-Length.
std::string Http(std::string_view status, std::string_view body, std::string_view headers = "") {
  std::string answer = "HTTP/1.1 ";
  answer.append(status).append("\r\n").append(headers);
  answer.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  return answer.append(body);
}

RawServer::Reply Say(std::string bytes, Then then = Then::kKeepOpen) {
  return {{std::move(bytes)}, then};
}
RawServer::Reply SayNothing() { return {}; }

HttpRequest Get(std::string path) {
  HttpRequest request;
  request.path = std::move(path);
  request.timeout = kForever;
  request.max_body_bytes = 64 * 1024;
  return request;
}

struct Answer {
  int status = 0;
  std::string body;
  std::optional<Duration> retry_after;

  friend bool operator==(const Answer&, const Answer&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    out << answer.status << ' ' << testing::PrintToString(answer.body);
    if (answer.retry_after) out << " after " << ToSeconds(*answer.retry_after) << " s";
    return out;
  }
};

// The answer, or an Answer of status 0 with a failed expectation.
Answer AnswerTo(CurlTransport& transport, const HttpRequest& request) {
  const auto response = transport.Perform(request, {});
  if (!response) {
    ADD_FAILURE() << response.error().message;
    return {};
  }
  return {response->status, std::string(response->body.Reveal()), response->retry_after};
}

std::optional<ErrorCode> ErrorOf(const Result<HttpResponse>& response) {
  if (response) return std::nullopt;
  EXPECT_FALSE(response.error().message.empty());
  return response.error().code;
}

// What a server that answers like this comes to, for one GET.
std::optional<ErrorCode> ErrorFor(RawServer::Reply reply, std::size_t max_body_bytes = 64 * 1024) {
  RawServer server({std::move(reply)});
  CurlTransport transport(server.url(), kUserAgent);
  HttpRequest request = Get("/");
  request.max_body_bytes = max_body_bytes;
  return ErrorOf(transport.Perform(request, {}));
}

std::vector<std::string> LinesOf(const std::string& request) {
  std::vector<std::string> lines;
  for (const std::string_view line : Split(request, '\n')) {
    if (!Trim(line).empty()) lines.emplace_back(Trim(line));
  }
  return lines;
}

std::string HostLine(const RawServer& server) {
  return "Host: 127.0.0.1:" + std::to_string(server.port());
}

// ---- what is sent

TEST(CurlTransportTest, SendsAGetWithTheGivenHeadersAndNoOthersOfItsOwnMind) {
  RawServer server({Say(Http("200 OK", "i-simulated"))});
  CurlTransport transport(server.url(), kUserAgent);
  HttpRequest request = Get("/latest/meta-data/instance-id");
  request.headers = {{"X-aliyun-ecs-metadata-token", "obviously-fake"}, {"X-Second", "a b"}};
  EXPECT_EQ(AnswerTo(transport, request), (Answer{200, "i-simulated", {}}));
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_THAT(server.requests()[0], StartsWith("GET /latest/meta-data/instance-id HTTP/1.1\r\n"));
  // The whole list: no Accept-Encoding, which would let the body come compressed.
  EXPECT_THAT(LinesOf(server.requests()[0]),
              UnorderedElementsAre("GET /latest/meta-data/instance-id HTTP/1.1", HostLine(server),
                                   "User-Agent: aliyun_ecs_test/0.0", "Accept: */*",
                                   "X-aliyun-ecs-metadata-token: obviously-fake", "X-Second: a b"));
}

TEST(CurlTransportTest, SendsAPutWithoutABodyAndWithoutWaitingToBeToldToGoOn) {
  RawServer server({Say(Http("200 OK", "token")), Say(Http("200 OK", "item"))});
  CurlTransport transport(server.url(), kUserAgent);
  HttpRequest put = Get("/latest/api/token");
  put.method = HttpMethod::kPut;
  put.headers = {{"X-aliyun-ecs-metadata-token-ttl-seconds", "21600"}};
  EXPECT_EQ(AnswerTo(transport, put), (Answer{200, "token", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/x")), (Answer{200, "item", {}}));
  ASSERT_EQ(server.requests().size(), 2u);
  // The whole list: no Expect, Content-Length or Transfer-Encoding.
  EXPECT_THAT(LinesOf(server.requests()[0]),
              UnorderedElementsAre("PUT /latest/api/token HTTP/1.1", HostLine(server),
                                   "User-Agent: aliyun_ecs_test/0.0", "Accept: */*",
                                   "X-aliyun-ecs-metadata-token-ttl-seconds: 21600"));
  // A body would stand in front of the next request; and a GET is a GET again, without the header.
  EXPECT_THAT(server.requests()[1], StartsWith("GET /x HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests()[1], Not(HasSubstr("21600")));
}

TEST(CurlTransportTest, SendsAPostWithItsBody) {
  for (const std::string& body : {std::string("[{\"a\":1}]"), std::string(), std::string("a\0b", 3),
                                  std::string(100'000, 'x')}) {
    RawServer server({Say(Http("200 OK", "")), Say(Http("200 OK", "item"))});
    CurlTransport transport(server.url() + "/prefix", kUserAgent, OperatorAccess());
    HttpRequest post = Get("/api/v2/alerts");
    post.method = HttpMethod::kPost;
    post.headers = {{"Content-Type", "application/json"}};
    post.body = body;
    EXPECT_EQ(AnswerTo(transport, post), (Answer{200, "", {}}));
    EXPECT_EQ(AnswerTo(transport, Get("/x")), (Answer{200, "item", {}}));
    ASSERT_EQ(server.requests().size(), 2u);
    const std::string request = server.requests()[0];
    ASSERT_GE(request.size(), body.size());
    EXPECT_TRUE(request.ends_with("\r\n\r\n" + body));
    // The whole list: no Expect, for whose answer it would have to wait.
    EXPECT_THAT(LinesOf(request.substr(0, request.size() - body.size())),
                UnorderedElementsAre("POST /prefix/api/v2/alerts HTTP/1.1", HostLine(server),
                                     "User-Agent: aliyun_ecs_test/0.0", "Accept: */*",
                                     "Content-Type: application/json",
                                     "Content-Length: " + std::to_string(body.size())));
    EXPECT_THAT(server.requests()[1], StartsWith("GET /prefix/x HTTP/1.1\r\n"));
  }
}

TEST(CurlTransportTest, OfAPostTheStatusSaysItAll) {
  RawServer server({Say("HTTP/1.1 200 OK\r\n\r\n", Then::kClose)});
  CurlTransport transport(server.url(), kUserAgent, OperatorAccess());
  HttpRequest post = Get("/");
  post.method = HttpMethod::kPost;
  EXPECT_EQ(AnswerTo(transport, post), (Answer{200, "", {}}));
}

TEST(CurlTransportTest, ShowsItsCredentialsToTheServerAndToNobodyElse) {
  RawServer elsewhere({Say(Http("200 OK", "elsewhere"))});
  const auto lines_of_a_get = [&](OperatorAccess access) {
    RawServer server({Say(Http("302 Found", "", "Location: " + elsewhere.url() + "/\r\n"))});
    CurlTransport transport(server.url(), kUserAgent, std::move(access));
    EXPECT_EQ(AnswerTo(transport, Get("/")).status, 302);
    EXPECT_EQ(server.requests().size(), 1u);
    return LinesOf(server.requests().at(0));
  };
  OperatorAccess bearer;
  bearer.bearer_token = Secret("obviously-fake");
  EXPECT_THAT(lines_of_a_get(std::move(bearer)),
              testing::Contains("Authorization: Bearer obviously-fake"));
  OperatorAccess basic;
  basic.username = "me";
  basic.password = Secret("a:b");
  EXPECT_THAT(lines_of_a_get(std::move(basic)), testing::Contains("Authorization: Basic bWU6YTpi"));
  EXPECT_THAT(lines_of_a_get({}), Not(testing::Contains(StartsWith("Authorization"))));
  CurlTransport probe(elsewhere.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(probe, Get("/probe")), (Answer{200, "elsewhere", {}}));
  EXPECT_EQ(elsewhere.connections(), 1u);
}

TEST(CurlTransportTest, SendsThePathAsItIs) {
  RawServer server({Say(Http("200 OK", "")), Say(Http("200 OK", ""))});
  CurlTransport transport(server.url(), kUserAgent);
  for (const std::string path : {"/a/../b/./c", "/network/interfaces/macs/00:16:3e:00:00:01/mac"}) {
    EXPECT_EQ(AnswerTo(transport, Get(path)).status, 200);
    ASSERT_FALSE(server.requests().empty());
    EXPECT_THAT(server.requests().back(), StartsWith("GET " + path + " HTTP/1.1\r\n"));
  }
}

TEST(CurlTransportTest, KeepsItsConnectionFromOneRequestToTheNext) {
  RawServer server({Say(Http("200 OK", "one")), Say(Http("404 Not Found", "two")),
                    Say(Http("200 OK", "three"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/1")), (Answer{200, "one", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/2")), (Answer{404, "two", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/3")), (Answer{200, "three", {}}));
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(server.connections(), 1u);
}

TEST(CurlTransportTest, ConnectsAgainWhenTheServiceClosed) {
  RawServer server({Say(Http("200 OK", "one", "Connection: close\r\n"), Then::kClose),
                    Say(Http("200 OK", "two"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/1")), (Answer{200, "one", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/2")), (Answer{200, "two", {}}));
  EXPECT_EQ(server.connections(), 2u);
}

TEST(CurlTransportTest, FollowsNoRedirect) {
  RawServer elsewhere({Say(Http("200 OK", "elsewhere"))});
  RawServer server({Say(Http("302 Found", "moved", "Location: " + elsewhere.url() + "/\r\n")),
                    Say(Http("200 OK", "still here"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{302, "moved", {}}));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(AnswerTo(transport, Get("/next")), (Answer{200, "still here", {}}));

  // Whoever connected before this one would have been counted before it.
  CurlTransport probe(elsewhere.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(probe, Get("/probe")), (Answer{200, "elsewhere", {}}));
  EXPECT_EQ(elsewhere.connections(), 1u);
}

TEST(CurlTransportTest, SpeaksPlainHttpOnly) {
  for (const std::string base : {"file://", "https://127.0.0.1:1", "ftp://127.0.0.1:1"}) {
    CurlTransport transport(base, kUserAgent);
    EXPECT_EQ(ErrorOf(transport.Perform(Get("/etc/passwd"), {})), ErrorCode::kMalformed) << base;
  }
}

// Sets variables of the environment and puts back what was there.
class EnvironmentGuard {
 public:
  EnvironmentGuard() = default;
  ~EnvironmentGuard() {
    for (const auto& [name, value] : before_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }
  EnvironmentGuard(const EnvironmentGuard&) = delete;
  EnvironmentGuard& operator=(const EnvironmentGuard&) = delete;

  void Set(const std::string& name, const std::string& value) {
    Note(name);
    setenv(name.c_str(), value.c_str(), 1);
  }
  void Unset(const std::string& name) {
    Note(name);
    unsetenv(name.c_str());
  }

 private:
  void Note(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    before_.try_emplace(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
  }

  std::map<std::string, std::optional<std::string>> before_;
};

TEST(CurlTransportTest, GoesThroughNoProxyWhateverTheEnvironmentSays) {
  RawServer proxy({Say(Http("200 OK", "from the proxy")), Say(Http("200 OK", "again"))});
  RawServer server({Say(Http("200 OK", "token")), Say(Http("200 OK", "item"))});
  EnvironmentGuard environment;
  for (const char* const name :
       {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    environment.Set(name, proxy.url());
  }
  // Either would hide a transport that does look at the proxy.
  environment.Unset("no_proxy");
  environment.Unset("NO_PROXY");

  CurlTransport transport(server.url(), kUserAgent);
  HttpRequest put = Get("/latest/api/token");
  put.method = HttpMethod::kPut;
  EXPECT_EQ(AnswerTo(transport, put), (Answer{200, "token", {}}));
  HttpRequest get = Get("/");
  get.headers = {{"X-aliyun-ecs-metadata-token", "obviously-fake"}};
  EXPECT_EQ(AnswerTo(transport, get), (Answer{200, "item", {}}));
  ASSERT_EQ(server.requests().size(), 2u) << "the token went to the proxy";
  EXPECT_THAT(server.requests()[0], Not(HasSubstr("Proxy")));

  // Whoever connected before this one would have been counted before it.
  CurlTransport probe(proxy.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(probe, Get("/probe")), (Answer{200, "from the proxy", {}}));
  EXPECT_EQ(proxy.connections(), 1u);
}

// ---- answers

TEST(CurlTransportTest, TakesAnAnswerOfAnyStatusWithItsBody) {
  for (const int status : {200, 201, 301, 400, 401, 403, 404, 405, 407, 429, 500, 503, 599}) {
    RawServer server({Say(Http(std::to_string(status) + " Reason", "page"))});
    CurlTransport transport(server.url(), kUserAgent);
    EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{status, "page", {}}));
    EXPECT_EQ(server.requests().size(), 1u);
  }
}

TEST(CurlTransportTest, TakesAnEmptyBodyThatIsAnnounced) {
  RawServer server({Say(Http("200 OK", "")),
                    Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "", {}}));
}

TEST(CurlTransportTest, TakesNoContentWhichHasNoLengthByItsNature) {
  RawServer server({Say("HTTP/1.1 204 No Content\r\n\r\n"), Say(Http("200 OK", "next"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{204, "", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "next", {}}));
}

TEST(CurlTransportTest, TakesAStatusOtherThan200WithoutABodyOrALength) {
  // The status says all there is to know; a lost 401 would leave a dead token in use.
  for (const int status : {401, 403, 404, 429, 503}) {
    RawServer server({Say("HTTP/1.1 " + std::to_string(status) + " Reason\r\n\r\n", Then::kClose)});
    CurlTransport transport(server.url(), kUserAgent);
    EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{status, "", {}}));
  }
}

TEST(CurlTransportTest, TakesTrailersBehindAChunkedBody) {
  RawServer server({Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                        "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
                    Say(Http("200 OK", "next"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "hello", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "next", {}}));
}

TEST(CurlTransportTest, PassesOverInterimAnswers) {
  RawServer server(
      {Say("HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n" + Http("200 OK", "x"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "x", {}}));
}

TEST(CurlTransportTest, TakesABodyOfSeveralPackets) {
  std::string body;
  for (int i = 0; body.size() < 60'000; ++i) body += std::to_string(i) + "\n";
  RawServer server(
      {{{"HTTP/1.1 200 OK\r\n", "Content-Length: " + std::to_string(body.size()), "\r\n\r", "\n",
         body.substr(0, 1), body.substr(1, 20'000), body.substr(20'001, 7), body.substr(20'008)},
        Then::kKeepOpen},
       Say(Http("200 OK", "next"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, body, {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "next", {}}));
}

TEST(CurlTransportTest, TakesChunkedBodiesAndBodiesThatEndWithTheConnection) {
  RawServer server({Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n1\r\n \r\n6;ext=1\r\nworld!\r\n0\r\n\r\n"),
                    Say("HTTP/1.0 200 OK\r\n\r\nuntil the end", Then::kClose)});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "hello world!", {}}));
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "until the end", {}}));
}

TEST(CurlTransportTest, KeepsNulAndEveryOtherByteOfTheBody) {
  std::string body;
  for (int i = 0; i < 512; ++i) body += static_cast<char>(i % 256);
  RawServer server({Say(Http("200 OK", body))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, body, {}}));
}

TEST(CurlTransportTest, LeavesACompressedBodyAsItCame) {
  RawServer server({Say(Http("200 OK", "\x1F\x8B not asked for", "Content-Encoding: gzip\r\n"))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "\x1F\x8B not asked for", {}}));
}

TEST(CurlTransportTest, ReadsRetryAfterInSeconds) {
  for (const auto& [header, expected] : std::initializer_list<std::pair<std::string, Duration>>{
           {"Retry-After: 5\r\n", seconds(5)},
           {"retry-after:120\r\n", seconds(120)},
           {"RETRY-AFTER:  0 \r\n", seconds(0)}}) {
    RawServer server({Say(Http("429 Too Many Requests", "", header))});
    CurlTransport transport(server.url(), kUserAgent);
    EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{429, "", expected})) << header;
  }
}

TEST(CurlTransportTest, IgnoresEveryOtherFormOfRetryAfter) {
  for (const std::string value : {"", "soon", "-1", "+5", "5.5", "5s", "0x5", "5 5",
                                  "99999999999999999999", "Mon, 23 Nov 2026 15:20:00 GMT"}) {
    RawServer server({Say(Http("503 Service Unavailable", "", "Retry-After: " + value + "\r\n"))});
    CurlTransport transport(server.url(), kUserAgent);
    EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{503, "", {}})) << value;
  }
}

TEST(CurlTransportTest, ForgetsARetryAfterWithTheNextAnswer) {
  RawServer server({Say(Http("429 Too Many Requests", "", "Retry-After: 5\r\n")),
                    Say(Http("429 Too Many Requests", ""))});
  CurlTransport transport(server.url(), kUserAgent);
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{429, "", seconds(5)}));
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{429, "", {}}));
}

// ---- answers that are none

TEST(CurlTransportTest, TakesABodyOfTheMostBytesAndNotOneMore) {
  const std::string most(100, 'x');
  for (const auto& [size, framing] : std::initializer_list<std::pair<std::string, std::string>>{
           {"Content-Length: 100\r\n\r\n", "Content-Length: 101\r\n\r\n"},
           {"Transfer-Encoding: chunked\r\n\r\n64\r\n",
            "Transfer-Encoding: chunked\r\n\r\n65\r\n"}}) {
    const std::string end = size.find("chunked") == std::string::npos ? "" : "\r\n0\r\n\r\n";
    EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\n" + size + most + end), 100), std::nullopt);
    EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\n" + framing + most + "x" + end), 100),
              ErrorCode::kMalformed);
  }
}

TEST(CurlTransportTest, CountsABodyThatEndsWithTheConnection) {
  EXPECT_EQ(ErrorFor(Say("HTTP/1.0 200 OK\r\n\r\n" + std::string(100, 'x'), Then::kClose), 100),
            std::nullopt);
  EXPECT_EQ(ErrorFor(Say("HTTP/1.0 200 OK\r\n\r\n" + std::string(101, 'x'), Then::kClose), 100),
            ErrorCode::kMalformed);
}

TEST(CurlTransportTest, DoesNotWaitForABodyThatIsAnnouncedAsTooLarge) {
  // No byte of the body ever comes, so only the announcement can end this.
  for (const std::string length : {"101", "99999999999", "99999999999999999999999999"}) {
    EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\n"), 100),
              ErrorCode::kMalformed);
  }
}

TEST(CurlTransportTest, SaysThatABodyIsTooLargeAndQuotesNoneOfIt) {
  for (const std::string head :
       {"Content-Length: 909\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n38d\r\n"}) {
    std::string body;
    while (body.size() < 909) body += "zQ7marker";
    RawServer server({Say("HTTP/1.1 200 OK\r\n" + head + body)});
    CurlTransport transport(server.url(), kUserAgent);
    HttpRequest request = Get("/");
    request.max_body_bytes = 100;
    const auto response = transport.Perform(request, {});
    ASSERT_EQ(ErrorOf(response), ErrorCode::kMalformed);
    EXPECT_THAT(response.error().message, HasSubstr("larger than 100 bytes"));
    EXPECT_THAT(response.error().message, Not(HasSubstr("zQ7")));
  }
}

TEST(CurlTransportTest, LeavesOutATooLargeBodyOfAnyOtherStatus) {
  // The status is the answer; a long error page must not turn a 404 or a 429 into trouble.
  const std::string page(101, 'x');
  for (const int status : {401, 404, 429, 503}) {
    const std::string head = "HTTP/1.1 " + std::to_string(status) + " Reason\r\nRetry-After: 7\r\n";
    RawServer server({Say(head + "Content-Length: 101\r\n\r\n" + page),
                      Say(head + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + page),
                      Say(Http("200 OK", "next"))});
    CurlTransport transport(server.url(), kUserAgent);
    HttpRequest request = Get("/");
    request.max_body_bytes = 100;
    EXPECT_EQ(AnswerTo(transport, request), (Answer{status, "", seconds(7)}));
    EXPECT_EQ(AnswerTo(transport, request), (Answer{status, "", seconds(7)}));
    EXPECT_EQ(AnswerTo(transport, request), (Answer{200, "next", {}}));
  }
}

TEST(CurlTransportTest, TakesNoBodyAtAllWhenNoneIsAllowed) {
  // libcurl reads a largest size of 0 as "any".
  EXPECT_EQ(ErrorFor(Say(Http("200 OK", "x")), 0), ErrorCode::kMalformed);
  EXPECT_EQ(ErrorFor(Say(Http("200 OK", "")), 0), std::nullopt);
}

TEST(CurlTransportTest, RefusesABodyCutShort) {
  EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Then::kClose)),
            ErrorCode::kMalformed);
  EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Then::kClose)),
            ErrorCode::kMalformed);
  EXPECT_EQ(
      ErrorFor(Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", Then::kClose)),
      ErrorCode::kMalformed);
  EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
                         Then::kClose)),
            ErrorCode::kMalformed);
}

TEST(CurlTransportTest, RefusesAnAnswerCutInItsHead) {
  // Taken for a whole answer, it would be an empty 200: "this instance has none".
  constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-More: a\r\n\r\n";
  std::vector<std::size_t> taken;
  for (std::size_t size = 1; size < kHead.size(); ++size) {
    const auto code = ErrorFor(Say(std::string(kHead.substr(0, size)), Then::kClose));
    if (!code) taken.push_back(size);
  }
  EXPECT_THAT(taken, IsEmpty()) << "cut behind so many bytes, it was a success";
}

TEST(CurlTransportTest, RefusesAnAnswerCutInItsHeadBehindAnInterimOne) {
  // The empty line of the interim answer is not the end of the head that counts.
  EXPECT_EQ(ErrorFor(Say("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-More: a\r\n",
                         Then::kClose)),
            ErrorCode::kMalformed);
}

TEST(CurlTransportTest, RefusesAnEmpty200ThatDoesNotSayItIsEmpty) {
  // Nobody can tell it from an answer whose body was lost.
  EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\n\r\n", Then::kClose)), ErrorCode::kMalformed);
  EXPECT_EQ(ErrorFor(Say("HTTP/1.0 200 OK\r\nX-More: a\r\n\r\n", Then::kClose)),
            ErrorCode::kMalformed);
}

TEST(CurlTransportTest, RefusesBrokenChunks) {
  for (const std::string chunks : {"zz\r\nhello\r\n0\r\n\r\n", "\r\n\r\n", "-5\r\nhello\r\n",
                                   "fffffffffffffffffff\r\nhello\r\n"}) {
    EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
                           Then::kClose)),
              ErrorCode::kMalformed)
        << testing::PrintToString(chunks);
  }
}

TEST(CurlTransportTest, RefusesWhatIsNoHttp) {
  for (const std::string bytes :
       {"SSH-2.0-OpenSSH_9.2p1\r\n", "* OK IMAP4rev1\r\n", "\x15\x03\x01\x02\x02\x02\x16",
        "garbage garbage garbage garbage\r\n\r\n", "{\"error\":\"not HTTP\"}\n", "\r\n\r\n",
        "HTTX/1.1 200 OK\r\n\r\nx"}) {
    EXPECT_EQ(ErrorFor(Say(bytes, Then::kClose)), ErrorCode::kMalformed)
        << testing::PrintToString(bytes);
  }
  EXPECT_EQ(ErrorFor(Say(std::string(300, '\0'), Then::kClose)), ErrorCode::kMalformed);
}

TEST(CurlTransportTest, RefusesAStatusLineWithoutAStatus) {
  // libcurl takes each for a 200: with an empty body "this instance has none".
  for (const std::string line :
       {"HTTP/", "HTTP/1.1", "HTTP/1.1 OK", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1  200 OK",
        "HTTP/x.y 200 OK", "HTTP/1.1\t200 OK", "HTTP/2 200", "http/1.1 OK",
        "HTTP/\x01.1 404 Not Found"}) {
    EXPECT_EQ(ErrorFor(Say(line + "\r\nContent-Length: 0\r\n\r\n", Then::kClose)),
              ErrorCode::kMalformed)
        << testing::PrintToString(line);
  }
  for (const std::string line : {"HTTP/1.1 OK", "http/1.1 OK", "http/1.1 200 OK"}) {
    EXPECT_EQ(ErrorFor(Say("HTTP/1.1 100 Continue\r\n\r\n" + line + "\r\nContent-Length: 0\r\n\r\n",
                           Then::kClose)),
              ErrorCode::kMalformed)
        << line << ", behind another head";
  }
  for (const std::string line : {"HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 OK"}) {
    EXPECT_EQ(ErrorFor(Say(line + "\r\nContent-Length: 0\r\n\r\n", Then::kClose)), std::nullopt)
        << line;
  }
}

TEST(CurlTransportTest, RefusesAnAnswerWithoutAHeadAsHttp09GaveThem) {
  EXPECT_EQ(ErrorFor(Say("<html><body>no head at all</body></html>\n", Then::kClose)),
            ErrorCode::kMalformed);
  EXPECT_EQ(ErrorFor(Say("i-bp1simulated00000001", Then::kClose)), ErrorCode::kMalformed);
}

TEST(CurlTransportTest, RefusesALengthThatIsNoNumber) {
  for (const std::string length : {"abc", "-5", "x5"}) {
    EXPECT_EQ(ErrorFor(Say("HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\nhello",
                           Then::kClose)),
              ErrorCode::kMalformed)
        << length;
  }
}

TEST(CurlTransportTest, IsUnreachableWhereNobodyListens) {
  const ClosedPort port;
  CurlTransport transport(port.url(), kUserAgent);
  EXPECT_EQ(ErrorOf(transport.Perform(Get("/"), {})), ErrorCode::kUnreachable);
}

TEST(CurlTransportTest, IsUnreachableWhenTheConnectionIsReset) {
  EXPECT_EQ(ErrorFor({{}, Then::kReset}), ErrorCode::kUnreachable);
}

TEST(CurlTransportTest, IsUnreachableWhenTheConnectionClosesWithoutAnAnswer) {
  EXPECT_EQ(ErrorFor({{}, Then::kClose}), ErrorCode::kUnreachable);
}

TEST(CurlTransportTest, ServesTheNextRequestAfterEveryKindOfTrouble) {
  RawServer server({Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Then::kClose),
                    Say(Http("200 OK", "one")), Say("garbage\r\n\r\n"), Say(Http("200 OK", "two")),
                    Say("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"),
                    Say(Http("200 OK", "three"))});
  CurlTransport transport(server.url(), kUserAgent);
  for (const std::string expected : {"one", "two", "three"}) {
    EXPECT_EQ(ErrorOf(transport.Perform(Get("/trouble"), {})), ErrorCode::kMalformed);
    EXPECT_EQ(AnswerTo(transport, Get("/fine")), (Answer{200, expected, {}}));
  }
}

TEST(CurlTransportTest, TellsBrokenChunksFromALostConnectionEachTime) {
  // libcurl reports both alike; what it remembers of the first must not colour the second.
  const std::string broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
  RawServer server({{{}, Then::kReset},
                    Say(broken, Then::kClose),
                    {{}, Then::kReset},
                    Say(broken, Then::kClose)});
  CurlTransport transport(server.url(), kUserAgent);
  for (const ErrorCode expected : {ErrorCode::kUnreachable, ErrorCode::kMalformed,
                                   ErrorCode::kUnreachable, ErrorCode::kMalformed}) {
    EXPECT_EQ(ErrorOf(transport.Perform(Get("/"), {})), expected);
  }
}

// ---- time and stop

TEST(CurlTransportTest, TimesOutWithoutAnAnswer) {
  RawServer server({SayNothing()});
  CurlTransport transport(server.url(), kUserAgent);
  HttpRequest request = Get("/");
  request.timeout = milliseconds(50);
  EXPECT_EQ(ErrorOf(transport.Perform(request, {})), ErrorCode::kTimeout);
}

TEST(CurlTransportTest, TimesOutWithoutTheRestOfAnAnswer) {
  for (const std::string begun :
       {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}) {
    RawServer server({Say(begun)});
    CurlTransport transport(server.url(), kUserAgent);
    HttpRequest request = Get("/");
    request.timeout = milliseconds(50);
    EXPECT_EQ(ErrorOf(transport.Perform(request, {})), ErrorCode::kTimeout) << begun;
  }
}

TEST(CurlTransportTest, GivesNoLateAnswerToTheNextRequest) {
  // The first answer's rest would come on the first connection, so the second request must not.
  RawServer server(
      {Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), Say(Http("200 OK", "second"))});
  CurlTransport transport(server.url(), kUserAgent);
  HttpRequest request = Get("/1");
  request.timeout = milliseconds(200);
  EXPECT_EQ(ErrorOf(transport.Perform(request, {})), ErrorCode::kTimeout);
  EXPECT_EQ(AnswerTo(transport, Get("/2")), (Answer{200, "second", {}}));
  EXPECT_EQ(server.connections(), 2u);
}

TEST(CurlTransportTest, EndsAtOnceWhenAStopIsRequestedWhileItWaits) {
  RawServer server({SayNothing(), Say(Http("200 OK", "after"))});
  CurlTransport transport(server.url(), kUserAgent);
  std::stop_source source;
  const std::jthread stopper([&] {
    server.WaitForRequests(1);
    source.request_stop();
  });
  EXPECT_EQ(ErrorOf(transport.Perform(Get("/"), source.get_token())), ErrorCode::kCancelled);
  // And it can still be used, on a new connection.
  EXPECT_EQ(AnswerTo(transport, Get("/")), (Answer{200, "after", {}}));
  EXPECT_EQ(server.connections(), 2u);
}

TEST(CurlTransportTest, EndsAtOnceWhenAStopIsRequestedInTheMiddleOfABody) {
  RawServer server({Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")});
  CurlTransport transport(server.url(), kUserAgent);
  std::stop_source source;
  const std::jthread stopper([&] {
    server.WaitForRequests(1);
    source.request_stop();
  });
  EXPECT_EQ(ErrorOf(transport.Perform(Get("/"), source.get_token())), ErrorCode::kCancelled);
}

TEST(CurlTransportTest, SendsNothingWhenAStopWasRequestedBefore) {
  RawServer server({Say(Http("200 OK", "first")), Say(Http("200 OK", "second"))});
  CurlTransport transport(server.url(), kUserAgent);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(ErrorOf(transport.Perform(Get("/stopped"), source.get_token())), ErrorCode::kCancelled);
  EXPECT_EQ(AnswerTo(transport, Get("/later")), (Answer{200, "first", {}}));
  EXPECT_EQ(server.connections(), 1u);
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_THAT(server.requests()[0], StartsWith("GET /later "));
}

TEST(CurlTransportTest, IsNotDisturbedByAStopThatCouldComeButDoesNot) {
  RawServer server({Say(Http("200 OK", "calm"))});
  CurlTransport transport(server.url(), kUserAgent);
  const std::stop_source source;
  const auto response = transport.Perform(Get("/"), source.get_token());
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->body.Reveal(), "calm");
}

TEST(CurlTransportTest, NamesNoTokenInAnErrorMessage) {
  const ClosedPort port;
  RawServer hanging({SayNothing()});
  for (const std::string& url : {port.url(), hanging.url()}) {
    CurlTransport transport(url, kUserAgent);
    HttpRequest request = Get("/zQ7path");
    request.headers = {{"X-aliyun-ecs-metadata-token", "zQ7token"}};
    request.timeout = milliseconds(50);
    const auto response = transport.Perform(request, {});
    ASSERT_FALSE(response.has_value());
    EXPECT_THAT(response.error().message, Not(HasSubstr("zQ7")));
  }
}

TEST(CurlTransportTest, TellsTheDateOfTheService) {
  const std::pair<std::string, std::optional<SystemTime>> kCases[] = {
      {"Date: Tue, 07 Apr 2020 17:03:00 GMT\r\n", ParseUtc("2020-04-07T17:03:00Z")},
      {"date: Tue, 07 Apr 2020 17:03:00 GMT\r\n", ParseUtc("2020-04-07T17:03:00Z")},
      {"", std::nullopt},
      {"Date:\r\n", std::nullopt},
      {"Date: soon\r\n", std::nullopt},
      {"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", std::nullopt},
      {"Date: Fri, 01 Jan 9999 00:00:00 GMT\r\n", std::nullopt},
  };
  for (const auto& [header, expected] : kCases) {
    RawServer server({Say(Http("200 OK", "x", header))});
    CurlTransport transport(server.url(), kUserAgent);
    const auto response = transport.Perform(Get("/"), {});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->date, expected) << header;
  }
}

TEST(CurlTransportTest, TellsWhenTheAnswerCameThroughAProxy) {
  for (const auto& [header, expected] :
       {std::pair("", false), {"Via: 1.1 squid\r\n", true}, {"via: 1.1 x\r\n", true}}) {
    RawServer server({Say(Http("403 Forbidden", "x", header))});
    CurlTransport transport(server.url(), kUserAgent);
    const auto response = transport.Perform(Get("/"), {});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->through_proxy, expected) << header;
  }
}

TEST(CurlTransportTest, AHeadThatDoesNotEndIsNoAnswer) {
  const std::string line = "X-Endless: " + std::string(1000, 'x') + "\r\n";
  RawServer::Reply endless{{"HTTP/1.1 200 OK\r\n"}};
  for (int i = 0; i < 100; ++i) endless.pieces.push_back(line);
  RawServer server({endless});
  CurlTransport transport(server.url(), kUserAgent);
  const auto response = transport.Perform(Get("/"), {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace aliyun_ecs
