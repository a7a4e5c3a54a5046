#include "simulator/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/fake_clock.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kVpcId = "/latest/meta-data/vpc-id";
constexpr const char* kVpc = "vpc-bp1simulated00000001";

class SimulatorService : public ::testing::Test {
 protected:
  static InstanceStart Start() {
    InstanceStart start;
    start.tree = Tree::FromCatalog({});
    start.role = "SimulatedEcsRole";
    return start;
  }

  Response Get(std::string target, Headers headers = {}) {
    return service_.Handle(
        {.method = "GET", .target = std::move(target), .headers = std::move(headers)});
  }
  Response PutToken(Headers headers) {
    return service_.Handle(
        {.method = "PUT", .target = "/latest/api/token", .headers = std::move(headers)});
  }
  std::string Token(const std::string& ttl = "180") {
    const auto response = PutToken({{"X-aliyun-ecs-metadata-token-ttl-seconds", ttl}});
    EXPECT_EQ(response.status, 200);
    return response.body;
  }
  void Set(const AccessOptions& access) {
    service_.WithInstance([&](Instance& instance) { instance.set_access(access); });
  }

  FakeClock clock_;
  Service service_{Start(), clock_};
};

// The vendor's document.

TEST_F(SimulatorService, HardenedModeGivesATokenAndThenTheValue) {
  Set({.http_tokens = HttpTokens::kRequired});
  const auto token = PutToken({{"X-aliyun-ecs-metadata-token-ttl-seconds", "180"}});
  EXPECT_EQ(token.status, 200);
  EXPECT_EQ(token.content_type, "text/plain");
  EXPECT_THAT(token.body, ::testing::StartsWith(std::string(kSessionTokenPrefix)));
  const auto value = Get(kVpcId, {{"X-aliyun-ecs-metadata-token", token.body}});
  EXPECT_EQ(value.status, 200);
  EXPECT_EQ(value.body, kVpc);
  EXPECT_EQ(value.content_type, "text/plain");
}

TEST_F(SimulatorService, NormalModeNeedsNothing) {
  const auto value = Get(kVpcId);
  EXPECT_EQ(value.status, 200);
  EXPECT_EQ(value.body, kVpc);
}

TEST_F(SimulatorService, ATokenIsUsedAnyNumberOfTimesUntilItsTimeIsOver) {
  const Headers token = {{"X-aliyun-ecs-metadata-token", Token("180")}};
  clock_.Advance(seconds(179));
  EXPECT_EQ(Get(kVpcId, token).status, 200);
  EXPECT_EQ(Get("/latest/meta-data/mac", token).status, 200);
  clock_.Advance(seconds(1));
  EXPECT_EQ(Get(kVpcId, token).status, 401);
}

TEST_F(SimulatorService, ATokensTimeDoesNotFollowTheWallClock) {
  const Headers token = {{"X-aliyun-ecs-metadata-token", Token("180")}};
  clock_.SetSystem(clock_.System() + std::chrono::hours(1000));
  EXPECT_EQ(Get(kVpcId, token).status, 200);
}

TEST_F(SimulatorService, TheTtlIsOneTo21600Seconds) {
  for (const char* ttl : {"1", "180", "21600", " 180", "180 "}) {
    EXPECT_EQ(PutToken({{"X-aliyun-ecs-metadata-token-ttl-seconds", ttl}}).status, 200) << ttl;
  }
  for (const char* ttl : {"0", "21601", "21700", "-1", "", " ", "abc", "1.5", "180s", "+180",
                          "0x10", "99999999999999999999"}) {
    EXPECT_EQ(PutToken({{"X-aliyun-ecs-metadata-token-ttl-seconds", ttl}}).status, 400) << ttl;
  }
  EXPECT_EQ(PutToken({}).status, 400);
}

