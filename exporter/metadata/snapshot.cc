#include "metadata/snapshot.h"

#include <algorithm>
#include <utility>

namespace aliyun_ecs {

std::string_view Name(ReadingState state) {
  constexpr std::string_view kNames[] = {"present", "absent", "failing", "unread"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view Name(ChangeTopic topic) {
  constexpr std::string_view kNames[] = {"spot", "service", "posture", "role", "instance"};
  return kNames[static_cast<std::size_t>(topic)];
}

std::string_view Name(Severity severity) {
  constexpr std::string_view kNames[] = {"info", "warning", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::optional<ItemInstance> ItemInstanceAt(std::string_view path) {
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto id = static_cast<ItemId>(i);
    const auto directory = DirectoryOf(id);
    const std::string_view pattern = Row(id).path;
    if (!directory) {
      if (path == pattern) return ItemInstance{id, {}};
      continue;
    }
    const std::string_view placeholder = Row(*directory).placeholder;
    const std::string_view before = pattern.substr(0, pattern.find(placeholder));
    const std::string_view behind = pattern.substr(before.size() + placeholder.size());
    if (path.size() <= before.size() + behind.size() || !path.starts_with(before) ||
        !path.ends_with(behind)) {
      continue;
    }
    const auto index = path.substr(before.size(), path.size() - before.size() - behind.size());
    if (IsIndex(index)) return ItemInstance{id, std::string(index)};
  }
  return std::nullopt;
}

ReadingState Reading::State() const {
  if (failure) return ReadingState::kFailing;
  if (!answer) return ReadingState::kUnread;
  return answer->value ? ReadingState::kPresent : ReadingState::kAbsent;
}

void PollStatistics::Count(RequestCode code, Duration duration) {
  ++requests[static_cast<std::size_t>(code)];
  const double seconds = ToSeconds(duration);
  duration_seconds += seconds;
  const auto bound = std::lower_bound(kDurationBounds.begin(), kDurationBounds.end(), seconds);
  ++durations[static_cast<std::size_t>(bound - kDurationBounds.begin())];
}

const Reading* Snapshot::Find(ItemId item, std::string_view index) const {
  const auto found = readings.find(ItemInstance{item, std::string(index)});
  return found == readings.end() ? nullptr : &found->second;
}

void SnapshotStore::Publish(Snapshot snapshot) {
  auto next = std::make_shared<const Snapshot>(std::move(snapshot));
  const std::lock_guard lock(mutex_);
  current_.swap(next);  // the old one is released outside of the lock, when `next` goes
}

std::shared_ptr<const Snapshot> SnapshotStore::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace aliyun_ecs
