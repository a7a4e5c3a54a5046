#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "support/exporter_rig.h"

// Whole days of trouble, and whole fleets: what the budget promises, and what a service feels.

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using MaybeAnswer = std::optional<Result<HttpResponse>>;

// The moments at which requests were sent, whoever answered them.
class Pace {
 public:
  // Calls `answer` for each request; without one the service answers.
  Pace(ExporterRig& rig, std::function<MaybeAnswer(const HttpRequest&)> answer) {
    rig.transport.Interfere([this, &rig, answer](const HttpRequest& request) {
      times_.push_back(rig.clock.Steady());
      return answer ? answer(request) : MaybeAnswer();
    });
  }

  [[nodiscard]] std::size_t MostInAMinute() const {
    std::size_t most = 0;
    for (std::size_t i = 0, j = 0; i < times_.size(); ++i) {
      while (j < times_.size() && times_[j] < times_[i] + minutes(1)) ++j;
      most = std::max(most, j - i);
    }
    return most;
  }
  [[nodiscard]] double PerMinute(Duration of) const {
    return static_cast<double>(times_.size()) / (ToSeconds(of) / 60);
  }

 private:
  std::vector<SteadyTime> times_;
};

// Figures for people: --gtest_output=xml shows them.
void Record(const char* name, double value) {
  ::testing::Test::RecordProperty(name, std::to_string(value));
}

// burst + 60 x budget, with the defaults.
constexpr std::size_t kPromise = 100 + 60 * 2;

TEST(DayOfTroubleTest, AHealthyDay) {
  ExporterRig rig;
  Pace pace(rig, nullptr);
  rig.RunFor(hours(24));
  EXPECT_LE(pace.MostInAMinute(), kPromise);
  EXPECT_LE(pace.MostInAMinute(), 52u + 16) << "the first fill and a usual minute";
  EXPECT_LT(pace.PerMinute(hours(24)), 14);
  Record("a_minute", pace.PerMinute(hours(24)));
  Record("most_in_a_minute", static_cast<double>(pace.MostInAMinute()));
}

TEST(DayOfTroubleTest, ADayOnWhichHalfOfAllAnswersAre429) {
  ExporterRig rig;
  std::mt19937 random(42);
  Pace pace(
      rig, [&](const HttpRequest&) { return random() % 2 == 0 ? AnswerWith(429) : MaybeAnswer(); });
  double unknown = 0;
  for (int i = 0; i < 24 * 3600 / 10; ++i) {
    rig.RunFor(seconds(10));
    ASSERT_NE(rig.Spot().state, SpotState::kScheduled);
    unknown += rig.Spot().state == SpotState::kUnknown ? 1 : 0;
  }
  EXPECT_LE(pace.MostInAMinute(), kPromise);
  EXPECT_LE(pace.PerMinute(hours(24)), 14) << "never more than on a healthy day";
  EXPECT_TRUE(rig.Current()->ready);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
  EXPECT_LE(unknown / (24 * 360), 0.5);
  Record("a_minute", pace.PerMinute(hours(24)));
  Record("most_in_a_minute", static_cast<double>(pace.MostInAMinute()));
  Record("spot_unknown", unknown / (24 * 360));
}

TEST(DayOfTroubleTest, ADayOnWhichNobodyAnswers) {
  for (const auto code : {ErrorCode::kTimeout, ErrorCode::kUnreachable}) {
    ExporterRig rig;
    Pace pace(rig, [&](const HttpRequest& request) {
      if (code == ErrorCode::kTimeout) rig.clock.Advance(request.timeout);
      return MaybeAnswer(Fail(code, "nobody"));
    });
    rig.RunFor(hours(24));
    EXPECT_LE(pace.MostInAMinute(), kPromise);
    EXPECT_LE(pace.PerMinute(hours(24)), 16);
    EXPECT_GE(pace.PerMinute(hours(24)), 2) << "it keeps trying";
    EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
    Record("a_minute_from_the_start", pace.PerMinute(hours(24)));
  }
  ExporterRig rig;
  rig.RunFor(hours(1));
  Pace pace(rig, [](const HttpRequest&) { return MaybeAnswer(Fail(ErrorCode::kUnreachable, "")); });
  rig.RunFor(hours(24));
  EXPECT_LE(pace.PerMinute(hours(24)), 16.5);
  EXPECT_EQ(rig.Spot().state, SpotState::kUnknown);
  Record("a_minute", pace.PerMinute(hours(24)));
}

TEST(DayOfTroubleTest, ADayOfErrorPages) {
  for (const int status : {200, 403, 500}) {
    ExporterRig rig;
    Pace pace(rig, [&](const HttpRequest&) { return AnswerWith(status, "<html>Sorry</html>"); });
    rig.RunFor(hours(24));
    EXPECT_LE(pace.MostInAMinute(), kPromise);
    EXPECT_LE(pace.PerMinute(hours(24)), 16);
    EXPECT_EQ(rig.Page().find("Sorry"), std::string::npos);
  }
}

