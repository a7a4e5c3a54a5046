#include "client/session.h"

#include <utility>

namespace aliyun_ecs {

void Session::Accept(Secret token, SteadyTime asked_at, SystemTime asked_at_system) {
  token_ = std::move(token);
  expires_at_ = asked_at + ttl_;
  expires_at_system_ = asked_at_system + ttl_;
}

void Session::Drop() { token_.Clear(); }

std::optional<SystemTime> Session::Expiration() const {
  if (token_.empty()) return std::nullopt;
  return expires_at_system_;
}

}  // namespace aliyun_ecs
