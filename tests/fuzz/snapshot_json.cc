#include "metadata/snapshot_json.h"

#include <algorithm>

#include "base/text.h"
#include "check/judge.h"
#include "check/plugin_output.h"
#include "fuzz/fuzz.h"

// The plugin's reader of an exporter's /snapshot: a snapshot that can be judged, or one sentence.
// What comes of it is one line, whatever the document says.

namespace aliyun_ecs::fuzz {

void Fuzz(std::string_view input) {
  const Instant now{SteadyTime(std::chrono::seconds(1000)),
                    SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1))};
  auto told = SnapshotFromJson(input, now);
  if (!told) {
    ALWAYS(told.error().code == ErrorCode::kMalformed);
    ALWAYS(IsPrintableUtf8(told.error().message));
    return;
  }
  Evidence evidence;
  evidence.now = {now.steady, told->time};
  evidence.snapshot = std::move(told->snapshot);
  for (const auto& [key, reading] : evidence.snapshot.readings) {
    ALWAYS(!reading.answer || reading.answer->at.steady <= now.steady);
    ALWAYS(DirectoryOf(key.item).has_value() == IsIndex(key.index));
  }
  evidence.traffic = Result<Traffic>(Traffic{1000, std::chrono::seconds(3), {"a"}, {}});
  for (const Check check : kChecks) {
    const Verdict verdict = Judge(check, evidence, {});
    const std::string output = PluginOutput({verdict}, false, 0, {});
    ALWAYS(std::count(output.begin(), output.end(), '\n') == 1);
    ALWAYS(std::count(output.begin(), output.end(), '|') <= 1);
    ALWAYS(!verdict.text.empty());
    // A hundred years later neither an answer nor a notice says anything.
    Evidence old = evidence;
    old.now.steady += std::chrono::hours(24 * 366 * 100);
    if (check == Check::kSpot) ALWAYS(Judge(check, old, {}).state == CheckState::kUnknown);
  }
  // What it was told, told again, is understood.
  ALWAYS(SnapshotFromJson(SnapshotToJson(evidence.snapshot, evidence.now), now).has_value());
}

}  // namespace aliyun_ecs::fuzz
