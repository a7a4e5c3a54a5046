#include "simulator/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/fake_clock.h"

namespace aliyun_ecs::simulator {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SimulatorControl : public ::testing::Test {
 protected:
  static InstanceStart Start() {
    InstanceStart start;
    start.tree = Tree::FromCatalog({});
    start.role = "SimulatedEcsRole";
    return start;
  }

  Response Call(std::string method, std::string target, std::string body = "") {
    return control_.Handle(
        {.method = std::move(method), .target = std::move(target), .body = std::move(body)});
  }
  std::vector<std::string> ErrorsOf(const Response& response) {
    EXPECT_EQ(response.content_type, "application/json");
    return json::parse(response.body).at("errors");
  }
  // What the service answers below meta-data/, "404" where it does.
  std::string Item(const std::string& path) {
    const auto response = service_.Handle({.method = "GET", .target = "/latest/meta-data/" + path});
    return response.status == 200 ? response.body : std::to_string(response.status);
  }

  FakeClock clock_;
  Service service_{Start(), clock_};
  Control control_{service_};
};

TEST_F(SimulatorControl, ShowsAndChangesTheAccessOptions) {
  const auto before = Call("GET", "/control/options");
  EXPECT_EQ(before.status, 200);
  EXPECT_EQ(json::parse(before.body),
            (json{{"http_tokens", "optional"}, {"http_endpoint", "enabled"}}));

  EXPECT_EQ(Call("PUT", "/control/options", R"({"http_tokens": "required"})").status, 200);
  EXPECT_EQ(Item("mac"), "403");
  const auto both = Call("PUT", "/control/options",
                         R"({"http_tokens": "optional", "http_endpoint": "disabled"})");
  EXPECT_EQ(json::parse(both.body),
            (json{{"http_tokens", "optional"}, {"http_endpoint", "disabled"}}));
  EXPECT_EQ(Item("mac"), "403");
  EXPECT_EQ(Call("PUT", "/control/options", R"({"http_endpoint": "enabled"})").status, 200);
  EXPECT_EQ(Item("mac"), "00:16:3e:00:00:01");
}

TEST_F(SimulatorControl, TellsAllThatIsWrongWithOptionsAndChangesNothing) {
  const auto response = Call("PUT", "/control/options",
                             R"({"http_tokens": "required", "http_endpoint": 1, "throttle": {}})");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(ErrorsOf(response),
              ElementsAre(R"(there is no "throttle" here, only "http_tokens" and "http_endpoint")",
                          R"("http_endpoint" must be "enabled" or "disabled")"));
  EXPECT_EQ(Item("mac"), "00:16:3e:00:00:01");
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/options",
                            R"({"http_tokens": "Optional", "http_endpoint": null})")),
              SizeIs(2));
}

TEST_F(SimulatorControl, RefusesBodiesThatAreNoJsonObject) {
  for (const char* target : {"/control/options", "/control/spot-termination", "/control/role"}) {
    for (const char* body : {"", "{", "nonsense", "\xff"}) {
      EXPECT_THAT(ErrorsOf(Call("PUT", target, body)), ElementsAre("the body is not JSON")) << body;
    }
    for (const char* body : {"[]", "3", "null", "\"x\""}) {
      EXPECT_THAT(ErrorsOf(Call("PUT", target, body)), ElementsAre("the body is not a JSON object"))
          << body;
    }
  }
}

TEST_F(SimulatorControl, SetsMovesAndWithdrawsANotice) {
  const auto set = Call("PUT", "/control/spot-termination", R"({"in_seconds": 300})");
  EXPECT_EQ(set.status, 200);
  EXPECT_EQ(json::parse(set.body), (json{{"termination_time", "2026-01-01T00:05:00Z"}}));
  EXPECT_EQ(Item("instance/spot/termination-time"), "2026-01-01T00:05:00Z");
  EXPECT_EQ(Call("PUT", "/control/spot-termination", R"({"at": "2025-12-31T23:59:59Z"})").status,
            200);
  EXPECT_EQ(Item("instance/spot/termination-time"), "2025-12-31T23:59:59Z");
  EXPECT_EQ(Call("DELETE", "/control/spot-termination").status, 204);
  EXPECT_EQ(Item("instance/spot/termination-time"), "404");
  EXPECT_EQ(Call("DELETE", "/control/spot-termination").status, 404);
}

