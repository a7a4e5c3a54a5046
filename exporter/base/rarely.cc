#include "base/rarely.h"

namespace aliyun_ecs {

bool Rarely::MaySay(std::string_view topic, SteadyTime now) {
  const auto found = said_.find(topic);
  if (found != said_.end()) {
    if (now - found->second < interval_) return false;
    found->second = now;
    return true;
  }
  constexpr std::size_t kMostTopics = 1000;
  std::erase_if(said_, [&](const auto& entry) { return now - entry.second >= interval_; });
  if (said_.size() >= kMostTopics) return false;
  said_.emplace(topic, now);
  return true;
}

}  // namespace aliyun_ecs
