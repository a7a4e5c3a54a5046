#include "metadata/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

using namespace std::string_view_literals;  // NUL bytes inside literals
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Words = std::vector<std::string>;

constexpr Shape kShapes[] = {Shape::kWord,
                             Shape::kText,
                             Shape::kList,
                             Shape::kKilobitsPerSecond,
                             Shape::kTime,
                             Shape::kPublicKey,
                             Shape::kCredentialDocument};

Item MakeItem(Shape shape, Presence presence) {
  return {.path = "made-up",
          .family = "",
          .label = "",
          .help = "",
          .example = "",
          .shape = shape,
          .refresh = RefreshClass::kIdentity,
          .presence = presence,
          .sensitivity = Sensitivity::kPublic};
}

Result<std::optional<Value>> Parse(Shape shape, std::string_view body,
                                   Presence presence = Presence::kAlways) {
  return ParseItem(MakeItem(shape, presence), Secret(body));
}

// The value that `body` is, or `Expected()` with a failed expectation.
template <typename Expected>
Expected ValueOf(Shape shape, std::string_view body) {
  const auto parsed = Parse(shape, body);
  if (!parsed) {
    ADD_FAILURE() << testing::PrintToString(body) << ": " << parsed.error().message;
    return {};
  }
  if (!*parsed || !std::holds_alternative<Expected>(**parsed)) {
    ADD_FAILURE() << testing::PrintToString(body) << " is absent, or of another type";
    return {};
  }
  return std::get<Expected>(**parsed);
}

// Refused whatever the presence: only an empty body may mean "none".
void ExpectMalformed(Shape shape, std::string_view body) {
  for (const Presence presence : {Presence::kAlways, Presence::kOptional}) {
    const auto parsed = Parse(shape, body, presence);
    ASSERT_FALSE(parsed.has_value()) << testing::PrintToString(body) << " was taken";
    EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
    EXPECT_FALSE(parsed.error().message.empty());
  }
}

Words ListingOf(std::string_view body) {
  const auto parsed = ParseListing(Secret(body));
  if (!parsed) {
    ADD_FAILURE() << testing::PrintToString(body) << ": " << parsed.error().message;
    return {};
  }
  return *parsed;
}

void ExpectMalformedListing(std::string_view body) {
  const auto parsed = ParseListing(Secret(body));
  ASSERT_FALSE(parsed.has_value()) << testing::PrintToString(body) << " was taken";
  EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
}

// The service's own page for a 404, 345 bytes (aliyun-cli, issue 525).
constexpr std::string_view kNotFoundPage =
    "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n"
    "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n"
    "         \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
    "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
    " <head>\n"
    "  <title>404 - Not Found</title>\n"
    " </head>\n"
    " <body>\n"
    "  <h1>404 - Not Found</h1>\n"
    " </body>\n"
    "</html>\n";
static_assert(kNotFoundPage.size() == 345);

constexpr std::string_view kPages[] = {
    kNotFoundPage,
    "<html><head><title>404 - Not Found</title></head><body>gone</body></html>",
    "<html>",
    "<!DOCTYPE html><html><body>Log in to the network</body></html>",
    "\r\n \t<HTML><BODY>behind blanks</BODY></HTML>\r\n",
    "<Error><Code>AccessDenied</Code></Error>",
    R"({"code":"Forbidden","message":"log in"})",
};

TEST(ParseItemTest, TakesAWordAndNoSentence) {
  EXPECT_EQ(ValueOf<std::string>(Shape::kWord, "i-bp13znx0m0me8cquu\n"), "i-bp13znx0m0me8cquu");
  for (const std::string_view body : {"Please log in", R"({"code":"Forbidden"})", "a\tb"}) {
    ExpectMalformed(Shape::kWord, body);
  }
}

TEST(ParseItemTest, TakesAnErrorPageForNoShape) {
  for (const Shape shape : kShapes) {
    for (const std::string_view page : kPages) ExpectMalformed(shape, page);
  }
}

TEST(ParseItemTest, TakesAnErrorPageBehindAByteOrderMarkForNoShape) {
  // A captive portal's page in UTF-8 may begin with U+FEFF, which is printable.
  for (const Shape shape : kShapes) {
    ExpectMalformed(shape, "\xEF\xBB\xBF<html><body>Log in</body></html>");
    ExpectMalformed(shape, "\xEF\xBB\xBF<html>");
  }
}

TEST(ParseItemTest, ReadsAnEmptyBodyAsAbsentWhereTheRowSaysSo) {
  for (const Shape shape : kShapes) {
    for (const std::string_view body : {"", " ", "\n", "\r\n", " \t\r\n\r\n "}) {
      const auto parsed = Parse(shape, body, Presence::kOptional);
      ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
      EXPECT_EQ(*parsed, std::nullopt);
    }
  }
}

TEST(ParseItemTest, RefusesAnEmptyBodyOfAnItemThatIsAlwaysThere) {
  for (const Shape shape : kShapes) {
    for (const std::string_view body : {"", " ", "\n", "\r\n", " \t\r\n\r\n "}) {
      const auto parsed = Parse(shape, body, Presence::kAlways);
      ASSERT_FALSE(parsed.has_value());
      EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
    }
  }
}

