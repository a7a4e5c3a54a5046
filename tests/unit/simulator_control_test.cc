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
                             R"({"http_tokens": "required", "http_endpoint": 1, "throttel": {},
                                 "throttle": {"rate": 0}})");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(
      ErrorsOf(response),
      ElementsAre(
          R"(there is no "throttel" here, only "http_tokens" and "http_endpoint" and "throttle")",
          R"("http_endpoint" must be "enabled" or "disabled")", "throttle.burst is missing",
          "throttle.rate must be a number from 0.001 to 1000000"));
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

TEST_F(SimulatorControl, RefusesBottomlessBodies) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  const auto too_deep = ElementsAre("the body is more than 16 levels deep");
  for (const char* target :
       {"/control/options", "/control/protocol", "/control/spot-termination", "/control/role",
        "/control/credentials/rotation", "/control/tags", "/control/faults"}) {
    EXPECT_THAT(ErrorsOf(Call("PUT", target, nested(17))), too_deep) << target;
    EXPECT_THAT(ErrorsOf(Call("PUT", target, nested(16))),
                ElementsAre("the body is not a JSON object"))
        << target;
  }
  for (const char* target : {"/control/interfaces", "/control/disks"}) {
    EXPECT_THAT(ErrorsOf(Call("POST", target, nested(17))), too_deep) << target;
  }
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/tags", nested(Control::kLargestBody / 2))), too_deep);
}

TEST_F(SimulatorControl, CallsOnlySomeOfVeryManyUnknownMembersByName) {
  std::string body = "{";
  int members = 0;
  while (body.size() < Control::kLargestBody - 20) {
    body += '"' + std::to_string(members++) + "\":1,";
  }
  body.back() = '}';
  const auto before = std::chrono::steady_clock::now();
  const auto errors = ErrorsOf(Call("PUT", "/control/options", body));
  // Comparing each with all others took most of a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(15));
  ASSERT_THAT(errors, SizeIs(21));
  EXPECT_THAT(errors[19], HasSubstr(R"( here, only "http_tokens")"));
  EXPECT_EQ(errors[20], "and " + std::to_string(members - 20) + " more");
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
  EXPECT_EQ(service_.Handle({.method = "GET", .target = "/latest/dynamic"}).body,
            "instance-identity/");
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
  for (const char* target :
       {"/", "", "/control", "/control/", "/control/nothing", "/control/options/",
        "/control/faults/", "/metrics/", "/latest/meta-data/"}) {
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

TEST_F(SimulatorControl, ThrottlesAnInstance) {
  const auto put = Call("PUT", "/control/options", R"({"throttle": {"rate": 1, "burst": 2}})");
  EXPECT_EQ(json::parse(put.body).at("throttle"), (json{{"rate", 1.0}, {"burst", 2.0}}));
  for (const char* answer : {"00:16:3e:00:00:01", "00:16:3e:00:00:01", "429"}) {
    EXPECT_EQ(Item("mac"), answer);
  }
  EXPECT_EQ(Call("PUT", "/control/options", R"({"http_tokens": "optional"})").status, 200);
  EXPECT_EQ(Item("mac"), "429");
  EXPECT_EQ(Call("PUT", "/control/options", R"({"throttle": null})").status, 200);
  EXPECT_EQ(Item("mac"), "00:16:3e:00:00:01");
  EXPECT_FALSE(json::parse(Call("GET", "/control/options").body).contains("throttle"));
}

TEST_F(SimulatorControl, ShowsAndChangesWhatTheVendorLeavesOpen) {
  EXPECT_EQ(json::parse(Call("GET", "/control/protocol").body).at("throttle-status"), "429");
  const auto put = Call("PUT", "/control/protocol",
                        R"({"listing-end": "newline", "server-header": "lighttpd"})");
  EXPECT_EQ(json::parse(put.body).at("listing-end"), "newline");
  EXPECT_EQ(Item("disks/"), "bp1simulated00000001/\n");
  EXPECT_THAT(
      ErrorsOf(Call("PUT", "/control/protocol",
                    R"({"listing-end": "x", "date-offset": 3, "nothing": "x"})")),
      ElementsAre(HasSubstr(R"(there is no "nothing" here)"),
                  R"("listing-end" must be newline or none)", R"("date-offset" must be a string)"));
  EXPECT_EQ(Item("disks/"), "bp1simulated00000001/\n");
}

TEST_F(SimulatorControl, PlansATerminationWhoseNoticeComesLater) {
  const auto put = Call("PUT", "/control/spot-termination",
                        R"({"in_seconds": 900, "lead_seconds": 300, "then": "hang"})");
  EXPECT_EQ(json::parse(put.body), (json{{"termination_time", "2026-01-01T00:15:00Z"},
                                         {"notice_from", "2026-01-01T00:10:00Z"}}));
  clock_.Advance(seconds(599));
  EXPECT_EQ(Item("instance/spot/termination-time"), "404");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Item("instance/spot/termination-time"), "2026-01-01T00:15:00Z");
  clock_.Advance(seconds(300));
  const auto dark = service_.Handle({.method = "GET", .target = "/latest/meta-data/mac"});
  EXPECT_EQ(dark.delivery.how, Delivery::How::kHang);
  EXPECT_EQ(Call("DELETE", "/control/spot-termination").status, 204);
  EXPECT_EQ(Item("mac"), "00:16:3e:00:00:01");
}

TEST_F(SimulatorControl, MakesRotationLateFailingOrNone) {
  EXPECT_EQ(
      Call("PUT", "/control/credentials/rotation", R"({"how": "failing", "code": "Oops"})").status,
      200);
  clock_.Advance(std::chrono::hours(6));
  EXPECT_THAT(Item("ram/security-credentials/SimulatedEcsRole"), HasSubstr(R"("Code" : "Oops")"));
  EXPECT_EQ(Call("PUT", "/control/credentials/rotation", R"({"how": "on-time"})").status, 200);
  EXPECT_THAT(Item("ram/security-credentials/SimulatedEcsRole"),
              HasSubstr(R"("LastUpdated" : "2026-01-01T06:00:00Z")"));
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/credentials/rotation", "{}")),
              ElementsAre(R"("how" is missing)"));
  EXPECT_THAT(
      ErrorsOf(Call("PUT", "/control/credentials/rotation", R"({"how": "late", "code": "a\"b"})")),
      SizeIs(2));
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/credentials/rotation",
                            R"({"how": "never", "late_seconds": 3, "code": "Failed"})")),
              ElementsAre(R"("late_seconds" has a meaning only for late)",
                          R"("code" has a meaning only for failing)"));
}

