#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace aliyun_ecs {

// What kind of trouble an Error tells of. The kinds are those that callers act upon differently;
// the sentence in Error::message is for people.
enum class ErrorCode {
  kInvalid,       // input that a person gave us is wrong: flag, file, tree
  kUnavailable,   // something of this machine is missing or taken: port, file, memory
  kNotFound,      // a file that is not there
  kCancelled,     // a stop was requested while the work was under way
  kTimeout,       // no complete answer in time
  kUnreachable,   // no connection: refused, no route, reset
  kMalformed,     // an answer that is not one of the metadata service's
  kUnauthorized,  // 401: the session token is unknown or expired
  kForbidden,     // 403: hardened-only without a token, or the channel is disabled
  kThrottled,     // 429, 503
  kMissing,       // "there is none" of what every instance has
  kRefused,       // any other status
};

// One sentence for a person, and the kind for the program. Never holds bytes that came over the
// wire: those may be secret.
struct Error {
  ErrorCode code;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

// Nobody is there, or nobody has the time: another request would fare alike.
[[nodiscard]] inline bool IsSilence(const Error& error) {
  return error.code == ErrorCode::kTimeout || error.code == ErrorCode::kUnreachable;
}

// Errors are values. An alias, so that it can become std::expected once both compilers have it.
template <typename T>
using Result = tl::expected<T, Error>;

// return Fail(ErrorCode::kTimeout, "...");
[[nodiscard]] inline tl::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace aliyun_ecs
