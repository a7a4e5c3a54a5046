#include "support/strict_json.h"

#include <gtest/gtest.h>

// The reader that the exporter's documents are held against is itself held against wrong ones.

namespace aliyun_ecs {
namespace {

TEST(StrictJsonTest, ReadsWhatWasEscaped) {
  const auto json = ReadStrictJson(
      " {\"a\": [\"\\\"\\\\\\/\\n\\u0041\\u00fc\\u20ac\\ud83d\\ude00\", -1.5e+3, null]} ");
  ASSERT_TRUE(json);
  const auto& array = std::get<StrictJson::Array>(json->Find("a")->value);
  EXPECT_EQ(*array.at(0).text(), "\"\\/\nA\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(std::get<StrictJson::Number>(array.at(1).value).text, "-1.5e+3");
  EXPECT_EQ(json->Find("b"), nullptr);
}

TEST(StrictJsonTest, RefusesWhatIsNotOneWholeDocument) {
  for (const char* const wrong : {"",
                                  "[",
                                  "[1",
                                  "[1,]",
                                  "[1 2]",
                                  "{\"a\"}",
                                  "{\"a\":}",
                                  "{\"a\":1,}",
                                  "{a:1}",
                                  "1 2",
                                  "01",
                                  "1.",
                                  ".5",
                                  "-",
                                  "1e",
                                  "+1",
                                  "nul",
                                  "\"a",
                                  "\"\n\"",
                                  "\"\\x\"",
                                  "\"\\u12\"",
                                  "\"\\ud800\"",
                                  "\"\\ud800\\u0041\"",
                                  "\"\\udc00\"",
                                  "\"\xC0\x80\"",
                                  "\"\xED\xA0\x80\"",
                                  "\"\xF4\x90\x80\x80\"",
                                  "\"\xE2\x82\"",
                                  "\"\xFF\"",
                                  "{\"a\":1,\"a\":2}",
                                  "NaN"}) {
    EXPECT_FALSE(ReadStrictJson(wrong)) << wrong;
  }
  EXPECT_FALSE(ReadStrictJson(std::string(200, '[') + std::string(200, ']')));
}

}  // namespace
}  // namespace aliyun_ecs