TEST_F(SimulatorControl, AttachesAndDetachesInterfacesAndDisksAsAWhole) {
  const auto attached = Call("POST", "/control/interfaces", R"({"ipv6": "full"})");
  EXPECT_EQ(json::parse(attached.body), (json{{"mac", "00:16:3e:00:00:02"}}));
  EXPECT_EQ(Item("network/interfaces/macs/"), "00:16:3e:00:00:01/\n00:16:3e:00:00:02/");
  EXPECT_EQ(Item("network/interfaces/macs/00:16:3e:00:00:02/ipv6s"),
            "[2001:db8:1234:2::10,2001:db8:1234:2::11]");
  EXPECT_EQ(Item("network/interfaces/macs/00:16:3e:00:00:01/ipv6s"), "404");
  EXPECT_EQ(Call("DELETE", "/control/interfaces/00:16:3e:00:00:02").status, 204);
  EXPECT_EQ(Call("DELETE", "/control/interfaces/00:16:3e:00:00:02").status, 404);
  const auto primary = Call("DELETE", "/control/interfaces/00:16:3e:00:00:01");
  EXPECT_EQ(primary.status, 409);
  EXPECT_THAT(ErrorsOf(primary), ElementsAre(HasSubstr("the primary interface")));

  const auto disk = Call("POST", "/control/disks", R"({"name": "data"})");
  EXPECT_EQ(json::parse(disk.body), (json{{"serial", "bp1simulated00000002"}}));
  EXPECT_EQ(Item("disks/bp1simulated00000002/name"), "data");
  EXPECT_EQ(Item("disks/bp1simulated00000002/id"), "d-bp1simulated00000002");
  EXPECT_EQ(Call("DELETE", "/control/disks/d-bp1simulated00000002").status, 204);
  EXPECT_EQ(Item("disks/"), "bp1simulated00000001/");
  EXPECT_EQ(Call("POST", "/control/disks").status, 200);
  EXPECT_EQ(Call("POST", "/control/disks", "[]").status, 400);
  for (int i = 2; i < kMostInterfaces; ++i) (void)Call("POST", "/control/interfaces");
  EXPECT_EQ(Call("POST", "/control/interfaces").status, 200);
  EXPECT_EQ(Call("POST", "/control/interfaces").status, 409);
}

