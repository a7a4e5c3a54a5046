#include "expose/metrics_reference.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "metadata/catalog.h"

namespace aliyun_ecs {
namespace {

TEST(MetricsReferenceTest, TheCommittedFileIsFresh) {
  std::ifstream file(ALIYUN_ECS_SOURCE_DIR "/exporter/METRICS.md");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), MetricsReference())
      << "run: aliyun_ecs_exporter --metrics-reference > exporter/METRICS.md";
}

TEST(MetricsReferenceTest, HasARowForEveryItemAndEveryFamily) {
  const std::string text = MetricsReference();
  for (const Item& item : kItems) {
    EXPECT_NE(text.find("\n| `" + std::string(item.path) + "` | `" + std::string(item.family)),
              std::string::npos)
        << item.path;
  }
  for (const Family& family : kFamilies) {
    EXPECT_NE(text.find("\n| `" + std::string(family.name) + "` | "), std::string::npos)
        << family.name;
  }
}

}  // namespace
}  // namespace aliyun_ecs
