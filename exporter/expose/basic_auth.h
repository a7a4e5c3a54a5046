#pragma once

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace aliyun_ecs {

// Checks passwords of HTTP basic authentication (RFC 7617) against bcrypt hashes.
//
// Every attempt that fails costs the same, whether the name or the password is wrong, and whatever
// the cost of a user's own hash: as much as one hash of the highest cost among the users. One hash
// is computed at a time, so that guessing takes one core at most; a few attempts wait, more are
// turned away. Who was let in once is known by a keyed digest and does not wait again.
//
// Safe to call from any number of threads.
class BasicAuth {
 public:
  enum class Verdict {
    kWelcome,
    kRefused,
    kBusy,  // too many attempts at once; this one was not looked at
  };
  // The hash of a password by the method, cost and salt that `setting` begins with, as crypt(3)
  // gives it. Never called by two threads at once.
  using Hasher =
      std::function<std::string(const std::string& password, const std::string& setting)>;

  // bcrypt hashes by user; each one IsBcryptHash (web_config.h).
  explicit BasicAuth(std::map<std::string, std::string> users, Hasher hasher = Bcrypt);

  // What the value of the Authorization header is worth.
  [[nodiscard]] Verdict Check(std::string_view authorization) const;

  [[nodiscard]] static std::string Bcrypt(const std::string& password, const std::string& setting);

 private:
  using Digest = std::array<unsigned char, 32>;
  [[nodiscard]] Digest DigestOf(std::string_view user, std::string_view password) const;
  [[nodiscard]] bool IsPassword(std::string_view user, const std::string& password) const;

  std::map<std::string, std::string, std::less<>> users_;
  Hasher hasher_;
  int highest_cost_ = 0;
  std::array<unsigned char, 32> key_{};  // of the digests; of this object only
  mutable std::mutex hashing_;           // held while a hash is computed
  mutable std::mutex mutex_;             // guards what follows
  mutable std::set<Digest> welcome_;
  mutable int waiting_ = 0;
};

}  // namespace aliyun_ecs
