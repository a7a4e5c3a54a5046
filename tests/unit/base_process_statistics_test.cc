#include "base/process_statistics.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "base/clock.h"

namespace aliyun_ecs {
namespace {

TEST(ProcessStatisticsTest, AgreesWithTheKernel) {
  const auto before = ProcessStatistics::Read();
  ASSERT_TRUE(before.open_fds && before.resident_memory_bytes && before.virtual_memory_bytes &&
              before.start_time_seconds);
  const double now = ToUnixSeconds(RealClock().System());
  EXPECT_LE(*before.start_time_seconds, now + 1);
  EXPECT_GT(*before.start_time_seconds, now - 3600);
  EXPECT_GT(*before.resident_memory_bytes, 100e3);
  EXPECT_GE(*before.virtual_memory_bytes, *before.resident_memory_bytes);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(before.max_fds.has_value(), limit.rlim_cur != RLIM_INFINITY);

  std::vector<int> opened;
  for (int i = 0; i < 10; ++i) opened.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto after = ProcessStatistics::Read();
  for (const int descriptor : opened) close(descriptor);
  EXPECT_EQ(*after.open_fds, *before.open_fds + 10);
  EXPECT_GE(after.cpu_seconds, before.cpu_seconds);
  EXPECT_EQ(after.start_time_seconds, before.start_time_seconds);
}

}  // namespace
}  // namespace aliyun_ecs
