#include "notify/drill_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "metadata/notice.h"
#include "notify/notice_file.h"
#include "support/log_lines.h"
#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Drill(SystemTime time) { return "{\"time\": \"" + FormatUtc(time) + "\"}\n"; }

TEST(ParseDrillTest, TakesAnObjectOfOneTime) {
  constexpr SystemTime kTime = std::chrono::sys_days(std::chrono::year(2026) / 11 / 26) + hours(8);
  for (const auto* const content :
       {"{\"time\": \"2026-11-26T08:00:00Z\"}", "{\"time\":\"2026-11-26T08:00:00Z\"}\n",
        " {\n  \"time\" : \"2026-11-26T08:00:00Z\"\r\n}\n",
        "{\"\\u0074ime\":\"2026-11-26T08:00:00Z\"}"}) {
    const auto time = ParseDrill(content);
    ASSERT_TRUE(time) << content;
    EXPECT_EQ(*time, kTime);
  }
}

TEST(ParseDrillTest, RefusesAllElseInOneSentenceThatQuotesNothing) {
  for (const std::string content :
       {"",
        "\n",
        "2026-11-26T08:00:00Z",
        "\"2026-11-26T08:00:00Z\"",
        "null",
        "[]",
        "{}",
        "{\"time\": null}",
        "{\"time\": 1795680000}",
        "{\"time\": [\"2026-11-26T08:00:00Z\"]}",
        "{\"time\": \"\"}",
        "{\"time\": \"2026-11-26T08:00:00\"}",
        "{\"time\": \"2026-11-26T08:00:00+08:00\"}",
        "{\"time\": \"2026-11-26 08:00:00Z\"}",
        "{\"time\": \"2026-11-26T08:00:00.5Z\"}",
        "{\"time\": \"2026-11-31T08:00:00Z\"}",
        "{\"time\": \" 2026-11-26T08:00:00Z\"}",
        "{\"Time\": \"2026-11-26T08:00:00Z\"}",
        "{\"time\": \"2026-11-26T08:00:00Z\", \"note\": \"quoted\"}",
        "{\"time\": \"2026-11-26T08:00:00Z\", \"time\": \"2026-11-26T08:00:00Z\"}",
        "{\"time\": \"2026-11-26T08:00:00Z\"} quoted",
        "{\"time\": \"2026-11-26T08:00:00Z\"",
        "{\"time\": \"2026-11-26T08:00:00Z\"}{}",
        "{\"quoted\": {\"time\": \"2026-11-26T08:00:00Z\"}}",
        "{'time': '2026-11-26T08:00:00Z'}",
        "{\"time\": \"2026-11-26T08:00:00Z\"} // quoted",
        "\xff\xfe{\"time\": \"2026-11-26T08:00:00Z\"}"}) {
    const auto time = ParseDrill(content);
    ASSERT_FALSE(time) << content;
    EXPECT_EQ(time.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(time.error().message,
                AllOf(HasSubstr("a JSON object like"), Not(HasSubstr("quoted"))));
  }
}

class DrillFileTest : public testing::Test {
 protected:
  DrillFileTest() { snapshot_.up = true; }

  // What runs, after so much time.
  std::optional<SystemTime> Follow(Duration later = seconds(1)) {
    now_.steady += later;
    now_.system += later;
    return file_.Follow(snapshot_, now_);
  }
  // The lines of the log meanwhile.
  std::vector<std::string> Lines(Duration later = seconds(1)) {
    return LogLinesOf([&] { std::ignore = Follow(later); });
  }
  // Answers the poller so, as it would.
  void Hear(std::optional<SystemTime> termination) {
    std::ignore = ObserveNotice(snapshot_.spot, termination, now_, now_.system);
  }
  void Put(SystemTime time) { PutFile(path_, Drill(time)); }

  Instant now_{SteadyTime(seconds(10'000)), SystemTime(seconds(1'800'000'000))};
  SystemTime soon_ = now_.system + minutes(10);
  TemporaryFolder folder_;
  std::string path_ = folder_ / "drill.json";
  DrillFile file_{path_};
  Snapshot snapshot_;
};

TEST_F(DrillFileTest, RunsFromWhenTheFileIsSeenUntilItsTime) {
  EXPECT_EQ(Follow(), std::nullopt);
  Put(soon_);
  EXPECT_THAT(Lines(), ElementsAre(AllOf(HasSubstr("level=info"), HasSubstr("a drill begins"),
                                         HasSubstr(FormatUtc(soon_)))));
  EXPECT_EQ(Follow(), soon_);
  EXPECT_EQ(Follow(soon_ - now_.system - Duration(1)), soon_);
  EXPECT_THAT(Lines(Duration(1)),
              ElementsAre(AllOf(HasSubstr("level=info"), HasSubstr("the drill ends"),
                                HasSubstr("its time has come"))));
  EXPECT_EQ(Follow(), std::nullopt);
  EXPECT_THAT(Lines(hours(1)), IsEmpty()) << "a file that did its work is nothing to complain of";
}

TEST_F(DrillFileTest, TheSameFileIsReadAgainAfterARestart) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  file_ = DrillFile(path_);
  EXPECT_EQ(Follow(), soon_);
}