TEST_F(SimulatorControl, DetachesNoPartOfAnInterfaceOrDisk) {
  const auto macs = Item("network/interfaces/macs/00:16:3e:00:00:01/");
  const auto disk = Item("disks/bp1simulated00000001/");
  for (const char* target :
       {"/control/interfaces/00:16:3e:00:00:01/", "/control/interfaces/00:16:3e:00:00:01/netmask",
        "/control/interfaces//", "/control/disks/bp1simulated00000001/",
        "/control/disks/d-bp1simulated00000001/name", "/control/disks//"}) {
    const auto refused = Call("DELETE", target);
    EXPECT_EQ(refused.status, 404) << target;
    EXPECT_THAT(ErrorsOf(refused), ElementsAre(HasSubstr("there is no "))) << target;
  }
  EXPECT_EQ(Item("network/interfaces/macs/00:16:3e:00:00:01/"), macs);
  EXPECT_EQ(Item("disks/bp1simulated00000001/"), disk);
}

TEST_F(SimulatorControl, SetsTagsAsAWhole) {
  EXPECT_EQ(Item("tags/instance/"), "404");
  EXPECT_EQ(Call("PUT", "/control/tags", R"({"env": "prod", "team@x": ""})").status, 200);
  EXPECT_EQ(Item("tags/instance/"), "env\nteam@x");
  EXPECT_EQ(Call("PUT", "/control/tags", R"({"env": "dev"})").status, 200);
  EXPECT_EQ(Item("tags/instance"), "env");
  EXPECT_EQ(Item("tags/instance/env"), "dev");
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/tags", R"({"a b": "x", "..": "x", "c": 1})")),
              SizeIs(3));
  EXPECT_EQ(Call("DELETE", "/control/tags").status, 204);
  EXPECT_EQ(Call("DELETE", "/control/tags").status, 404);
}

TEST_F(SimulatorControl, SetsShowsAndEndsFaults) {
  const auto put = Call("PUT", "/control/faults",
                        R"({"faults": [{"fault": "status", "path": "*/mac", "status": 500},
                            {"fault": "throttle", "rate": 1, "burst": 1, "retry_after_seconds": 3,
                             "probability": 0.5, "seed": 9, "for_seconds": 60}]})");
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(Item("mac"), "500");
  const auto shown = json::parse(Call("GET", "/control/faults").body).at("faults");
  EXPECT_EQ(
      shown.at(0),
      (json{
          {"fault", "status"}, {"path", "*/mac"}, {"status", 500}, {"matched", 1}, {"struck", 1}}));
  EXPECT_EQ(shown.at(1), (json{{"fault", "throttle"},
                               {"path", "*"},
                               {"status", 429},
                               {"retry_after_seconds", 3},
                               {"rate", 1.0},
                               {"burst", 1.0},
                               {"probability", 0.5},
                               {"seed", 9},
                               {"for_seconds", 60.0},
                               {"matched", 0},
                               {"struck", 0}}));
  EXPECT_EQ(Call("DELETE", "/control/faults").status, 204);
  EXPECT_EQ(Item("mac"), "00:16:3e:00:00:01");
  EXPECT_EQ(Call("DELETE", "/control/faults").status, 404);
}

