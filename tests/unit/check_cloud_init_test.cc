#include "check/cloud_init.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

class CloudInitTest : public testing::Test {
 protected:
  void Install(const std::string& packages, std::string_view python) {
    std::filesystem::create_directories(root_ / (packages + "/cloudinit"));
    PutFile(root_ / (packages + "/cloudinit/version.py"), python);
  }
  std::optional<std::string> Installed() { return InstalledCloudInit(root_ / ""); }

  TemporaryFolder root_;
};

TEST_F(CloudInitTest, IsFoundWhereDistributionsPutIt) {
  EXPECT_EQ(Installed(), std::nullopt);
  Install("usr/lib/python3.6/site-packages", "# a\n__VERSION__ = \"19.1\"\n");
  EXPECT_EQ(Installed(), "19.1");
  Install("usr/lib/python3/dist-packages", "__VERSION__ = '23.4.4-1~deb12'\n");
  EXPECT_EQ(Installed(), "23.4.4-1~deb12");
}

TEST_F(CloudInitTest, AFileThatTellsNoVersionIsPassedOver) {
  for (const char* const python :
       {"", "__VERSION__", "__VERSION__ = 22", "__VERSION__ = \"", "__VERSION__ = \"\"",
        "__VERSION__ = \"@@VERSION@@\"", "__VERSION__ = \"22|rm\"", "__VERSION__ = \"2\x01\"",
        "x__VERSION__ = \"22.4\""}) {
    Install("usr/lib/python3/dist-packages", python);
    EXPECT_EQ(Installed(), std::nullopt) << python;
  }
  Install("usr/lib/python3/dist-packages", std::string(1 << 20, '\n') + "__VERSION__ = \"22.4\"\n");
  EXPECT_EQ(Installed(), std::nullopt);
}

TEST_F(CloudInitTest, ReadsHardenedFromTheDocumentedVersionOn) {
  for (const char* const version : {"23.2.2", "23.2.3", "23.3", "23.10", "24.1.4-0ubuntu1", "24",
                                    "23.2.2-1~deb12u1", "100.0", "9184467440"}) {
    EXPECT_TRUE(CloudInitReadsHardened(version)) << version;
  }
  for (const char* const version :
       {"23.2.1", "23.2", "23.2.1.99", "22.4.2", "19.1", "0.7.9", "", "x", "18.5-3", "23.2.1-2"}) {
    EXPECT_FALSE(CloudInitReadsHardened(version)) << version;
  }
}

// Debian's package itself, which tests/run.sh unpacks.
TEST(RealCloudInitTest, IsFound) {
  const std::string root = ALIYUN_ECS_SOURCE_DIR "/build/_tools/monitoring/";
  if (!std::filesystem::exists(root + "usr/lib/python3/dist-packages/cloudinit")) {
    if (std::getenv("ALIYUN_ECS_SKIP_NOTHING") != nullptr) FAIL() << "it is not unpacked";
    GTEST_SKIP() << "unpacked by tests/run.sh only";
  }
  const auto version = InstalledCloudInit(root);
  ASSERT_TRUE(version);
  EXPECT_FALSE(CloudInitReadsHardened(*version)) << *version;  // Debian 12's is older
}

}  // namespace
}  // namespace aliyun_ecs