TEST(ParseItemTest, QuotesNoPartOfTheBodyInAnErrorMessage) {
  constexpr std::string_view kMarker = "zQ7marker";
  const std::string marker(kMarker);
  const std::string bodies[] = {
      marker,
      marker + "\n" + marker,
      marker + "\x01",
      marker + "\xFF",
      "<" + marker + ">",
      "[" + marker,
      "[\"" + marker,
      "[\"" + marker + "\",1]",
      "[\"" + marker + "\x01\"]",
      "[\"" + marker + " " + marker + "\"]",
      "[" + marker + ",,]",
      marker + " blank",
      "5" + marker,
      "2026-11-23T15:20:00Z" + marker,
      "ssh-ed25519 " + marker,
      marker + " AAAAC3NzaC1lZDI1NTE5AAAAIMljXYrGn4FOJ/AdANYPqVeH01Iz3Xqoo/8CeCyrzu3U",
      "ssh-ed25519 AAAA" + marker + "=== " + marker,
      "{\"" + marker + "\":\"" + marker + "\"}",
      "{\"AccessKeySecret\":\"" + marker + "\",\"Code\":\"Success\"",
      "{\"AccessKeySecret\":\"" + marker + "\",\"Code\":\"Success\",\"Expiration\":\"x\"}",
      "{\"AccessKeySecret\":\"" + marker + "\"} trailing",
      "{\"AccessKeySecret\":" + marker + "}",
      "{\"AccessKeySecret\":{\"" + marker + "\":\"" + marker + "\"}}",
      "{\"Code\":\"" + marker + "\xFF\"}",
      "{\"Code\":\"" + marker + "\",\"" + marker + "\":[\"" + marker + "\"]}",
      std::string(5000, 'x') + marker,
  };
  int refused = 0;
  for (const std::string& body : bodies) {
    for (const Shape shape : kShapes) {
      const auto parsed = Parse(shape, body);
      if (parsed) continue;
      ++refused;
      EXPECT_THAT(parsed.error().message, Not(HasSubstr(marker)));
      EXPECT_THAT(parsed.error().message, Not(HasSubstr("zQ7")));
    }
    if (const auto listing = ParseListing(Secret(body)); !listing) {
      ++refused;
      EXPECT_THAT(listing.error().message, Not(HasSubstr("zQ7")));
    }
  }
  EXPECT_GT(refused, 130) << "too few of the bodies were refused for this to say anything";
}

// ---- words and texts

TEST(ParseWordTest, TakesAWordAsItIs) {
  for (const std::string_view word :
       {"i-bp1simulated00000001", "2.0", "00:16:3e:00:00:01", "192.168.10.0/24", "-", "0",
        "http://update.cloud.aliyuncs.com", "王小明", "a<b"}) {
    EXPECT_EQ(ValueOf<std::string>(Shape::kWord, word), word);
  }
}

TEST(ParseWordTest, TakesBlanksAndLineEndsFromBothEnds) {
  EXPECT_EQ(ValueOf<std::string>(Shape::kWord, " cn-hangzhou\t\r\n"), "cn-hangzhou");
}

TEST(ParseWordTest, RefusesBlanksAndWhateverNoTextMayHold) {
  for (const std::string_view body :
       {"two words"sv, "404 - Not Found"sv, "Log in to the network"sv, "two\nlines"sv, "a\tb"sv,
        "nul\0"sv, "esc\x1B"sv, "\xC2\x85"sv, "caf\xE9"sv, "\xED\xA0\x80"sv}) {
    ExpectMalformed(Shape::kWord, body);
  }
}

TEST(ParseWordTest, RefusesMoreThanTheMostBytes) {
  EXPECT_EQ(ValueOf<std::string>(Shape::kWord, std::string(kMaxTextBytes, 'x')).size(),
            kMaxTextBytes);
  ExpectMalformed(Shape::kWord, std::string(kMaxTextBytes + 1, 'x'));
}

TEST(ParseTextTest, TakesALineAsItIs) {
  for (const std::string_view text :
       {"i-bp1simulated00000001", "ECS Virt", "2.0", "00:16:3e:00:00:01", "a<b", "x\"y\\z", "[a]",
        "http://update.cloud.aliyuncs.com", "-", "0"}) {
    EXPECT_EQ(ValueOf<std::string>(Shape::kText, text), text);
  }
}

TEST(ParseTextTest, TakesBlanksAndLineEndsFromBothEnds) {
  EXPECT_EQ(ValueOf<std::string>(Shape::kText, "cn-hangzhou\n"), "cn-hangzhou");
  EXPECT_EQ(ValueOf<std::string>(Shape::kText, "cn-hangzhou\r\n"), "cn-hangzhou");
  EXPECT_EQ(ValueOf<std::string>(Shape::kText, "  cn-hangzhou \t"), "cn-hangzhou");
}

TEST(ParseTextTest, TakesAChineseInstanceName) {
  EXPECT_EQ(ValueOf<std::string>(Shape::kText, "生产环境 数据库-1\n"), "生产环境 数据库-1");
  EXPECT_EQ(ValueOf<std::string>(Shape::kText, "\xF0\xA0\xAE\xB7"), "\xF0\xA0\xAE\xB7");
}

TEST(ParseTextTest, RefusesControlCharacters) {
  for (const std::string_view text :
       {"two\nlines"sv, "two\r\nlines"sv, "tab\there"sv, "nul\0"sv, "\0nul"sv, "esc\x1B[31m"sv,
        "del\x7F"sv, "nel\xC2\x85"sv, "c1\xC2\x9F"sv}) {
    ExpectMalformed(Shape::kText, text);
  }
}

TEST(ParseTextTest, RefusesWhatIsNotUtf8) {
  for (const std::string_view text :
       {"\xFF"sv, "caf\xE9"sv, "\xC0\xAF"sv, "\xE7\x94"sv, "\xED\xA0\x80"sv, "\xF4\x90\x80\x80"sv,
        "\xC9\xFA\xB2\xFA"sv /* GBK */}) {
    ExpectMalformed(Shape::kText, text);
  }
}

TEST(ParseTextTest, RefusesMoreThanTheMostBytes) {
  EXPECT_EQ(ValueOf<std::string>(Shape::kText, std::string(kMaxTextBytes, 'x')),
            std::string(kMaxTextBytes, 'x'));
  ExpectMalformed(Shape::kText, std::string(kMaxTextBytes + 1, 'x'));
}

// ---- lists

