#include "expose/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "client/curl_transport.h"

namespace aliyun_ecs {
namespace {

WebResponse Echo(const WebRequest& request) {
  WebResponse response;
  response.body = std::string(request.method) + " " + std::string(request.path);
  return response;
}

std::vector<ListenAddress> AnyPort() { return {{"127.0.0.1", 0}}; }

HttpResponse Get(const HttpServer& server, const std::string& path) {
  CurlTransport transport("http://" + server.addresses().front().ToString(), "test/1");
  HttpRequest request;
  request.path = path;
  request.timeout = std::chrono::seconds(60);
  request.max_body_bytes = 1 << 20;
  auto response = transport.Perform(request, {});
  EXPECT_TRUE(response) << response.error().message;
  return response ? *std::move(response) : HttpResponse();
}

TEST(ListenAddressTest, RefusesAZeroByte) {
  // The web server's list of addresses would end there.
  EXPECT_FALSE(ListenAddress::Parse(std::string_view("[::1\0x]:1", 9)));
  EXPECT_FALSE(ListenAddress::Parse(std::string_view("127.0.0.1\0:1", 12)));
}

TEST(ListenAddressTest, UnderstandsTheFormsOfExporters) {
  for (const auto* const text :
       {":10200", "127.0.0.1:10200", "[::1]:10200", "[::]:0", "0.0.0.0:1"}) {
    const auto address = ListenAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  for (const auto* const text :
       {"", "10200", ":", ":x", ":-1", ":65536", "::1:80", "[::1]", "[]:1", "[127.0.0.1]:1",
        "localhost:80", "1.2.3:4", ":80 ", "+80", ":80s", "1.2.3.4:80,:81"}) {
    EXPECT_FALSE(ListenAddress::Parse(text)) << text;
  }
}

TEST(HttpServerTest, TellsThePortThatTheSystemChose) {
  const auto server = HttpServer::Start({{"127.0.0.1", 0}, {"127.0.0.1", 0}}, &Echo);
  ASSERT_TRUE(server);
  ASSERT_EQ((*server)->addresses().size(), 2u);
  EXPECT_NE((*server)->addresses()[0].port, 0);
  EXPECT_NE((*server)->addresses()[0].port, (*server)->addresses()[1].port);
}

TEST(HttpServerTest, HandsTheHandlerMethodAndPathWithoutTheQuery) {
  const auto server = HttpServer::Start(AnyPort(), &Echo);
  ASSERT_TRUE(server);
  const HttpResponse response = Get(**server, "/a/b?c=d");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.Reveal(), "GET /a/b");
}

TEST(HttpServerTest, APortInUseIsOneSentence) {
  const auto first = HttpServer::Start(AnyPort(), &Echo);
  ASSERT_TRUE(first);
  const auto second = HttpServer::Start((*first)->addresses(), &Echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  const std::string& sentence = second.error().message;
  EXPECT_NE(sentence.find("cannot listen on " + (*first)->addresses()[0].ToString()),
            std::string::npos)
      << sentence;
  EXPECT_EQ(sentence.find('\n'), std::string::npos);
}

TEST(HttpServerTest, AnExceptionInTheHandlerIsA500AndNotTheEnd) {
  const auto server = HttpServer::Start(AnyPort(), [](const WebRequest& request) -> WebResponse {
    if (request.path == "/bad") throw std::runtime_error("a bug");
    return Echo(request);
  });
  ASSERT_TRUE(server);
  const HttpResponse response = Get(**server, "/bad");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.Reveal().find("a bug"), std::string_view::npos);
  EXPECT_EQ(Get(**server, "/good").status, 200);
}

TEST(HttpServerTest, AnswersFromSeveralThreadsAtOnce) {
  // Each request is answered only when both have come.
  std::atomic<int> inside{0};
  const auto server = HttpServer::Start(AnyPort(), [&](const WebRequest& request) {
    ++inside;
    while (inside < 2) std::this_thread::yield();
    return Echo(request);
  });
  ASSERT_TRUE(server);
  std::thread other([&] { EXPECT_EQ(Get(**server, "/other").status, 200); });
  EXPECT_EQ(Get(**server, "/one").status, 200);
  other.join();
}

TEST(HttpServerTest, OneRequestTooManyIsAnswered503AtOnce) {
  std::atomic<bool> inside{false}, go_on{false};
  const auto server = HttpServer::Start(AnyPort(),
                                        [&](const WebRequest& request) {
                                          inside = true;
                                          while (!go_on) std::this_thread::yield();
                                          return Echo(request);
                                        },
                                        {.max_requests = 1});
  ASSERT_TRUE(server);
  std::thread first([&] { EXPECT_EQ(Get(**server, "/first").status, 200); });
  while (!inside) std::this_thread::yield();
  EXPECT_EQ(Get(**server, "/second").status, 503);
  go_on = true;
  first.join();
  EXPECT_EQ(Get(**server, "/third").status, 200);
}

}  // namespace
}  // namespace aliyun_ecs
