#include "poll/state_file.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "support/strict_json.h"

// The reader of --state.file, which somebody else may have written: a state whose every part could
// have been, or a sentence. What it takes it writes down again as it was.

namespace aliyun_ecs::fuzz {
namespace {

const std::string kBoot = "boot";

bool IsPast(const Answer& answer, Instant now) { return answer.at.steady <= now.steady; }

}  // namespace

void Fuzz(std::string_view input) {
  const Instant now{SteadyTime(std::chrono::hours(1000)),
                    SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1))};
  const auto state = SavedStateFromJson(input, kBoot, now);
  if (!state) {
    const std::string& why = state.error().message;
    ALWAYS(why == "it is damaged" || why == "it is of another version" ||
           why == "it is of another boot or another machine");
    return;
  }
  ALWAYS(!SavedStateFromJson(input, "another", now) && !SavedStateFromJson(input, "", now));
  ALWAYS(state->budget.level.tokens >= 0 && state->budget.level.at <= now.steady);
  ALWAYS(state->spot.termination.has_value() == state->spot.first_seen.has_value());
  for (const auto& [key, answer] : state->answers) {
    ALWAYS(IsPast(answer, now));
    ALWAYS(DirectoryOf(key.item) ? IsIndex(key.index) : key.index.empty());
  }
  for (const auto& listing : state->listings) ALWAYS(!listing || IsPast(*listing, now));
  for (const auto& [role, history] : state->roles) ALWAYS(IsIndex(role));

  const std::string written = SavedStateToJson(*state, kBoot);
  ALWAYS(ReadStrictJson(written).has_value());
  const auto again = SavedStateFromJson(written, kBoot, now);
  ALWAYS(again.has_value());
  ALWAYS(SavedStateToJson(*again, kBoot) == written);
  ALWAYS(again->budget == state->budget);
  ALWAYS(std::equal(state->answers.begin(), state->answers.end(), again->answers.begin(),
                    again->answers.end(), [](const auto& one, const auto& other) {
                      return one.first == other.first && one.second.value == other.second.value;
                    }));
  // Whatever is in it, it neither gives requests away nor keeps them for long.
  RequestBudget budget(1, 5, 0, now.steady);
  budget.Restore(state->budget, now.steady);
  ALWAYS(budget.bucket().Remaining(now.steady) <= 5);
  ALWAYS(budget.AvailableAt(now.steady) <= now.steady + std::chrono::minutes(10));
  budget.OnThrottled(now.steady, std::nullopt);
  ALWAYS(budget.paused_until() >= now.steady + std::chrono::seconds(2));
  ALWAYS(budget.paused_until() <= now.steady + std::chrono::minutes(2));
}

}  // namespace aliyun_ecs::fuzz
