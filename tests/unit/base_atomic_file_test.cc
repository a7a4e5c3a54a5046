#include "base/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// What is asked of a file's mode: who may do what.
mode_t ModeOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

class AtomicFileTest : public testing::Test {
 protected:
  void Write(std::string_view content, mode_t mode = 0600) {
    const auto written = WriteFileAtomically(path_, content, mode);
    ASSERT_TRUE(written) << written.error().message;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "file";
  std::string temporary_ = path_ + ".tmp";
};

TEST_F(AtomicFileTest, HoldsWhatWasWrittenAndNothingIsLeftBeside) {
  const std::string every_byte = std::string("a\0b\r\n\xFF\x1B", 7);
  for (const std::string& content :
       {std::string("first, longer"), std::string("second"), std::string(), every_byte,
        std::string(3'000'001, 'x'), std::string("last")}) {
    Write(content);
    EXPECT_EQ(ContentOfFile(path_), content);
    EXPECT_FALSE(fs::exists(temporary_));
  }
}

TEST_F(AtomicFileTest, HasExactlyTheModeAskedForWhateverTheUmaskAndTheOldFile) {
  const mode_t before = ::umask(077);
  Write("a", 0644);
  EXPECT_EQ(ModeOf(path_), 0644U);
  ::umask(0);
  Write("b", 0600);
  EXPECT_EQ(ModeOf(path_), 0600U);
  ::umask(before);
}

TEST_F(AtomicFileTest, AReaderSeesOnlyWholeContents) {
  // Two contents of one letter each, of different lengths: a mixture or a piece shows.
  const std::string contents[] = {std::string(70'000, 'a'), std::string(10, 'b')};
  Write(contents[0]);
  std::atomic<bool> done = false;
  std::size_t reads = 0, broken = 0;
  std::thread reader([&] {
    while (!done || reads == 0) {
      const auto seen = ReadWholeFile(path_, 1'000'000);
      ++reads;
      if (!seen || (*seen != contents[0] && *seen != contents[1])) ++broken;
    }
  });
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_TRUE(WriteFileAtomically(path_, contents[i % 2], 0600));
  }
  done = true;
  reader.join();
  EXPECT_EQ(broken, 0U) << "of " << reads;
}

TEST_F(AtomicFileTest, TouchesNoFileThatATemporaryNameLeadsTo) {
  const std::string victim = folder_ / "victim";
  PutFile(victim, "precious");
  fs::create_symlink(victim, temporary_);
  Write("new");
  EXPECT_EQ(ContentOfFile(victim), "precious");
  EXPECT_EQ(ContentOfFile(path_), "new");
  EXPECT_FALSE(fs::is_symlink(path_));

  fs::create_hard_link(victim, temporary_);
  Write("newer");
  EXPECT_EQ(ContentOfFile(victim), "precious");
  EXPECT_EQ(ContentOfFile(path_), "newer");

  fs::create_symlink(folder_ / "nowhere", temporary_);
  Write("newest");
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
  EXPECT_EQ(ContentOfFile(path_), "newest");
}

TEST_F(AtomicFileTest, WhatACrashLeftBesideIsNotInItsWay) {
  PutFile(temporary_, "half of somethi");
  fs::permissions(temporary_, fs::perms::all);
  Write("whole", 0600);
  EXPECT_EQ(ContentOfFile(path_), "whole");
  EXPECT_EQ(ModeOf(path_), 0600U);
}

TEST_F(AtomicFileTest, DoesNotWaitForTheOtherEndOfAPipe) {
  ASSERT_EQ(::mkfifo(temporary_.c_str(), 0600), 0);
  Write("content");
  EXPECT_EQ(ContentOfFile(path_), "content");

  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto read = ReadWholeFile(pipe, 100);
  ASSERT_FALSE(read) << "a pipe is no file with a content, not even an empty one";
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
}

TEST_F(AtomicFileTest, ReplacesALinkAndNotWhatItLeadsTo) {
  const std::string victim = folder_ / "victim";
  PutFile(victim, "precious");
  fs::create_symlink(victim, path_);
  Write("new");
  EXPECT_EQ(ContentOfFile(victim), "precious");
  EXPECT_EQ(ContentOfFile(path_), "new");
}

TEST_F(AtomicFileTest, SaysInOneSentenceWhichFileCouldNotBeWritten) {
  fs::remove(folder_.path());
  const auto vanished = WriteFileAtomically(path_, "x", 0600);
  ASSERT_FALSE(vanished);
  EXPECT_EQ(vanished.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(vanished.error().message, AllOf(HasSubstr(path_), Not(HasSubstr("\n"))));

  const TemporaryFolder other;
  PutFile(other / "file", "");
  const auto below_a_file = WriteFileAtomically(other / "file/below", "x", 0600);
  ASSERT_FALSE(below_a_file);
  EXPECT_EQ(below_a_file.error().code, ErrorCode::kUnavailable);

  const auto hostile = WriteFileAtomically(other / "no\n\"such\"/file", "x", 0600);
  ASSERT_FALSE(hostile);
  EXPECT_THAT(hostile.error().message, Not(HasSubstr("\n")));
}

TEST_F(AtomicFileTest, AFailureLeavesTheOldContentAndNothingBeside) {
  fs::create_directories(folder_ / "file/full");  // a file cannot take the place of a folder
  const auto onto_a_folder = WriteFileAtomically(path_, "x", 0600);
  ASSERT_FALSE(onto_a_folder);
  EXPECT_EQ(onto_a_folder.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(fs::is_directory(folder_ / "file/full"));
  EXPECT_FALSE(fs::exists(temporary_));

  const std::string other = folder_ / "other";
  PutFile(other, "old");
  fs::create_directories(other + ".tmp/full");
  EXPECT_FALSE(WriteFileAtomically(other, "new", 0600));
  EXPECT_EQ(ContentOfFile(other), "old");
}

TEST_F(AtomicFileTest, WritesAgainOnceTheFolderIsBack) {
  fs::remove(folder_.path());
  ASSERT_FALSE(WriteFileAtomically(path_, "x", 0600));
  fs::create_directory(folder_.path());
  Write("x");
  EXPECT_EQ(ContentOfFile(path_), "x");
}

TEST(RemoveFileTest, RemovesAFileAndIsContentWithoutOne) {
  const TemporaryFolder folder;
  PutFile(folder / "file", "x");
  EXPECT_TRUE(RemoveFile(folder / "file"));
  EXPECT_FALSE(fs::exists(folder / "file"));
  EXPECT_TRUE(RemoveFile(folder / "file"));
  EXPECT_TRUE(RemoveFile(folder / "no such folder/file"));
}

TEST(RemoveFileTest, RemovesALinkAndNoFolder) {
  const TemporaryFolder folder;
  PutFile(folder / "victim", "precious");
  fs::create_symlink(folder / "victim", folder / "link");
  EXPECT_TRUE(RemoveFile(folder / "link"));
  EXPECT_EQ(ContentOfFile(folder / "victim"), "precious");
  fs::create_directory(folder / "folder");
  const auto removed = RemoveFile(folder / "folder");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(removed.error().message, HasSubstr("folder"));
  EXPECT_TRUE(fs::exists(folder / "folder"));
}

TEST(ReadWholeFileTest, TakesAsManyBytesAsAllowedAndNotOneMore) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0U, 1U, 16'383U, 16'384U, 16'385U, 100'000U}) {
    const std::string content(size, 'x');
    PutFile(folder / "file", content);
    EXPECT_EQ(ReadWholeFile(folder / "file", size), content);
    if (size == 0) continue;
    const auto refused = ReadWholeFile(folder / "file", size - 1);
    ASSERT_FALSE(refused) << size;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  }
}

TEST(ReadWholeFileTest, StopsReadingWhatHasNoEnd) {
  const auto read = ReadWholeFile("/dev/zero", 100'000);
  ASSERT_FALSE(read);
}

TEST(ReadWholeFileTest, TellsAFileThatIsNotThereFromOneThatCannotBeRead) {
  const TemporaryFolder folder;
  EXPECT_EQ(ReadWholeFile(folder / "none", 9).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadWholeFile(folder / "no folder/none", 9).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadWholeFile(folder.path(), 9).error().code, ErrorCode::kUnavailable);
  PutFile(folder / "file", "");
  EXPECT_EQ(ReadWholeFile(folder / "file/below", 9).error().code, ErrorCode::kUnavailable);
}

TEST(SecretFileTest, IsItsFirstLine) {
  TemporaryFolder folder;
  const std::string path = folder / "password";
  for (const char* const content : {"hunter 2", "hunter 2\n", "hunter 2\r\nsecond\n"}) {
    PutFile(path, content);
    const auto secret = ReadSecretFile(path);
    ASSERT_TRUE(secret) << secret.error().message;
    EXPECT_EQ(secret->Reveal(), "hunter 2");
  }
}

TEST(SecretFileTest, WhatIsNoneIsASentenceThatQuotesNothing) {
  TemporaryFolder folder;
  const std::string path = folder / "password";
  EXPECT_EQ(ReadSecretFile(path).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadSecretFile(folder.path()).error().code, ErrorCode::kUnavailable);
  for (const std::string& content :
       {std::string(), std::string("\nhunter"), std::string(4097, 'h')}) {
    PutFile(path, content);
    const auto secret = ReadSecretFile(path);
    ASSERT_FALSE(secret);
    EXPECT_EQ(secret.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(secret.error().message, Not(HasSubstr("hunter")));
  }
}

}  // namespace
}  // namespace aliyun_ecs
