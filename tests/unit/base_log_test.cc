#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/secret.h"

namespace aliyun_ecs {
namespace {

using namespace std::string_view_literals;  // NUL bytes inside literals
using testing::MatchesRegex;

// The event's members as a JSON object; discarded when it is none.
nlohmann::json ParseJsonEvent(const std::string& event) {
  return nlohmann::json::parse("{" + event + "}", nullptr, /*allow_exceptions=*/false);
}

TEST(ParseLogLevelTest, KnowsTheFourLevelsAndNothingElse) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("info"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("warn"), LogLevel::kWarn);
  EXPECT_EQ(ParseLogLevel("error"), LogLevel::kError);
  for (const auto text : {"", "Info", "INFO", " info", "warning", "err", "trace", "0"}) {
    EXPECT_EQ(ParseLogLevel(text), std::nullopt) << text;
  }
}

TEST(ParseLogFormatTest, KnowsTheTwoFormatsAndNothingElse) {
  EXPECT_EQ(ParseLogFormat("logfmt"), LogFormat::kLogfmt);
  EXPECT_EQ(ParseLogFormat("json"), LogFormat::kJson);
  for (const auto text : {"", "JSON", "text", "logfmt ", "syslog"}) {
    EXPECT_EQ(ParseLogFormat(text), std::nullopt) << text;
  }
}

TEST(LogFieldTest, CannotHoldASecret) {
  static_assert(!std::is_constructible_v<LogField, std::string_view, Secret>);
  static_assert(!std::is_constructible_v<LogField, std::string_view, const Secret&>);
}

TEST(LogFieldTest, PrintsNumbers) {
  EXPECT_EQ(LogField("k", 42).value, "42");
  EXPECT_EQ(LogField("k", -1).value, "-1");
  EXPECT_EQ(LogField("k", std::size_t{18'446'744'073'709'551'615u}).value, "18446744073709551615");
  EXPECT_EQ(LogField("k", 0.25).value, "0.25");
  EXPECT_EQ(LogField("k", 2.0).value, "2");
}

TEST(FormatLogEventTest, PrintsLogfmtInTheGivenOrder) {
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kInfo, "started",
                           {{"version", "0.1.0"}, {"items", 46}}),
            "level=info msg=started version=0.1.0 items=46");
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kDebug, "m", {}), "level=debug msg=m");
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kWarn, "m", {}), "level=warn msg=m");
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kError, "m", {}), "level=error msg=m");
}

TEST(FormatLogEventTest, QuotesInLogfmtWhatAReaderCouldNotSplit) {
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kInfo, "two words",
                           {{"empty", ""},
                            {"assignment", "a=b"},
                            {"quote", "say \"hi\""},
                            {"backslash", R"(a\b)"},
                            {"url", "http://127.0.0.1:9/x?y"}}),
            R"(level=info msg="two words" empty="" assignment="a=b" quote="say \"hi\"")"
            R"( backslash="a\\b" url=http://127.0.0.1:9/x?y)");
}

TEST(FormatLogEventTest, EscapesControlCharactersInLogfmt) {
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kInfo, "a\nb",
                           {{"k", "\r\t\0\x1B[31m\x7F"sv}, {"next", "\xC2\x85"}}),
            R"(level=info msg="a\u000ab" k="\u000d\u0009\u0000\u001b[31m\u007f" next="\u0085")");
}

TEST(FormatLogEventTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kInfo, "m", {{"k", "a\xFF"}}),
            "level=info msg=m k=\"a\xEF\xBF\xBD\"");
}

TEST(FormatLogEventTest, KeepsChineseTextReadable) {
  EXPECT_EQ(FormatLogEvent(LogFormat::kLogfmt, LogLevel::kInfo, "m", {{"name", "生产-1"}}),
            "level=info msg=m name=生产-1");
}

TEST(FormatLogEventTest, PrintsJsonMembersThatAParserReadsBack) {
  constexpr std::string_view kNasty = "\"\\\n\r\t\0\x1F\x7F\xC2\x9F{},:=生产"sv;
  const std::string event =
      FormatLogEvent(LogFormat::kJson, LogLevel::kError, kNasty,
                     {{"empty", ""}, {"count", 3}, {"nasty", kNasty}, {"seconds", 1.5}});
  const nlohmann::json expected = {
      {"level", "error"}, {"msg", std::string(kNasty)},   {"empty", ""},
      {"count", "3"},     {"nasty", std::string(kNasty)}, {"seconds", "1.5"}};
  EXPECT_EQ(ParseJsonEvent(event), expected) << event;
}

TEST(FormatLogEventTest, CannotBeMadeToAddAJsonMember) {
  const auto parsed = ParseJsonEvent(
      FormatLogEvent(LogFormat::kJson, LogLevel::kInfo, "m", {{"k", R"(x","level":"debug)"}}));
  ASSERT_TRUE(parsed.is_object());
  EXPECT_EQ(parsed.size(), 3u);
  EXPECT_EQ(parsed.at("level"), "info");
}

TEST(FormatLogEventTest, NeverSpansTwoLinesWhateverTheBytes) {
  std::string all;
  for (int first = 0; first < 256; ++first) {
    all += static_cast<char>(first);
    all += "\xC2";
    all += static_cast<char>(first);
  }
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string event = FormatLogEvent(format, LogLevel::kInfo, all, {{"k", all}});
    for (const char c : event) {
      const auto byte = static_cast<unsigned char>(c);
      ASSERT_FALSE(byte < 0x20 || byte == 0x7F) << static_cast<int>(byte);
    }
    EXPECT_EQ(event.find("\xC2\x85"), std::string::npos) << "U+0085 ends a line";
  }
}

// These two set the process's log, so they put a quiet one back.
class LogTest : public testing::Test {
 protected:
  static std::string Capture(LogLevel level, LogFormat format, void (*write)()) {
    testing::internal::CaptureStderr();
    SetUpLog(level, format);
    write();
    SetUpLog(LogLevel::kError, LogFormat::kLogfmt);
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, WritesOneLogfmtLineAnEventFromTheLevelUp) {
  const std::string written = Capture(LogLevel::kInfo, LogFormat::kLogfmt, [] {
    Log(LogLevel::kDebug, "hidden");
    Log(LogLevel::kInfo, "shown", {{"k", "a\nb {} %v"}});
    Log(LogLevel::kError, "also");
  });
  constexpr std::string_view kTime =
      "time=[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
      "[.][0-9][0-9][0-9]Z ";
  EXPECT_THAT(written, MatchesRegex(std::string(kTime) +
                                    "level=info msg=shown k=\"a\\\\u000ab [{][}] %v\"\n" +
                                    std::string(kTime) + "level=error msg=also\n"));
}

TEST_F(LogTest, WritesOneJsonObjectALine) {
  const std::string written = Capture(LogLevel::kDebug, LogFormat::kJson, [] {
    Log(LogLevel::kDebug, "say \"hi\"\n", {{"n", 1}});
  });
  ASSERT_EQ(written.find('\n'), written.size() - 1) << written;
  auto parsed = nlohmann::json::parse(written, nullptr, false);
  ASSERT_TRUE(parsed.is_object()) << written;
  EXPECT_EQ(parsed.size(), 4u);
  EXPECT_EQ(parsed["level"], "debug");
  EXPECT_EQ(parsed["msg"], "say \"hi\"\n");
  EXPECT_EQ(parsed["n"], "1");
  EXPECT_TRUE(parsed["time"].is_string());
}

}  // namespace
}  // namespace aliyun_ecs