TEST_F(DrillFileTest, EndsWhenTheFileGoes) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  fs::remove(path_);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("the file is gone")));
  EXPECT_EQ(Follow(), std::nullopt);
  Put(soon_);
  EXPECT_EQ(Follow(), soon_) << "put anew";
}

TEST_F(DrillFileTest, AnotherTimeIsAnotherDrill) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  Put(soon_ + minutes(1));
  EXPECT_THAT(Lines(),
              ElementsAre(HasSubstr("the file says another time"), HasSubstr("a drill begins")));
  EXPECT_EQ(Follow(), soon_ + minutes(1));
}

TEST_F(DrillFileTest, SeesAFileThatWasReplacedByOneOfTheSameSizeAndTime) {
  Put(soon_);
  const auto time = fs::last_write_time(path_);
  EXPECT_EQ(Follow(), soon_);
  PutFile(path_ + ".new", Drill(soon_ + minutes(1)));
  fs::last_write_time(path_ + ".new", time);
  fs::rename(path_ + ".new", path_);
  EXPECT_EQ(Follow(), soon_ + minutes(1));
}

TEST_F(DrillFileTest, LooksAtTheFileAtMostOnceASecond) {
  EXPECT_EQ(Follow(), std::nullopt);
  Put(soon_);
  EXPECT_EQ(Follow(seconds(1) - Duration(1)), std::nullopt);
  EXPECT_EQ(Follow(Duration(1)), soon_);
}

TEST_F(DrillFileTest, AFileThatBecomesNonsenseEndsTheDrillAndIsComplainedOf) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  PutFile(path_, "{}");
  EXPECT_THAT(Lines(), ElementsAre(AllOf(HasSubstr("level=warn"), HasSubstr("starts no drill"),
                                         HasSubstr("a JSON object like")),
                                   HasSubstr("the file is no drill any more")));
  Put(soon_);
  EXPECT_EQ(Follow(), soon_) << "it was half written";
}

TEST_F(DrillFileTest, RefusesATimeThatIsPastOrMoreThanAnHourAhead) {
  Put(now_.system + seconds(1));
  EXPECT_THAT(Lines(), ElementsAre(AllOf(HasSubstr("level=warn"), HasSubstr("its time is past"))));
  EXPECT_EQ(Follow(), std::nullopt);
  Put(now_.system + seconds(2) + hours(1));
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("its time is more than an hour ahead")));
  EXPECT_EQ(Follow(minutes(30)), std::nullopt) << "what was refused begins by itself later";
  const SystemTime farthest = now_.system + seconds(1) + hours(1);
  Put(farthest);
  EXPECT_EQ(Follow(), farthest);
}

TEST_F(DrillFileTest, ComplainsOfEachMistakeAtMostEveryTenMinutes) {
  const std::string big = Drill(soon_) + std::string(4096, ' ');
  PutFile(path_, big);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("is larger than 4096 bytes")));
  EXPECT_THAT(Lines(), IsEmpty());
  PutFile(path_, "[]");
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("a JSON object like"))) << "another mistake";
  PutFile(path_, "[ ]");
  EXPECT_THAT(Lines(minutes(9)), IsEmpty());
  PutFile(path_, "[  ]");
  EXPECT_THAT(Lines(minutes(2)), ElementsAre(HasSubstr("a JSON object like")));
}

TEST_F(DrillFileTest, AFileOfFourKibibytesIsNotTooLarge) {
  std::string content = Drill(soon_);
  content.resize(4096, ' ');
  PutFile(path_, content);
  EXPECT_EQ(Follow(), soon_);
}