TEST_F(SimulatorControl, RefusesANoticeWithoutOneClearTime) {
  for (const char* body : {
           "{}",
           R"({"in_seconds": 1, "at": "2026-01-01T00:05:00Z"})",
           R"({"in_seconds": -1})",
           R"({"in_seconds": 1.5})",
           R"({"in_seconds": "300"})",
           R"({"in_seconds": 1e99})",
           R"({"in_seconds": 18446744073709551615})",
           R"({"in_seconds": 99999999999})",
           R"({"in_seconds": null})",
           R"({"at": "2026-01-01 00:05:00"})",
           R"({"at": "2026-02-30T00:05:00Z"})",
           R"({"at": 1767225600})",
           R"({"in": 300})",
       }) {
    const auto response = Call("PUT", "/control/spot-termination", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_FALSE(ErrorsOf(response).empty()) << body;
    EXPECT_EQ(Item("instance/spot/termination-time"), "404") << body;
  }
}

TEST_F(SimulatorControl, AttachesAndDetachesARole) {
  EXPECT_EQ(Call("DELETE", "/control/role").status, 204);
  EXPECT_EQ(Item("ram/security-credentials/"), "404");
  EXPECT_EQ(Call("DELETE", "/control/role").status, 404);
  const auto put = Call("PUT", "/control/role", R"({"name": "Other"})");
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(json::parse(put.body), (json{{"name", "Other"},
                                         {"last_updated", "2026-01-01T00:00:00Z"},
                                         {"expiration", "2026-01-01T06:00:00Z"}}));
  EXPECT_EQ(Item("ram/security-credentials/"), "Other");
}

TEST_F(SimulatorControl, AttachesARoleWhoseCredentialEndsSoon) {
  EXPECT_EQ(Call("PUT", "/control/role", R"({"name": "Other", "expires_in_seconds": 600})").status,
            200);
  EXPECT_THAT(Item("ram/security-credentials/Other"),
              HasSubstr(R"("Expiration" : "2026-01-01T00:10:00Z")"));
}

TEST_F(SimulatorControl, TellsAllThatIsWrongWithARole) {
  EXPECT_THAT(
      ErrorsOf(Call("PUT", "/control/role", R"({"name": "a/b", "expires_in_seconds": 0, "x": 1})")),
      SizeIs(3));
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/role", "{}")), ElementsAre(R"("name" is missing)"));
  EXPECT_THAT(
      ErrorsOf(Call("PUT", "/control/role", R"({"name": "Other", "expires_in_seconds": 21601})")),
      ElementsAre(R"("expires_in_seconds" must be a whole number from 1 to 21600)"));
  EXPECT_EQ(Item("ram/security-credentials/"), "SimulatedEcsRole");
}

TEST_F(SimulatorControl, RotatesTheCredentialWithoutShowingIt) {
  clock_.Advance(seconds(60));
  const auto rotated = Call("POST", "/control/credentials/rotate");
  EXPECT_EQ(rotated.status, 200);
  EXPECT_EQ(json::parse(rotated.body).at("expiration"), "2026-01-01T06:01:00Z");
  EXPECT_EQ(rotated.body.find("Simulated", rotated.body.find("SimulatedEcsRole") + 1),
            std::string::npos);
  EXPECT_THAT(Item("ram/security-credentials/SimulatedEcsRole"), HasSubstr("KeySecret0002"));
  ASSERT_EQ(Call("DELETE", "/control/role").status, 204);
  const auto refused = Call("POST", "/control/credentials/rotate");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(ErrorsOf(refused), ElementsAre("no role is attached"));
}

TEST_F(SimulatorControl, SetsAndDeletesItems) {
  EXPECT_EQ(Call("PUT", "/control/items/instance/instance-name", "web-1").status, 200);
  EXPECT_EQ(Item("instance/instance-name"), "web-1");
  EXPECT_EQ(Call("PUT", "/control/items/meta-data/hostname", "web-1\n").status, 200);
  EXPECT_EQ(Item("hostname"), "web-1\n");
  EXPECT_EQ(Call("PUT", "/control/items/dynamic/instance-identity/document", "{}").status, 200);
  EXPECT_EQ(service_.Handle({.method = "GET", .target = "/latest/"}).body, "dynamic/\nmeta-data/");
  EXPECT_EQ(Call("PUT", "/control/items/user-data", "#!").status, 200);
  EXPECT_EQ(service_.Handle({.method = "GET", .target = "/latest/user-data"}).body, "#!");
  EXPECT_EQ(Call("DELETE", "/control/items/eipv4").status, 204);
  EXPECT_EQ(Item("eipv4"), "404");
  EXPECT_EQ(Call("DELETE", "/control/items/eipv4").status, 404);
}

TEST_F(SimulatorControl, AnItemMayHaveAnyBytesAndNone) {
  const std::string bytes("\0\xff\r\n", 4);
  EXPECT_EQ(Call("PUT", "/control/items/odd", bytes).status, 200);
  EXPECT_EQ(Item("odd"), bytes);
  EXPECT_EQ(Call("PUT", "/control/items/odd", "").status, 200);
  EXPECT_EQ(Item("odd"), "");
}

TEST_F(SimulatorControl, WhatIsPutBelowRamWithACapitalIsServedThere) {
  EXPECT_EQ(Call("PUT", "/control/items/Ram/note", "a text").status, 200);
  EXPECT_EQ(Item("Ram/note"), "a text");
  EXPECT_EQ(Item("Ram/security-credentials/"), "SimulatedEcsRole");
}

TEST_F(SimulatorControl, AddsAnInterfaceAndRemovesADiskAtRunTime) {
  EXPECT_EQ(Call("PUT", "/control/items/network/interfaces/macs/00%3A16:3e:00:00:99/netmask",
                 "255.255.255.0")
                .status,
            200);
  EXPECT_EQ(Item("network/interfaces/macs/"), "00:16:3e:00:00:01/\n00:16:3e:00:00:99/");
  EXPECT_EQ(Call("DELETE", "/control/items/disks/bp1simulated00000001/").status, 204);
  EXPECT_EQ(Item("disks/"), "404");
}

TEST_F(SimulatorControl, RefusesItemsThatCannotBe) {
  for (const char* path : {"a//b", "a/../b", "hostname//", "a%0ab", "%2e%2e/x"}) {
    EXPECT_EQ(Call("PUT", std::string("/control/items/") + path, "x").status, 400) << path;
  }
  const auto conflict = Call("PUT", "/control/items/hostname/x", "x");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_THAT(ErrorsOf(conflict), ElementsAre(HasSubstr("\"meta-data/hostname\" cannot be")));
  EXPECT_EQ(Call("PUT", "/control/items/disks", "x").status, 409);
  EXPECT_EQ(Call("PUT", "/control/items/", "x").status, 404);
  EXPECT_EQ(Call("DELETE", "/control/items/").status, 404);
  EXPECT_EQ(Item("hostname"), "simulated-ecs-1");
}

TEST_F(SimulatorControl, ShowsTheJournal) {
  (void)Item("mac");
  clock_.Advance(std::chrono::milliseconds(2500));
  (void)Item("mac");
  (void)Item("no\xffsuch");
  const auto journal = json::parse(Call("GET", "/control/journal").body);
  EXPECT_EQ(journal.at("total"), 3);
  ASSERT_THAT(journal.at("counts"), SizeIs(2));
  EXPECT_EQ(journal.at("counts")[0],
            (json{{"path", "/latest/meta-data/mac"}, {"status", 200}, {"count", 2}}));
  ASSERT_THAT(journal.at("recent"), SizeIs(3));
  EXPECT_EQ(
      journal.at("recent")[0],
      (json{{"at", 0.0}, {"method", "GET"}, {"path", "/latest/meta-data/mac"}, {"status", 200}}));
  EXPECT_EQ(journal.at("recent")[1].at("at"), 2.5);
}

TEST_F(SimulatorControl, TheJournalHoldsNoTokens) {
  const auto token = service_
                         .Handle({.method = "PUT",
                                  .target = "/latest/api/token",
                                  .headers = {{std::string(kTokenTtlHeader), "60"}}})
                         .body;
  (void)service_.Handle({.method = "GET",
                         .target = "/latest/meta-data/mac?" + token,
                         .headers = {{std::string(kTokenHeader), token}}});
  EXPECT_EQ(Call("GET", "/control/journal").body.find(kSessionTokenPrefix), std::string::npos);
}

TEST_F(SimulatorControl, ResetsEverything) {
  ASSERT_EQ(Call("PUT", "/control/options", R"({"http_endpoint": "disabled"})").status, 200);
  ASSERT_EQ(Call("PUT", "/control/items/hostname", "x").status, 200);
  ASSERT_EQ(Call("DELETE", "/control/role").status, 204);
  EXPECT_EQ(Call("POST", "/control/reset").status, 200);
  EXPECT_EQ(json::parse(Call("GET", "/control/journal").body).at("total"), 0);
  EXPECT_EQ(Item("hostname"), "simulated-ecs-1");
  EXPECT_EQ(Item("ram/security-credentials/"), "SimulatedEcsRole");
}

TEST_F(SimulatorControl, KnowsItsPathsAndMethods) {
  for (const char* target : {"/", "", "/control", "/control/", "/control/nothing",
                             "/control/options/", "/control/faults", "/latest/meta-data/"}) {
    EXPECT_EQ(Call("GET", target).status, 404) << target;
  }
  const auto wrong = Call("POST", "/control/options");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers, (Headers{{"Allow", "GET, PUT"}}));
  EXPECT_THAT(ErrorsOf(wrong), ElementsAre(R"("/control/options" allows GET, PUT only)"));
  EXPECT_EQ(Call("GET", "/control/items/mac").headers, (Headers{{"Allow", "PUT, DELETE"}}));
  EXPECT_EQ(Call("GET", "/control/reset").headers, (Headers{{"Allow", "POST"}}));
  EXPECT_EQ(Call("HEAD", "/control/journal").status, 200);
}

TEST_F(SimulatorControl, RefusesParametersItWouldIgnore) {
  EXPECT_EQ(Call("GET", "/control/options?instance=2").status, 400);
  EXPECT_EQ(Call("GET", "/control/options?").status, 200);
}

TEST_F(SimulatorControl, RefusesBodiesOfMoreThanOneMebibyte) {
  const std::string largest(Control::kLargestBody, 'x');
  EXPECT_EQ(Call("PUT", "/control/items/large", largest).status, 200);
  const auto refused = Call("PUT", "/control/items/large", largest + 'y');
  EXPECT_EQ(refused.status, 413);
  EXPECT_THAT(ErrorsOf(refused), ElementsAre("the body is larger than 1048576 bytes"));
  EXPECT_EQ(Item("large").size(), largest.size());
}

}  // namespace
}  // namespace aliyun_ecs::simulator
