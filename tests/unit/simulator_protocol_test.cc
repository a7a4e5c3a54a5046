#include "simulator/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace aliyun_ecs::simulator {
namespace {

using ::testing::HasSubstr;

std::string Complaint(std::string_view name, std::string_view value) {
  ProtocolOptions options;
  const auto set = SetProtocolOption(options, name, value);
  EXPECT_TRUE(set || options == ProtocolOptions());
  return set ? "no complaint" : set.error().message;
}

TEST(SimulatorProtocol, TheTableTellsWhatHoldsByItself) {
  std::set<std::string_view> names;
  for (const auto& row : ProtocolOptionTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(GetProtocolOption({}, row.name), row.fallback) << row.name;
    ProtocolOptions options;
    EXPECT_TRUE(SetProtocolOption(options, row.name, row.fallback)) << row.name;
    EXPECT_EQ(options, ProtocolOptions()) << row.name;
    EXPECT_TRUE(std::string_view("DCOI?").find(row.grade) != std::string_view::npos) << row.name;
  }
}

TEST(SimulatorProtocol, EveryAlternativeCanBeSetAndRead) {
  for (const auto& row : ProtocolOptionTable()) {
    std::string_view values = row.values;
    // "403, close or hang", or the kind of value there may be.
    while (!values.empty()) {
      const auto end = std::min({values.find(", "), values.find(" or "), values.size()});
      const std::string word(values.substr(0, end));
      values.remove_prefix(std::min(values.size(), end + (values.substr(end, 2) == ", " ? 2 : 4)));
      const std::string value = word == "seconds"                            ? "17"
                                : word == "a text" || word == "a media type" ? "text/html"
                                                                             : word;
      ProtocolOptions options;
      ASSERT_TRUE(SetProtocolOption(options, row.name, value)) << row.name << '=' << value;
      EXPECT_EQ(GetProtocolOption(options, row.name), value);
      EXPECT_EQ(options == ProtocolOptions(), value == row.fallback) << row.name << '=' << value;
    }
  }
}

TEST(SimulatorProtocol, SaysWhatIsAllowed) {
  EXPECT_EQ(Complaint("expired-token", "404"), "must be 401 or 403");
  EXPECT_EQ(Complaint("error-page", ""), "must be lighttpd or plain or empty");
  EXPECT_EQ(Complaint("date-offset", "1.5"), "must be a whole number from -316224000 to 316224000");
  EXPECT_EQ(Complaint("date-offset", "-60"), "no complaint");
  EXPECT_EQ(Complaint("retry-after", "-1"), "must be a whole number from 0 to 86400, or none");
  for (const char* text : {"", "a\r\nb", " a", "\xc3\xa9"}) {
    EXPECT_EQ(Complaint("server-header", text), "must be 1 to 128 printable ASCII characters");
    EXPECT_EQ(Complaint("content-type", text), "must be 1 to 128 printable ASCII characters");
  }
}

TEST(SimulatorProtocol, TheReadmeHasTheTable) {
  std::ifstream stream(ALIYUN_ECS_SOURCE_DIR "/tests/simulator/README.md");
  const std::string readme((std::istreambuf_iterator<char>(stream)), {});
  std::string table = "| flag | values | default | grade | what |\n|---|---|---|---|---|\n";
  for (const auto& row : ProtocolOptionTable()) {
    for (const auto& [cell, end] :
         {std::pair<std::string, const char*>("| `--" + std::string(row.name) + "` | ", ""),
          {std::string(row.values), " | "},
          {std::string(row.fallback), " | "},
          {std::string(row.grade), " | "},
          {std::string(row.text), " |\n"}}) {
      table += cell + end;
    }
  }
  EXPECT_THAT(readme, HasSubstr(table));
}

}  // namespace
}  // namespace aliyun_ecs::simulator
