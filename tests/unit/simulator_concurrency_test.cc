#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "simulator/control.h"
#include "simulator/server.h"
#include "simulator/service.h"
#include "simulator/start.h"
#include "support/fake_clock.h"

// Everything at once; mostly for ThreadSanitizer.

namespace aliyun_ecs::simulator {
namespace {

constexpr int kInstances = 3;

class SimulatorConcurrency : public ::testing::Test {
 protected:
  static std::vector<InstanceStart> Starts() {
    StartOptions options;
    options.instances = kInstances;
    Complaints complaints;
    return MakeStarts(options, std::nullopt, complaints);
  }
  static std::string AddressOf(int number) { return "127.0.0." + std::to_string(number); }

  Response Ask(std::string method, std::string target, int number, Headers headers = {}) {
    return service_.Handle({.method = std::move(method),
                            .target = std::move(target),
                            .headers = std::move(headers),
                            .local_address = AddressOf(number)});
  }
  Response Call(std::string method, std::string target, std::string body = "") {
    return control_.Handle(
        {.method = std::move(method), .target = std::move(target), .body = std::move(body)});
  }

  // What an operator in a hurry does, round after round, with instance `number`.
  void Meddle(int number, int rounds) {
    const auto query = "?instance=" + std::to_string(number);
    for (int i = 0; i < rounds; ++i) {
      EXPECT_EQ(Call("PUT", "/control/faults" + query,
                     R"({"faults": [{"fault": "status", "path": "*/hostname", "probability": 0.5},
                                    {"fault": "throttle", "path": "*/zone-id", "rate": 5, "burst": 2}]})")
                    .status,
                200);
      EXPECT_EQ(
          Call("PUT", "/control/options" + query,
               i % 2 == 0 ? R"({"http_tokens": "required"})" : R"({"http_tokens": "optional"})")
              .status,
          200);
      EXPECT_EQ(Call("PUT", "/control/spot-termination" + query,
                     R"({"in_seconds": 900, "lead_seconds": 300})")
                    .status,
                200);
      const auto mac = Call("POST", "/control/interfaces" + query);
      EXPECT_EQ(mac.status, 200);
      EXPECT_EQ(Call("POST", "/control/credentials/rotate" + query).status, 200);
      EXPECT_EQ(
          Call("PUT", "/control/tags" + query, R"({"round": ")" + std::to_string(i) + "\"}").status,
          200);
      EXPECT_EQ(Call("GET", "/control/journal" + query).status, 200);
      EXPECT_EQ(Call("GET", "/metrics").status, 200);
      EXPECT_EQ(Call("DELETE", "/control/interfaces/" + InterfaceName(number, 2) + query).status,
                204);
      EXPECT_EQ(Call("DELETE", "/control/spot-termination" + query).status, 204);
      EXPECT_EQ(Call("DELETE", "/control/faults" + query).status, 204);
      EXPECT_EQ(Call("PUT", "/control/protocol",
                     i % 2 == 0 ? R"({"date": "absent"})" : R"({"date": "sent"})")
                    .status,
                200);
    }
  }

  FakeClock clock_;
  Service service_{Starts(), {}, clock_};
  Control control_{service_};
};

