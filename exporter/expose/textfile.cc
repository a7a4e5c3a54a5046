#include "expose/textfile.h"

#include "base/atomic_file.h"
#include "base/log.h"

namespace aliyun_ecs {

void Textfile::Follow(const std::shared_ptr<const Snapshot>& snapshot, SteadyTime now) {
  constexpr Duration kLeast = std::chrono::seconds(1);
  constexpr Duration kMost = std::chrono::seconds(15);  // the usual interval of scrapes
  const bool first = tried_ == SteadyTime();
  if (!first && now - tried_ < (snapshot == written_ ? kMost : kLeast)) return;
  tried_ = now;
  const auto written = Write();
  if (written) {
    written_ = snapshot;
  } else if (rarely_.MaySay("write", now)) {
    Log(LogLevel::kError, "the textfile is not as it should be",
        {{"reason", written.error().message}});
  }
}

Result<void> Textfile::Write() const {
  constexpr mode_t kReadableByEverybody = 0644;
  return WriteFileAtomically(path_, page_.Text(Exposition::kText), kReadableByEverybody);
}

void Textfile::Remove() const {
  if (const auto removed = RemoveFile(path_); !removed) {
    Log(LogLevel::kError, "the textfile is left behind", {{"reason", removed.error().message}});
  }
}

}  // namespace aliyun_ecs