struct ListCase {
  std::string_view body;
  Words words;
};

TEST(ParseListTest, UnderstandsEveryEncodingOfTheService) {
  const ListCase cases[] = {
      {R"(["192.168.1.10","192.168.1.11"])", {"192.168.1.10", "192.168.1.11"}},
      {R"( [ "a" , "b" ] )", {"a", "b"}},
      {"[\n  \"a\",\n  \"b\"\n]\n", {"a", "b"}},
      {R"(["a"])", {"a"}},
      {R"(["a\u002fb","\u751f"])", {"a/b", "生"}},
      {"[2408:4005::e4e,2408:4005::e4f]", {"2408:4005::e4e", "2408:4005::e4f"}},
      {"[2408:4005:a200::/56]", {"2408:4005:a200::/56"}},
      {"[ a , b ]\r\n", {"a", "b"}},
      {"[a,\r\n b]", {"a", "b"}},
      {"100.100.2.136\n100.100.2.138", {"100.100.2.136", "100.100.2.138"}},
      {"a\nb\n", {"a", "b"}},
      {"ntp1.aliyun.com\r\nntp2.aliyun.com", {"ntp1.aliyun.com", "ntp2.aliyun.com"}},
      {"a\r\nb\r\n", {"a", "b"}},
      {"a\n\n\r\nb", {"a", "b"}},
      {" a \n\tb\t", {"a", "b"}},
      {"192.168.0.1", {"192.168.0.1"}},
      {"http://mirrors.cloud.aliyuncs.com\n", {"http://mirrors.cloud.aliyuncs.com"}},
  };
  for (const ListCase& c : cases)
    EXPECT_EQ(ValueOf<Words>(Shape::kList, c.body), c.words) << c.body;
}

TEST(ParseListTest, KeepsTheServicesOrder) {
  EXPECT_THAT(ValueOf<Words>(Shape::kList, "b\na\nc"), ElementsAre("b", "a", "c"));
  EXPECT_THAT(ValueOf<Words>(Shape::kList, R"(["b","a"])"), ElementsAre("b", "a"));
}

TEST(ParseListTest, OfAnEmptyArrayIsEmpty) {
  for (const std::string_view body : {"[]", "[ ]", "[\n]\n", " []\r\n"}) {
    EXPECT_THAT(ValueOf<Words>(Shape::kList, body), IsEmpty());
  }
}

TEST(ParseListTest, RefusesListsThatAreCut) {
  constexpr std::string_view kJson = R"(["192.168.1.10","192.168.1.11"])";
  constexpr std::string_view kBare = "[2408:4005::e4e,2408:4005::e4f]";
  for (std::size_t size = 1; size < kJson.size(); ++size) {
    ExpectMalformed(Shape::kList, kJson.substr(0, size));
  }
  for (std::size_t size = 1; size < kBare.size(); ++size) {
    ExpectMalformed(Shape::kList, kBare.substr(0, size));
  }
}

TEST(ParseListTest, RefusesJsonThatIsNoArrayOfWords) {
  for (const std::string_view body :
       {R"(["a",1])", R"(["a",null])", R"(["a",["b"]])", R"(["a",{"b":"c"}])", R"(["a","b]])",
        R"(["a" "b"])", R"(["a",])", R"(["a"]["b"])", R"(["a"],"b"])", R"(["\ud800"])",
        "[\"\xFF\"]"}) {
    ExpectMalformed(Shape::kList, body);
  }
}

TEST(ParseListTest, RefusesWordsThatAreNone) {
  for (const std::string_view body : {R"([""])"sv,
                                      R"(["a",""])"sv,
                                      R"(["a b"])"sv,
                                      R"(["a\nb"])"sv,
                                      R"(["\u0000"])"sv,
                                      R"(["\u0085"])"sv,
                                      R"(["<html>"])"sv,
                                      R"([" a"])"sv,
                                      "[a,]"sv,
                                      "[,a]"sv,
                                      "[a,,b]"sv,
                                      "[,]"sv,
                                      "[a b]"sv,
                                      "[a\nb]"sv,
                                      "[<html>]"sv,
                                      "two words"sv,
                                      "a\ntwo words\nb"sv,
                                      "a\n<html>\nb"sv,
                                      "a\n\x01\n"sv,
                                      "a\0b"sv,
                                      "a\rb"sv,
                                      "a\tb"sv,
                                      "\xFF"sv,
                                      "a\n\xC2\x85"sv}) {
    ExpectMalformed(Shape::kList, body);
  }
}

TEST(ParseListTest, RefusesAWordOfMoreThanTheMostBytes) {
  const std::string longest(kMaxTextBytes, 'x');
  EXPECT_THAT(ValueOf<Words>(Shape::kList, longest), ElementsAre(longest));
  EXPECT_THAT(ValueOf<Words>(Shape::kList, "[\"" + longest + "\"]"), ElementsAre(longest));
  ExpectMalformed(Shape::kList, longest + "x");
  ExpectMalformed(Shape::kList, "a\n" + longest + "x");
  ExpectMalformed(Shape::kList, "[\"" + longest + "x\"]");
  ExpectMalformed(Shape::kList, "[" + longest + "x]");
}

// `count` different words, each in front of `separator` but the last.
std::string ManyWords(std::size_t count, std::string_view separator, std::string_view quote) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += separator;
    text.append(quote).append("w").append(std::to_string(i)).append(quote);
  }
  return text;
}

std::string InBrackets(std::string_view inside) {
  std::string text = "[";
  return text.append(inside).append("]");
}

