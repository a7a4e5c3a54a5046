#include "client/metadata_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/fake_clock.h"
#include "support/scripted_transport.h"

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr std::string_view kToken = "obviously-fake-token.0123456789_ABC~!";
constexpr std::string_view kTokenHeader = "X-aliyun-ecs-metadata-token";
constexpr std::string_view kTtlHeader = "X-aliyun-ecs-metadata-token-ttl-seconds";

constexpr ClientOptions kHardened{};
constexpr ClientOptions kNormal{.mode = MetadataMode::kNormal};

// The body that an exchange brought, or nullopt with a failed expectation.
std::optional<std::string> BodyOf(const Exchange& exchange) {
  if (!exchange.answer) {
    ADD_FAILURE() << exchange.answer.error().message;
    return std::nullopt;
  }
  if (!*exchange.answer) return std::nullopt;
  return std::string((*exchange.answer)->Reveal());
}

class MetadataClientTest : public testing::Test {
 protected:
  void GetToken(MetadataClient& client) {
    transport_.Answer(200, kToken);
    const Exchange exchange = client.RenewToken({});
    ASSERT_TRUE(exchange.answer.has_value()) << exchange.answer.error().message;
    ASSERT_FALSE(client.NeedsToken());
  }

  // A client in hardened mode with a token: what the service's answer to one read comes to.
  Exchange ReadAnswered(int status, std::string_view body = "",
                        std::optional<Duration> retry_after = std::nullopt) {
    MetadataClient client(transport_, clock_, kHardened);
    GetToken(client);
    transport_.Answer(status, body, retry_after);
    Exchange exchange = client.Read("instance-id", {});
    needed_token_ = client.NeedsToken();
    return exchange;
  }

  [[nodiscard]] const ScriptedTransport::Request& LastRequest() const {
    return transport_.requests().back();
  }

  FakeClock clock_;
  ScriptedTransport transport_;
  bool needed_token_ = false;
};

// ---- the session token

TEST_F(MetadataClientTest, NeedsATokenInHardenedModeAndNoneInNormalMode) {
  EXPECT_TRUE(MetadataClient(transport_, clock_, kHardened).NeedsToken());
  EXPECT_FALSE(MetadataClient(transport_, clock_, kNormal).NeedsToken());
  EXPECT_THAT(transport_.requests(), IsEmpty());
}

TEST_F(MetadataClientTest, AsksForATokenByPutWithItsLife) {
  ClientOptions options = kHardened;
  options.token_ttl = seconds(600);
  MetadataClient client(transport_, clock_, options);
  GetToken(client);
  ASSERT_EQ(transport_.requests().size(), 1u);
  EXPECT_EQ(LastRequest().method, HttpMethod::kPut);
  EXPECT_EQ(LastRequest().path, "/latest/api/token");
  EXPECT_THAT(LastRequest().headers, ElementsAre(Pair(kTtlHeader, "600")));
}

TEST_F(MetadataClientTest, AsksForSixHoursUnlessToldOtherwise) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  EXPECT_THAT(LastRequest().headers, ElementsAre(Pair(kTtlHeader, "21600")));
}

TEST_F(MetadataClientTest, KeepsTheTokenToItself) {
  MetadataClient client(transport_, clock_, kHardened);
  transport_.Answer(200, kToken);
  const Exchange exchange = client.RenewToken({});
  ASSERT_TRUE(exchange.answer.has_value());
  EXPECT_FALSE(exchange.answer->has_value());
  EXPECT_EQ(exchange.status, 200);
  EXPECT_EQ(client.session().token().Reveal(), kToken);
}

TEST_F(MetadataClientTest, SendsTheTokenWithEveryRead) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  for (const std::string_view path : {"instance-id", "network/interfaces/macs/"}) {
    transport_.Answer(200, "x");
    EXPECT_EQ(BodyOf(client.Read(path, {})), "x");
    EXPECT_EQ(LastRequest().method, HttpMethod::kGet);
    EXPECT_EQ(LastRequest().path, "/latest/meta-data/" + std::string(path));
    EXPECT_THAT(LastRequest().headers, ElementsAre(Pair(kTokenHeader, kToken)));
  }
  EXPECT_EQ(transport_.requests().size(), 3u);
}

