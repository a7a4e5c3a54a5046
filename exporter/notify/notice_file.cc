#include "notify/notice_file.h"

#include <filesystem>

#include "base/atomic_file.h"
#include "base/log.h"
#include "base/text.h"
#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

constexpr mode_t kReadableByAll = 0644;

std::string ContentOf(const Snapshot& snapshot, const SpotVerdict& spot) {
  const Reading* const reading = snapshot.Find(ItemAt("instance-id"));
  const auto* const id = reading == nullptr ? nullptr : reading->Get<std::string>();
  return "{\"instance_id\": " + JsonQuote(id == nullptr ? "" : *id) +
         ", \"termination_time\": " + JsonQuote(FormatUtc(*spot.termination)) +
         ", \"first_seen\": " + JsonQuote(FormatUtc(*spot.first_seen)) + "}\n";
}

}  // namespace

void NoticeFile::Follow(const Snapshot& snapshot, Instant now) {
  const SpotVerdict spot = JudgeSpot(snapshot, now);
  // Unknown is no reason to take a notice away, unless it is known that the notice is over.
  // A time that the service tells without being a notice is a left-over.
  const Reading* const told = snapshot.Find(kSpotTerminationTime);
  const bool over = spot.state == SpotState::kUnknown &&
                    (snapshot.spot.termination || (told != nullptr && told->value() != nullptr));
  if (spot.state == SpotState::kUnknown && !over) return;
  const bool scheduled = spot.state == SpotState::kScheduled;
  const std::string wanted = scheduled ? ContentOf(snapshot, spot) : std::string();
  // Also when somebody has taken it away.
  std::error_code ignored;
  const bool there = wanted.empty() || std::filesystem::exists(path_, ignored);
  if (content_ == wanted && there) return;
  const auto done = Write(wanted);
  if (done) {
    content_ = wanted;
  } else if (rarely_.MaySay(scheduled ? "write" : "remove", now.steady)) {
    Log(LogLevel::kError, "the notice file is not as it should be",
        {{"reason", done.error().message}});
  }
}

Result<void> NoticeFile::Write(const std::string& content) {
  return content.empty() ? RemoveFile(path_) : WriteFileAtomically(path_, content, kReadableByAll);
}

}  // namespace aliyun_ecs
