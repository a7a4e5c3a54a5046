#include "metadata/value_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace aliyun_ecs {
namespace {

using Json = nlohmann::json;

// The catalog's example; two items have a life of their own and none.
Value ExampleOf(const Item& item) {
  if (item.shape == Shape::kCredentialDocument) {
    return Credentials{true, ParseUtc("2026-11-23T21:20:00Z"), ParseUtc("2026-11-23T15:20:00Z")};
  }
  if (item.shape == Shape::kTime) return *ParseUtc("2020-04-07T17:03:00Z");
  const auto value = ParseItem(item, Secret(item.example));
  EXPECT_TRUE(value && *value) << item.path;
  return value && *value ? **value : Value();
}

TEST(ValueJsonTest, EveryExampleOfTheCatalogComesBackAsItWas) {
  for (const Item& item : kItems) {
    const Value value = ExampleOf(item);
    const auto text = ToJson(value).dump();
    const auto back = ValueFromJson(item, Json::parse(text));
    ASSERT_TRUE(back) << item.path << ' ' << text;
    EXPECT_TRUE(*back == value) << item.path;
  }
}

TEST(ValueJsonTest, AValueOfAnotherKindOfJsonIsRefused) {
  for (const Item& item : kItems) {
    const Value value = ExampleOf(item);
    const Json right = ToJson(value);
    for (const char* const text : {"null", "true", "17", "1.5", "-1", "\"\"", "\"<html>\"", "[1,2]",
                                   "[[\"a\"]]", "[null]", "{}", "{\"a\":1}"}) {
      const Json wrong = Json::parse(text);
      if (item.shape == Shape::kKilobitsPerSecond && wrong == 17) continue;
      EXPECT_FALSE(ValueFromJson(item, wrong)) << item.path << ' ' << text;
    }
    if (!right.is_object()) continue;
    for (const auto& member : right.items()) {
      Json wrong = right;
      wrong[member.key()] = 5;
      EXPECT_FALSE(ValueFromJson(item, wrong)) << item.path << ' ' << wrong;
      wrong.erase(member.key());
      EXPECT_FALSE(ValueFromJson(item, wrong)) << item.path << ' ' << wrong;
    }
  }
}

TEST(ValueJsonTest, AListingIsAnArrayOfWordsThatCanStandInAPath) {
  EXPECT_EQ(ListingFromJson(Json::parse(R"(["b","a"])")), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ListingFromJson(Json::parse("[]")), std::vector<std::string>());
  for (const char* const text : {"null", "{}", "\"a\"", "[1]", "[null]", "[true]", "[[\"a\"]]",
                                 "[\"a\",2]", "[\"..\"]", "[\"a/b\"]", "[\"\"]"}) {
    EXPECT_FALSE(ListingFromJson(Json::parse(text))) << text;
  }
}

}  // namespace
}  // namespace aliyun_ecs