TEST_F(MetadataClientTest, SendsTheNewTokenAfterARenewal) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  transport_.Answer(200, "another-token");
  ASSERT_TRUE(client.RenewToken({}).answer.has_value());
  transport_.Answer(200, "x");
  ASSERT_EQ(BodyOf(client.Read("mac", {})), "x");
  EXPECT_THAT(LastRequest().headers, ElementsAre(Pair(kTokenHeader, "another-token")));
}

TEST_F(MetadataClientTest, SendsNoTokenInNormalMode) {
  MetadataClient client(transport_, clock_, kNormal);
  transport_.Answer(200, "i-simulated");
  EXPECT_EQ(BodyOf(client.Read("instance-id", {})), "i-simulated");
  ASSERT_EQ(transport_.requests().size(), 1u);
  EXPECT_EQ(LastRequest().method, HttpMethod::kGet);
  EXPECT_EQ(LastRequest().path, "/latest/meta-data/instance-id");
  EXPECT_THAT(LastRequest().headers, IsEmpty());
}

TEST_F(MetadataClientTest, NeverNeedsATokenInNormalModeWhateverIsAnswered) {
  MetadataClient client(transport_, clock_, kNormal);
  for (const int status : {200, 401, 403}) {
    transport_.Answer(status, "x");
    EXPECT_EQ(client.Read("mac", {}).status, status);
    EXPECT_FALSE(client.NeedsToken());
  }
}

TEST_F(MetadataClientTest, NeverSendsXForwardedFor) {
  // The service refuses a PUT that has it, and takes its sender for a proxy.
  for (const ClientOptions& options : {kHardened, kNormal}) {
    MetadataClient client(transport_, clock_, options);
    GetToken(client);
    for (const int status : {200, 401, 403, 404, 429, 500}) {
      transport_.Answer(status, "x");
      EXPECT_EQ(client.Read("mac", {}).status, status);
      transport_.Answer(200, kToken);
      EXPECT_TRUE(client.RenewToken({}).answer.has_value());
    }
  }
  EXPECT_EQ(transport_.requests().size(), 26u);
  for (const auto& request : transport_.requests()) {
    for (auto [name, value] : request.headers) {
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      EXPECT_THAT(name, Not(HasSubstr("forwarded")));
    }
  }
}

TEST_F(MetadataClientTest, TrustsATokenUntilItsLifeIsOver) {
  ClientOptions options = kHardened;
  options.token_ttl = seconds(600);
  MetadataClient client(transport_, clock_, options);
  GetToken(client);
  clock_.Advance(seconds(600) - nanoseconds(1));
  EXPECT_FALSE(client.NeedsToken());
  clock_.Advance(nanoseconds(1));
  EXPECT_TRUE(client.NeedsToken());
}

TEST_F(MetadataClientTest, CountsATokensLifeBySteadyTimeNotByTheWallClock) {
  MetadataClient client(transport_, clock_, kHardened);
  const SystemTime start = clock_.System();
  GetToken(client);
  clock_.SetSystem(start + hours(1000));
  EXPECT_FALSE(client.NeedsToken());
  clock_.SetSystem(start - hours(1000));
  EXPECT_FALSE(client.NeedsToken());
  clock_.Advance(hours(6));  // the wall clock still stands long before
  EXPECT_TRUE(client.NeedsToken());
}

TEST_F(MetadataClientTest, CountsATokensLifeFromWhenItWasAskedFor) {
  ClientOptions options = kHardened;
  options.token_ttl = seconds(60);
  MetadataClient client(transport_, clock_, options);
  const SteadyTime asked = clock_.Steady();
  const SystemTime asked_system = clock_.System();
  transport_.Meanwhile([&] { clock_.Advance(seconds(20)); });
  GetToken(client);
  EXPECT_EQ(client.session().RenewAt(), asked + seconds(30));
  EXPECT_EQ(client.session().Expiration(), asked_system + seconds(60));
  clock_.Advance(seconds(40) - nanoseconds(1));
  EXPECT_FALSE(client.NeedsToken());
  clock_.Advance(nanoseconds(1));
  EXPECT_TRUE(client.NeedsToken());
}

