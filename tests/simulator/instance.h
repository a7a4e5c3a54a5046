#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "simulator/tree.h"

namespace aliyun_ecs::simulator {

// What every made-up secret begins with, followed by the number of the credential, so that a grep
// finds any of them where it must not be.
inline constexpr std::string_view kAccessKeyIdPrefix = "STS.SimulatedAccessKeyId";
inline constexpr std::string_view kAccessKeySecretPrefix = "SimulatedAccessKeySecret";
inline constexpr std::string_view kSecurityTokenPrefix = "SimulatedSecurityToken";

// HttpTokens and HttpEndpoint of the vendor's ModifyInstanceMetadataOptions.
enum class HttpTokens : std::uint8_t { kOptional, kRequired };
enum class HttpEndpoint : std::uint8_t { kEnabled, kDisabled };
struct AccessOptions {
  HttpTokens http_tokens = HttpTokens::kOptional;
  HttpEndpoint http_endpoint = HttpEndpoint::kEnabled;

  friend bool operator==(const AccessOptions&, const AccessOptions&) = default;
};

// "optional", "required" and "enabled", "disabled"; nullopt for anything else.
[[nodiscard]] std::optional<HttpTokens> ParseHttpTokens(std::string_view text);
[[nodiscard]] std::optional<HttpEndpoint> ParseHttpEndpoint(std::string_view text);
[[nodiscard]] std::string_view Name(HttpTokens tokens);
[[nodiscard]] std::string_view Name(HttpEndpoint endpoint);

// 1 to 64 letters, digits, '.', '-' or '_', as RAM allows them, and no path like "..".
[[nodiscard]] bool IsRoleName(std::string_view name);

// How an instance begins, and what Instance::Reset returns it to.
struct InstanceStart {
  Tree tree;
  AccessOptions access = {};
  std::optional<std::string> role = {};  // REQUIRES: IsRoleName
  std::optional<Duration> termination_in = {};

  // Every published credential lived six hours, and the next one was offered half an hour before
  // the end. REQUIRES: 0 < offered_before_end < credential_life, both at least a second.
  Duration credential_life = std::chrono::hours(6);
  Duration offered_before_end = std::chrono::minutes(30);
};

// One simulated instance at run time: a tree, and in it the parts that change by themselves or by
// the control API. It does nothing by itself: what has changed with time is worked out when it is
// asked.
//
// Borrows the clock. Not thread-safe; Service guards it.
class Instance {
 public:
  Instance(InstanceStart start, const Clock& clock);

  // Tree::Read as of now.
  [[nodiscard]] std::optional<std::string> Read(std::string_view path);

  // The instance's wall clock.
  [[nodiscard]] SystemTime Now() const { return clock_.System(); }

  [[nodiscard]] const AccessOptions& access() const { return access_; }
  void set_access(const AccessOptions& access) { access_ = access; }

  // Attaches a role with a fresh credential in place of any other; an instance has at most one.
  // With `expires_in` the credential is one that was issued long ago and ends then; its successor
  // is offered at the usual time before the end, or, if that has passed, only at the end.
  // REQUIRES: IsRoleName(name), 0 < expires_in <= credential_life().
  void AttachRole(std::string name, std::optional<Duration> expires_in = {});
  // False when there was none.
  bool DetachRole();
  [[nodiscard]] Duration credential_life() const { return start_.credential_life; }

  // Offers a new credential at once; false when no role is attached.
  bool Rotate();

  // Null when no role is attached.
  [[nodiscard]] const std::string* role_name() const { return role_ ? &role_->name : nullptr; }

  // What the credential document says; nullopt when no role is attached.
  struct Validity {
    SystemTime last_updated;
    SystemTime expiration;
  };
  [[nodiscard]] std::optional<Validity> CredentialValidity();

  // The notice that a spot instance will be stopped and released then.
  void SetTermination(SystemTime at);
  // Its withdrawal; false when there was none.
  bool ClearTermination();

  // Tree::Put and Tree::Erase on the live tree. What is put at the place of the credential document
  // stays until the next rotation.
  [[nodiscard]] Result<void> Put(std::string_view path, std::string text);
  bool Erase(std::string_view path);

  // Back to the start, but credentials go on being numbered.
  void Reset();

 private:
  struct Role {
    std::string name;
    Validity validity;
    SystemTime next_offer;
  };

  // Makes up for the rotations that were due since the last call.
  void CatchUp();
  void Offer(SystemTime last_updated);
  void PrintCredential();

  const InstanceStart start_;
  const Clock& clock_;
  Tree tree_;
  AccessOptions access_;
  std::optional<Role> role_;
  std::uint64_t credential_number_ = 0;
};

}  // namespace aliyun_ecs::simulator
