#include "expose/textfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/exporter_rig.h"
#include "temporary_folder.h"

namespace aliyun_ecs {
namespace {

class TextfileTest : public ::testing::Test {
 protected:
  TextfileTest() { rig.RunNow(); }

  void Follow() { file.Follow(rig.Current(), rig.clock.Steady()); }
  [[nodiscard]] bool IsFresh() const { return ContentOfFile(path) == page.Text(Exposition::kText); }
  void Touch() { std::ofstream(path) << "touched"; }

  ExporterRig rig;
  BuildInfo build{"0.0.0", "test", "test"};
  MetricsPage page{rig.store, rig.clock, build, nullptr};
  TemporaryFolder folder;
  std::string path = folder / "aliyun_ecs.prom";
  Textfile file{path, page};
};

TEST_F(TextfileTest, IsThePage) {
  Follow();
  EXPECT_TRUE(IsFresh());
  EXPECT_EQ(ContentOfFile(path), rig.Page());
}

TEST_F(TextfileTest, IsWrittenForANewSnapshotAtMostOnceASecond) {
  Follow();
  Touch();
  rig.store.Publish(*rig.Current());
  rig.clock.Advance(std::chrono::milliseconds(999));
  Follow();
  EXPECT_EQ(ContentOfFile(path), "touched");
  rig.clock.Advance(std::chrono::milliseconds(1));
  Follow();
  EXPECT_TRUE(IsFresh());
}

TEST_F(TextfileTest, IsWrittenNowAndThenForWhatChangesWithTime) {
  Follow();
  Touch();
  rig.clock.Advance(std::chrono::seconds(14));
  Follow();
  EXPECT_EQ(ContentOfFile(path), "touched");
  rig.clock.Advance(std::chrono::seconds(1));
  Follow();
  EXPECT_TRUE(IsFresh());
}

TEST_F(TextfileTest, WhatFailedIsTriedAgain) {
  ASSERT_TRUE(std::filesystem::create_directory(path + ".tmp"));
  ASSERT_FALSE(file.Write());
  Follow();
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove(path + ".tmp");
  rig.clock.Advance(std::chrono::seconds(1));
  Follow();
  EXPECT_TRUE(IsFresh());
}

TEST_F(TextfileTest, IsRemovedWithoutAComplaintThatItWasNotThere) {
  Follow();
  file.Remove();
  EXPECT_FALSE(std::filesystem::exists(path));
  file.Remove();
}

}  // namespace
}  // namespace aliyun_ecs