TEST_F(MetadataClientTest, GivesARenewedTokenAFullLife) {
  ClientOptions options = kHardened;
  options.token_ttl = seconds(60);
  MetadataClient client(transport_, clock_, options);
  GetToken(client);
  clock_.Advance(seconds(30));
  GetToken(client);
  clock_.Advance(seconds(59));
  EXPECT_FALSE(client.NeedsToken());
  clock_.Advance(seconds(1));
  EXPECT_TRUE(client.NeedsToken());
}

TEST_F(MetadataClientTest, KeepsTheOldTokenWhenARenewalFails) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  for (const int status : {400, 403, 404, 405, 429, 500, 503}) {
    transport_.Answer(status, "x");
    EXPECT_FALSE(client.RenewToken({}).answer.has_value());
  }
  transport_.Answer(200, "<html>");
  EXPECT_FALSE(client.RenewToken({}).answer.has_value());
  transport_.Fail(ErrorCode::kTimeout, "late");
  EXPECT_FALSE(client.RenewToken({}).answer.has_value());
  EXPECT_FALSE(client.NeedsToken());
  EXPECT_EQ(client.session().token().Reveal(), kToken);
}

TEST_F(MetadataClientTest, SaysWhatTheStatusOfATokenAnswerMeans) {
  const std::pair<int, ErrorCode> cases[] = {
      {400, ErrorCode::kRefused},   {401, ErrorCode::kRefused}, {403, ErrorCode::kForbidden},
      {404, ErrorCode::kRefused},   {405, ErrorCode::kRefused}, {429, ErrorCode::kThrottled},
      {503, ErrorCode::kThrottled}, {500, ErrorCode::kRefused}, {301, ErrorCode::kRefused},
      {204, ErrorCode::kRefused},   {201, ErrorCode::kRefused}};
  for (const auto& [status, code] : cases) {
    MetadataClient client(transport_, clock_, kHardened);
    transport_.Answer(status, kToken);
    const Exchange exchange = client.RenewToken({});
    ASSERT_FALSE(exchange.answer.has_value()) << status;
    EXPECT_EQ(exchange.answer.error().code, code) << status;
    EXPECT_THAT(exchange.answer.error().message, HasSubstr(std::to_string(status)));
    EXPECT_EQ(exchange.status, status);
    EXPECT_TRUE(client.NeedsToken()) << "a token was taken from a " << status;
  }
}

