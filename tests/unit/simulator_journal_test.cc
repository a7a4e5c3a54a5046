#include "simulator/journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(1000)};

std::uint64_t CountOf(const Journal& journal, const std::string& path, int status) {
  const auto found = journal.counts().find({path, status});
  return found == journal.counts().end() ? 0 : found->second;
}

TEST(SimulatorJournal, CountsByPathAndStatus) {
  Journal journal(kStart);
  journal.Add(kStart, "GET", "/a", 200);
  journal.Add(kStart, "GET", "/a", 404);
  journal.Add(kStart, "PUT", "/a", 200);
  journal.Add(kStart, "GET", "/b", 200);
  EXPECT_EQ(journal.total(), 4U);
  EXPECT_EQ(CountOf(journal, "/a", 200), 2U);
  EXPECT_EQ(CountOf(journal, "/a", 404), 1U);
  EXPECT_EQ(CountOf(journal, "/b", 200), 1U);
  EXPECT_EQ(CountOf(journal, "/b", 404), 0U);
}

TEST(SimulatorJournal, KnowsWhenEachRequestCame) {
  Journal journal(kStart);
  journal.Add(kStart + milliseconds(1500), "PUT", "/a", 403);
  journal.Add(kStart + seconds(61), "GET", "/b", 200);
  ASSERT_EQ(journal.recent().size(), 2U);
  EXPECT_EQ(journal.recent()[0].at, milliseconds(1500));
  EXPECT_EQ(journal.recent()[0].method, "PUT");
  EXPECT_EQ(journal.recent()[0].path, "/a");
  EXPECT_EQ(journal.recent()[0].status, 403);
  EXPECT_EQ(journal.recent()[1].at, seconds(61));
}

TEST(SimulatorJournal, KeepsTheNewestRequestsAndCountsTheOthersToo) {
  Journal journal(kStart);
  for (std::size_t i = 0; i < Journal::kMostRecent + 10; ++i) {
    journal.Add(kStart + seconds(i), "GET", "/a", 200);
  }
  EXPECT_EQ(journal.recent().size(), Journal::kMostRecent);
  EXPECT_EQ(journal.recent().front().at, seconds(10));
  EXPECT_EQ(journal.total(), Journal::kMostRecent + 10);
  EXPECT_EQ(CountOf(journal, "/a", 200), Journal::kMostRecent + 10);
}

TEST(SimulatorJournal, StaysSmallUnderEndlessDifferentPaths) {
  Journal journal(kStart);
  for (std::size_t i = 0; i < Journal::kMostCounts + 5; ++i) {
    journal.Add(kStart, "GET", fmt::format("/{}", i), 404);
  }
  journal.Add(kStart, "GET", "/0", 404);
  EXPECT_LE(journal.counts().size(), Journal::kMostCounts + 1);
  EXPECT_EQ(CountOf(journal, std::string(Journal::kOtherPaths), 404), 5U);
  EXPECT_EQ(CountOf(journal, "/0", 404), 2U);
}

TEST(SimulatorJournal, CutsEndlessPaths) {
  Journal journal(kStart);
  journal.Add(kStart, "GET", std::string(100'000, 'x'), 404);
  EXPECT_EQ(journal.recent()[0].path.size(), Journal::kLongestPath);
  EXPECT_EQ(CountOf(journal, std::string(Journal::kLongestPath, 'x'), 404), 1U);
}

}  // namespace
}  // namespace aliyun_ecs::simulator