TEST_F(SimulatorControl, TellsAllThatIsWrongWithFaultsAndChangesNothing) {
  const auto errors = ErrorsOf(Call("PUT", "/control/faults",
                                    R"({"faults": [{"fault": "stauts"}, 7, {"path": "mac"},
        {"fault": "hang", "status": 500, "probability": 2},
        {"fault": "throttle", "status": 430}, {"fault": "delay"},
        {"fault": "wrong-length", "length_difference": 0, "speed": 1}]})"));
  EXPECT_THAT(errors, ElementsAre(HasSubstr("faults[0].fault must be status, delay"),
                                  "faults[1] is not a JSON object", "faults[2].fault is missing",
                                  HasSubstr("faults[2].path must be a path"),
                                  "faults[3].probability must be a number from 0 to 1",
                                  "faults[3].status has no meaning for the fault hang",
                                  "faults[4].status must be 429 or 503",
                                  "faults[5].delay_seconds is missing",
                                  HasSubstr(R"(faults[6]: there is no "speed" here)"),
                                  "faults[6].length_difference must not be 0"));
  EXPECT_EQ(Item("mac"), "00:16:3e:00:00:01");
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/faults", "{}")),
              ElementsAre(R"("faults" is missing)"));
  EXPECT_THAT(ErrorsOf(Call("PUT", "/control/faults", R"({"faults": {}})")), SizeIs(1));
}

TEST_F(SimulatorControl, ResetEndsFaultsAndOptionsToo) {
  ASSERT_EQ(Call("PUT", "/control/faults", R"({"faults": [{"fault": "hang"}]})").status, 200);
  ASSERT_EQ(Call("PUT", "/control/protocol", R"({"listing-end": "newline"})").status, 200);
  ASSERT_EQ(Call("PUT", "/control/tags", R"({"a": "b"})").status, 200);
  ASSERT_EQ(Call("PUT", "/control/credentials/rotation", R"({"how": "never"})").status, 200);
  ASSERT_EQ(Call("POST", "/control/reset").status, 200);
  EXPECT_EQ(Item("disks/"), "bp1simulated00000001/");
  EXPECT_EQ(Item("tags/instance/"), "404");
  clock_.Advance(std::chrono::hours(6));
  EXPECT_THAT(Item("ram/security-credentials/SimulatedEcsRole"), HasSubstr("05:30:00Z"));
}

TEST_F(SimulatorControl, ChecksACallWithoutAService) {
  const Control::Limits limits{.instances = 2, .credential_life = seconds(60)};
  const auto check = [&](std::string method, std::string target, std::string body) {
    return Control::Check(
        {.method = std::move(method), .target = std::move(target), .body = std::move(body)}, limits,
        "events[3].body");
  };
  EXPECT_THAT(
      check("PUT", "/control/role?instance=2", R"({"name": "A", "expires_in_seconds": 60})"),
      ElementsAre());
  EXPECT_THAT(check("PUT", "/control/role?instance=3", "{}"),
              ElementsAre(HasSubstr("N is 1 to 2")));
  EXPECT_THAT(check("PUT", "/control/role", R"({"name": "A", "expires_in_seconds": 61})"),
              ElementsAre("events[3].body.expires_in_seconds must be a whole number from 1 to 60"));
  EXPECT_THAT(check("PUT", "/control/nothing", "{}"), SizeIs(1));
  EXPECT_THAT(check("PUT", "/control/faults", R"({"faults": [{"fault": "x"}]})"),
              ElementsAre(HasSubstr("events[3].body.faults[0].fault must be")));
}

class SimulatorControlOfTwo : public ::testing::Test {
 protected:
  static std::vector<InstanceStart> Starts() {
    std::vector<InstanceStart> starts(2);
    for (int i = 0; i < 2; ++i) {
      starts[static_cast<std::size_t>(i)].tree = Tree::FromCatalog({.instance = i + 1});
      starts[static_cast<std::size_t>(i)].number = i + 1;
    }
    starts[1].windows = true;
    starts[1].spot = false;
    return starts;
  }
  Response Call(std::string method, std::string target, std::string body = "") {
    return control_.Handle(
        {.method = std::move(method), .target = std::move(target), .body = std::move(body)});
  }
  int StatusAt(const char* local_address, const char* item) {
    return service_
        .Handle({.method = "GET",
                 .target = std::string("/latest/meta-data/") + item,
                 .local_address = local_address})
        .status;
  }

  FakeClock clock_;
  Service service_{Starts(), {}, clock_};
  Control control_{service_};
};