TEST_F(MetadataClientTest, TakesNoTokenThatCouldBreakOutOfAHeaderOrIsAPage) {
  const std::string bodies[] = {
      "",
      " ",
      "<html><body>Log in</body></html>",
      "<html>",
      "two words",
      "line\nbreak",
      "token\n",
      "token\r\n",
      "\ntoken",
      "token\r\nX-Forwarded-For:1",
      "tab\there",
      std::string("nul\0in", 6),
      std::string("nul\0", 4),
      "escape\x1B",
      "del\x7F",
      "caf\xC3\xA9",
      "caf\xE9",
      "\xEF\xBB\xBFtoken",
      "令牌",
      std::string(2049, 'x'),
  };
  for (const std::string& body : bodies) {
    MetadataClient client(transport_, clock_, kHardened);
    transport_.Answer(200, body);
    const Exchange exchange = client.RenewToken({});
    ASSERT_FALSE(exchange.answer.has_value()) << testing::PrintToString(body);
    EXPECT_EQ(exchange.answer.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(exchange.status, 200);
    EXPECT_TRUE(client.NeedsToken());
    EXPECT_EQ(client.session().Expiration(), std::nullopt);
  }
}

TEST_F(MetadataClientTest, TakesATokenOfTheMostBytesAndOfEveryGraphicCharacter) {
  std::string graphic;
  for (char c = 33; c < 127; ++c) graphic += c;
  for (const std::string& token : {graphic, std::string(2048, 'x'), std::string("t")}) {
    MetadataClient client(transport_, clock_, kHardened);
    transport_.Answer(200, token);
    ASSERT_TRUE(client.RenewToken({}).answer.has_value()) << token;
    EXPECT_FALSE(client.NeedsToken());
    EXPECT_EQ(client.session().token().Reveal(), token);
  }
}

TEST_F(MetadataClientTest, DropsTheTokenAfterA401) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  transport_.Answer(401, "x");
  const Exchange exchange = client.Read("mac", {});
  ASSERT_FALSE(exchange.answer.has_value());
  EXPECT_EQ(exchange.answer.error().code, ErrorCode::kUnauthorized);
  EXPECT_TRUE(client.NeedsToken());
  EXPECT_TRUE(client.session().token().empty());
  EXPECT_EQ(client.session().Expiration(), std::nullopt);
  // Asking again, and whether, is the caller's decision.
  EXPECT_EQ(transport_.requests().size(), 2u);
  GetToken(client);
  transport_.Answer(200, "x");
  EXPECT_EQ(BodyOf(client.Read("mac", {})), "x");
}

TEST_F(MetadataClientTest, KeepsTheTokenAfterEveryOtherAnswer) {
  for (const int status : {200, 204, 301, 400, 403, 404, 405, 429, 500, 503}) {
    EXPECT_EQ(ReadAnswered(status, "x").status, status);
    EXPECT_FALSE(needed_token_) << status;
  }
}

// ---- one meaning for each status

TEST_F(MetadataClientTest, Reads200AsItsBody) {
  const Exchange exchange = ReadAnswered(200, std::string_view("a\0b\n", 4));
  EXPECT_EQ(BodyOf(exchange), std::string("a\0b\n", 4));
  EXPECT_EQ(exchange.status, 200);
}

TEST_F(MetadataClientTest, ReadsAnEmpty200AsAnEmptyBodyNotAsAbsent) {
  const Exchange exchange = ReadAnswered(200, "");
  ASSERT_TRUE(exchange.answer.has_value());
  ASSERT_TRUE(exchange.answer->has_value());
  EXPECT_TRUE((*exchange.answer)->empty());
}

TEST_F(MetadataClientTest, Reads404AsAbsentWithoutItsPage) {
  const Exchange exchange = ReadAnswered(404, "<html>404 - Not Found</html>");
  ASSERT_TRUE(exchange.answer.has_value());
  EXPECT_FALSE(exchange.answer->has_value());
  EXPECT_EQ(exchange.status, 404);
}

TEST_F(MetadataClientTest, SaysWhatEveryOtherStatusMeans) {
  const std::pair<int, ErrorCode> cases[] = {
      {401, ErrorCode::kUnauthorized}, {403, ErrorCode::kForbidden}, {429, ErrorCode::kThrottled},
      {503, ErrorCode::kThrottled},    {100, ErrorCode::kRefused},   {201, ErrorCode::kRefused},
      {204, ErrorCode::kRefused},      {206, ErrorCode::kRefused},   {301, ErrorCode::kRefused},
      {302, ErrorCode::kRefused},      {304, ErrorCode::kRefused},   {400, ErrorCode::kRefused},
      {405, ErrorCode::kRefused},      {407, ErrorCode::kRefused},   {410, ErrorCode::kRefused},
      {500, ErrorCode::kRefused},      {502, ErrorCode::kRefused},   {504, ErrorCode::kRefused},
      {0, ErrorCode::kRefused},        {999, ErrorCode::kRefused}};
  for (const auto& [status, code] : cases) {
    const Exchange exchange = ReadAnswered(status, "zQ7marker");
    ASSERT_FALSE(exchange.answer.has_value()) << status;
    EXPECT_EQ(exchange.answer.error().code, code) << status;
    EXPECT_EQ(exchange.status, status);
    EXPECT_THAT(exchange.answer.error().message, HasSubstr(std::to_string(status)));
    EXPECT_THAT(exchange.answer.error().message, Not(HasSubstr("zQ7marker")));
    EXPECT_THAT(exchange.answer.error().message, Not(HasSubstr(std::string(kToken))));
  }
}

