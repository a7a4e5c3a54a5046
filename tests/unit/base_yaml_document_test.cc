#include "base/yaml_document.h"

#include <gtest/gtest.h>

namespace aliyun_ecs {
namespace {

TEST(YamlDocumentTest, ReadsTheOneDocument) {
  for (const auto* const text : {"", "\n", "# nothing\n", "---\n"}) {
    const auto document = ReadYamlDocument(text);
    ASSERT_TRUE(document) << text;
    EXPECT_TRUE(document->IsNull()) << text;
  }
  const auto document = ReadYamlDocument("---\na: 1\n");
  ASSERT_TRUE(document);
  EXPECT_EQ((*document)["a"].Scalar(), "1");
}

// yaml-cpp's own LoadAll() never returns for the last of these.
TEST(YamlDocumentTest, RefusesWhatIsNotOneDocument) {
  for (const auto* const text : {"a\n---\nb", ", a", "]", "}", "a: [", "a: 1\nb", "\t-", "%"}) {
    const auto document = ReadYamlDocument(text);
    if (document) continue;  // some of them it takes for an empty document
    EXPECT_EQ(document.error().code, ErrorCode::kInvalid) << text;
  }
  EXPECT_FALSE(ReadYamlDocument(", a"));
  EXPECT_FALSE(ReadYamlDocument("a\n---\nb"));
  EXPECT_FALSE(ReadYamlDocument("a: ["));
}

// yaml-cpp tells what it could not take.
TEST(YamlDocumentTest, AComplaintRepeatsNothingOfTheFile) {
  for (const auto* const text : {"password: *zQ7\n", "password: \"\\zQ7\"\n"}) {
    const auto document = ReadYamlDocument(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().message.find('z'), std::string::npos) << document.error().message;
  }
}

}  // namespace
}  // namespace aliyun_ecs