TEST_F(SimulatorService, AForwardedPutIsRefusedWhateverElseItHas) {
  EXPECT_EQ(PutToken({{"X-Forwarded-For", "192.0.2.1"},
                      {"X-aliyun-ecs-metadata-token-ttl-seconds", "180"}})
                .status,
            403);
  EXPECT_EQ(PutToken({{"x-forwarded-for", ""}}).status, 403);
  EXPECT_EQ(PutToken({{"X-Forwarded-For", "192.0.2.1"},
                      {"X-aliyun-ecs-metadata-token-ttl-seconds", "21700"}})
                .status,
            403);
  EXPECT_EQ(Get(kVpcId, {{"X-Forwarded-For", "192.0.2.1"}}).status, 200);
}

TEST_F(SimulatorService, AWrongTokenIsRefusedInEveryMode) {
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", "aaa"}}).status, 401);
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", ""}}).status, 401);
  EXPECT_EQ(Get("/latest/no-such", {{"X-aliyun-ecs-metadata-token", "aaa"}}).status, 401);
  Set({.http_tokens = HttpTokens::kRequired});
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", "aaa"}}).status, 401);
}

TEST_F(SimulatorService, HardenedOnlyRefusesRequestsWithoutAToken) {
  Set({.http_tokens = HttpTokens::kRequired});
  EXPECT_EQ(Get(kVpcId).status, 403);
  EXPECT_EQ(Get("/latest/no-such").status, 403);
  EXPECT_EQ(Get("/").status, 403);
}

TEST_F(SimulatorService, HeaderNamesMayBeInAnyCase) {
  const auto token =
      PutToken({{"x-ALIYUN-ecs-metadata-token-ttl-seconds", "60"}, {"Accept", "*/*"}}).body;
  Set({.http_tokens = HttpTokens::kRequired});
  EXPECT_EQ(Get(kVpcId, {{"X-Aliyun-Ecs-Metadata-Token", token}}).status, 200);
  EXPECT_EQ(Get(kVpcId, {{"x-aliyun-ecs-metadata-token", token + " "}}).status, 200);
}

TEST_F(SimulatorService, ADisabledChannelRefusesEverything) {
  const auto token = Token();
  Set({.http_endpoint = HttpEndpoint::kDisabled});
  EXPECT_EQ(PutToken({{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}}).status, 403);
  EXPECT_EQ(Get(kVpcId).status, 403);
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", token}}).status, 403);
  EXPECT_EQ(Get("/").status, 403);
  Set({});
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", token}}).status, 200);
}

// What real clients rely on.

TEST_F(SimulatorService, AnEmptyQueryChangesNothing) {
  EXPECT_EQ(service_
                .Handle({.method = "PUT",
                         .target = "/latest/api/token?",
                         .headers = {{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}}})
                .status,
            200);
  EXPECT_EQ(Get(std::string(kVpcId) + "?").body, kVpc);
}

TEST_F(SimulatorService, ABodyOfThePutIsIgnored) {
  EXPECT_EQ(service_
                .Handle({.method = "PUT",
                         .target = "/latest/api/token",
                         .headers = {{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}},
                         .body = "whatever"})
                .status,
            200);
}

TEST_F(SimulatorService, TheTokenPathAllowsOnlyPut) {
  for (const char* method : {"GET", "HEAD", "POST", "DELETE"}) {
    const auto response = service_.Handle({.method = method, .target = "/latest/api/token"});
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.headers, (Headers{{"Allow", "PUT"}}));
  }
}

TEST_F(SimulatorService, TheTokenPathIsOnlyBelowLatest) {
  EXPECT_EQ(Get("/2016-01-01/api/token").status, 404);
  EXPECT_EQ(Get("/latest/api/").status, 404);
}

TEST_F(SimulatorService, MetadataAllowsOnlyReading) {
  for (const char* method : {"PUT", "POST", "DELETE", "PATCH", "OPTIONS", "FOO", ""}) {
    EXPECT_EQ(service_.Handle({.method = method, .target = kVpcId}).status, 405) << method;
  }
  EXPECT_EQ(service_.Handle({.method = "HEAD", .target = kVpcId}).status, 200);
}

