#include "expose/negotiation.h"

#include <gtest/gtest.h>

#include <string>

namespace aliyun_ecs {
namespace {

TEST(NegotiateExpositionTest, GivesOpenMetricsToWhoNamesItAtLeastAsMuchAsText) {
  for (const auto* const accept : {
           "application/openmetrics-text",
           "application/openmetrics-text; version=1.0.0; charset=utf-8",
           "Application/OpenMetrics-Text;VERSION=\"1.0.0\";Q=0.1",
           // Prometheus 2.42 and 3.5
           "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
           "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
           "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
           "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;"
           "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
           "text/plain, application/openmetrics-text",
           "text/*;q=0.3, application/openmetrics-text;q=0.4, */*",
           " , ,application/openmetrics-text;version=1.0.0 , ",
       }) {
    EXPECT_EQ(NegotiateExposition(accept), Exposition::kOpenMetrics) << accept;
  }
}

TEST(NegotiateExpositionTest, GivesTextToAllOthers) {
  for (const auto* const accept : {
           "",
           "*/*",
           "text/plain",
           "text/plain;version=0.0.4",
           "text/*",
           "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",  // a browser
           "application/json",  // cannot be had; a page is better than none
           "application/openmetrics-text;version=0.0.1",
           "application/openmetrics-text;version=2.0.0",
           "application/openmetrics-text;q=0",
           "application/openmetrics-text;q=0.000, text/plain;q=0.1",
           "application/openmetrics-text;q=0.4, text/plain;version=0.0.4;q=0.5",
           "application/openmetrics-text;q=0.4, */*;q=0.5",
           "application/openmetrics-text;q=2",
           "application/openmetrics-text;q=x",
           "application/openmetrics-text;q=",
           "application/openmetrics-text;q=-1",
           "application/openmetrics-text;q=1e0",
           "application/openmetrics-text;q=nan",
           "application/openmetrics-textual",
           "xapplication/openmetrics-text",
       }) {
    EXPECT_EQ(NegotiateExposition(accept), Exposition::kText) << accept;
  }
}

TEST(NegotiateGzipTest, CompressesForWhoWantsIt) {
  for (const auto* const wanted :
       {"gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5", "gzip, deflate, br, zstd", "*", "*;q=0.1",
        "gzip;q=0.001", "identity;q=0.5, gzip;q=0.5", "br;q=1.0, gzip;q=0.8, *;q=0.1"}) {
    EXPECT_TRUE(NegotiateGzip(wanted)) << wanted;
  }
  for (const auto* const unwanted :
       {"", "identity", "deflate", "br", "gzip;q=0", "gzip;q=0.0, *", "*;q=0",
        "identity, gzip;q=0.5", "gzip;q=x", "gzipped", "gzip x", "x-gzip;q=0"}) {
    EXPECT_FALSE(NegotiateGzip(unwanted)) << unwanted;
  }
}

TEST(NegotiationTest, TakesAnythingThatAClientMaySend) {
  const std::string long_list = [] {
    std::string text;
    for (int i = 0; i < 4000; ++i) text += "a;q=,";
    return text;
  }();
  for (const std::string_view hostile :
       {std::string_view(";"), std::string_view(",;=\"\"=;q"), std::string_view("\"", 1),
        std::string_view("a;q=\""), std::string_view("\x80\xff"), std::string_view(long_list)}) {
    EXPECT_EQ(NegotiateExposition(hostile), Exposition::kText);
    EXPECT_FALSE(NegotiateGzip(hostile));
  }
}

}  // namespace
}  // namespace aliyun_ecs
