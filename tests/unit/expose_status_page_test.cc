#include "expose/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <regex>

#include "support/exporter_rig.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Sha256Base64(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EXPECT_EQ(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr), 1);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(size));
  return {base64.begin(), base64.begin() + length};
}

// What stands between the only <name> and the only </name>.
std::string ElementText(const std::string& page, const std::string& name) {
  const std::string open = "<" + name + ">";
  const auto begin = page.find(open);
  const auto end = page.find("</" + name + ">");
  EXPECT_NE(begin, std::string::npos) << name;
  EXPECT_EQ(page.find(open, begin + 1), std::string::npos) << "another " << name;
  return page.substr(begin + open.size(), end - begin - open.size());
}

// The page without style and script: what varies.
std::string Markup(std::string page) {
  for (const std::string name : {"style", "script"}) {
    const std::string text = ElementText(page, name);
    page.replace(page.find(text), text.size(), "");
  }
  return page;
}

class StatusPageTest : public ::testing::Test {
 protected:
  std::string Page() const {
    return StatusPage(*rig.Current(), Now(rig.clock), {"1.2.3", "abc", "test"}, "/numbers");
  }
  std::string News() const { return Markup(Page()); }
  void SetTermination(Duration in) {
    rig.service.WithInstance(
        [&](simulator::Instance& instance) { instance.SetTermination(rig.clock.System() + in); });
  }
  void PutName(const std::string& name) {
    rig.service.WithInstance([&](simulator::Instance& instance) {
      ASSERT_TRUE(instance.Put("meta-data/instance/instance-name", name));
    });
  }

  ExporterRig rig;
};

