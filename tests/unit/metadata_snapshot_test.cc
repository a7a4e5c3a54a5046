#include "metadata/snapshot.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace aliyun_ecs {
namespace {

TEST(SnapshotStoreTest, IsNeverEmpty) {
  const SnapshotStore store;
  ASSERT_NE(store.Current(), nullptr);
  EXPECT_FALSE(store.Current()->ready);
}

TEST(SnapshotStoreTest, AReaderKeepsWhatItGotWhileOthersArePublished) {
  SnapshotStore store;
  Snapshot snapshot;
  snapshot.statistics.throttled = 1;
  store.Publish(snapshot);
  const auto mine = store.Current();
  snapshot.statistics.throttled = 2;
  store.Publish(snapshot);
  EXPECT_EQ(mine->statistics.throttled, 1u);
  EXPECT_EQ(store.Current()->statistics.throttled, 2u);
}

TEST(SnapshotStoreTest, ReadersSeeWholeSnapshotsInTheirOrder) {
  SnapshotStore store;
  constexpr std::uint64_t kLast = 2000;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (std::uint64_t seen = 0; seen < kLast;) {
        const auto current = store.Current();
        ASSERT_EQ(current->statistics.throttled, current->statistics.token_renewals);
        ASSERT_GE(current->statistics.throttled, seen);
        seen = current->statistics.throttled;
      }
    });
  }
  Snapshot snapshot;
  for (std::uint64_t i = 1; i <= kLast; ++i) {
    snapshot.statistics.throttled = snapshot.statistics.token_renewals = i;
    store.Publish(snapshot);
  }
  for (auto& reader : readers) reader.join();
}

TEST(PollStatisticsTest, PutsDurationsIntoTheBucketWhoseBoundIncludesThem) {
  PollStatistics statistics;
  statistics.Count(RequestCode::k200, std::chrono::milliseconds(1));
  statistics.Count(RequestCode::kTimeout, std::chrono::microseconds(1001));
  statistics.Count(RequestCode::kTimeout, std::chrono::seconds(100));
  EXPECT_EQ(statistics.durations.front(), 1u);
  EXPECT_EQ(statistics.durations[1], 1u);
  EXPECT_EQ(statistics.durations.back(), 1u);
  EXPECT_EQ(statistics.requests[static_cast<std::size_t>(RequestCode::kTimeout)], 2u);
  EXPECT_NEAR(statistics.duration_seconds, 100.002001, 1e-9);
}

TEST(ReadingTest, AFailureHidesNothingOfTheLastGoodAnswer) {
  Reading reading;
  EXPECT_EQ(reading.State(), ReadingState::kUnread);
  reading.answer = Answer{Value(std::string("x")), {}};
  EXPECT_EQ(reading.State(), ReadingState::kPresent);
  reading.failure = Error{ErrorCode::kTimeout, "no answer"};
  EXPECT_EQ(reading.State(), ReadingState::kFailing);
  ASSERT_NE(reading.Get<std::string>(), nullptr);
  EXPECT_EQ(*reading.Get<std::string>(), "x");
  EXPECT_EQ(reading.Get<std::int64_t>(), nullptr) << "it is a text";
  reading = Reading{Answer{std::nullopt, {}}, std::nullopt};
  EXPECT_EQ(reading.State(), ReadingState::kAbsent);
  EXPECT_EQ(reading.value(), nullptr);
}

}  // namespace
}  // namespace aliyun_ecs