TEST_F(MetadataClientTest, PassesRetryAfterOnWhenThrottled) {
  for (const int status : {429, 503}) {
    EXPECT_EQ(ReadAnswered(status, "", seconds(7)).retry_after, seconds(7));
    EXPECT_EQ(ReadAnswered(status, "", seconds(0)).retry_after, seconds(0));
    EXPECT_EQ(ReadAnswered(status).retry_after, std::nullopt);
  }
  MetadataClient client(transport_, clock_, kHardened);
  transport_.Answer(429, "", seconds(9));
  EXPECT_EQ(client.RenewToken({}).retry_after, seconds(9));
}

TEST_F(MetadataClientTest, PassesTheTransportsErrorsOnWithoutAStatus) {
  for (const ErrorCode code : {ErrorCode::kTimeout, ErrorCode::kUnreachable, ErrorCode::kMalformed,
                               ErrorCode::kCancelled}) {
    MetadataClient client(transport_, clock_, kHardened);
    transport_.Fail(code, "in the way of the token");
    const Exchange renewal = client.RenewToken({});
    ASSERT_FALSE(renewal.answer.has_value());
    EXPECT_EQ(renewal.answer.error(), (Error{code, "in the way of the token"}));
    EXPECT_EQ(renewal.status, std::nullopt);
    EXPECT_TRUE(client.NeedsToken());

    GetToken(client);
    transport_.Fail(code, "in the way of the read");
    const Exchange read = client.Read("mac", {});
    ASSERT_FALSE(read.answer.has_value());
    EXPECT_EQ(read.answer.error(), (Error{code, "in the way of the read"}));
    EXPECT_EQ(read.status, std::nullopt);
    EXPECT_EQ(read.retry_after, std::nullopt);
    EXPECT_FALSE(client.NeedsToken());
  }
}

// ---- what is carried into every request

TEST_F(MetadataClientTest, CarriesItsTimeOutIntoEveryRequest) {
  ClientOptions options = kHardened;
  options.timeout = milliseconds(1234);
  MetadataClient client(transport_, clock_, options);
  GetToken(client);
  EXPECT_EQ(LastRequest().timeout, milliseconds(1234));
  transport_.Answer(200, "x");
  ASSERT_EQ(BodyOf(client.Read("mac", {})), "x");
  EXPECT_EQ(LastRequest().timeout, milliseconds(1234));
}

TEST_F(MetadataClientTest, CapsTheBodyOfATokenAndOfAnItem) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  // Room for an error page, which is longer than a token; the token has a limit of its own.
  EXPECT_EQ(LastRequest().max_body_bytes, 65536u);
  transport_.Answer(200, "x");
  ASSERT_EQ(BodyOf(client.Read("mac", {})), "x");
  EXPECT_EQ(LastRequest().max_body_bytes, 65536u);
}

TEST_F(MetadataClientTest, HandsTheStopTokenOn) {
  std::stop_source source;
  MetadataClient client(transport_, clock_, kNormal);
  transport_.Answer(200, kToken);
  EXPECT_TRUE(client.RenewToken(source.get_token()).answer.has_value());
  EXPECT_TRUE(LastRequest().stop_possible);
  EXPECT_FALSE(LastRequest().stop_requested);
  source.request_stop();
  transport_.Answer(200, "x");
  EXPECT_EQ(BodyOf(client.Read("mac", source.get_token())), "x");
  EXPECT_TRUE(LastRequest().stop_requested);
}

