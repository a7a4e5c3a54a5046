#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/secret.h"

namespace aliyun_ecs {

// The session token of hardened mode: when there is a usable one, and when to get the next. It
// lives in memory only and is never logged. Times are Steady: a hibernated instance must not trust
// an old token. Not thread-safe; owned by the MetadataClient.
class Session {
 public:
  explicit Session(std::chrono::seconds ttl) : ttl_(ttl) {}

  [[nodiscard]] std::chrono::seconds ttl() const { return ttl_; }

  // True while the token may be sent.
  [[nodiscard]] bool IsOpen(SteadyTime now) const { return !token_.empty() && now < expires_at_; }

  // When to renew: at half of the token's life. REQUIRES: a token was accepted and not dropped.
  [[nodiscard]] SteadyTime RenewAt() const { return expires_at_ - Duration(ttl_) / 2; }

  // Takes a token. Its life counts from when it was asked for, which errs on the safe side.
  void Accept(Secret token, SteadyTime asked_at, SystemTime asked_at_system);

  // Forgets the token: the service answered 401.
  void Drop();

  // When the token ends by the wall clock; nullopt without a token.
  [[nodiscard]] std::optional<SystemTime> Expiration() const;

  // What to send. REQUIRES: IsOpen.
  [[nodiscard]] const Secret& token() const { return token_; }

 private:
  std::chrono::seconds ttl_;
  Secret token_;
  SteadyTime expires_at_;
  SystemTime expires_at_system_;
};

}  // namespace aliyun_ecs
