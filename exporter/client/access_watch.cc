#include "client/access_watch.h"

#include "base/log.h"

namespace aliyun_ecs {

// What both kinds of requests have in common; not_the_service for what they have not.
AccessState AccessWatch::StateOf(const Error& error) const {
  switch (error.code) {
    case ErrorCode::kTimeout:
    case ErrorCode::kUnreachable:
      return on_ecs_ == false ? AccessState::kNotOnEcs : AccessState::kUnreachable;
    case ErrorCode::kThrottled:
      return AccessState::kThrottled;
    default:
      return AccessState::kNotTheService;
  }
}

void AccessWatch::OnRead(SteadyTime now) {
  failed_before_.reset();
  if (state_ == AccessState::kGood) return;
  state_ = AccessState::kGood;
  SayGood(now);
}

void AccessWatch::OnNoToken(const Exchange& exchange, const Error& error) {
  AccessState state = StateOf(error);
  if (error.code == ErrorCode::kForbidden) {
    // What a request without a token has shown stays true until something else is heard.
    const bool proxy = exchange.through_proxy || state_ == AccessState::kProxy;
    state = proxy ? AccessState::kProxy : AccessState::kChannelDisabled;
  } else if (exchange.status == 404 || exchange.status == 405) {
    state = AccessState::kNoTokenPath;
  }
  failed_before_ = kSessionTokenName;
  Enter(state, kSessionTokenName, error, exchange.sent_at.steady);
}

void AccessWatch::OnFailed(std::string_view path, const Exchange& exchange, const Error& error) {
  const bool hardened = mode_ == MetadataMode::kHardened;
  AccessState state = StateOf(error);
  if (error.code == ErrorCode::kUnauthorized && hardened) state = AccessState::kTokenRefused;
  if (error.code == ErrorCode::kForbidden) {
    state = exchange.through_proxy ? AccessState::kProxy
            : hardened             ? AccessState::kChannelDisabled
                                   : AccessState::kHardenedOnly;
  }
  const bool of_access =
      error.code == ErrorCode::kThrottled || error.code == ErrorCode::kUnauthorized;
  const bool another_before = failed_before_ && *failed_before_ != path;
  // Before anything was read there is nothing to say for the service.
  const bool sure = of_access || another_before || state_ != AccessState::kGood;
  failed_before_ = path;
  if (sure) Enter(state, path, error, exchange.sent_at.steady);
}

void AccessWatch::OnAnsweredWithoutToken(SteadyTime now) {
  if (state_ != AccessState::kChannelDisabled) return;
  Enter(AccessState::kProxy, path_, Error{ErrorCode::kForbidden, reason_}, now);
}

void AccessWatch::Enter(AccessState state, std::string_view path, const Error& reason,
                        SteadyTime now) {
  const bool changed = state != state_;
  state_ = state;
  path_ = path;
  reason_ = reason.message;
  if (changed) Say(now);
}

void AccessWatch::Remind(SteadyTime now) {
  if (state_ == AccessState::kGood) {
    SayGood(now);  // if it was too early for that before
  } else if (state_ != AccessState::kUnknown) {
    Say(now);
  }
}

void AccessWatch::SayGood(SteadyTime now) {
  // Nothing to say of a start that goes well.
  if (!trouble_said_ || !rarely_.MaySay(Name(state_), now)) return;
  trouble_said_ = false;
  Log(LogLevel::kInfo, "the metadata service answers");
}

void AccessWatch::Say(SteadyTime now) {
  if (!rarely_.MaySay(Name(state_), now)) return;
  trouble_said_ = true;
  const AccessAdvice& advice = AdviceOn(state_);
  Log(LogLevel::kWarn, "the metadata service does not answer as it should",
      {{"state", Name(state_)},
       {"item", path_},
       {"reason", reason_},
       {"meaning", advice.meaning},
       {"advice", advice.advice}});
}

}  // namespace aliyun_ecs
