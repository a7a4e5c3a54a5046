#include "base/wiping_heap.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aliyun_ecs {
namespace {

constexpr std::string_view kBytes = "STS.obviously-fake-key";

constexpr std::size_t kSize = 200;
constexpr std::size_t kOfTheHeap = 16;  // it writes two words of its own into what is free

// How many bytes lie there that are not zero, also where nobody may look any more.
std::ptrdiff_t BytesLeftAt(std::uintptr_t address) {
  std::array<char, kSize - kOfTheHeap> bytes{};  // not on the heap, which would give the same place
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  const ssize_t count =
      pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(address + kOfTheHeap));
  close(memory);
  EXPECT_EQ(count, static_cast<ssize_t>(bytes.size()));
  return std::count_if(bytes.begin(), bytes.end(), [](char byte) { return byte != 0; });
}

char* Full() {
  auto* const memory = static_cast<char*>(WipingRealloc(nullptr, kSize));
  std::fill_n(memory, kSize, 's');
  return memory;
}

TEST(WipingHeapTest, WipesWhatItFrees) {
  char* const memory = Full();
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  ASSERT_GT(BytesLeftAt(address), 0);
  WipeAndFree(memory);
  EXPECT_EQ(BytesLeftAt(address), 0);
}

TEST(WipingHeapTest, WipesWhatItMovesAwayFrom) {
  char* const memory = Full();
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  void* const moved = WipingRealloc(memory, 10 * kSize);
  EXPECT_NE(reinterpret_cast<std::uintptr_t>(moved), address);
  EXPECT_EQ(BytesLeftAt(address), 0);
  WipeAndFree(moved);
}

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