TEST_F(SimulatorControlOfTwo, ChangesTheInstanceThatIsNamed) {
  EXPECT_EQ(
      Call("PUT", "/control/faults?instance=2", R"({"faults": [{"fault": "status"}]})").status,
      200);
  EXPECT_EQ(StatusAt("127.0.0.1", "mac"), 200);
  EXPECT_EQ(StatusAt("127.0.0.2", "mac"), 503);
  EXPECT_EQ(Call("PUT", "/control/options", R"({"http_tokens": "required"})").status, 200);
  EXPECT_EQ(StatusAt("127.0.0.1", "mac"), 403);
  EXPECT_EQ(Call("DELETE", "/control/faults?instance=2").status, 204);
  EXPECT_EQ(StatusAt("127.0.0.2", "mac"), 200);
  EXPECT_EQ(json::parse(Call("GET", "/control/journal?instance=2").body).at("total"), 2);
  EXPECT_EQ(json::parse(Call("POST", "/control/disks?instance=2").body).at("serial"),
            "bp1simulated00001002");
  for (const char* query :
       {"instance=0", "instance=3", "instance=", "instance=2x", "instances=2"}) {
    EXPECT_EQ(Call("GET", std::string("/control/journal?") + query).status, 400) << query;
  }
  EXPECT_EQ(Call("POST", "/control/reset?instance=2").status, 400);
}

TEST_F(SimulatorControlOfTwo, RefusesWhatAnInstanceCannotBe) {
  const auto hardened =
      Call("PUT", "/control/options?instance=2", R"({"http_tokens": "required"})");
  EXPECT_EQ(hardened.status, 409);
  EXPECT_THAT(hardened.body, HasSubstr("cannot be required on a Windows instance"));
  EXPECT_EQ(StatusAt("127.0.0.2", "mac"), 200);
  const auto notice = Call("PUT", "/control/spot-termination?instance=2", R"({"in_seconds": 300})");
  EXPECT_EQ(notice.status, 409);
  EXPECT_THAT(notice.body, HasSubstr("no spot instance"));
}

TEST_F(SimulatorControlOfTwo, TellsPrometheusOfItself) {
  (void)service_.Handle({.method = "PUT",
                         .target = "/latest/api/token",
                         .headers = {{std::string(kTokenTtlHeader), "60"}}});
  ASSERT_EQ(Call("PUT", "/control/faults", R"({"faults": [{"fault": "hang"}]})").status, 200);
  (void)StatusAt("127.0.0.1", "mac");
  ASSERT_EQ(Call("PUT", "/control/spot-termination", R"({"in_seconds": 300})").status, 200);
  const auto page = Call("GET", "/metrics");
  EXPECT_EQ(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"aliyun_ecs_simulator_instances 2", "aliyun_ecs_simulator_spot_termination_notices 1",
        "aliyun_ecs_simulator_session_tokens_issued_total 1",
        "aliyun_ecs_simulator_session_tokens 1",
        "aliyun_ecs_simulator_requests_total{code=\"200\"} 1",
        "aliyun_ecs_simulator_requests_total{code=\"none\"} 1",
        "aliyun_ecs_simulator_requests_total{code=\"503\"} 0",
        "aliyun_ecs_simulator_faults_applied_total{fault=\"hang\"} 1",
        "aliyun_ecs_simulator_faults_applied_total{fault=\"drip\"} 0"}) {
    EXPECT_THAT(page.body, HasSubstr(std::string("\n") + line + "\n"));
  }
  EXPECT_EQ(page.body.find(kSessionTokenPrefix), std::string::npos);
}

TEST_F(SimulatorControl, RefusesItemsThatTheInstanceHasNoRoomFor) {
  const std::string largest(Control::kLargestBody, 'x');
  int put = 0;
  auto response = Call("PUT", "/control/items/large/0", largest);
  while (response.status == 200 && put < 20) {
    response = Call("PUT", "/control/items/large/" + std::to_string(++put), largest);
  }
  EXPECT_EQ(put, 15);
  EXPECT_EQ(response.status, 409);
  EXPECT_THAT(ErrorsOf(response), ElementsAre(HasSubstr("has no room")));
  EXPECT_EQ(Call("DELETE", "/control/items/large/0").status, 204);
  EXPECT_EQ(Call("PUT", "/control/items/large/15", largest).status, 200);
  EXPECT_THAT(
      ErrorsOf(Call("POST", "/control/disks", json{{"name", std::string(257, 'x')}}.dump())),
      ElementsAre(R"("name" must be a string of at most 256 bytes)"));
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
