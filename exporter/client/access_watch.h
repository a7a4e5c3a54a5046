#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/rarely.h"
#include "base/result.h"
#include "client/metadata_client.h"
#include "metadata/access.h"

namespace aliyun_ecs {

// Tells from the exchanges, one after the other, how the metadata service lets itself be read, and
// logs it: a line when that changes, and every ten minutes one while it is not good. However it
// changes to and fro, no more than one line about each state in ten minutes. Not thread-safe.
class AccessWatch {
 public:
  // `on_ecs`: whether the machine says that it is an ECS instance; nullopt where it says nothing.
  AccessWatch(MetadataMode mode, std::optional<bool> on_ecs) : mode_(mode), on_ecs_(on_ecs) {}

  // A value was read, or that there is none.
  void OnRead(SteadyTime now);

  // The request for a session token did not bring one.
  void OnNoToken(const Exchange& exchange, const Error& error);

  // An item could not be read. One alone is its own trouble, unless it is one of access: two
  // different ones in a row are the service's.
  void OnFailed(std::string_view path, const Exchange& exchange, const Error& error);

  // A request without a token was answered, although session tokens are refused (403): there must
  // be a proxy that adds X-Forwarded-For.
  void OnAnsweredWithoutToken(SteadyTime now);

  // To be called now and then: says again what is still not good, and late what was kept quiet.
  void Remind(SteadyTime now);

  [[nodiscard]] AccessState state() const { return state_; }

 private:
  void Enter(AccessState state, std::string_view path, const Error& reason, SteadyTime now);
  [[nodiscard]] AccessState StateOf(const Error& error) const;
  void Say(SteadyTime now);
  void SayGood(SteadyTime now);

  MetadataMode mode_;
  std::optional<bool> on_ecs_;
  AccessState state_ = AccessState::kUnknown;
  std::string path_, reason_;                 // what made it not good
  std::optional<std::string> failed_before_;  // the path, when the newest exchange failed
  bool trouble_said_ = false;                 // so that its end is said, too
  Rarely rarely_{std::chrono::minutes(10)};
};

}  // namespace aliyun_ecs