TEST_F(MetadataClientTest, NotesWhenItSentAndHowLongItTook) {
  MetadataClient client(transport_, clock_, kHardened);
  transport_.Meanwhile([&] { clock_.Advance(milliseconds(35)); });
  const Instant before_token = Now(clock_);
  transport_.Answer(200, kToken);
  const Exchange renewal = client.RenewToken({});
  EXPECT_EQ(renewal.sent_at.steady, before_token.steady);
  EXPECT_EQ(renewal.sent_at.system, before_token.system);
  EXPECT_EQ(renewal.duration, milliseconds(35));

  const Instant before_read = Now(clock_);
  transport_.Fail(ErrorCode::kTimeout, "late");
  const Exchange read = client.Read("mac", {});
  EXPECT_EQ(read.sent_at.steady, before_read.steady);
  EXPECT_EQ(read.sent_at.system, before_read.system);
  EXPECT_EQ(read.duration, milliseconds(35));
}

// ---- Session by itself

TEST(SessionTest, IsClosedWithoutAToken) {
  const Session session(seconds(60));
  EXPECT_FALSE(session.IsOpen(SteadyTime()));
  EXPECT_FALSE(session.IsOpen(SteadyTime::min()));
  EXPECT_EQ(session.Expiration(), std::nullopt);
  EXPECT_EQ(session.ttl(), seconds(60));
}

TEST(SessionTest, RenewsAtHalfOfTheLifeEvenWhenItIsOdd) {
  for (const int ttl : {21600, 60, 61, 3, 2, 1}) {
    Session session{seconds(ttl)};
    session.Accept(Secret("t"), SteadyTime(seconds(100)), SystemTime());
    EXPECT_EQ(session.RenewAt(), SteadyTime(seconds(100) + milliseconds(500 * ttl))) << ttl;
  }
}

TEST(SessionTest, IsClosedOnceTheTokenWasDropped) {
  Session session(seconds(60));
  session.Accept(Secret("t"), SteadyTime(seconds(100)), SystemTime(seconds(5000)));
  ASSERT_TRUE(session.IsOpen(SteadyTime(seconds(100))));
  EXPECT_EQ(session.Expiration(), SystemTime(seconds(5060)));
  session.Drop();
  EXPECT_FALSE(session.IsOpen(SteadyTime(seconds(100))));
  EXPECT_TRUE(session.token().empty());
  EXPECT_EQ(session.Expiration(), std::nullopt);
}

TEST_F(MetadataClientTest, ReadsWithoutATokenInEitherModeWhenAskedTo) {
  for (const auto& options : {kHardened, kNormal}) {
    MetadataClient client(transport_, clock_, options);
    if (client.NeedsToken()) GetToken(client);
    transport_.Answer(200, "cn-hangzhou");
    EXPECT_EQ(BodyOf(client.ProbeNormalMode({})), "cn-hangzhou");
    EXPECT_EQ(LastRequest().path, "/latest/meta-data/region-id");
    EXPECT_TRUE(LastRequest().headers.empty());
    transport_.Answer(401);
    EXPECT_EQ(client.ProbeNormalMode({}).answer.error().code, ErrorCode::kUnauthorized);
    EXPECT_FALSE(client.NeedsToken()) << "no token was refused";
  }
}

TEST_F(MetadataClientTest, ADroppedTokenIsNotSentAgain) {
  MetadataClient client(transport_, clock_, kHardened);
  GetToken(client);
  client.DropToken();
  EXPECT_TRUE(client.NeedsToken());
}

TEST_F(MetadataClientTest, ReadsAsMuchAsItIsTold) {
  MetadataClient client(transport_, clock_, kNormal);
  transport_.Answer(200, "x");
  static_cast<void>(client.Read("mac", {}));
  EXPECT_EQ(LastRequest().max_body_bytes, kMaxItemBytes);
  transport_.Answer(200, "x");
  static_cast<void>(client.Read("disks/", {}, kMaxDocumentBytes));
  EXPECT_EQ(LastRequest().max_body_bytes, kMaxDocumentBytes);
}

}  // namespace
}  // namespace aliyun_ecs