TEST_F(SimulatorConcurrency, ClientsOperatorsAndTimeGoOnTogether) {
  constexpr int kRounds = 60;
  std::atomic<std::uint64_t> tokens = 0, requests = 0;
  std::vector<std::thread> threads;
  for (int client = 0; client < 8; ++client) {
    threads.emplace_back([&, number = 1 + client % kInstances] {
      for (int i = 0; i < kRounds; ++i) {
        const auto put =
            Ask("PUT", "/latest/api/token", number, {{std::string(kTokenTtlHeader), "21600"}});
        EXPECT_EQ(put.status, 200);
        ++tokens;
        const Headers token = {{std::string(kTokenHeader), put.body}};
        // Whatever the mode is, a token of one's own is good and another's is not.
        EXPECT_EQ(Ask("GET", "/latest/meta-data/mac", number, token).body,
                  InterfaceName(number, 1));
        EXPECT_EQ(Ask("GET", "/latest/meta-data/mac", 1 + number % kInstances, token).status, 401);
        for (const char* item :
             {"hostname", "zone-id", "tags/instance/", "all", "network/interfaces/macs/",
              "instance/spot/termination-time", "ram/security-credentials/SimulatedEcsRole"}) {
          const auto status =
              Ask("GET", std::string("/latest/meta-data/") + item, number, token).status;
          EXPECT_TRUE((std::set{200, 404, 429, 503}).contains(status)) << item << ' ' << status;
        }
        requests += 10;
        clock_.Advance(std::chrono::milliseconds(100));
      }
    });
  }
  for (int number = 1; number <= kInstances; ++number) {
    threads.emplace_back([&, number] { Meddle(number, kRounds / 2); });
  }
  for (auto& thread : threads) thread.join();

  const auto counters = service_.counters();
  EXPECT_EQ(counters.tokens_issued, tokens);
  std::uint64_t counted = 0, journalled = 0;
  for (const auto& [status, count] : counters.requests_by_status) counted += count;
  for (int number = 1; number <= kInstances; ++number) {
    journalled += service_.journal(number).total();
  }
  EXPECT_EQ(counted, requests);
  EXPECT_EQ(journalled, requests);
}

TEST_F(SimulatorConcurrency, AResetMayComeAtAnyMoment) {
  std::vector<std::thread> threads;
  for (int number = 1; number <= kInstances; ++number) {
    threads.emplace_back([&, number] {
      // Not until the resets are done: a mutex is not fair, and they might be very late.
      for (int i = 0; i < 200; ++i) {
        const auto put =
            Ask("PUT", "/latest/api/token", number, {{std::string(kTokenTtlHeader), "60"}});
        const auto status =
            Ask("GET", "/latest/meta-data/mac", number, {{std::string(kTokenHeader), put.body}})
                .status;
        EXPECT_TRUE(status == 200 || status == 401) << status;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Call("PUT", "/control/tags", R"({"a": "b"})").status, 200);
    EXPECT_EQ(Call("POST", "/control/reset").status, 200);
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(SimulatorConcurrency, TheSameOverSockets) {
  auto metadata = Server::Start(
      {"127.0.0.1:0"}, [this](const Request& request) { return service_.Handle(request); });
  auto control = Server::Start({"127.0.0.1:0"},
                               [this](const Request& request) { return control_.Handle(request); });
  ASSERT_TRUE(metadata);
  ASSERT_TRUE(control);
  // Sends the requests on one connection, and returns all that came back.
  const auto converse = [](const Server& server, std::string bytes) {
    const auto& address = server.addresses()[0];
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(socket, reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
    EXPECT_EQ(send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string all;
    char piece[4096];
    for (ssize_t size; (size = recv(socket, piece, sizeof piece, 0)) > 0;) {
      all.append(piece, static_cast<std::size_t>(size));
    }
    close(socket);
    return all;
  };
  std::vector<std::thread> threads;
  for (int client = 0; client < 8; ++client) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto all = converse(
            **metadata,
            "PUT /latest/api/token HTTP/1.1\r\nX-aliyun-ecs-metadata-token-ttl-seconds: 60\r\n\r\n"
            "GET /latest/meta-data/ HTTP/1.1\r\nConnection: close\r\n\r\n");
        EXPECT_THAT(all, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
      }
    });
  }
  for (int operators = 0; operators < 2; ++operators) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto all =
            converse(**control,
                     "PUT /control/faults HTTP/1.1\r\nContent-Length: 64\r\n\r\n"
                     R"({"faults":[{"fault":"close","path":"*/meta-data/","times":100}]})"
                     "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
        EXPECT_THAT(all, ::testing::HasSubstr("aliyun_ecs_simulator_instances 3"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace aliyun_ecs::simulator
