#include "expose/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "expose/status_page.h"
#include "support/exporter_rig.h"
#include "support/gunzip.h"

namespace aliyun_ecs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::Pair;

class SiteTest : public ::testing::Test {
 protected:
  WebResponse Get(std::string_view path) const { return site.Handle({"GET", path}); }

  ExporterRig rig;
  BuildInfo build{"1.2.3", "abc", "test"};
  Site site{rig.store, rig.clock, build, "/metrics"};
};

TEST_F(SiteTest, ServesItsPagesAndNoOther) {
  for (const auto* const path : {"/", "/metrics", "/snapshot", "/-/healthy", "/healthz"}) {
    EXPECT_EQ(Get(path).status, 200) << path;
  }
  for (const auto* const path : {"", "/metricsfoo", "/metrics/", "/Metrics", "//", "/-/", "/x"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(SiteTest, HealthNeverDependsOnTheCloudAndReadinessDoes) {
  EXPECT_EQ(Get("/-/healthy").status, 200);
  EXPECT_EQ(Get("/-/ready").status, 503);
  EXPECT_EQ(Get("/readyz").status, 503);
  rig.RunNow();
  EXPECT_EQ(Get("/-/ready").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  rig.transport.Interfere([](const HttpRequest&) { return AnswerWith(500); });
  rig.RunFor(std::chrono::hours(1));
  EXPECT_EQ(Get("/-/healthy").status, 200);
  EXPECT_EQ(Get("/-/ready").status, 200) << "what is known stays known";
}

TEST_F(SiteTest, TakesGetAndHeadOnly) {
  EXPECT_EQ(site.Handle({"HEAD", "/metrics"}).status, 200);
  for (const auto* const method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    const WebResponse response = site.Handle({method, "/metrics"});
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_THAT(response.headers, ::testing::Contains(::testing::Pair("Allow", "GET, HEAD")));
  }
  EXPECT_EQ(site.Handle({"POST", "/nowhere"}).status, 404);
}

TEST_F(SiteTest, GivesEachScraperThePageItWants) {
  WebRequest request{.method = "GET", .path = "/metrics"};
  request.accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  WebResponse response = site.Handle(request);
  EXPECT_EQ(response.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(response.body.ends_with("# EOF\n"));
  EXPECT_THAT(response.headers, Contains(Pair("Vary", "Accept, Accept-Encoding")));

  request.accept_encoding = "gzip";
  response = site.Handle(request);
  EXPECT_THAT(response.headers, Contains(Pair("Content-Encoding", "gzip")));
  EXPECT_THAT(response.headers, Contains(Pair("Vary", "Accept, Accept-Encoding")));
  EXPECT_TRUE(Gunzip(response.body).value_or("").ends_with("# EOF\n"));
}

TEST_F(SiteTest, TellsTheFormatOfThePage) {
  EXPECT_EQ(Get("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(Get("/snapshot").content_type, "application/json");
  EXPECT_EQ(Get("/").content_type, "text/html; charset=utf-8");
}

TEST_F(SiteTest, ServesTheStatusPageWithItsPolicyAndNoOtherPageWithIt) {
  rig.RunNow();
  EXPECT_THAT(Get("/").body, HasSubstr("i-bp1simulated00000001"));
  EXPECT_THAT(Get("/").body, HasSubstr("href=\"/metrics\""));
  EXPECT_EQ(Get("/").headers, StatusPageHeaders());
  EXPECT_THAT(StatusPageHeaders(), IsSupersetOf({Pair("Referrer-Policy", "no-referrer"),
                                                 Pair("Cache-Control", "no-store")}));
  EXPECT_THAT(Get("/metrics").headers, ElementsAre(Pair("Vary", "Accept, Accept-Encoding")));
}

TEST(SiteTelemetryPathTest, MustBeAPathThatNoOtherPageHas) {
  for (const auto* const path : {"/metrics", "/a/b", "/x.txt", "/-/metrics"}) {
    EXPECT_TRUE(Site::IsTelemetryPath(path)) << path;
  }
  for (const auto* const path : {"", "metrics", "/", "/snapshot", "/-/ready", "/healthz",
                                 "/me trics", "/m?x", "/<x>", "/%41"}) {
    EXPECT_FALSE(Site::IsTelemetryPath(path)) << path;
  }
}

}  // namespace
}  // namespace aliyun_ecs