TEST_F(DrillFileTest, APipeAFolderOrADeviceIsNoFileAndHoldsNobodyUp) {
  for (const char* const kind : {"pipe", "folder", "device"}) {
    if (*kind == 'p') {
      ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    } else if (*kind == 'f') {
      fs::create_directory(path_);
    } else {
      fs::create_symlink("/dev/zero", path_);
    }
    EXPECT_THAT(Lines(minutes(11)), ElementsAre(HasSubstr("it is no file"))) << kind;
    EXPECT_EQ(Follow(), std::nullopt);
    fs::remove(path_);
  }
}

TEST_F(DrillFileTest, MayBeALinkThatPointsToAnotherFileLater) {
  PutFile(folder_ / "one", Drill(soon_));
  PutFile(folder_ / "two", Drill(soon_ + minutes(1)));
  fs::create_symlink("one", path_);
  EXPECT_EQ(Follow(), soon_);
  fs::create_symlink("two", path_ + ".new");
  fs::rename(path_ + ".new", path_);
  EXPECT_EQ(Follow(), soon_ + minutes(1));
  fs::remove(folder_ / "two");
  EXPECT_EQ(Follow(), std::nullopt);
}

TEST_F(DrillFileTest, AFileThatMayNotBeReadIsNoDrillUntilItMay) {
  Put(soon_);
  fs::permissions(path_, fs::perms::none);
  const uid_t us = geteuid();
  constexpr uid_t kNobody = 65534;
  if (us == 0) {  // who may read everything
    ASSERT_EQ(chown(path_.c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const auto lines = Lines();
  fs::permissions(path_, fs::perms::owner_read);
  const auto running = Follow();
  ASSERT_EQ(seteuid(us), 0);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("cannot be read: Permission denied")));
  EXPECT_EQ(running, soon_);
}

TEST_F(DrillFileTest, ARealNoticeEndsTheDrillForGood) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  Hear(now_.system + minutes(5));
  EXPECT_THAT(Lines(), ElementsAre(AllOf(HasSubstr("the drill ends"),
                                         HasSubstr("a real spot termination notice"))));
  Hear(std::nullopt);
  EXPECT_EQ(Follow(), std::nullopt) << "it was withdrawn; nobody asked for another drill";
  Put(soon_);
  EXPECT_EQ(Follow(), std::nullopt) << "written again with the same content";
  Put(soon_ + seconds(1));
  EXPECT_EQ(Follow(), soon_ + seconds(1));
}

TEST_F(DrillFileTest, ANoticeThatCameAndWentUnseenEndsItToo) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  Hear(now_.system + minutes(5));
  Hear(std::nullopt);
  EXPECT_EQ(Follow(), std::nullopt);
  EXPECT_EQ(Follow(), std::nullopt);
}

TEST_F(DrillFileTest, DoesNotBeginBesideARealNotice) {
  Hear(now_.system + minutes(5));
  Put(soon_);
  EXPECT_THAT(Lines(), ElementsAre(AllOf(HasSubstr("level=warn"), HasSubstr("starts no drill"),
                                         HasSubstr("a real spot termination notice"))));
  Hear(std::nullopt);
  EXPECT_EQ(Follow(), std::nullopt);
  fs::remove(path_);
  EXPECT_EQ(Follow(), std::nullopt);
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
}

TEST_F(DrillFileTest, WaitsUntilItWasAskedWhetherThereIsARealNotice) {
  snapshot_.up.reset();
  Put(soon_);
  EXPECT_THAT(Lines(), IsEmpty());
  EXPECT_EQ(Follow(), std::nullopt);
  snapshot_.up = false;  // nobody answers: that is no reason not to rehearse
  EXPECT_EQ(Follow(), soon_);
}

TEST_F(DrillFileTest, AClockThatIsSetNeverMakesItLonger) {
  Put(soon_);
  EXPECT_EQ(Follow(), soon_);
  now_.system -= hours(1);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("the clock was set back")));
  now_.system += hours(1);
  EXPECT_EQ(Follow(), std::nullopt);
  Put(soon_ + seconds(1));
  EXPECT_EQ(Follow(), soon_ + seconds(1));
  now_.system += hours(1);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("its time has come")));
  now_.system -= hours(1);
  EXPECT_EQ(Follow(), std::nullopt);
}

TEST_F(DrillFileTest, IsNothingToTheNoticeFile) {
  NoticeFile notices(folder_ / "notice.json");
  Put(soon_);
  snapshot_.local.drill = Follow();
  EXPECT_EQ(snapshot_.local.drill, soon_);
  notices.Follow(snapshot_, now_);
  EXPECT_FALSE(fs::exists(folder_ / "notice.json"));
}

}  // namespace
}  // namespace aliyun_ecs