TEST_F(SimulatorService, ListsItsVersionsAndServesBothAlike) {
  EXPECT_EQ(Get("/").body, "2016-01-01\nlatest");
  for (const char* path : {"", "/", "/meta-data", "/meta-data/", "/meta-data/vpc-id"}) {
    const auto latest = Get(std::string("/latest") + path);
    const auto dated = Get(std::string("/2016-01-01") + path);
    EXPECT_EQ(latest.status, 200) << path;
    EXPECT_EQ(latest.body, dated.body);
  }
  EXPECT_EQ(Get("/latest").body, "dynamic/\nglobal-config/\nmaintenance/\nmeta-data/\nuser-data");
}

TEST_F(SimulatorService, ADirectoryNeedsNoSlash) {
  EXPECT_EQ(Get("/latest/meta-data").body, Get("/latest/meta-data/").body);
  EXPECT_THAT(Get("/latest/meta-data").body, HasSubstr("instance-id\ninstance/\nmac\n"));
  EXPECT_THAT(Get("/latest/meta-data").body, Not(::testing::EndsWith("\n")));
}

TEST_F(SimulatorService, TheOldCapitalSpellingOfRamWorks) {
  EXPECT_EQ(Get("/latest/meta-data/Ram/security-credentials/").body, "SimulatedEcsRole");
  EXPECT_THAT(Get("/latest/meta-data/Ram/security-credentials/SimulatedEcsRole").body,
              HasSubstr("\"Code\" : \"Success\""));
}

