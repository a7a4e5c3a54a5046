#include "simulator/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "simulator/service.h"
#include "support/fake_clock.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// One TCP connection to 127.0.0.x:port, as a client without any library would use it.
class Connection {
 public:
  explicit Connection(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const auto colon = address.rfind(':');
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
    // A hang must fail the test, not the test run.
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(socket_); }

  // False when the server would not take all of it.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }

  // One response: head and, unless `without_body`, as much as Content-Length says.
  std::string Receive(bool without_body = false) {
    while (received_.find("\r\n\r\n") == std::string::npos) {
      if (!ReceiveMore()) return std::exchange(received_, "");
    }
    std::size_t size = received_.find("\r\n\r\n") + 4;
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const auto length = received_.find(kLength);
    if (!without_body && length < size) {
      std::size_t body = 0;
      std::from_chars(received_.data() + length + kLength.size(), received_.data() + size, body);
      size += body;
    }
    while (received_.size() < size && ReceiveMore()) {
    }
    auto response = received_.substr(0, size);
    received_.erase(0, size);
    return response;
  }

  // True when the server has nothing more to say and has closed.
  bool IsClosed() { return received_.empty() && !ReceiveMore(); }

  // True when it has ended, or does so within that time.
  [[nodiscard]] bool EndsWithin(std::chrono::milliseconds time) {
    pollfd polled{.fd = socket_, .events = POLLIN, .revents = 0};
    return poll(&polled, 1, static_cast<int>(time.count())) > 0 && !ReceiveMore();
  }

  // All until the end of the connection.
  std::string ReceiveAll() {
    while (ReceiveMore()) {
    }
    return std::exchange(received_, "");
  }
  // At least so many bytes, unless the connection ends.
  std::string ReceiveBytes(std::size_t count) {
    while (received_.size() < count && ReceiveMore()) {
    }
    return std::exchange(received_, "");
  }
  // Whether it ended by RST; known after it ended.
  [[nodiscard]] bool was_reset() const { return was_reset_; }

 private:
  bool ReceiveMore() {
    char piece[4096];
    const auto size = recv(socket_, piece, sizeof piece, 0);
    if (size < 0) was_reset_ = errno == ECONNRESET;
    if (size <= 0) return false;
    received_.append(piece, static_cast<std::size_t>(size));
    return true;
  }

  int socket_;
  std::string received_;
  bool was_reset_ = false;
};

// Answers with what it got.
Response Echo(const Request& request) {
  std::string body = request.method + " " + request.target + "\n";
  for (const auto& [name, value] : request.headers) body += name + "=" + value + "\n";
  body += std::to_string(request.body.size()) + " bytes: " + request.body.substr(0, 32);
  return {.headers = {{"X-Test", "1"}}, .body = std::move(body)};
}

class SimulatorServer : public ::testing::Test {
 protected:
  static std::unique_ptr<Server> StartServer(Handler handler = Echo,
                                             std::vector<std::string> addresses = {"127.0.0.1:0"}) {
    auto server = Server::Start(addresses, std::move(handler));
    EXPECT_TRUE(server) << server.error().message;
    return std::move(server).value();
  }

  static std::string Ask(const Server& server, std::string_view request) {
    Connection connection(server.addresses().at(0));
    connection.Send(request);
    return connection.Receive();
  }
};

TEST_F(SimulatorServer, PassesMethodTargetAndHeadersOnAsTheyAre) {
  const auto server = StartServer();
  const auto response = Ask(*server,
                            "GET /a%2Fb/../c//d?x=1&y HTTP/1.1\r\nHost: h\r\n"
                            "x-LOWER-Upper:  v  w\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nX-Test: 1\r\n"));
  EXPECT_THAT(response, HasSubstr("GET /a%2Fb/../c//d?x=1&y\n"));
  EXPECT_THAT(response, HasSubstr("x-LOWER-Upper=v  w\n"));
}

TEST_F(SimulatorServer, PassesAnEmptyQueryOn) {
  const auto server = StartServer();
  EXPECT_THAT(Ask(*server, "GET /a? HTTP/1.1\r\n\r\n"), HasSubstr("GET /a?\n"));
}

