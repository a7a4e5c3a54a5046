#include "base/secret.h"

#include <gtest/gtest.h>

#include <array>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <new>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

// clang's ThreadSanitizer brings its own array new and delete and lets nobody replace them.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ALIYUN_ECS_CANNOT_WATCH_RELEASES
#endif
#endif

namespace {

// One buffer whose bytes are noted in the moment it is released, while they may still be read.
struct ReleaseWatch {
  const void* buffer = nullptr;
  std::size_t size = 0;
  std::array<char, 256> last_bytes{};
  bool released = false;
};
thread_local ReleaseWatch release_watch;

#ifndef ALIYUN_ECS_CANNOT_WATCH_RELEASES
void NoteRelease(const void* memory) {
  if (memory == nullptr || memory != release_watch.buffer) return;
  std::memcpy(release_watch.last_bytes.data(), memory, release_watch.size);
  release_watch.buffer = nullptr;
  release_watch.released = true;
}

void* Allocate(std::size_t size) noexcept { return std::malloc(size == 0 ? 1 : size); }
#endif

}  // namespace

#ifndef ALIYUN_ECS_CANNOT_WATCH_RELEASES

// The test program's array new and delete: the only way to see what a buffer holds when it goes,
// however it was wiped, without reading memory that is no longer ours.
void* operator new[](std::size_t size) {
  void* const memory = Allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete[](void* memory) noexcept {
  NoteRelease(memory);
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  NoteRelease(memory);
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  NoteRelease(memory);
  std::free(memory);
}
#endif

namespace aliyun_ecs {
namespace {

constexpr std::string_view kBytes = "STS.obviously-fake-key";
constexpr std::size_t kNoLimit = 1024;

void Watch(const Secret& secret) {
  ASSERT_LE(secret.size(), release_watch.last_bytes.size());
  release_watch.buffer = secret.Reveal().data();
  release_watch.size = secret.size();
  release_watch.last_bytes.fill('?');
  release_watch.released = false;
}

void ExpectReleasedAndWiped() {
#ifdef ALIYUN_ECS_CANNOT_WATCH_RELEASES
  GTEST_SKIP() << "not under clang's ThreadSanitizer";
#endif
  ASSERT_TRUE(release_watch.released);
  const std::string last(release_watch.last_bytes.data(), release_watch.size);
  EXPECT_EQ(last, std::string(release_watch.size, '\0'));
}

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(SecretTest, CanBeMovedButNotCopiedComparedStreamedOrConverted) {
  static_assert(std::is_nothrow_move_constructible_v<Secret>);
  static_assert(std::is_nothrow_move_assignable_v<Secret>);
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_copy_assignable_v<Secret>);
  static_assert(!std::equality_comparable<Secret>);
  static_assert(!Streamable<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::is_constructible_v<std::string, Secret>);
  static_assert(!std::is_constructible_v<std::string_view, Secret>);
  // Nor does text become a secret by accident, which would leave a copy behind.
  static_assert(!std::is_convertible_v<std::string_view, Secret>);
}

TEST(SecretTest, IsEmptyByDefault) {
  const Secret secret;
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.size(), 0u);
  EXPECT_EQ(secret.Reveal(), "");
}

TEST(SecretTest, HoldsItsOwnCopyOfTheBytes) {
  std::string original("a\0b\xFF", 4);
  const Secret secret(original);
  original.assign(4, 'x');
  EXPECT_EQ(secret.Reveal(), std::string_view("a\0b\xFF", 4));
  EXPECT_EQ(secret.size(), 4u);
  EXPECT_FALSE(secret.empty());
}

TEST(SecretTest, OfNoBytesIsEmpty) {
  const Secret secret{std::string_view()};
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.Reveal(), "");
}

TEST(SecretTest, WipesItsBufferWhenDestroyed) {
  {
    const Secret secret(kBytes);
    Watch(secret);
  }
  ExpectReleasedAndWiped();
}

TEST(SecretTest, WipesItsBufferWhenCleared) {
  Secret secret(kBytes);
  Watch(secret);
  secret.Clear();
  ExpectReleasedAndWiped();
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.Reveal(), "");
}

TEST(SecretTest, WipesItsBufferWhenAnotherIsMovedIn) {
  Secret secret(kBytes);
  Watch(secret);
  secret = Secret("next");
  ExpectReleasedAndWiped();
  EXPECT_EQ(secret.Reveal(), "next");
}

TEST(SecretTest, WipesItsOldBufferWhenItGrows) {
  Secret secret(kBytes);
  Watch(secret);
  ASSERT_TRUE(secret.Append(std::string(200, 'x'), kNoLimit));
  ExpectReleasedAndWiped();
}

TEST(SecretTest, WipesItsBufferWhenMovedFrom) {
  // The buffer itself changes hands, so that there is no second copy to wipe.
  Secret from(kBytes);
  const char* const buffer = from.Reveal().data();
  const Secret to(std::move(from));
  EXPECT_EQ(to.Reveal().data(), buffer);
  EXPECT_EQ(to.Reveal(), kBytes);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): this is the promise
  EXPECT_EQ(from.Reveal().data(), nullptr);
}

TEST(SecretTest, KeepsNothingWhenMoveAssignedFrom) {
  Secret from(kBytes);
  const char* const buffer = from.Reveal().data();
  Secret to("old");
  to = std::move(from);
  EXPECT_EQ(to.Reveal().data(), buffer);
  EXPECT_EQ(to.Reveal(), kBytes);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(from.Reveal().data(), nullptr);
}

TEST(SecretTest, CanBeUsedAgainAfterItWasMovedFromOrCleared) {
  Secret secret(kBytes);
  const Secret other(std::move(secret));
  ASSERT_TRUE(secret.Append("one", kNoLimit));  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(secret.Reveal(), "one");
  secret.Clear();
  ASSERT_TRUE(secret.Append("two", kNoLimit));
  EXPECT_EQ(secret.Reveal(), "two");
  EXPECT_EQ(other.Reveal(), kBytes);
}

TEST(SecretTest, SurvivesAMoveToItself) {
  Secret secret(kBytes);
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.Reveal(), kBytes);
}

TEST(SecretTest, AppendsUpToTheLimit) {
  Secret secret("abc");
  ASSERT_TRUE(secret.Append("de", 5));
  EXPECT_EQ(secret.Reveal(), "abcde");
  ASSERT_TRUE(secret.Append("", 5));
  EXPECT_EQ(secret.Reveal(), "abcde");
}

TEST(SecretTest, AppendsAllOrNothing) {
  Secret secret("abc");
  EXPECT_FALSE(secret.Append("def", 5));
  EXPECT_EQ(secret.Reveal(), "abc");
  EXPECT_FALSE(secret.Append("defghi", 5));
  EXPECT_EQ(secret.Reveal(), "abc");
  EXPECT_FALSE(secret.Append("d", 0));
  EXPECT_EQ(secret.Reveal(), "abc");
}

TEST(SecretTest, IsRefusedMoreWhenItIsOverALaterLimit) {
  Secret secret("abcdef");
  EXPECT_FALSE(secret.Append("g", 5));
  EXPECT_EQ(secret.Reveal(), "abcdef");
}

TEST(SecretTest, KeepsEveryByteWhileItGrowsPieceByPiece) {
  Secret secret;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 7), static_cast<char>(i % 256));
    ASSERT_TRUE(secret.Append(piece, 1 << 20));
    expected += piece;
  }
  EXPECT_EQ(secret.Reveal(), expected);
}

}  // namespace
}  // namespace aliyun_ecs