TEST_F(SimulatorService, PathsMayBePercentEncoded) {
  EXPECT_EQ(Get("/latest/meta-data/network/interfaces/macs/00%3A16%3a3e:00:00:01/netmask").body,
            "255.255.255.0");
  EXPECT_EQ(Get("/latest/meta-data/ma%63").body, "00:16:3e:00:00:01");
  for (const char* path : {"/latest/meta-data/mac%", "/latest/meta-data/mac%0", "/latest/%zz",
                           "/latest/meta-data/mac%00", "/latest/meta-data/%2e%2e/meta-data/mac"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(SimulatorService, WhatIsNotThereIsNotFound) {
  for (const char* path :
       {"/latest/meta-data/no-such", "/latest/meta-data/vpc-id/", "/latest/meta-data/vpc-id/x",
        "/latestmeta-data", "/latest2", "/2016-01-02/", "/latest/user-data", "/favicon.ico", "",
        "latest", "//latest", "/latest//meta-data", "/latest/meta-data/../meta-data/mac",
        "/latest/meta-data/instance/spot/termination-time",
        "/latest/meta-data/ram/security-credentials/OtherRole", "*"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(SimulatorService, TheNotFoundPageIsTheServicesOwn) {
  const auto page = Get("/latest/meta-data/no-such");
  EXPECT_EQ(page.content_type, "text/html");
  EXPECT_EQ(page.body.size(), 345U);
  EXPECT_THAT(page.body,
              ::testing::StartsWith("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n"));
  EXPECT_THAT(page.body, HasSubstr("\n  <title>404 - Not Found</title>\n"));
  EXPECT_THAT(page.body, HasSubstr("\n  <h1>404 - Not Found</h1>\n"));
  EXPECT_THAT(page.body, ::testing::EndsWith("</html>\n"));
}

TEST_F(SimulatorService, EveryRefusalIsAPageWithItsOwnReason) {
  EXPECT_THAT(PutToken({}).body, HasSubstr("<h1>400 - Bad Request</h1>"));
  EXPECT_THAT(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", "aaa"}}).body,
              HasSubstr("<h1>401 - Unauthorized</h1>"));
  EXPECT_THAT(PutToken({{"X-Forwarded-For", "a"}}).body, HasSubstr("<h1>403 - Forbidden</h1>"));
  EXPECT_THAT(Get("/latest/api/token").body, HasSubstr("<h1>405 - Method Not Allowed</h1>"));
}

// What the vendor leaves open.

class SimulatorServiceOptions : public SimulatorService {
 protected:
  void SetOption(std::string_view name, std::string_view value) {
    service_.ChangeProtocol([&](ProtocolOptions& options) {
      EXPECT_TRUE(SetProtocolOption(options, name, value)) << name;
    });
  }
};

TEST_F(SimulatorServiceOptions, AnExpiredTokenMayGetAnotherStatusThanAnUnknownOne) {
  const Headers token = {{"X-aliyun-ecs-metadata-token", Token("10")}};
  clock_.Advance(seconds(10));
  EXPECT_EQ(Get(kVpcId, token).status, 401);
  SetOption("expired-token", "403");
  EXPECT_EQ(Get(kVpcId, token).status, 403);
  // Also when it was forgotten but for its name.
  (void)Token();
  EXPECT_EQ(Get(kVpcId, token).status, 403);
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", "aaa"}}).status, 401);
}

TEST_F(SimulatorServiceOptions, OptionalModeMayNotLookAtTokens) {
  SetOption("token-in-optional-mode", "ignored");
  const Headers bad = {{"X-aliyun-ecs-metadata-token", "aaa"}};
  EXPECT_EQ(Get(kVpcId, bad).status, 200);
  Set({.http_tokens = HttpTokens::kRequired});
  EXPECT_EQ(Get(kVpcId, bad).status, 401);
}

TEST_F(SimulatorServiceOptions, ADisabledChannelMaySayNothing) {
  Set({.http_endpoint = HttpEndpoint::kDisabled});
  EXPECT_EQ(Get(kVpcId).delivery, Delivery());
  SetOption("disabled-channel", "close");
  EXPECT_EQ(Get(kVpcId).delivery.how, Delivery::How::kClose);
  SetOption("disabled-channel", "hang");
  EXPECT_EQ(Get(kVpcId).delivery.how, Delivery::How::kHang);
  EXPECT_EQ(service_.journal().counts().at({kVpcId, 0}), 2U);
}

TEST_F(SimulatorServiceOptions, AForwardedGetMayBeRefused) {
  SetOption("forwarded-get", "403");
  EXPECT_EQ(Get(kVpcId, {{"x-forwarded-for", "192.0.2.1"}}).status, 403);
  EXPECT_EQ(Get(kVpcId).status, 200);
}

TEST_F(SimulatorServiceOptions, ListingsMayEndInANewlineButNoValueDoes) {
  SetOption("listing-end", "newline");
  EXPECT_EQ(Get("/").body, "2016-01-01\nlatest\n");
  EXPECT_THAT(Get("/latest").body, ::testing::EndsWith("\nmeta-data/\nuser-data\n"));
  EXPECT_EQ(Get("/latest/meta-data/ram/security-credentials").body, "SimulatedEcsRole\n");
  EXPECT_EQ(Get(kVpcId).body, kVpc);
  EXPECT_EQ(PutToken({{std::string(kTokenTtlHeader), "60"}}).body.find('\n'), std::string::npos);
}

TEST_F(SimulatorServiceOptions, ALeafMayTakeASlash) {
  SetOption("leaf-with-slash", "served");
  EXPECT_EQ(Get(std::string(kVpcId) + "/").body, kVpc);
  EXPECT_EQ(Get(std::string(kVpcId) + "//").status, 404);
  EXPECT_EQ(Get("/latest/no-such/").status, 404);
}

TEST_F(SimulatorServiceOptions, ListsMayHaveBareLineFeeds) {
  EXPECT_EQ(Get("/latest/meta-data/dns-conf/nameservers").body, "100.100.2.136\r\n100.100.2.138");
  EXPECT_THAT(Get("/latest/meta-data/ntp-conf/ntp-servers").body, HasSubstr("\r\n"));
  SetOption("list-line-end", "lf");
  EXPECT_EQ(Get("/latest/meta-data/dns-conf/nameservers").body, "100.100.2.136\n100.100.2.138");
  EXPECT_THAT(Get("/latest/meta-data/ntp-conf/ntp-servers").body, Not(HasSubstr("\r")));
}

TEST_F(SimulatorServiceOptions, ListsMayHaveBareLineFeedsInAllOfMetaDataToo) {
  auto start = Start();
  start.serves_all = true;
  ASSERT_TRUE(start.tree.Put("meta-data/note", "1\r\n2"));
  Service service(std::move(start), clock_);
  const auto all = [&] {
    return service.Handle({.method = "GET", .target = "/latest/meta-data/all"}).body;
  };
  EXPECT_THAT(all(), HasSubstr(R"("nameservers":"100.100.2.136\r\n100.100.2.138")"));
  service.ChangeProtocol([](ProtocolOptions& options) { options.list_line_end = LineEnd::kLf; });
  EXPECT_THAT(all(), HasSubstr(R"("nameservers":"100.100.2.136\n100.100.2.138")"));
  EXPECT_THAT(all(), HasSubstr(R"("note":"1\r\n2")"));
}

TEST_F(SimulatorServiceOptions, TheTopMayListOnlyWhatIsServed) {
  const auto put = [&](std::string_view path) {
    service_.WithInstance([&](Instance& instance) { EXPECT_TRUE(instance.Put(path, "")); });
  };
  for (const char* path : {"dynamic/a", "user-data/x", "vendor-data"}) put(path);
  EXPECT_EQ(Get("/latest/").body,
            "dynamic/\nglobal-config/\nmaintenance/\nmeta-data/\nuser-data/\nvendor-data");
  EXPECT_EQ(Get("/latest/maintenance/").status, 404);
  EXPECT_EQ(Get("/latest/global-config/").status, 404);
  SetOption("top-listing", "served");
  EXPECT_EQ(Get("/latest/").body, "dynamic/\nmeta-data/\nuser-data/\nvendor-data");
}

TEST_F(SimulatorServiceOptions, ACredentialMayBeginWithABlank) {
  constexpr const char* kDocument = "/latest/meta-data/ram/security-credentials/SimulatedEcsRole";
  EXPECT_THAT(Get(kDocument).body, ::testing::StartsWith("{\n"));
  SetOption("credential-lead", "blank");
  EXPECT_THAT(Get(kDocument).body, ::testing::StartsWith(" {\n"));
  EXPECT_EQ(Get("/latest/meta-data/ram/security-credentials/").body, "SimulatedEcsRole");
}

TEST_F(SimulatorServiceOptions, RefusalsMayLookOtherwise) {
  SetOption("error-page", "plain");
  EXPECT_EQ(Get("/latest/no-such").body, "404 Not Found");
  EXPECT_EQ(Get("/latest/no-such").content_type, "text/plain");
  SetOption("error-page", "empty");
  EXPECT_EQ(Get("/latest/no-such").body, "");
  EXPECT_EQ(Get(kVpcId).body, kVpc);
}

TEST_F(SimulatorServiceOptions, HeadersAreAsTheyAreSet) {
  EXPECT_EQ(Get(kVpcId).headers, Headers());
  EXPECT_EQ(Get(kVpcId).date, clock_.System());
  SetOption("server-header", "lighttpd/1.4.50");
  SetOption("content-type", "application/octet-stream");
  SetOption("date-offset", "-90");
  const auto value = Get(kVpcId);
  EXPECT_EQ(value.headers, (Headers{{"Server", "lighttpd/1.4.50"}}));
  EXPECT_EQ(value.content_type, "application/octet-stream");
  EXPECT_EQ(value.date, clock_.System() - seconds(90));
  EXPECT_EQ(Get("/latest/no-such").content_type, "text/html");
  SetOption("date", "absent");
  EXPECT_EQ(Get(kVpcId).date, std::nullopt);
}

TEST_F(SimulatorServiceOptions, AThrottleComesBeforeAllButTheChannel) {
  Set({.http_tokens = HttpTokens::kRequired, .throttle = Throttle{.rate = 1, .burst = 1}});
  EXPECT_EQ(Get(kVpcId).status, 403);
  EXPECT_EQ(Get(kVpcId).status, 429);
  EXPECT_EQ(PutToken({}).status, 429);
  SetOption("throttle-status", "503");
  SetOption("retry-after", "7");
  EXPECT_EQ(Get(kVpcId).status, 503);
  EXPECT_EQ(Get(kVpcId).headers, (Headers{{"Retry-After", "7"}}));
  clock_.Advance(seconds(1));
  EXPECT_EQ(Get(kVpcId).status, 403);
  EXPECT_EQ(service_.counters().throttled, 4U);
}

// Instances.

class SimulatorServiceOfThree : public ::testing::Test {
 protected:
  static std::vector<InstanceStart> Starts() {
    std::vector<InstanceStart> starts;
    for (int number = 1; number <= 3; ++number) {
      InstanceStart start;
      start.tree = Tree::FromCatalog({.instance = number});
      start.number = number;
      starts.push_back(std::move(start));
    }
    return starts;
  }
  Response Ask(std::string method, std::string target, const char* local_address,
               Headers headers = {}) {
    return service_.Handle({.method = std::move(method),
                            .target = std::move(target),
                            .headers = std::move(headers),
                            .local_address = local_address});
  }
  std::string IdAt(const char* local_address) {
    return Ask("GET", "/latest/meta-data/instance-id", local_address).body;
  }

  FakeClock clock_;
  Service service_{Starts(), {}, clock_};
};

TEST_F(SimulatorServiceOfThree, TellsInstancesApartByTheAddressTheyAreAskedUnder) {
  EXPECT_EQ(IdAt("127.0.0.1"), "i-bp1simulated00000001");
  EXPECT_EQ(IdAt("127.0.0.2"), "i-bp1simulated00000002");
  EXPECT_EQ(IdAt("127.0.0.3"), "i-bp1simulated00000003");
  for (const char* other : {"127.0.0.4", "127.0.0.0", "127.0.0.", "127.0.0.2x", "127.0.1.2",
                            "100.100.100.200", "::1", "", "127.0.0.99999999999"}) {
    EXPECT_EQ(IdAt(other), "i-bp1simulated00000001") << other;
  }
}

TEST_F(SimulatorServiceOfThree, ATokenOfOneIsRefusedToAnother) {
  const auto token =
      Ask("PUT", "/latest/api/token", "127.0.0.2", {{std::string(kTokenTtlHeader), "60"}}).body;
  const Headers headers = {{std::string(kTokenHeader), token}};
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.2", headers).status, 200);
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.1", headers).status, 401);
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.3", headers).status, 401);
  service_.ChangeProtocol([](ProtocolOptions& options) { options.foreign_token_status = 403; });
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.1", headers).status, 403);
}

TEST_F(SimulatorServiceOfThree, EachHasModeFaultsAndJournalOfItsOwn) {
  service_.WithInstance(
      2, [](Instance& instance) { instance.set_access({.http_tokens = HttpTokens::kRequired}); });
  service_.SetFaults(3, {{.kind = Fault::Kind::kStatus, .status = 500}});
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.1").status, 200);
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.2").status, 403);
  EXPECT_EQ(Ask("GET", kVpcId, "127.0.0.3").status, 500);
  for (int number = 1; number <= 3; ++number) EXPECT_EQ(service_.journal(number).total(), 1U);
  EXPECT_EQ(service_.journal(2).counts().at({kVpcId, 403}), 1U);
  EXPECT_EQ(service_.counters().requests_by_status.at(500), 1U);
}

// Faults.

TEST_F(SimulatorService, AFaultComesInThePlaceOfTheAnswer) {
  service_.SetFaults(1, {{.kind = Fault::Kind::kStatus, .path = "/latest/api/token"}});
  EXPECT_EQ(PutToken({{std::string(kTokenTtlHeader), "60"}}).status, 503);
  EXPECT_EQ(service_.counters().tokens_issued, 0U);
  EXPECT_EQ(Get(kVpcId).status, 200);
}

TEST_F(SimulatorService, AFaultMayChangeHowTheAnswerIsCarried) {
  service_.SetFaults(1, {{.kind = Fault::Kind::kCut, .path = "*/vpc-id", .delay = seconds(2)}});
  const auto cut = Get(kVpcId);
  EXPECT_EQ(cut.body, kVpc);
  EXPECT_EQ(cut.delivery, (Delivery{.how = Delivery::How::kCut, .delay = seconds(2)}));
  EXPECT_EQ(Get("/latest/meta-data/mac").delivery, Delivery());
  EXPECT_EQ(service_.counters().faults[static_cast<std::size_t>(Fault::Kind::kCut)], 1U);
}

TEST_F(SimulatorService, WhatIsNotAnsweredIsJournalledWithoutAStatus) {
  for (const auto kind :
       {Fault::Kind::kHang, Fault::Kind::kReset, Fault::Kind::kClose, Fault::Kind::kGarbage}) {
    service_.SetFaults(1, {{.kind = kind}});
    EXPECT_TRUE(IsUnanswered(Get(kVpcId).delivery.how));
  }
  EXPECT_EQ(service_.journal().counts().at({kVpcId, 0}), 4U);
}

// What tests and drills rely on.

TEST_F(SimulatorService, TheJournalTellsWhatWasAskedAndWhen) {
  const auto token = Token();
  clock_.Advance(seconds(30));
  (void)Get("/latest/meta-data/mac?secret-query", {{"X-aliyun-ecs-metadata-token", token}});
  clock_.Advance(seconds(30));
  (void)Get("/latest/meta-data/no%20such");
  (void)Get("/latest/meta-data/mac", {{"X-aliyun-ecs-metadata-token", "aaa"}});

  const auto journal = service_.journal();
  EXPECT_EQ(journal.total(), 4U);
  EXPECT_EQ(journal.counts().at({"/latest/api/token", 200}), 1U);
  EXPECT_EQ(journal.counts().at({"/latest/meta-data/mac", 200}), 1U);
  EXPECT_EQ(journal.counts().at({"/latest/meta-data/mac", 401}), 1U);
  EXPECT_EQ(journal.counts().at({"/latest/meta-data/no such", 404}), 1U);
  ASSERT_EQ(journal.recent().size(), 4U);
  EXPECT_EQ(journal.recent()[0].method, "PUT");
  EXPECT_EQ(journal.recent()[0].at, seconds(0));
  EXPECT_EQ(journal.recent()[1].at, seconds(30));
  EXPECT_EQ(journal.recent()[3].at, seconds(60));
}

TEST_F(SimulatorService, ResetForgetsTokensJournalAndChanges) {
  const auto token = Token();
  Set({.http_tokens = HttpTokens::kRequired});
  clock_.Advance(seconds(10));
  service_.Reset();
  EXPECT_EQ(service_.journal().total(), 0U);
  EXPECT_EQ(Get(kVpcId).status, 200);
  EXPECT_EQ(Get(kVpcId, {{"X-aliyun-ecs-metadata-token", token}}).status, 401);
  EXPECT_EQ(service_.journal().recent()[0].at, seconds(0));
}

TEST_F(SimulatorService, ServesATreeThatIsNotOfOurCatalog) {
  auto tree = Tree::FromJson(R"({"meta-data": {"strange": "x"}, "user-data": "#!/bin/sh"})");
  ASSERT_TRUE(tree);
  Service service({.tree = std::move(*tree)}, clock_);
  EXPECT_EQ(service.Handle({.method = "GET", .target = "/latest/meta-data/"}).body, "strange");
  EXPECT_EQ(service.Handle({.method = "GET", .target = "/latest/user-data"}).body, "#!/bin/sh");
  EXPECT_EQ(service.Handle({.method = "GET", .target = kVpcId}).status, 404);
}

TEST_F(SimulatorService, ManyThreadsMayAskAndChangeAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 200; ++j) {
        const Headers token = {{"X-aliyun-ecs-metadata-token", Token("60")}};
        EXPECT_EQ(Get(kVpcId, token).status, 200);
        service_.WithInstance([](Instance& instance) { return instance.Rotate(); });
        EXPECT_EQ(Get("/latest/meta-data/ram/security-credentials/SimulatedEcsRole").status, 200);
        clock_.Advance(std::chrono::milliseconds(1));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(service_.journal().total(), 8U * 200 * 3);
}

}  // namespace
}  // namespace aliyun_ecs::simulator
