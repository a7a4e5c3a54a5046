#include "expose/basic_auth.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace aliyun_ecs {
namespace {

// How long a header can be that is looked at. bcrypt itself reads 72 bytes of a password.
constexpr std::size_t kLongestCredentials = 1024;

void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

int CostOf(const std::string& hash) { return (hash[4] - '0') * 10 + (hash[5] - '0'); }

// A setting of that cost with a salt of zeros. No password has this hash.
std::string SettingOf(int cost) {
  std::string setting = "$2b$";
  setting += static_cast<char>('0' + cost / 10);
  setting += static_cast<char>('0' + cost % 10);
  return setting + "$......................";
}

// The bytes behind base64 (RFC 4648); nullopt when it is not that.
std::optional<std::string> DecodeBase64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const bool form =
      text.size() % 4 == 0 && text.size() <= kLongestCredentials &&
      text.substr(0, text.size() - padding).find_first_not_of(kAlphabet) == std::string_view::npos;
  if (!form || text.empty()) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - padding);  // it decodes the padding as zeros
  return bytes;
}

// "user:password" of "Basic dXNlcjpwYXNzd29yZA==".
std::optional<std::string> CredentialsOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (authorization.size() < kScheme.size()) return std::nullopt;
  const bool basic = std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                                [](char wanted, char given) { return (given | 0x20) == wanted; });
  if (!basic) return std::nullopt;
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  auto credentials = DecodeBase64(authorization);
  if (credentials && credentials->find(':') == std::string::npos) return std::nullopt;
  return credentials;
}

}  // namespace

BasicAuth::BasicAuth(std::map<std::string, std::string> users, Hasher hasher)
    : users_(std::make_move_iterator(users.begin()), std::make_move_iterator(users.end())),
      hasher_(std::move(hasher)) {
  for (const auto& [user, hash] : users_) highest_cost_ = std::max(highest_cost_, CostOf(hash));
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
    throw std::runtime_error("the system gives no random bytes");
  }
}

BasicAuth::Verdict BasicAuth::Check(std::string_view authorization) const {
  // Who sends nothing that could be right learns nothing from how soon the answer comes.
  auto credentials = CredentialsOf(authorization);
  if (!credentials) return Verdict::kRefused;
  const auto colon = credentials->find(':');
  const std::string user = credentials->substr(0, colon);
  std::string password = credentials->substr(colon + 1);
  Wipe(*credentials);
  const Digest digest = DigestOf(user, password);
  constexpr int kMostWaiting = 8;
  {
    const std::lock_guard lock(mutex_);
    if (welcome_.contains(digest)) {
      Wipe(password);
      return Verdict::kWelcome;
    }
    if (waiting_ >= kMostWaiting) {
      Wipe(password);
      return Verdict::kBusy;
    }
    ++waiting_;
  }
  bool right = false;
  {
    const std::lock_guard lock(hashing_);
    right = IsPassword(user, password);
  }
  Wipe(password);
  const std::lock_guard lock(mutex_);
  --waiting_;
  if (!right) return Verdict::kRefused;
  constexpr std::size_t kMostKnown = 100;
  if (welcome_.size() >= kMostKnown) welcome_.clear();
  welcome_.insert(digest);
  return Verdict::kWelcome;
}

// To be called with hashing_ held.
bool BasicAuth::IsPassword(std::string_view user, const std::string& password) const {
  const auto found = users_.find(user);
  // crypt(3) would see the password end at a zero byte.
  if (found == users_.end() || password.find('\0') != std::string::npos) {
    static_cast<void>(hasher_(password, SettingOf(highest_cost_)));
    return false;
  }
  const std::string& expected = found->second;
  const std::string hash = hasher_(password, expected);
  if (hash.size() == expected.size() &&
      CRYPTO_memcmp(hash.data(), expected.data(), hash.size()) == 0) {
    return true;
  }
  // 2^c + 2^c + 2^(c+1) + … + 2^(m-1) = 2^m: one of the highest cost, whoever it was.
  for (int cost = CostOf(expected); cost < highest_cost_; ++cost) {
    static_cast<void>(hasher_(password, SettingOf(cost)));
  }
  return false;
}

BasicAuth::Digest BasicAuth::DigestOf(std::string_view user, std::string_view password) const {
  std::string text(user);
  text += ':';  // no user's name has one
  text += password;
  Digest digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  Wipe(text);
  return digest;
}

std::string BasicAuth::Bcrypt(const std::string& password, const std::string& setting) {
  // 32 KB, too much for some stacks.
  const auto data = std::make_unique<crypt_data>();
  const char* const hash = crypt_r(password.c_str(), setting.c_str(), data.get());
  std::string result = hash == nullptr ? "" : hash;  // "*0" for what it does not take
  OPENSSL_cleanse(data.get(), sizeof *data);
  return result;
}

}  // namespace aliyun_ecs
