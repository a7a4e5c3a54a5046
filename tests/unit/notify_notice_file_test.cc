#include "notify/notice_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "metadata/notice.h"
#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kNow{SteadyTime(seconds(10'000)), SystemTime(seconds(1'800'000'000))};

class NoticeFileTest : public testing::Test {
 protected:
  NoticeFileTest() {
    snapshot_.refresh_intervals[static_cast<std::size_t>(RefreshClass::kSpot)] = seconds(5);
    snapshot_.token_expiration = kNow.system + minutes(60);
    SetId("i-bp1simulated00000001");
  }

  void SetId(const std::string& id) {
    snapshot_.readings[{ItemAt("instance-id"), ""}].answer = Answer{Value(id), kNow};
  }
  // Answers the poller so, as it would.
  void Hear(std::optional<SystemTime> termination, Instant at = kNow) {
    Answer& answer = snapshot_.readings[{kSpotTerminationTime, ""}].answer.emplace();
    answer.at = at;
    if (termination) answer.value = *termination;
    std::ignore = ObserveNotice(snapshot_.spot, termination, at, at.system);
  }
  [[nodiscard]] nlohmann::json Content() const {
    return nlohmann::json::parse(ContentOfFile(path_), nullptr, /*allow_exceptions=*/false);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "notice.json";
  NoticeFile file_{path_};
  Snapshot snapshot_;
};

TEST_F(NoticeFileTest, IsThereExactlyWhileANoticeStands) {
  file_.Follow(snapshot_, kNow);
  Hear(std::nullopt);
  file_.Follow(snapshot_, kNow);
  EXPECT_FALSE(fs::exists(path_));
  Hear(kNow.system + minutes(5));
  file_.Follow(snapshot_, kNow);
  EXPECT_EQ(Content()["termination_time"], FormatUtc(kNow.system + minutes(5)));
  Hear(kNow.system + minutes(7));
  file_.Follow(snapshot_, kNow);
  EXPECT_EQ(Content()["termination_time"], FormatUtc(kNow.system + minutes(7)));
  EXPECT_EQ(Content()["first_seen"], FormatUtc(kNow.system));
  file_.Follow(snapshot_, {kNow.steady + minutes(16), kNow.system + minutes(16)});
  EXPECT_TRUE(fs::exists(path_));
  file_.Follow(snapshot_, {kNow.steady + minutes(17), kNow.system + minutes(17)});
  EXPECT_FALSE(fs::exists(path_)) << "over, though nothing was heard";
}

TEST_F(NoticeFileTest, GoesWhenTheNoticeIsWithdrawn) {
  Hear(kNow.system + minutes(5));
  file_.Follow(snapshot_, kNow);
  ASSERT_TRUE(fs::exists(path_));
  Hear(std::nullopt);
  file_.Follow(snapshot_, kNow);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(NoticeFileTest, ComesBackWhenSomebodyTakesItAway) {
  Hear(kNow.system + minutes(5));
  file_.Follow(snapshot_, kNow);
  fs::remove(path_);
  file_.Follow(snapshot_, kNow);
  EXPECT_TRUE(Content().is_object());
}

TEST_F(NoticeFileTest, OneOfAnEarlierProcessStaysUntilSomethingIsKnown) {
  PutFile(path_, "old");
  file_.Follow(snapshot_, kNow);
  EXPECT_EQ(ContentOfFile(path_), "old");
  Hear(std::nullopt);
  file_.Follow(snapshot_, kNow);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(NoticeFileTest, OneOfAnEarlierProcessGoesWhenTheTimeIsLongPast) {
  PutFile(path_, "old");
  Hear(kNow.system - minutes(11));
  file_.Follow(snapshot_, kNow);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(NoticeFileTest, OneOfAnEarlierProcessGoesWhenItsNoticeIsOverThoughNobodyAnswers) {
  PutFile(path_, "old");
  Hear(kNow.system - minutes(9));
  snapshot_.readings.erase({kSpotTerminationTime, ""});  // as the state file has it
  file_.Follow(snapshot_, kNow);
  EXPECT_TRUE(fs::exists(path_));
  file_.Follow(snapshot_, {kNow.steady + minutes(1), kNow.system + minutes(1)});
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(NoticeFileTest, IsRightInTheEndThoughItCouldNotBeWrittenAtFirst) {
  fs::create_directories(path_ + "/in the way");
  Hear(kNow.system + minutes(5));
  file_.Follow(snapshot_, kNow);
  fs::remove_all(path_);
  file_.Follow(snapshot_, kNow);
  EXPECT_TRUE(Content().is_object());
}

TEST_F(NoticeFileTest, IsJsonWhateverTheInstanceIsCalled) {
  for (const std::string id : {"\"}\n", "\xFF\xFE", "a\\", "\x01</script>", ""}) {
    SetId(id);
    Hear(kNow.system + minutes(5));
    file_.Follow(snapshot_, kNow);
    EXPECT_EQ(Content().size(), 3U) << testing::PrintToString(id);
  }
}

}  // namespace
}  // namespace aliyun_ecs