TEST(DayOfTroubleTest, SixteenInterfacesAndThirtyTwoDisksStayWithinASmallBudget) {
  PollOptions poll;
  poll.budget = 1;
  poll.burst = 20;
  ExporterRig rig(LinuxInstance(16, 32), poll);
  Pace pace(rig, nullptr);
  rig.RunFor(hours(6));
  EXPECT_LE(pace.MostInAMinute(), 20u + 60);
  EXPECT_EQ(rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
}

// A notice on the worst of days: how long until it is on the page.
TEST(DayOfTroubleTest, ANoticeIsSeenInTimeThoughHalfOfAllAnswersAre429) {
  std::vector<double> delays;
  for (unsigned seed = 0; seed < 200; ++seed) {
    PollOptions poll;
    poll.jitter_seed = seed;
    ExporterRig rig(LinuxInstance(), poll);
    rig.RunFor(minutes(2));
    std::mt19937 random(seed);
    rig.transport.Interfere(
        [&](const HttpRequest&) { return random() % 2 == 0 ? AnswerWith(429) : MaybeAnswer(); });
    rig.RunFor(minutes(10) + milliseconds(37 * seed));
    const SteadyTime told = rig.clock.Steady();
    rig.service.WithInstance([&](simulator::Instance& instance) {
      instance.SetTermination(rig.clock.System() + minutes(5));
    });
    while (rig.Spot().state != SpotState::kScheduled && rig.clock.Steady() < told + minutes(5)) {
      rig.RunFor(milliseconds(100));
    }
    delays.push_back(ToSeconds(rig.clock.Steady() - told));
  }
  std::sort(delays.begin(), delays.end());
  Record("median_seconds", delays[delays.size() / 2]);
  Record("p95_seconds", delays[delays.size() * 95 / 100]);
  Record("worst_seconds", delays.back());
  EXPECT_LT(delays[delays.size() / 2], 15);
  EXPECT_LT(delays[delays.size() * 95 / 100], 60);
  EXPECT_LT(delays.back(), 180) << "two minutes are left even then";
}

// Requests per second of a thousand instances that were started in the same second, from the end of
// the first fill on.
std::vector<int> FleetLoad(bool jitter, Duration of,
                           const std::function<MaybeAnswer(const HttpRequest&, Duration)>& answer) {
  constexpr int kInstances = 1000;
  std::vector<int> per_second(static_cast<std::size_t>(ToSeconds(of)));
  for (int i = 0; i < kInstances; ++i) {
    PollOptions poll;
    poll.jitter_seed = jitter ? static_cast<std::uint64_t>(i) + 1 : 1;
    ExporterRig rig(LinuxInstance(), poll);
    const SteadyTime start = rig.clock.Steady();
    rig.RunNow();
    rig.transport.Interfere([&](const HttpRequest& request) {
      const Duration at = rig.clock.Steady() - start;
      const auto second = static_cast<std::size_t>(ToSeconds(at));
      if (second < per_second.size()) ++per_second[second];
      return answer ? answer(request, at) : MaybeAnswer();
    });
    rig.RunFor(of);
  }
  return per_second;
}

struct Load {
  int most;
  double average;
};
Load LoadOf(const std::vector<int>& per_second) {
  double sum = 0;
  for (const int count : per_second) sum += count;
  return {*std::max_element(per_second.begin(), per_second.end()),
          sum / static_cast<double>(per_second.size())};
}

TEST(FleetTest, AThousandStartedTogetherDoNotPollInStep) {
  const Load apart = LoadOf(FleetLoad(true, minutes(10), nullptr));
  const Load in_step = LoadOf(FleetLoad(false, minutes(10), nullptr));
  Record("average", apart.average);
  Record("most", apart.most);
  Record("most_in_step", in_step.most);
  EXPECT_EQ(in_step.most % 1000, 0) << "with one seed all do the same";
  EXPECT_GE(in_step.most, 1000);
  EXPECT_LE(apart.most, apart.average * 1.6);
}

TEST(FleetTest, AThousandThatWereLostTogetherDoNotComeBackInStep) {
  for (const bool throttled : {true, false}) {
    const auto answer = [&](const HttpRequest&, Duration at) -> MaybeAnswer {
      if (at < minutes(2) || at > minutes(5)) return std::nullopt;
      return throttled ? AnswerWith(429) : MaybeAnswer(Fail(ErrorCode::kUnreachable, "no route"));
    };
    const auto load = FleetLoad(true, minutes(10), answer);
    const Load after = LoadOf({load.begin() + 300, load.end()});
    Record(throttled ? "most_after_throttling" : "most_after_an_outage", after.most);
    EXPECT_LE(after.most, 600) << "a thousand or more in step";
  }
}

}  // namespace
}  // namespace aliyun_ecs
