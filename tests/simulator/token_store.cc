#include "simulator/token_store.h"

#include <fmt/format.h>

#include <random>

namespace aliyun_ecs::simulator {

std::string TokenStore::Issue(int instance, std::chrono::seconds life, SteadyTime now) {
  for (auto oldest = by_end_.begin(); oldest != by_end_.end() && oldest->first <= now;
       oldest = by_end_.erase(oldest)) {
    tokens_.erase(oldest->second);
  }
  std::random_device random;
  std::string token = fmt::format("{}{:08x}{:08x}{:08x}{:08x}", kSessionTokenPrefix, random(),
                                  random(), random(), random());
  const SteadyTime end = now + life;
  tokens_.emplace(token, Entry{.instance = instance, .end = end});
  by_end_.emplace(end, token);
  return token;
}

bool TokenStore::IsValid(int instance, std::string_view token, SteadyTime now) const {
  const auto found = tokens_.find(std::string(token));
  return found != tokens_.end() && found->second.instance == instance && now < found->second.end;
}

void TokenStore::Clear() {
  tokens_.clear();
  by_end_.clear();
}

}  // namespace aliyun_ecs::simulator