TEST_F(SimulatorServer, TakesAPutWithoutContentLength) {
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  connection.Send("PUT /token HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(connection.Receive(), EndsWith("\n0 bytes: "));
  connection.Send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(connection.Receive(), HasSubstr("GET /next\n"));
}

TEST_F(SimulatorServer, TakesAPutOfZeroLength) {
  const auto server = StartServer();
  EXPECT_THAT(Ask(*server, "PUT /token HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
              EndsWith("\n0 bytes: "));
}

TEST_F(SimulatorServer, TakesAPutWithABody) {
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  connection.Send("PUT /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(connection.Receive(), EndsWith("\n5 bytes: hello"));
  connection.Send(
      "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  EXPECT_THAT(connection.Receive(), EndsWith("\n7 bytes: abcdefg"));
  connection.Send("DELETE /next HTTP/1.1\r\n\r\n");
  EXPECT_THAT(connection.Receive(), HasSubstr("DELETE /next\n"));
}

TEST_F(SimulatorServer, InvitesABodyThatWaitsToBeInvited) {
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  connection.Send("PUT /x HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(connection.Receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send("hello");
  EXPECT_THAT(connection.Receive(), EndsWith("\n5 bytes: hello"));
}

TEST_F(SimulatorServer, PassesNoMoreOfABodyOnThanItPromises) {
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  const std::size_t size = 3 * Server::kLargestBodyRead;
  connection.Send("PUT /x HTTP/1.1\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                  std::string(size, 'x'));
  EXPECT_THAT(connection.Receive(),
              HasSubstr("\n" + std::to_string(Server::kLargestBodyRead) + " bytes: xxx"));
  connection.Send("GET /next HTTP/1.1\r\n\r\n");
  EXPECT_THAT(connection.Receive(), HasSubstr("GET /next\n"));
}

TEST_F(SimulatorServer, DoesNotPassAnUnfinishedBodyOn) {
  bool called = false;
  auto server = StartServer([&](const Request& request) {
    called = true;
    return Echo(request);
  });
  {
    Connection connection(server->addresses()[0]);
    connection.Send("PUT /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello");
    connection.EndSending();
    EXPECT_THAT(connection.Receive(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  }
  server.reset();
  EXPECT_FALSE(called);
}

TEST_F(SimulatorServer, KeepsAConnectionForManyRequests) {
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  for (int i = 0; i < 100; ++i) {
    connection.Send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto response = connection.Receive();
    ASSERT_THAT(response, HasSubstr("\r\nConnection: keep-alive\r\n"));
    ASSERT_THAT(response, HasSubstr("GET /" + std::to_string(i) + "\n"));
  }
}

TEST_F(SimulatorServer, ClosesWhenTheClientWishes) {
  const auto server = StartServer();
  for (const char* request :
       {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    Connection connection(server->addresses()[0]);
    connection.Send(request);
    EXPECT_THAT(connection.Receive(), HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_TRUE(connection.IsClosed());
  }
}

TEST_F(SimulatorServer, AnswersHeadWithoutTheBody) {
  const auto server = StartServer([](const Request&) { return Response{.body = "value"}; });
  Connection connection(server->addresses()[0]);
  connection.Send("HEAD /a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
  const auto head = connection.Receive(true);
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  const auto get = connection.Receive();
  EXPECT_THAT(get, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(get, EndsWith("\r\n\r\nvalue"));
}

TEST_F(SimulatorServer, WritesTheStatusWithItsReason) {
  const auto server = StartServer(
      [](const Request& request) { return ErrorPage(std::stoi(request.target.substr(1))); });
  EXPECT_THAT(Ask(*server, "GET /401 HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_THAT(Ask(*server, "GET /403 HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  const auto page = Ask(*server, "GET /404 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(page, HasSubstr("\r\nContent-Type: text/html\r\nContent-Length: 345\r\n"));
  EXPECT_THAT(Ask(*server, "PUT /405 HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  for (const auto& [status, reason] : {std::pair("301", "Moved Permanently"),
                                       {"302", "Found"},
                                       {"307", "Temporary Redirect"},
                                       {"308", "Permanent Redirect"},
                                       {"501", "Not Implemented"}}) {
    EXPECT_THAT(Ask(*server, std::string("GET /") + status + " HTTP/1.1\r\n\r\n"),
                StartsWith(std::string("HTTP/1.1 ") + status + ' ' + reason + "\r\n"));
  }
}

TEST_F(SimulatorServer, WritesNoContentWithoutALength) {
  const auto server = StartServer([](const Request&) { return Response{.status = 204}; });
  Connection connection(server->addresses()[0]);
  connection.Send("DELETE / HTTP/1.1\r\n\r\n");
  const auto response = connection.Receive();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(response, Not(HasSubstr("Content-")));
}

TEST_F(SimulatorServer, WritesNotModifiedWithoutABody) {
  const auto server =
      StartServer([](const Request&) { return Response{.status = 304, .body = "0123456789"}; });
  Connection connection(server->addresses()[0]);
  for (int i = 0; i < 2; ++i) {
    connection.Send("GET / HTTP/1.1\r\n\r\n");
    const auto response = connection.Receive();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 304 Not Modified\r\n"));
    EXPECT_THAT(response, Not(HasSubstr("Content-")));
  }
}

TEST_F(SimulatorServer, EmptyLinesDoNotKeepAConnectionFromItsEnd) {
  const auto server = Server::Start({"127.0.0.1:0"}, Echo, {.request = milliseconds(100)});
  ASSERT_TRUE(server);
  Connection connection((*server)->addresses()[0]);
  const auto limit = std::chrono::steady_clock::now() + seconds(10);
  bool ended = false;
  while (!ended && std::chrono::steady_clock::now() < limit) {
    connection.Send("\r\n");
    ended = connection.EndsWithin(milliseconds(10));
  }
  EXPECT_TRUE(ended);
}

TEST_F(SimulatorServer, AnswersNonsenseWithAPage) {
  const auto server = StartServer();
  const auto response = Ask(*server, "nonsense\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(response, HasSubstr("<title>400 - Bad Request</title>"));
}

TEST_F(SimulatorServer, SurvivesAHandlerThatThrows) {
  const auto server =
      StartServer([](const Request&) -> Response { throw std::runtime_error("test"); });
  EXPECT_THAT(Ask(*server, "GET / HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
}

TEST_F(SimulatorServer, ListensOnSeveralAddresses) {
  const auto server = StartServer(Echo, {"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"});
  ASSERT_EQ(server->addresses().size(), 3U);
  EXPECT_THAT(server->addresses()[0], StartsWith("127.0.0.1:"));
  EXPECT_THAT(server->addresses()[1], StartsWith("127.0.0.2:"));
  for (const auto& address : server->addresses()) {
    EXPECT_THAT(address, Not(EndsWith(":0")));
    Connection connection(address);
    connection.Send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_THAT(connection.Receive(), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
}

TEST_F(SimulatorServer, SaysInOneSentenceThatAPortIsTaken) {
  const auto first = StartServer();
  const auto& taken = first->addresses()[0];
  const auto second = Server::Start({"127.0.0.1:0", taken}, Echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "cannot listen on " + taken + ": address already in use");
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(Ask(*first, "GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(SimulatorServer, SaysInOneSentenceWhatIsWrongWithAnAddress) {
  const auto complaint = [](std::vector<std::string> addresses) {
    const auto server = Server::Start(addresses, Echo);
    return server ? "no complaint" : server.error().message;
  };
  EXPECT_EQ(complaint({"192.0.2.1:0"}),
            "cannot listen on 192.0.2.1:0: cannot assign requested address");
  EXPECT_EQ(complaint({"nowhere"}), "cannot listen on nowhere: this is not HOST:PORT");
  std::string free;
  { free = StartServer()->addresses()[0]; }
  EXPECT_EQ(complaint({free, free}), "cannot listen on " + free + ": it is given twice");
}

TEST_F(SimulatorServer, KnowsTheFormsOfAnAddress) {
  for (const char* address : {"127.0.0.1:0", ":10280", "localhost:80", "[::1]:65535", "[::]:1"}) {
    EXPECT_TRUE(Server::IsAddress(address)) << address;
  }
  for (const char* address :
       {"", "127.0.0.1", "10280", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
        "127.0.0.1:http", "127.0.0.1:80s", "127.0.0.1:+80", "http://127.0.0.1:80"}) {
    EXPECT_FALSE(Server::IsAddress(address)) << address;
  }
}

TEST_F(SimulatorServer, ServesManyClientsAtOnce) {
  std::mutex mutex;
  int calls = 0;
  auto server = StartServer([&](const Request& request) {
    const std::lock_guard lock(mutex);
    ++calls;
    return Echo(request);
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      Connection connection(server->addresses()[0]);
      for (int j = 0; j < 50; ++j) {
        connection.Send("PUT /latest/api/token HTTP/1.1\r\n\r\n");
        EXPECT_THAT(connection.Receive(), StartsWith("HTTP/1.1 200 OK\r\n"));
      }
    });
  }
  for (auto& client : clients) client.join();
  server.reset();
  EXPECT_EQ(calls, 16 * 50);
}

TEST_F(SimulatorServer, EndsOpenConnectionsWhenItStops) {
  auto server = StartServer();
  Connection connection(server->addresses()[0]);
  connection.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(connection.Receive(), StartsWith("HTTP/1.1 200 OK\r\n"));
  server.reset();
  EXPECT_TRUE(connection.IsClosed());
}

TEST_F(SimulatorServer, AnswersRequestsThatComeInOnePieceOneAfterTheOther) {
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  // So many that a server which nests them would not survive.
  constexpr int kRequests = 5000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  std::thread sender([&] { connection.Send(requests); });
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_THAT(connection.Receive(), HasSubstr("GET /" + std::to_string(i) + "\n"));
  }
  sender.join();
}

TEST_F(SimulatorServer, TellsTheHandlerUnderWhichAddressItWasAsked) {
  const auto server = StartServer(
      [](const Request& request) { return Response{.body = request.local_address}; }, {":0"});
  const auto port = server->addresses()[0].substr(server->addresses()[0].rfind(':'));
  for (const char* host : {"127.0.0.1", "127.0.0.2", "127.0.0.77"}) {
    Connection connection(host + port);
    connection.Send("GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n");
    EXPECT_THAT(connection.Receive(), EndsWith(std::string("\r\n\r\n") + host));
  }
}

TEST_F(SimulatorServer, WritesTheDateItIsGivenOrNone) {
  const auto server = StartServer([](const Request& request) {
    Response response;
    if (request.target == "/date") {
      response.date = std::chrono::sys_days(std::chrono::year(2026) / 2 / 1) +
                      std::chrono::hours(13) + std::chrono::seconds(59);
    }
    return response;
  });
  EXPECT_THAT(Ask(*server, "GET /date HTTP/1.1\r\n\r\n"),
              HasSubstr("\r\nDate: Sun, 01 Feb 2026 13:00:59 GMT\r\n"));
  EXPECT_THAT(Ask(*server, "GET / HTTP/1.1\r\n\r\n"), Not(HasSubstr("Date")));
}

// Trouble, as it looks from the other end.

class SimulatorServerTrouble : public SimulatorServer {
 protected:
  // A server whose every answer but that to /well is carried so.
  static std::unique_ptr<Server> StartTrouble(const Delivery& delivery,
                                              std::string body = "0123456789",
                                              const Patience& patience = {}) {
    auto server = Server::Start(
        {"127.0.0.1:0"},
        [delivery, body](const Request& request) {
          Response response{.body = body};
          if (request.target != "/well") response.delivery = delivery;
          return response;
        },
        patience);
    EXPECT_TRUE(server);
    return *std::move(server);
  }
  static void ExpectWell(const Server& server) {
    EXPECT_THAT(Ask(server, "GET /well HTTP/1.1\r\n\r\n"), EndsWith("0123456789"));
  }
  static constexpr std::string_view kGet = "GET / HTTP/1.1\r\n\r\n";
};

TEST_F(SimulatorServerTrouble, CutsABodyShort) {
  const auto server = StartTrouble({.how = Delivery::How::kCut});
  Connection connection(server->addresses()[0]);
  connection.Send(kGet);
  const auto all = connection.ReceiveAll();
  EXPECT_THAT(all, HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_THAT(all, EndsWith("\r\n\r\n01234"));
  EXPECT_FALSE(connection.was_reset());
  ExpectWell(*server);
}

TEST_F(SimulatorServerTrouble, ResetsAConnection) {
  const auto server = StartTrouble({.how = Delivery::How::kReset});
  Connection connection(server->addresses()[0]);
  connection.Send(kGet);
  EXPECT_EQ(connection.ReceiveAll(), "");
  EXPECT_TRUE(connection.was_reset());
  ExpectWell(*server);
}

TEST_F(SimulatorServerTrouble, ClosesAConnectionWithoutAWord) {
  const auto server = StartTrouble({.how = Delivery::How::kClose});
  Connection connection(server->addresses()[0]);
  connection.Send(kGet);
  EXPECT_EQ(connection.ReceiveAll(), "");
  EXPECT_FALSE(connection.was_reset());
}

TEST_F(SimulatorServerTrouble, AnswersWithBytesThatAreNoHttp) {
  const auto server = StartTrouble({.how = Delivery::How::kGarbage}, "\x16\x03garbage");
  Connection connection(server->addresses()[0]);
  connection.Send(kGet);
  EXPECT_EQ(connection.ReceiveAll(), "\x16\x03garbage");
}

TEST_F(SimulatorServerTrouble, EndsInOrderThoughTheClientHasSaidMore) {
  using How = Delivery::How;
  const std::string more(4 * 64 * 1024, 'x');
  for (const auto& [how, end] :
       {std::pair(How::kClose, ""), {How::kCut, "\r\n\r\n01234"}, {How::kGarbage, "0123456789"}}) {
    const auto server = StartTrouble({.how = how}, "0123456789", {.farewell = hours(1)});
    Connection connection(server->addresses()[0]);
    EXPECT_TRUE(connection.Send(std::string(kGet) + more));
    EXPECT_THAT(connection.ReceiveAll(), EndsWith(end));
    EXPECT_FALSE(connection.was_reset()) << end;
  }
  const auto server = StartServer();
  Connection connection(server->addresses()[0]);
  EXPECT_TRUE(connection.Send(more));
  EXPECT_THAT(connection.ReceiveAll(), StartsWith("HTTP/1.1 431 "));
  EXPECT_FALSE(connection.was_reset());
}

TEST_F(SimulatorServerTrouble, WaitsForNobodyToEndForLong) {
  const auto server = Server::Start({"127.0.0.1:0"},
                                    [](const Request& request) {
                                      Response response{.body = "0123456789"};
                                      if (request.target != "/well")
                                        response.delivery.how = Delivery::How::kClose;
                                      return response;
                                    },
                                    {.farewell = milliseconds(1)});
  ASSERT_TRUE(server);
  std::vector<std::unique_ptr<Connection>> open;
  for (std::size_t i = 0; i < Server::kMostConnections; ++i) {
    open.push_back(std::make_unique<Connection>((*server)->addresses()[0]));
    open.back()->Send(kGet);
    EXPECT_EQ(open.back()->ReceiveAll(), "");
  }
  ExpectWell(**server);
}

TEST_F(SimulatorServerTrouble, ListensToNobodyForLongAfterItsEnd) {
  const auto server = Server::Start({"127.0.0.1:0"}, [](const Request&) { return Response{}; },
                                    {.farewell = hours(1)});
  ASSERT_TRUE(server);
  Connection connection((*server)->addresses()[0]);
  connection.Send("nonsense\r\n\r\n");
  // More than all buffers on the way hold.
  EXPECT_FALSE(connection.Send(std::string(64 * 1024 * 1024, 'x')));
}

TEST_F(SimulatorServerTrouble, LiesAboutTheLength) {
  for (const auto& [by, length] : {std::pair(5, "15"), {-4, "6"}, {-400, "0"}}) {
    const auto server = StartTrouble({.wrong_length_by = by});
    Connection connection(server->addresses()[0]);
    connection.Send(kGet);
    const auto all = connection.ReceiveAll();
    EXPECT_THAT(all, HasSubstr(std::string("\r\nContent-Length: ") + length + "\r\n"));
    EXPECT_THAT(all, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(all, EndsWith("\r\n\r\n0123456789"));
  }
}

TEST_F(SimulatorServerTrouble, DripsTheWholeAnswer) {
  const auto server = StartTrouble({.how = Delivery::How::kDrip,
                                    .drip_bytes = 7,
                                    .drip_interval = std::chrono::microseconds(1)});
  Connection connection(server->addresses()[0]);
  for (int i = 0; i < 2; ++i) {
    connection.Send(kGet);
    EXPECT_THAT(connection.Receive(), EndsWith("\r\n\r\n0123456789"));
  }
}

TEST_F(SimulatorServerTrouble, DripsOnePieceAtATime) {
  auto server = StartTrouble(
      {.how = Delivery::How::kDrip, .drip_bytes = 5, .drip_interval = std::chrono::hours(1)});
  Connection connection(server->addresses()[0]);
  connection.Send(kGet);
  EXPECT_EQ(connection.ReceiveBytes(5), "HTTP/");
  ExpectWell(*server);
  server.reset();
  EXPECT_EQ(connection.ReceiveAll(), "");
}

TEST_F(SimulatorServerTrouble, DelaysAnAnswer) {
  const auto server = StartTrouble({.delay = std::chrono::milliseconds(1)});
  Connection connection(server->addresses()[0]);
  connection.Send(kGet);
  // One that has said all it has to say still waits for the answer.
  connection.EndSending();
  EXPECT_THAT(connection.ReceiveAll(), EndsWith("\r\n\r\n0123456789"));
}

TEST_F(SimulatorServerTrouble, HangsAndDelaysHoldNobodyUpNotEvenTheEnd) {
  for (const auto& delivery :
       {Delivery{.how = Delivery::How::kHang}, Delivery{.delay = std::chrono::hours(1)}}) {
    auto server = StartTrouble(delivery);
    std::vector<std::unique_ptr<Connection>> waiting;
    for (int i = 0; i < 200; ++i) {
      waiting.push_back(std::make_unique<Connection>(server->addresses()[0]));
      waiting.back()->Send(kGet);
    }
    ExpectWell(*server);
    server.reset();
    for (const auto& connection : waiting) EXPECT_EQ(connection->ReceiveAll(), "");
  }
}

TEST_F(SimulatorServerTrouble, AClientThatGivesUpOnAHangIsForgotten) {
  const auto server = StartTrouble({.how = Delivery::How::kHang});
  // More than there may be at a time.
  for (std::size_t i = 0; i < Server::kMostConnections + 50; ++i) {
    Connection connection(server->addresses()[0]);
    connection.Send(kGet);
  }
  ExpectWell(*server);
}

// The service itself over a socket.

class SimulatorOverSockets : public SimulatorServer {
 protected:
  static InstanceStart Start() {
    InstanceStart start;
    start.tree = Tree::FromCatalog({});
    start.access.http_tokens = HttpTokens::kRequired;
    return start;
  }

  FakeClock clock_;
  Service service_{Start(), clock_};
  std::unique_ptr<Server> server_ =
      StartServer([this](const Request& request) { return service_.Handle(request); });
};

TEST_F(SimulatorOverSockets, TakesTheTokenPutInEveryFormThatClientsUse) {
  Connection connection(server_->addresses()[0]);
  for (const char* rest :
       {" HTTP/1.1\r\nHost: h\r\nX-aliyun-ecs-metadata-token-ttl-seconds: 180\r\n\r\n",
        " HTTP/1.1\r\nX-aliyun-ecs-metadata-token-ttl-seconds:180\r\n\r\n",
        "? HTTP/1.1\r\nX-Aliyun-Ecs-Metadata-Token-Ttl-Seconds: 180\r\nContent-Length: 0\r\n\r\n",
        " HTTP/1.1\r\nx-aliyun-ecs-metadata-token-ttl-seconds: 180\r\nContent-Length: "
        "2\r\n\r\n{}",
        " HTTP/1.1\r\nx-aliyun-ecs-metadata-token-ttl-seconds: 180\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n"}) {
    connection.Send(std::string("PUT /latest/api/token") + rest);
    const auto response = connection.Receive();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n")) << rest;
    const auto token = response.substr(response.find("\r\n\r\n") + 4);
    connection.Send("GET /latest/meta-data/mac HTTP/1.1\r\nX-Aliyun-Ecs-Metadata-Token: " + token +
                    "\r\n\r\n");
    EXPECT_THAT(connection.Receive(), EndsWith("\r\n\r\n00:16:3e:00:00:01"));
  }
}

TEST_F(SimulatorOverSockets, RefusesAsTheServiceDoes) {
  Connection connection(server_->addresses()[0]);
  for (const auto& [request, status] : std::vector<std::pair<const char*, const char*>>{
           {"GET /latest/api/token HTTP/1.1\r\n\r\n", "405 Method Not Allowed"},
           {"PUT /latest/api/token HTTP/1.1\r\nX-Forwarded-For: a\r\n\r\n", "403 Forbidden"},
           {"PUT /latest/api/token HTTP/1.1\r\nX-aliyun-ecs-metadata-token-ttl-seconds: "
            "21700\r\n\r\n",
            "400 Bad Request"},
           {"GET /latest/meta-data/mac HTTP/1.1\r\n\r\n", "403 Forbidden"},
           {"GET /latest/meta-data/mac HTTP/1.1\r\nx-aliyun-ecs-metadata-token: aaa\r\n\r\n",
            "401 Unauthorized"}}) {
    connection.Send(request);
    const auto response = connection.Receive();
    EXPECT_THAT(response, StartsWith(std::string("HTTP/1.1 ") + status + "\r\n"));
    EXPECT_THAT(response, HasSubstr("\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
    EXPECT_THAT(response, HasSubstr("\r\nContent-Type: text/html\r\n"));
    EXPECT_THAT(response, EndsWith("</html>\n"));
  }
}

}  // namespace
}  // namespace aliyun_ecs::simulator
