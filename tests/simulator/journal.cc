#include "simulator/journal.h"

namespace aliyun_ecs::simulator {

void Journal::Add(SteadyTime now, std::string_view method, std::string_view path, int status) {
  ++total_;
  std::string cut(path.substr(0, kLongestPath));

  auto count = counts_.find({cut, status});
  if (count == counts_.end()) {
    const auto counted_as = counts_.size() < kMostCounts ? cut : std::string(kOtherPaths);
    count = counts_.try_emplace({counted_as, status}).first;
  }
  ++count->second;

  if (recent_.size() >= most_recent_) recent_.pop_front();
  recent_.push_back({.at = now - start_,
                     .method = std::string(method.substr(0, kLongestPath)),
                     .path = std::move(cut),
                     .status = status});
}

}  // namespace aliyun_ecs::simulator
