#include "simulator/token_store.h"

#include <fmt/format.h>

#include <random>

namespace aliyun_ecs::simulator {

std::string TokenStore::Issue(int instance, std::chrono::seconds life, SteadyTime now) {
  for (auto oldest = by_end_.begin();
       oldest != by_end_.end() && (oldest->first <= now || tokens_.size() >= kMostLive);
       oldest = by_end_.erase(oldest)) {
    tokens_.erase(oldest->second);
    expired_.insert(oldest->second);
    expired_in_order_.push_back(std::move(oldest->second));
    if (expired_in_order_.size() > kMostExpired) {
      expired_.erase(expired_in_order_.front());
      expired_in_order_.pop_front();
    }
  }
  std::random_device random;
  std::string token = fmt::format("{}{:08x}{:08x}{:08x}{:08x}", kSessionTokenPrefix, random(),
                                  random(), random(), random());
  const SteadyTime end = now + life;
  tokens_.emplace(token, Entry{.instance = instance, .end = end});
  by_end_.emplace(end, token);
  return token;
}

TokenState TokenStore::StateOf(int instance, std::string_view token, SteadyTime now) const {
  const std::string key(token);
  const auto found = tokens_.find(key);
  if (found == tokens_.end()) {
    return expired_.contains(key) ? TokenState::kExpired : TokenState::kUnknown;
  }
  if (now >= found->second.end) return TokenState::kExpired;
  return found->second.instance == instance ? TokenState::kValid : TokenState::kForeign;
}

void TokenStore::Clear() {
  tokens_.clear();
  by_end_.clear();
  expired_.clear();
  expired_in_order_.clear();
}

}  // namespace aliyun_ecs::simulator
