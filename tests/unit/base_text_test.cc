#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace aliyun_ecs {
namespace {

using namespace std::string_view_literals;  // NUL bytes inside literals
using testing::ElementsAre;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// `value` in as many bytes as asked for, whether or not that is its well-formed encoding.
std::string Encode(std::uint32_t value, std::size_t size) {
  if (size == 1) return {static_cast<char>(value)};
  std::string bytes(size, '\0');
  for (std::size_t i = size - 1; i > 0; --i) {
    bytes[i] = static_cast<char>(0x80 | (value & 0x3F));
    value >>= 6;
  }
  bytes[0] = static_cast<char>((0xF00 >> size) | value);
  return bytes;
}

// `character` between two letters.
std::string InText(std::string_view character) {
  std::string text = "a";
  return text.append(character).append("b");
}

TEST(EqualIgnoringCaseTest, KnowsTheLettersOfAsciiOnly) {
  EXPECT_TRUE(EqualIgnoringCase("", ""));
  EXPECT_TRUE(EqualIgnoringCase("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(EqualIgnoringCase("a", "aa"));
  EXPECT_FALSE(EqualIgnoringCase("aa", "a"));
  EXPECT_FALSE(EqualIgnoringCase("@[`{", "`{@["));
  EXPECT_FALSE(EqualIgnoringCase("\xC3\x84", "\xC3\xA4"));
}

TEST(ParseWholeTest, TakesAllOfATextOrNothing) {
  EXPECT_EQ(ParseWhole<int>("0", 0, 9), 0);
  EXPECT_EQ(ParseWhole<int>("9", 0, 9), 9);
  EXPECT_EQ(ParseWhole<int>("-5", -5, 9), -5);
  EXPECT_EQ(ParseWhole<int>("007", 0, 9), 7);
  EXPECT_EQ(ParseWhole<std::uint64_t>("18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(ParseWhole<int>("fF", 0, 255, 16), 255);
  for (const char* text :
       {"", "-", "+1", " 1", "1 ", "1x", "0x1", "1.0", "10", "-1", "99999999999"}) {
    EXPECT_EQ(ParseWhole<int>(text, 0, 9), std::nullopt) << text;
  }
  EXPECT_EQ(ParseWhole<unsigned>("-1", 0, 9), std::nullopt);
  EXPECT_EQ(ParseWhole<std::uint64_t>("18446744073709551616", 0, UINT64_MAX), std::nullopt);
}

TEST(TrimTest, TakesBlanksTabsAndLineEndsFromBothEnds) {
  EXPECT_EQ(Trim(" \t\r\n text \r\n\t "), "text");
  EXPECT_EQ(Trim("text"), "text");
  EXPECT_EQ(Trim("\ntext"), "text");
  EXPECT_EQ(Trim("text\r\n"), "text");
}

TEST(TrimTest, LeavesWhatIsInside) { EXPECT_EQ(Trim(" two  words\there "), "two  words\there"); }

TEST(TrimTest, LeavesNothingOfBlanks) {
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim(" \t\r\n"), "");
}

TEST(TrimTest, LeavesOtherControlCharactersForTheParserToRefuse) {
  EXPECT_EQ(Trim("\0a\0"sv), "\0a\0"sv);
  EXPECT_EQ(Trim("\x0B"
                 "a\x0C"),
            "\x0B"
            "a\x0C");
}

TEST(SplitTest, CutsAtEverySeparator) {
  EXPECT_THAT(Split("a,b,c", ','), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Split("a", ','), ElementsAre("a"));
  EXPECT_THAT(Split("a,b", '\n'), ElementsAre("a,b"));
}

TEST(SplitTest, KeepsEmptyPieces) {
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_THAT(Split(",", ','), ElementsAre("", ""));
  EXPECT_THAT(Split(",a,,b,", ','), ElementsAre("", "a", "", "b", ""));
}

TEST(IsPrintableUtf8Test, TakesPrintableText) {
  EXPECT_TRUE(IsPrintableUtf8(""));
  EXPECT_TRUE(IsPrintableUtf8(" ~"));
  EXPECT_TRUE(IsPrintableUtf8("simulated-instance-1"));
  EXPECT_TRUE(IsPrintableUtf8("\xC3\xA9t\xC3\xA9"));
  EXPECT_TRUE(IsPrintableUtf8("生产环境-数据库-1"));
  EXPECT_TRUE(IsPrintableUtf8("\xF0\xA0\xAE\xB7"));  // U+20BB7, a name's character of four bytes
}

TEST(IsPrintableUtf8Test, TakesTheEndsOfEveryRange) {
  for (const auto& [value, size] :
       std::initializer_list<std::pair<std::uint32_t, std::size_t>>{{0x20, 1},
                                                                    {0x7E, 1},
                                                                    {0xA0, 2},
                                                                    {0x7FF, 2},
                                                                    {0x800, 3},
                                                                    {0xD7FF, 3},
                                                                    {0xE000, 3},
                                                                    {0xFFFF, 3},
                                                                    {0x10000, 4},
                                                                    {0x10FFFF, 4}}) {
    EXPECT_TRUE(IsPrintableUtf8(InText(Encode(value, size)))) << std::hex << value;
  }
}

TEST(IsPrintableUtf8Test, RefusesEveryControlCharacter) {
  for (std::uint32_t value = 0; value < 0x20; ++value) {
    EXPECT_FALSE(IsPrintableUtf8(InText(Encode(value, 1)))) << std::hex << value;
  }
  EXPECT_FALSE(
      IsPrintableUtf8("a\x7F"
                      "b"));
  for (std::uint32_t value = 0x80; value <= 0x9F; ++value) {
    EXPECT_FALSE(IsPrintableUtf8(InText(Encode(value, 2)))) << std::hex << value;
  }
}

TEST(IsPrintableUtf8Test, RefusesOverlongForms) {
  for (const std::uint32_t value : {0x00u, 0x2Fu, 0x41u, 0x7Eu}) {
    for (const std::size_t size : {2u, 3u, 4u}) {
      EXPECT_FALSE(IsPrintableUtf8(Encode(value, size))) << value << " in " << size;
    }
  }
  EXPECT_FALSE(IsPrintableUtf8(Encode(0x7FF, 3)));
  EXPECT_FALSE(IsPrintableUtf8(Encode(0xE9, 4)));
  EXPECT_FALSE(IsPrintableUtf8(Encode(0xFFFF, 4)));
}

TEST(IsPrintableUtf8Test, RefusesSurrogates) {
  for (const std::uint32_t value : {0xD800u, 0xDBFFu, 0xDC00u, 0xDFFFu}) {
    EXPECT_FALSE(IsPrintableUtf8(Encode(value, 3))) << std::hex << value;
  }
  EXPECT_FALSE(IsPrintableUtf8(Encode(0xD842, 3) + Encode(0xDFB7, 3)));  // CESU-8's pair
}

TEST(IsPrintableUtf8Test, RefusesWhatIsAboveTheLastCodePoint) {
  EXPECT_FALSE(IsPrintableUtf8(Encode(0x110000, 4)));
  EXPECT_FALSE(IsPrintableUtf8("\xF5\x80\x80\x80"));
  EXPECT_FALSE(IsPrintableUtf8("\xF8\x88\x80\x80\x80"));
  EXPECT_FALSE(IsPrintableUtf8("\xFF"));
  EXPECT_FALSE(IsPrintableUtf8("\xFE"));
}

TEST(IsPrintableUtf8Test, RefusesSequencesThatAreCut) {
  for (const std::string& whole : {Encode(0xE9, 2), Encode(0x751F, 3), Encode(0x20BB7, 4)}) {
    ASSERT_TRUE(IsPrintableUtf8(whole));
    for (std::size_t size = 1; size < whole.size(); ++size) {
      const std::string cut = whole.substr(0, size);
      EXPECT_FALSE(IsPrintableUtf8(cut));
      EXPECT_FALSE(IsPrintableUtf8(cut + "abc"));
      EXPECT_FALSE(IsPrintableUtf8(cut + whole));
    }
    EXPECT_FALSE(IsPrintableUtf8(whole.substr(1))) << "continuation bytes without a lead";
  }
}

TEST(IsPrintableUtf8Test, LooksBehindTheFirstCharacter) {
  EXPECT_TRUE(IsPrintableUtf8(std::string(100, 'a')));
  EXPECT_FALSE(IsPrintableUtf8(std::string(100, 'a') + "\n"));
}

TEST(JsonQuoteTest, LeavesPrintableTextAsItIs) {
  EXPECT_EQ(JsonQuote(""), "\"\"");
  EXPECT_EQ(JsonQuote("plain text/<>&'"), "\"plain text/<>&'\"");
  EXPECT_EQ(JsonQuote("生产"), "\"生产\"");
}

TEST(JsonQuoteTest, EscapesQuotesBackslashesAndControlCharacters) {
  EXPECT_EQ(JsonQuote(R"(a"b\c)"), R"("a\"b\\c")");
  EXPECT_EQ(JsonQuote("\0\n\x1F\x7F"sv), R"("\u0000\u000a\u001f\u007f")");
  EXPECT_EQ(JsonQuote("\xC2\x85"), R"("\u0085")");  // NEL ends a line for some readers
}

TEST(JsonQuoteTest, PutsTheReplacementCharacterForWhatIsNotUtf8) {
  const std::string r(kReplacement);
  EXPECT_EQ(JsonQuote("\xFF"), '"' + r + '"');
  EXPECT_EQ(JsonQuote("a\xE7\x94"), "\"a" + r + r + '"');
  EXPECT_EQ(JsonQuote("\xC0\xAF"), '"' + r + r + '"');
  // What follows a broken sequence is kept.
  EXPECT_EQ(JsonQuote("\xE7"
                      "ab"),
            '"' + r + "ab\"");
}

TEST(JsonQuoteTest, IsReadBackByAJsonParser) {
  std::string all;
  for (std::uint32_t value = 0; value < 0x800; ++value) all += Encode(value, value < 0x80 ? 1 : 2);
  all += Encode(0x2028, 3) + Encode(0x751F, 3) + Encode(0x20BB7, 4);
  const auto parsed = nlohmann::json::parse(JsonQuote(all), nullptr, false);
  ASSERT_TRUE(parsed.is_string());
  EXPECT_EQ(parsed.get<std::string>(), all);
}

TEST(JsonQuoteTest, OfAnyTwoBytesIsJson) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string bytes{static_cast<char>(first), static_cast<char>(second)};
      ASSERT_TRUE(nlohmann::json::accept(JsonQuote(bytes))) << first << ' ' << second;
    }
  }
}

TEST(HtmlEscapeTest, EscapesWhatHtmlReads) {
  EXPECT_EQ(HtmlEscape(R"(<a href="x" id='y'>&amp;</a>)"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
}

TEST(HtmlEscapeTest, LeavesOtherTextAsItIs) {
  EXPECT_EQ(HtmlEscape(""), "");
  EXPECT_EQ(HtmlEscape("生产 a/b=c;#\n"), "生产 a/b=c;#\n");
}

TEST(CaseTest, ChangesTheLettersOfAsciiOnly) {
  EXPECT_EQ(LowerCase("AZaz09-Äé@[`{"), "azaz09-Äé@[`{");
  EXPECT_EQ(UpperCase("AZaz09-Äé@[`{"), "AZAZ09-Äé@[`{");
}

}  // namespace
}  // namespace aliyun_ecs