TEST(ParseListTest, RefusesMoreThanTheMostEntries) {
  EXPECT_EQ(ValueOf<Words>(Shape::kList, ManyWords(kMaxListEntries, "\n", "")).size(),
            kMaxListEntries);
  EXPECT_EQ(ValueOf<Words>(Shape::kList, InBrackets(ManyWords(kMaxListEntries, ",", "\""))).size(),
            kMaxListEntries);
  ExpectMalformed(Shape::kList, ManyWords(kMaxListEntries + 1, "\n", ""));
  ExpectMalformed(Shape::kList, ManyWords(kMaxListEntries + 1, "\r\n", ""));
  ExpectMalformed(Shape::kList, InBrackets(ManyWords(kMaxListEntries + 1, ",", "")));
  ExpectMalformed(Shape::kList, InBrackets(ManyWords(kMaxListEntries + 1, ",", "\"")));
}

TEST(ParseListTest, SurvivesDeepNesting) {
  ExpectMalformed(Shape::kList, "[\"a\"," + std::string(30'000, '[') + std::string(30'001, ']'));
  ExpectMalformed(Shape::kCredentialDocument, std::string(60'000, '['));
  std::string nested;
  for (int i = 0; i < 10'000; ++i) nested += "{\"a\":";
  ExpectMalformed(Shape::kCredentialDocument, nested);
}

// ---- numbers

TEST(ParseKilobitsPerSecondTest, TakesADecimalInteger) {
  EXPECT_EQ(ValueOf<std::int64_t>(Shape::kKilobitsPerSecond, "1228800"), 1'228'800);
  EXPECT_EQ(ValueOf<std::int64_t>(Shape::kKilobitsPerSecond, "0"), 0);
  EXPECT_EQ(ValueOf<std::int64_t>(Shape::kKilobitsPerSecond, " 1024000\r\n"), 1'024'000);
  // Past 32 bits: 4.4 Tbit/s.
  EXPECT_EQ(ValueOf<std::int64_t>(Shape::kKilobitsPerSecond, "4400000000"), 4'400'000'000);
}

TEST(ParseKilobitsPerSecondTest, RefusesEverythingElse) {
  for (const std::string_view body :
       {"-1"sv,        "-1228800"sv, "+5"sv,
        "1.5"sv,       "1e6"sv,      "0x10"sv,
        "1,228,800"sv, "1_000"sv,    "12 34"sv,
        "12\n34"sv,    "5 Kbit/s"sv, "5k"sv,
        "k5"sv,        "-"sv,        "NaN"sv,
        "inf"sv,       "5\0"sv,      "\xEF\xBC\x95"sv /* a full-width 5 */,
        "[5]"sv,       "\"5\""sv}) {
    ExpectMalformed(Shape::kKilobitsPerSecond, body);
  }
}

TEST(ParseKilobitsPerSecondTest, RefusesWhatNoInterfaceCarries) {
  for (const std::string_view body :
       {"9223372036854775807", "9223372036854775808", "18446744073709551616",
        "99999999999999999999999999", "1000000000001"}) {
    ExpectMalformed(Shape::kKilobitsPerSecond, body);
  }
}

// ---- times

TEST(ParseTimeTest, TakesTheServicesForm) {
  EXPECT_EQ(ValueOf<SystemTime>(Shape::kTime, "2026-11-23T15:20:00Z\n"),
            SystemTime(std::chrono::seconds(1'795'447'200)));
}

TEST(ParseTimeTest, RefusesEveryOtherForm) {
  for (const std::string_view body :
       {"2026-11-23", "2026-11-23 15:20:00", "2026-11-23T15:20:00", "2026-11-23T15:20:00.000Z",
        "2026-11-23T15:20:00+08:00", "1795447200", "2026-02-30T15:20:00Z",
        "2026-11-23T15:20:00Z 2026-11-23T15:20:00Z", "404 - Not Found", "none"}) {
    ExpectMalformed(Shape::kTime, body);
  }
}

// ---- public keys: made for this test; the private halves are gone

constexpr std::string_view kEd25519Blob =
    "AAAAC3NzaC1lZDI1NTE5AAAAIMljXYrGn4FOJ/AdANYPqVeH01Iz3Xqoo/8CeCyrzu3U";
constexpr std::string_view kRsaBlob =
    "AAAAB3NzaC1yc2EAAAADAQABAAABAQCPYMnrXzZ85dB+DPGo281kCVbHLd5YHdwPvTKctsWixkwHvHGtfqPET43yO6+"
    "Qbi7n"
    "uJZ+jXloURNkyeEijQK/prvJkvFuMR2rCXlSv2E6ysRjLey9nx/"
    "lLTkPCvKHp9QSDO0wnV6qrgB12FYOxoI8Kwc3IbmI3h8N"
    "nPtUWYrcNF3q3JgxIiKk1TBRDgoT+zAjvfduaSHvilVLpkGa/nych/"
    "aLQVYif1RWh5KhqUj0lzPNwPfCsCjWvfpusrWYcdMg"
    "thSaWWCc1RVv2+yBCNoEZXgiTjNTl4+PiBeVWNGhE8pDB0FgczTEwUNuP26ooKLvAWlHc+TfT72AKrnFZOWD";
// Printed by `ssh-keygen -lf`.
constexpr std::string_view kEd25519Fingerprint =
    "SHA256:cAhx5wYCBZJSUVMLGXn8YAr4LU6m6myNkzqvYyWSr/U";
constexpr std::string_view kRsaFingerprint = "SHA256:Gz2xdpIy4srU3MUIW/6lbviRf5OUva+VX6UTTK5JuSE";

std::string KeyLine(std::string_view type, std::string_view blob) {
  return std::string(type) + " " + std::string(blob);
}

TEST(ParsePublicKeyTest, PrintsTheFingerprintThatSshKeygenPrints) {
  const auto ed25519 = ValueOf<PublicKey>(Shape::kPublicKey,
                                          KeyLine("ssh-ed25519", kEd25519Blob) + " me@example.com");
  EXPECT_EQ(ed25519.type, "ssh-ed25519");
  EXPECT_EQ(ed25519.fingerprint, kEd25519Fingerprint);
  const auto rsa =
      ValueOf<PublicKey>(Shape::kPublicKey, KeyLine("ssh-rsa", kRsaBlob) + " a key of mine\n");
  EXPECT_EQ(rsa.type, "ssh-rsa");
  EXPECT_EQ(rsa.fingerprint, kRsaFingerprint);
}

TEST(ParsePublicKeyTest, TakesAKeyWithoutAComment) {
  EXPECT_EQ(ValueOf<PublicKey>(Shape::kPublicKey, KeyLine("ssh-ed25519", kEd25519Blob)).fingerprint,
            kEd25519Fingerprint);
}

TEST(ParsePublicKeyTest, KeepsNothingOfTheComment) {
  const auto key = ValueOf<PublicKey>(Shape::kPublicKey,
                                      KeyLine("ssh-ed25519", kEd25519Blob) + " 王小明@example.com");
  EXPECT_EQ(key, (PublicKey{"ssh-ed25519", std::string(kEd25519Fingerprint)}));
}

TEST(ParsePublicKeyTest, RefusesAKeyCutAtAnyByte) {
  // Where four characters make three bytes, a cut blob is still good Base64 and its type is still
  // in front; only the lengths inside tell. A fingerprint of a half would name no key at all.
  for (const std::string& line :
       {KeyLine("ssh-ed25519", kEd25519Blob), KeyLine("ssh-rsa", kRsaBlob)}) {
    int taken = 0;
    for (std::size_t size = 1; size < line.size(); ++size) {
      if (Parse(Shape::kPublicKey, line.substr(0, size))) ++taken;
    }
    EXPECT_EQ(taken, 0) << "cuts of the " << line.size() << " bytes of " << line.substr(0, 11);
  }
}

TEST(ParsePublicKeyTest, RefusesAKeyWithBytesBehindItsBlob) {
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519", kEd25519Blob) + "AAAA");
}

TEST(ParsePublicKeyTest, RefusesBase64CutInsideAGroup) {
  for (const std::size_t less : {1u, 2u, 3u}) {
    const auto blob = kEd25519Blob.substr(0, kEd25519Blob.size() - less);
    ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519", blob));
    ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519", blob) + " comment");
  }
}

TEST(ParsePublicKeyTest, RefusesForeignCharactersInTheBase64) {
  for (const std::string_view foreign : {"!", "-", "_", ".", "%", "\xC3", "="}) {
    std::string blob(kEd25519Blob);
    blob.replace(40, 1, foreign);
    ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519", blob));
  }
}

TEST(ParsePublicKeyTest, RefusesPaddingBehindAFullBlob) {
  // OpenSSL's decoder drops dashes at the end, and reads '=' as zero anywhere.
  for (const std::string_view more : {"----", "====", "AA==----"}) {
    ExpectMalformed(Shape::kPublicKey,
                    KeyLine("ssh-ed25519", std::string(kEd25519Blob) + std::string(more)));
  }
}

TEST(ParsePublicKeyTest, RefusesATypeThatTheBlobDoesNotName) {
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-rsa", kEd25519Blob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519", kRsaBlob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed2551", kEd25519Blob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519x", kEd25519Blob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("SSH-ED25519", kEd25519Blob));
}

// A snapshot or a state file with it would be refused as a whole.
TEST(ParsePublicKeyTest, RefusesATypeThatNoFileMayHold) {
  // Blobs of a type "a!b" or "a/b" and one more field.
  ExpectMalformed(Shape::kPublicKey, "a!b AAAAA2EhYgAAAAF4");
  ExpectMalformed(Shape::kPublicKey, "a/b AAAAA2EvYgAAAAF4");
  EXPECT_EQ(ValueOf<PublicKey>(Shape::kPublicKey, "a@b AAAAA2FAYgAAAAF4").type, "a@b");
}

TEST(ParsePublicKeyTest, RefusesOptionsInFrontOfTheKey) {
  const std::string key = KeyLine("ssh-ed25519", kEd25519Blob);
  ExpectMalformed(Shape::kPublicKey, "restrict " + key);
  ExpectMalformed(Shape::kPublicKey, "no-pty,no-port-forwarding " + key);
  ExpectMalformed(Shape::kPublicKey, "command=\"/bin/true\" " + key);
  ExpectMalformed(Shape::kPublicKey, "command=\"/bin/echo two words\" " + key);
}

TEST(ParsePublicKeyTest, RefusesTwoLines) {
  const std::string key = KeyLine("ssh-ed25519", kEd25519Blob);
  ExpectMalformed(Shape::kPublicKey, key + "\n" + key);
  ExpectMalformed(Shape::kPublicKey, key + " comment\r\n" + key);
  ExpectMalformed(Shape::kPublicKey, key + " comment\nmore");
}

TEST(ParsePublicKeyTest, RefusesWhatIsNoKey) {
  for (const std::string_view body :
       {"ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 ==== c", "ssh-ed25519 AAAA c", "a b",
        "-----BEGIN RSA PRIVATE KEY-----", "---- BEGIN SSH2 PUBLIC KEY ----", "ssh-ed25519 ----",
        "ssh-ed25519 = x", "ssh-ed25519 AA== x"}) {
    ExpectMalformed(Shape::kPublicKey, body);
  }
  ExpectMalformed(Shape::kPublicKey, std::string(kEd25519Blob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("", kEd25519Blob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519\t", kEd25519Blob));
  ExpectMalformed(Shape::kPublicKey, KeyLine("ssh-ed25519", kEd25519Blob) + " \x1B[31m");
}

// ---- credential documents

// As the service prints it: a blank in front, two of indent, a blank at both sides of a colon.
constexpr std::string_view kDocument =
    " {\n"
    "  \"AccessKeyId\" : \"STS.obviously-fake\",\n"
    "  \"AccessKeySecret\" : \"obviously-fake-secret\",\n"
    "  \"Expiration\" : \"2026-11-23T21:20:00Z\",\n"
    "  \"SecurityToken\" : \"obviously-fake-token\",\n"
    "  \"LastUpdated\" : \"2026-11-23T15:20:00Z\",\n"
    "  \"Code\" : \"Success\"\n"
    "}\n";
constexpr SystemTime kLastUpdated{std::chrono::seconds(1'795'447'200)};
constexpr SystemTime kExpiration = kLastUpdated + std::chrono::hours(6);

Credentials CredentialsOf(std::string_view body) {
  return ValueOf<Credentials>(Shape::kCredentialDocument, body);
}

TEST(ParseCredentialsTest, ReadsTheDocumentAsTheServicePrintsIt) {
  EXPECT_EQ(CredentialsOf(kDocument), (Credentials{true, kExpiration, kLastUpdated}));
}

TEST(ParseCredentialsTest, ReadsTheSameFromOneLineInAnotherOrder) {
  EXPECT_EQ(CredentialsOf(R"({"Code":"Success","LastUpdated":"2026-11-23T15:20:00Z",)"
                          R"("Expiration":"2026-11-23T21:20:00Z","AccessKeyId":"STS.x"})"),
            (Credentials{true, kExpiration, kLastUpdated}));
}

TEST(ParseCredentialsTest, ReadsADocumentWithoutLastUpdated) {
  EXPECT_EQ(CredentialsOf(R"({"Code":"Success","Expiration":"2026-11-23T21:20:00Z"})"),
            (Credentials{true, kExpiration, std::nullopt}));
  // A spelling that some SDKs use by mistake is not the service's.
  EXPECT_EQ(CredentialsOf(R"({"Code":"Success","Expiration":"2026-11-23T21:20:00Z",)"
                          R"("LastUpDated":"2026-11-23T15:20:00Z"})"),
            (Credentials{true, kExpiration, std::nullopt}));
}

TEST(ParseCredentialsTest, ReadsAFailureWithAndWithoutExpiration) {
  EXPECT_EQ(CredentialsOf(R"({"Code":"Failed"})"), (Credentials{false, {}, {}}));
  EXPECT_EQ(CredentialsOf(R"({"Code":"Failed","Expiration":"2026-11-23T21:20:00Z"})"),
            (Credentials{false, kExpiration, {}}));
  EXPECT_EQ(CredentialsOf(R"({"Code":"Failed","LastUpdated":"2026-11-23T15:20:00Z"})"),
            (Credentials{false, {}, kLastUpdated}));
  EXPECT_EQ(CredentialsOf(R"({"Code":"Failed","Expiration":"soon"})"),
            (Credentials{false, {}, {}}));
}

TEST(ParseCredentialsTest, TakesOnlyTheExactCodeForSuccess) {
  for (const std::string_view code : {"success", "SUCCESS", " Success", "Success ", "", "200"}) {
    EXPECT_FALSE(CredentialsOf("{\"Code\":\"" + std::string(code) +
                               "\",\"Expiration\":\"2026-11-23T21:20:00Z\"}")
                     .success)
        << code;
  }
}

TEST(ParseCredentialsTest, RefusesASuccessWithoutAnExpirationThatIsATime) {
  for (const std::string_view body :
       {R"({"Code":"Success"})", R"({"Code":"Success","Expiration":""})",
        R"({"Code":"Success","Expiration":"2026-11-23 21:20:00"})",
        R"({"Code":"Success","Expiration":"1795468800"})",
        R"({"Code":"Success","expiration":"2026-11-23T21:20:00Z"})"}) {
    ExpectMalformed(Shape::kCredentialDocument, body);
  }
}

TEST(ParseCredentialsTest, RefusesADocumentWithoutACode) {
  for (const std::string_view body : {R"({})", R"({"Expiration":"2026-11-23T21:20:00Z"})",
                                      R"({"code":"Success","Expiration":"2026-11-23T21:20:00Z"})",
                                      R"({"AccessKeyId":"STS.x","AccessKeySecret":"x"})"}) {
    ExpectMalformed(Shape::kCredentialDocument, body);
  }
}

TEST(ParseCredentialsTest, RefusesMembersOfOtherTypesWhereItReadsThem) {
  for (const std::string_view body :
       {R"({"Code":200,"Expiration":"2026-11-23T21:20:00Z"})",
        R"({"Code":null,"Expiration":"2026-11-23T21:20:00Z"})",
        R"({"Code":true,"Expiration":"2026-11-23T21:20:00Z"})",
        R"({"Code":"Success","Expiration":1795468800})",
        R"({"Code":"Success","Expiration":1795468800.5})", R"({"Code":"Success","Expiration":-1})",
        R"({"Code":"Success","Expiration":null})", R"({"Code":"Success","Expiration":false})"}) {
    ExpectMalformed(Shape::kCredentialDocument, body);
  }
}

TEST(ParseCredentialsTest, RefusesNestedObjectsAndArrays) {
  for (const std::string_view body :
       {R"({"Code":"Success","Expiration":"2026-11-23T21:20:00Z","More":{}})",
        R"({"Code":"Success","Expiration":"2026-11-23T21:20:00Z","More":[]})",
        R"({"More":{"Code":"Success","Expiration":"2026-11-23T21:20:00Z"}})",
        R"({"More":{},"Code":"Success","Expiration":"2026-11-23T21:20:00Z"})",
        R"({"Code":["Success"],"Expiration":"2026-11-23T21:20:00Z"})",
        R"({"Code":{"Code":"Success"},"Expiration":"2026-11-23T21:20:00Z"})",
        R"([{"Code":"Success","Expiration":"2026-11-23T21:20:00Z"}])"}) {
    ExpectMalformed(Shape::kCredentialDocument, body);
  }
}

TEST(ParseCredentialsTest, TakesTheLastOfDuplicateKeys) {
  EXPECT_EQ(CredentialsOf(R"({"Code":"Success","Expiration":"2026-11-23T21:20:00Z",)"
                          R"("Code":"Failed"})"),
            (Credentials{false, kExpiration, {}}));
  EXPECT_EQ(CredentialsOf(R"({"Code":"Success","Expiration":"2026-11-23T15:20:00Z",)"
                          R"("Expiration":"2026-11-23T21:20:00Z"})"),
            (Credentials{true, kExpiration, {}}));
}

TEST(ParseCredentialsTest, RefusesADuplicateThatIsNoString) {
  // Else which of the two counts would depend on their order.
  ExpectMalformed(Shape::kCredentialDocument,
                  R"({"Code":"Success","Code":7,"Expiration":"2026-11-23T21:20:00Z"})");
  ExpectMalformed(Shape::kCredentialDocument,
                  R"({"Code":"Success","Expiration":"2026-11-23T21:20:00Z","Expiration":null})");
}

TEST(ParseCredentialsTest, RefusesADocumentCutAtAnyByte) {
  const std::size_t complete = kDocument.rfind('}') + 1;
  for (std::size_t size = 0; size < complete; ++size) {
    ExpectMalformed(Shape::kCredentialDocument, std::string(kDocument.substr(0, size)) + "x");
    if (Trim(kDocument.substr(0, size)).empty()) continue;
    ExpectMalformed(Shape::kCredentialDocument, kDocument.substr(0, size));
  }
  EXPECT_TRUE(CredentialsOf(kDocument.substr(0, complete)).success);
}

TEST(ParseCredentialsTest, RefusesADocumentWhoseHeadIsCut) {
  for (std::size_t start = kDocument.find('{') + 1; start < kDocument.rfind('}'); ++start) {
    ExpectMalformed(Shape::kCredentialDocument, kDocument.substr(start));
  }
}

TEST(ParseCredentialsTest, SurvivesEveryChangeOfOneByte) {
  // Some changes are harmless (a letter of a key that is let go), so only sense is asked for.
  for (std::size_t i = 0; i < kDocument.size(); ++i) {
    for (const char c : {'\0', '"', '\\', '{', '}', '[', '\xFF', '\x1F'}) {
      std::string document(kDocument);
      document[i] = c;
      const auto parsed = Parse(Shape::kCredentialDocument, document);
      if (!parsed) {
        EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
        continue;
      }
      ASSERT_TRUE(parsed->has_value());
      const auto& credentials = std::get<Credentials>(**parsed);
      if (credentials.success) {
        EXPECT_EQ(credentials.expiration, kExpiration);
      }
    }
  }
}

TEST(ParseCredentialsTest, RefusesWhatIsNoJsonDocument) {
  for (const std::string_view body :
       {"Success", "\"Success\"", "5", "null", "true", "[]", "{", "}", "{}{}", "{Code:\"Success\"}",
        "{'Code':'Success'}", R"({"Code":"Success",})", R"({"Code":"Failed"} trailing)",
        R"({"Code":"Failed"}{"Code":"Success"})", R"(// comment
           {"Code":"Failed"})"}) {
    ExpectMalformed(Shape::kCredentialDocument, body);
  }
  ExpectMalformed(Shape::kCredentialDocument, "{\"Code\":\"Failed\xFF\"}");
  ExpectMalformed(Shape::kCredentialDocument, "{\"Code\":\"Fai\nled\"}");
}

TEST(ParseCredentialsTest, RefusesADocumentWithBytesBehindIt) {
  // nlohmann's lexer takes a NUL for the end of its input.
  for (const std::string_view more : {"\0"sv, "\0more"sv, "\0{}"sv, "\xFF"sv, ","sv}) {
    ExpectMalformed(Shape::kCredentialDocument, "{\"Code\":\"Failed\"}" + std::string(more));
  }
}

// ---- listings

TEST(ParseListingTest, UnderstandsEveryEncodingOfAList) {
  for (const std::string_view body : {"a/\nb/", "a/\nb/\n", "a/\r\nb/\r\n", "a\nb", R"(["a","b"])",
                                      R"(["a/","b/"])", "[a,b]", "[ a/ , b/ ]\n", " a/ \n\n b/ "}) {
    EXPECT_THAT(ListingOf(body), ElementsAre("a", "b")) << body;
  }
}

TEST(ParseListingTest, TakesRealNames) {
  EXPECT_THAT(ListingOf("00:16:3e:00:00:01/\n00:16:3e:00:00:02/"),
              ElementsAre("00:16:3e:00:00:01", "00:16:3e:00:00:02"));
  EXPECT_THAT(ListingOf("bp1simulated00000001/"), ElementsAre("bp1simulated00000001"));
  EXPECT_THAT(ListingOf("EcsRamRole.Test_1-a@b=c,d+e"), ElementsAre("EcsRamRole.Test_1-a@b=c,d+e"));
}

TEST(ParseListingTest, OfNothingIsEmpty) {
  for (const std::string_view body : {"", " ", "\n", "\r\n\r\n", "[]", "[ ]\n"}) {
    EXPECT_THAT(ListingOf(body), IsEmpty());
  }
}

TEST(ParseListingTest, IsSortedAndNamesEachEntryOnce) {
  EXPECT_THAT(ListingOf("c/\na\nb/\na/\nc\nB"), ElementsAre("B", "a", "b", "c"));
  EXPECT_THAT(ListingOf(R"(["b","a","b"])"), ElementsAre("a", "b"));
}

TEST(ParseListingTest, RefusesEntriesThatCouldNotStandInAPath) {
  for (const std::string_view entry :
       {"../x"sv, ".."sv,   "../"sv,   "."sv,        "./"sv,      "/"sv,   "/a"sv,  "a/b"sv,
        "a//"sv,  "a/.."sv, "a b"sv,   "%2e"sv,      "%2e%2e/"sv, "a?b"sv, "a#b"sv, "a&b"sv,
        "a\\b"sv, "a;b"sv,  "a*"sv,    "~a"sv,       "$a"sv,      "a'b"sv, "a|b"sv, "a\tb"sv,
        "a\rb"sv, "a\0b"sv, "a\x7F"sv, "\xC3\xA9"sv, "\xFF"sv,    "生产"sv}) {
    ExpectMalformedListing(entry);
    ExpectMalformedListing("good/\n" + std::string(entry) + "\nfine/");
  }
  for (const std::string_view body :
       {R"([""])", R"(["a",""])", R"(["../x"])", R"(["a\u002fb"])", R"(["a\r\nHost: x"])",
        R"(["/"])", "[a,,b]", "[a,]", "[/]", R"(["a"b])", R"([{"a":1}])", R"([[a]])"}) {
    ExpectMalformedListing(body);
  }
}

TEST(ParseListingTest, RefusesErrorPages) {
  for (const std::string_view page : kPages) ExpectMalformedListing(page);
  ExpectMalformedListing("\xEF\xBB\xBF<html>");
  ExpectMalformedListing("404 - Not Found");
  ExpectMalformedListing(R"({"Code":"Forbidden"})");
}

TEST(ParseListingTest, RefusesListingsThatAreCut) {
  ExpectMalformedListing(R"(["a","b")");
  ExpectMalformedListing(R"(["a","b)");
  ExpectMalformedListing("[a,b");
  ExpectMalformedListing("[");
}

TEST(ParseListingTest, RefusesMoreThanTheMostEntries) {
  EXPECT_EQ(ListingOf(ManyWords(kMaxListEntries, "/\n", "")).size(), kMaxListEntries);
  ExpectMalformedListing(ManyWords(kMaxListEntries + 1, "/\n", ""));
}

TEST(ParseListingTest, RefusesAnEntryOfMoreThanTheMostBytes) {
  const std::string longest(kMaxIndexBytes, 'x');
  EXPECT_THAT(ListingOf(longest + "/"), ElementsAre(longest));
  ExpectMalformedListing(longest + "x/");
  ExpectMalformedListing("a\n" + longest + "x");
}

TEST(IsIndexTest, TakesLettersDigitsAndAFewSignsOnly) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@:_-.=,+";
  EXPECT_TRUE(IsIndex(kAllowed));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::string entry{'a', c, 'b'};
    EXPECT_EQ(IsIndex(entry), kAllowed.find(c) != std::string_view::npos) << byte;
  }
}

TEST(IsIndexTest, RefusesEmptyNamesAndNamesOfDirectories) {
  EXPECT_FALSE(IsIndex(""));
  EXPECT_FALSE(IsIndex("."));
  EXPECT_FALSE(IsIndex(".."));
  EXPECT_TRUE(IsIndex("..."));
  EXPECT_TRUE(IsIndex(".a"));
}

TEST(IsIndexTest, RefusesMoreThanTheMostBytes) {
  EXPECT_TRUE(IsIndex(std::string(kMaxIndexBytes, 'x')));
  EXPECT_FALSE(IsIndex(std::string(kMaxIndexBytes + 1, 'x')));
}

TEST(ParseListingTest, PassesOverNamesOfPeopleThatCannotStandInAPath) {
  const auto tags =
      ParseListing(Secret("team\nenv\n环境\ncost center\n[x]\na/b\nteam"), Naming::kUsers);
  ASSERT_TRUE(tags);
  EXPECT_EQ(*tags, (std::vector<std::string>{"env", "team"}));
  EXPECT_FALSE(ParseListing(Secret("team\n环境"), Naming::kVendor));
}

TEST(ParseListingTest, TakesNoPageForNamesOfPeople) {
  EXPECT_FALSE(ParseListing(Secret("<html>\nteam\n</html>"), Naming::kUsers));
  EXPECT_FALSE(ParseListing(Secret("team\x01"), Naming::kUsers));
  EXPECT_FALSE(ParseListing(Secret("\xff\xfe"), Naming::kUsers));
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "tag" + std::to_string(i) + "\n";
  EXPECT_FALSE(ParseListing(Secret(many), Naming::kUsers));
}

TEST(ValueOfTest, NoBodyMeansThatThereIsNoneWhereAnInstanceMayHaveNone) {
  const Item& optional = Row(ItemAt("eipv4"));
  const Item& always = Row(kInstanceId);
  const auto none = ValueOf(optional, std::nullopt);
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, std::nullopt);
  EXPECT_EQ(ValueOf(optional, Secret("")).value(), std::nullopt);
  EXPECT_EQ(ValueOf(always, Secret("i-1")).value(), Value(std::string("i-1")));
  EXPECT_EQ(ValueOf(always, std::nullopt).error().code, ErrorCode::kMissing);
  EXPECT_EQ(ValueOf(always, Secret("")).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(ValueOf(always, Secret("<html>")).error().code, ErrorCode::kMalformed);
}

TEST(ValueOfTest, OfADirectoryItIsTheListOfEntries) {
  const DirectoryRow& roles = Row(Directory::kRoles);
  const DirectoryRow& interfaces = Row(Directory::kInterfaces);
  EXPECT_EQ(ValueOf(roles, std::nullopt).value(), std::nullopt);
  EXPECT_EQ(ValueOf(roles, Secret("")).value(), Value(std::vector<std::string>{}));
  EXPECT_EQ(ValueOf(roles, Secret("b/\na")).value(), Value(std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ValueOf(interfaces, std::nullopt).error().code, ErrorCode::kMissing);
  EXPECT_EQ(ValueOf(interfaces, Secret("")).error().code, ErrorCode::kMissing);
  EXPECT_EQ(ValueOf(interfaces, Secret("<html>")).error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace aliyun_ecs