TEST_F(StatusPageTest, MayOnlyRunItsOwnScriptAndStyle) {
  const auto headers = StatusPageHeaders();
  ASSERT_EQ(headers[0].first, "Content-Security-Policy");
  const std::string& policy = headers[0].second;
  EXPECT_THAT(policy, HasSubstr("default-src 'none';"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  // When this fails, these are the hashes for status_page.cc.
  const std::string page = Page();
  EXPECT_THAT(policy,
              HasSubstr("style-src 'sha256-" + Sha256Base64(ElementText(page, "style")) + "';"));
  EXPECT_THAT(policy,
              HasSubstr("script-src 'sha256-" + Sha256Base64(ElementText(page, "script")) + "';"));
}

TEST_F(StatusPageTest, LoadsNothingAndHasNothingThatThePolicyForbids) {
  rig.RunNow();
  SetTermination(minutes(5));
  rig.RunFor(seconds(5));
  const std::string page = Page();
  EXPECT_THAT(page, Not(HasSubstr("http:")));
  EXPECT_THAT(page, Not(HasSubstr("https:")));
  EXPECT_THAT(ElementText(page, "style"), Not(HasSubstr("url(")));
  EXPECT_THAT(ElementText(page, "style"), Not(HasSubstr("@import")));
  const std::string markup = Markup(page);
  EXPECT_THAT(markup, Not(HasSubstr(" style=")));
  EXPECT_THAT(markup, Not(HasSubstr(" src=")));
  EXPECT_FALSE(std::regex_search(markup, std::regex(" on[a-z]+="))) << "a handler in an attribute";
  // Links lead to this exporter, and none of them is "//elsewhere".
  const std::regex link("href=\"([^\"]*)\"");
  for (std::sregex_iterator it(markup.begin(), markup.end(), link), end; it != end; ++it) {
    const std::string target = (*it)[1];
    EXPECT_TRUE(target.starts_with("data:image/gif;") ||
                (target.starts_with("/") && !target.starts_with("//")))
        << target;
  }
}

TEST_F(StatusPageTest, IsNeverCalmBeforeAnythingIsKnown) {
  EXPECT_THAT(News(), HasSubstr("<section class=\"hero unknown\">"));
  EXPECT_THAT(News(), HasSubstr(">Unknown<"));
  EXPECT_THAT(News(), HasSubstr("The metadata service was not asked yet."));
  EXPECT_THAT(News(), HasSubstr("<h1>This instance</h1>"));
  EXPECT_THAT(News(), Not(HasSubstr("class=\"good\"")));
  EXPECT_THAT(News(), HasSubstr("Nothing has changed since the exporter started."));
}

TEST_F(StatusPageTest, SaysWhoTheInstanceIsAndThatNothingIsScheduled) {
  rig.RunNow();
  rig.clock.Advance(seconds(3));
  const std::string page = News();
  EXPECT_THAT(page, HasSubstr("<title>no termination scheduled · simulated-instance-1</title>"));
  EXPECT_THAT(page, HasSubstr("<h1>simulated-instance-1</h1>"));
  EXPECT_THAT(page, HasSubstr("i-bp1simulated00000001 · ecs.g6e.large · cn-hangzhou-i"));
  EXPECT_THAT(page, HasSubstr("<section class=\"hero none\">"));
  EXPECT_THAT(page, HasSubstr(">None scheduled<"));
  EXPECT_THAT(page, HasSubstr("Last answer 3 s ago. It is asked for every 5 s."));
  EXPECT_THAT(page, Not(HasSubstr("data-seconds-left")));
  EXPECT_THAT(page, HasSubstr("href=\"/numbers\""));
  EXPECT_THAT(page, HasSubstr("aliyun_ecs_exporter 1.2.3, revision abc"));
}

TEST_F(StatusPageTest, CountsDownToATerminationInSecondsThatTheServerTells) {
  rig.RunNow();
  SetTermination(minutes(5));
  rig.RunFor(seconds(5));
  rig.clock.Advance(milliseconds(250));
  const std::string page = News();
  EXPECT_THAT(page, HasSubstr("<section class=\"hero scheduled\">"));
  EXPECT_THAT(page, HasSubstr("data-seconds-left=\"294.750\">4:54</p>"));
  EXPECT_THAT(page, HasSubstr("<title>4:54 · simulated-instance-1</title>"));
  EXPECT_THAT(page,
              HasSubstr("<time datetime=\"2026-01-01T00:05:00Z\">2026-01-01 00:05:00 UTC</time>"));
  EXPECT_THAT(page, HasSubstr("<p data-when=\"over\" hidden>"));
  EXPECT_THAT(page, HasSubstr("data-news=\"spot termination scheduled for 2026-01-01T00:05:00Z\""));
  EXPECT_THAT(page, HasSubstr("<meta http-equiv=\"refresh\" content=\"2\">"));
}

TEST_F(StatusPageTest, MarksADrillAsOneAndStaysCalmOtherwise) {
  rig.RunNow();
  const std::string before = News();
  rig.poller.SetLocalFacts({rig.clock.System() + minutes(5), {}});
  std::string page = News();
  const std::string banner = "<section class=\"drill\">\n<h2>Drill</h2>\n<p>No notice: ";
  const auto at = page.find(banner);
  ASSERT_NE(at, std::string::npos);
  const auto end = page.find("</section>\n", at) + std::string("</section>\n").size();
  const std::string drill = page.substr(at, end - at);
  EXPECT_THAT(drill, HasSubstr("<time datetime=\"2026-01-01T00:05:00Z\">"));
  EXPECT_THAT(drill, Not(HasSubstr("data-seconds-left")));
  EXPECT_EQ(page.erase(at, end - at), before);
  rig.clock.Advance(minutes(5));
  EXPECT_THAT(News(), Not(HasSubstr("rehearsed"))) << "its time has come";
}

TEST_F(StatusPageTest, ShowsNoDrillBesideANotice) {
  rig.RunNow();
  rig.poller.SetLocalFacts({rig.clock.System() + minutes(30), {}});
  SetTermination(minutes(5));
  rig.RunFor(seconds(5));
  EXPECT_THAT(News(), HasSubstr("<section class=\"hero scheduled\">"));
  EXPECT_THAT(News(), Not(HasSubstr("rehearsed")));
}

TEST_F(StatusPageTest, KeepsANoticeWhenTheServiceIsLostAndSaysHowOldItIs) {
  rig.RunNow();
  SetTermination(minutes(5));
  rig.RunFor(seconds(5));
  rig.transport.Interfere([](const HttpRequest&) { return AnswerWith(500); });
  rig.RunFor(minutes(2));
  EXPECT_THAT(News(), HasSubstr("<section class=\"hero scheduled\">"));
  EXPECT_THAT(News(), HasSubstr("<p>Last answer 2 min "));
}

TEST_F(StatusPageTest, DoesNotTakeAnExcludedNoticeForNone) {
  PollOptions poll;
  poll.exclude.set(static_cast<std::size_t>(kSpotTerminationTime));
  ExporterRig other(LinuxInstance(), poll);
  other.RunNow();
  const std::string page =
      Markup(StatusPage(*other.Current(), Now(other.clock), {"1.2.3", "abc", "test"}, "/metrics"));
  EXPECT_THAT(page, HasSubstr("<section class=\"hero unknown\">"));
  EXPECT_THAT(page, HasSubstr("The spot notice is excluded: nobody asks."));
}

TEST_F(StatusPageTest, SaysWhenTheTimeHasCome) {
  rig.RunNow();
  SetTermination(minutes(5));
  rig.RunFor(minutes(5) + seconds(1));
  const std::string page = News();
  EXPECT_THAT(page, HasSubstr("data-seconds-left=\"-1.000\">0:00</p>"));
  EXPECT_THAT(page, HasSubstr("<p data-when=\"ahead\" hidden>"));
  EXPECT_THAT(page, HasSubstr("<p data-when=\"over\">"));
}

TEST_F(StatusPageTest, WritesLongTimesLeftInAFormThatCanBeRead) {
  rig.RunNow();
  SetTermination(hours(1) + minutes(2) + seconds(8));
  rig.RunFor(seconds(5));
  EXPECT_THAT(News(), HasSubstr(">1:02:03</p>"));
  SetTermination(hours(72));
  rig.RunFor(seconds(5));
  EXPECT_THAT(News(), HasSubstr(">2 days</p>"));
}

TEST_F(StatusPageTest, IsUnknownAgainWhenTheServiceIsLostAndSaysWhatToDo) {
  rig.RunNow();
  rig.transport.Interfere([](const HttpRequest&) -> std::optional<Result<HttpResponse>> {
    return Fail(ErrorCode::kTimeout, "no answer");
  });
  rig.RunFor(seconds(6));
  EXPECT_THAT(News(), HasSubstr("<strong class=\"warning\">The newest request was not answered"))
      << "one item alone is its own trouble";
  rig.RunFor(seconds(54));
  EXPECT_THAT(News(), HasSubstr("<section class=\"hero unknown\">"));
  EXPECT_THAT(News(), HasSubstr("<td><strong class=\"warning\">1 min 0 s, late</strong></td>"));
  EXPECT_THAT(News(), HasSubstr("<strong class=\"critical\">Nobody answers at the metadata "));
  EXPECT_THAT(News(), HasSubstr("Allow TCP to 100.100.100.200 port 80"));
}

TEST_F(StatusPageTest, ShowsThrottlingAndTheBudget) {
  rig.RunNow();
  EXPECT_THAT(News(), HasSubstr("<meter min=\"0\" max=\"100\""));
  EXPECT_THAT(News(), HasSubstr("of 100 requests may be made at once; 2 more each second."));
  rig.transport.Interfere([](const HttpRequest&) { return AnswerWith(429); });
  rig.RunFor(seconds(6));
  EXPECT_THAT(News(), HasSubstr("<strong class=\"warning\">The metadata service throttles "));
  EXPECT_THAT(News(), HasSubstr("pausing for another "));
}

TEST_F(StatusPageTest, SaysWhetherNormalModeIsOpen) {
  EXPECT_THAT(News(), HasSubstr("<dt>Normal mode</dt><dd>not known</dd>"));
  rig.RunNow();
  EXPECT_THAT(News(),
              HasSubstr("<dt>Normal mode</dt><dd><strong class=\"warning\">open</strong></dd>"));
  rig.service.WithInstance([](simulator::Instance& instance) {
    auto access = instance.access();
    access.http_tokens = simulator::HttpTokens::kRequired;
    instance.set_access(access);
  });
  rig.RunFor(hours(2));
  EXPECT_THAT(News(),
              HasSubstr("<dt>Normal mode</dt><dd><strong class=\"good\">closed</strong></dd>"));
}

TEST_F(StatusPageTest, ShowsHowLongACredentialLasts) {
  rig.RunNow();
  EXPECT_THAT(News(), HasSubstr("<dt>Role</dt><dd>SimulatedEcsRole</dd>"));
  EXPECT_THAT(News(), HasSubstr("<dt>Time left</dt><dd><strong class=\"good\">6 h 0 min</strong>"));
  rig.transport.Interfere([](const HttpRequest&) { return AnswerWith(500); });
  rig.RunFor(hours(7));
  EXPECT_THAT(News(),
              HasSubstr("<dt>Expired</dt><dd><strong class=\"critical\">1 h 0 min ago</strong>"));
}

TEST_F(StatusPageTest, SaysThatNoRoleIsAttached) {
  EXPECT_THAT(News(), HasSubstr("Whether a role is attached is not known."));
  rig.service.WithInstance([](simulator::Instance& instance) { instance.DetachRole(); });
  rig.RunNow();
  EXPECT_THAT(News(), HasSubstr("No RAM role is attached."));
}

TEST_F(StatusPageTest, NamesItemsThatFail) {
  rig.RunNow();
  EXPECT_THAT(News(), Not(HasSubstr("<dt>Failing</dt>")));
  rig.transport.Interfere([](const HttpRequest& request) {
    return request.path.ends_with("/hostname") ? AnswerWith(500)
                                               : std::optional<Result<HttpResponse>>();
  });
  rig.RunFor(hours(2));
  EXPECT_THAT(News(),
              HasSubstr("<dt>Failing</dt><dd><strong class=\"warning\">hostname</strong></dd>"));
}

TEST_F(StatusPageTest, ListsRecentChangesNewestFirst) {
  rig.RunNow();
  SetTermination(minutes(5));
  rig.RunFor(seconds(5));
  const std::string page = News();
  const auto newest = page.find("<strong class=\"critical\">Spot termination scheduled for ");
  const auto oldest = page.find("The metadata service answers <span");
  ASSERT_NE(newest, std::string::npos);
  ASSERT_NE(oldest, std::string::npos);
  EXPECT_LT(newest, oldest);
  EXPECT_THAT(page, HasSubstr("<time datetime=\"" +
                              FormatUtc(rig.Current()->changes.back().at.system) + "\">"));
}

TEST_F(StatusPageTest, EscapesWhateverTheServiceSays) {
  PutName("x\"></h1><script>alert(1)</script><img src=x onerror='y'>&{}");
  rig.RunNow();
  const std::string page = News();
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("data-title=\"x&quot;&gt;&lt;/h1&gt;&lt;script&gt;alert(1)"));
  EXPECT_THAT(page, HasSubstr("<h1>x&quot;&gt;&lt;/h1&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
                              "&lt;img src=x onerror=&#39;y&#39;&gt;&amp;{}</h1>"));
  rig.service.WithInstance([](simulator::Instance& instance) {
    ASSERT_TRUE(instance.Put("meta-data/instance-id", "i-<b>bold</b>"));
  });
  rig.RunFor(hours(2));
  EXPECT_THAT(News(), HasSubstr("became i-&lt;b&gt;bold&lt;/b&gt;"));
  EXPECT_THAT(News(), Not(HasSubstr("<b>")));
}

}  // namespace
}  // namespace aliyun_ecs
