#include "simulator/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace aliyun_ecs::simulator {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using State = RequestParser::State;

// The status that the bytes are refused with, 0 for none.
int Refusal(std::string_view bytes) {
  RequestParser parser;
  parser.Feed(bytes);
  return parser.state() == State::kBroken ? parser.error_status() : 0;
}

TEST(SimulatorRequestParser, TakesARequestInOnePiece) {
  RequestParser parser;
  EXPECT_FALSE(parser.is_midway());
  ASSERT_EQ(parser.Feed("PUT /latest/api/token? HTTP/1.1\r\nHost: h\r\nx-A:  b c \r\n\r\n"),
            State::kComplete);
  EXPECT_EQ(parser.request().method, "PUT");
  EXPECT_EQ(parser.request().target, "/latest/api/token?");
  EXPECT_THAT(parser.request().headers, ElementsAre(Pair("Host", "h"), Pair("x-A", "b c")));
  EXPECT_EQ(parser.request().body, "");
  EXPECT_TRUE(parser.keep_alive());
}

TEST(SimulatorRequestParser, TakesTheSameRequestInAnyPieces) {
  constexpr std::string_view kBytes =
      "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
  for (std::size_t size = 1; size <= kBytes.size(); ++size) {
    RequestParser parser;
    std::string seen;
    for (std::size_t at = 0; at < kBytes.size(); at += size) {
      parser.Feed(kBytes.substr(at, size));
      while (parser.state() == State::kComplete) {
        seen += parser.request().method + parser.request().target + parser.request().body + ' ';
        parser.Next();
      }
    }
    EXPECT_EQ(seen, "PUT/ahello! GET/b ") << size;
    EXPECT_FALSE(parser.is_midway());
  }
}

TEST(SimulatorRequestParser, TakesBareLineFeedsAndEmptyLinesInFront) {
  RequestParser parser;
  ASSERT_EQ(parser.Feed("\r\n\nGET / HTTP/1.0\nA: b\n\n"), State::kComplete);
  EXPECT_THAT(parser.request().headers, ElementsAre(Pair("A", "b")));
  EXPECT_FALSE(parser.keep_alive());
}

TEST(SimulatorRequestParser, KnowsWhenTheConnectionIsToEnd) {
  const auto keeps_alive = [](std::string_view version, std::string_view connection) {
    RequestParser parser;
    EXPECT_EQ(parser.Feed("GET / " + std::string(version) +
                          "\r\nConnection: " + std::string(connection) + "\r\n\r\n"),
              State::kComplete);
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps_alive("HTTP/1.1", "Keep-Alive"));
  EXPECT_FALSE(keeps_alive("HTTP/1.1", "TE, Close"));
  EXPECT_TRUE(keeps_alive("HTTP/1.0", "keep-alive"));
  EXPECT_FALSE(keeps_alive("HTTP/1.0", "x"));
}

TEST(SimulatorRequestParser, TakesTheTargetAsAProxysClientWritesIt) {
  RequestParser parser;
  ASSERT_EQ(parser.Feed("GET http://100.100.100.200/latest/?x HTTP/1.1\r\n\r\n"), State::kComplete);
  EXPECT_EQ(parser.request().target, "/latest/?x");
}

TEST(SimulatorRequestParser, RefusesWhatIsNoRequest) {
  for (const char* bytes :
       {"nonsense\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n",
        "GET / FTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"}) {
    EXPECT_EQ(Refusal(bytes), 400) << bytes;
  }
  EXPECT_EQ(Refusal("GET / HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(Refusal("PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"), 413);
  EXPECT_EQ(Refusal("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"), 413);
}

TEST(SimulatorRequestParser, EndlessHeadsAreRefused) {
  // The last two bytes may be the beginning of the empty line.
  EXPECT_EQ(Refusal(std::string(RequestParser::kLargestHead + 2, 'x')), 0);
  EXPECT_EQ(Refusal(std::string(RequestParser::kLargestHead + 3, 'x')), 431);
  std::string many = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i <= RequestParser::kMostHeaders; ++i) many += "A: b\r\n";
  EXPECT_EQ(Refusal(many + "\r\n"), 431);
}

TEST(SimulatorRequestParser, TakesTheLargestHeadHoweverItArrives) {
  constexpr std::string_view kStart = "GET / HTTP/1.1\r\nA: ";
  for (const std::string_view line_end : {"\r\n", "\n"}) {
    for (const std::size_t excess : {0U, 1U}) {
      // What comes before the line feed that the empty line follows.
      std::string request(kStart);
      request.resize(RequestParser::kLargestHead + excess - (line_end.size() - 1), 'x');
      request += line_end;
      request += line_end;
      for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, request.size()}) {
        RequestParser parser;
        for (std::size_t at = 0; at < request.size(); at += piece) {
          parser.Feed(std::string_view(request).substr(at, piece));
        }
        EXPECT_EQ(parser.state(), excess == 0 ? State::kComplete : State::kBroken) << piece;
        EXPECT_EQ(parser.error_status(), excess == 0 ? 0 : 431) << piece;
      }
    }
  }
}

TEST(SimulatorRequestParser, KeepsNoMoreOfABodyThanItPromises) {
  RequestParser parser;
  const std::size_t size = 2 * RequestParser::kLargestBodyKept;
  parser.Feed("PUT / HTTP/1.1\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  EXPECT_TRUE(parser.is_midway());
  EXPECT_EQ(parser.Feed(std::string(size, 'x')), State::kComplete);
  EXPECT_EQ(parser.request().body.size(), RequestParser::kLargestBodyKept);
}

TEST(SimulatorRequestParser, ABodyThatCameIsNotInvited) {
  constexpr std::string_view kHead =
      "PUT / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
  RequestParser waits;
  waits.Feed(kHead);
  EXPECT_TRUE(waits.TakeInvitation());
  EXPECT_FALSE(waits.TakeInvitation());
  RequestParser does_not;
  EXPECT_EQ(does_not.Feed(std::string(kHead) + "x"), State::kComplete);
  EXPECT_FALSE(does_not.TakeInvitation());
}

}  // namespace
}  // namespace aliyun_ecs::simulator
