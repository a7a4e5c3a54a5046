#include "base/wiping_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace aliyun_ecs {
namespace {

constexpr std::string_view kBytes = "STS.obviously-fake-key";

TEST(WipingHeapTest, KeepsTheBytesWhenItGrowsAndWhenItShrinks) {
  auto* memory = static_cast<char*>(WipingRealloc(nullptr, kBytes.size()));
  ASSERT_NE(memory, nullptr);
  std::copy(kBytes.begin(), kBytes.end(), memory);
  memory = static_cast<char*>(WipingRealloc(memory, 100'000));
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(std::string_view(memory, kBytes.size()), kBytes);
  memory = static_cast<char*>(WipingRealloc(memory, 4));
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(std::string_view(memory, 4), kBytes.substr(0, 4));
  WipeAndFree(memory);
}

TEST(WipingHeapTest, FreesNothing) { WipeAndFree(nullptr); }

}  // namespace
}  // namespace aliyun_ecs
