#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/token_bucket.h"
#include "simulator/fault.h"
#include "simulator/protocol.h"
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
  std::optional<Throttle> throttle = {};  // of the instance as a whole, as the vendor does it

  friend bool operator==(const AccessOptions&, const AccessOptions&) = default;
};

// "optional", "required" and "enabled", "disabled"; nullopt for anything else.
[[nodiscard]] std::optional<HttpTokens> ParseHttpTokens(std::string_view text);
[[nodiscard]] std::optional<HttpEndpoint> ParseHttpEndpoint(std::string_view text);
[[nodiscard]] std::string_view Name(HttpTokens tokens);
[[nodiscard]] std::string_view Name(HttpEndpoint endpoint);

// 1 to 64 letters, digits, '.', '-' or '_', as RAM allows them, and no path like "..".
[[nodiscard]] bool IsRoleName(std::string_view name);

// Why it is refused, as a sentence.
inline constexpr std::string_view kNoHardenedWindows =
    "http_tokens cannot be required on a Windows instance, because the vendor does not support it";

// True for the keys of tags that can be asked for: letters, digits and "@:_-.=,", but no path.
[[nodiscard]] bool IsTagKey(std::string_view key);

// How the rotation of credentials goes.
struct Rotation {
  enum class How : std::uint8_t {
    kOnTime,
    kLate,     // the next credential is offered `late` after its time
    kFailing,  // when it is time, the document gets another Code and no new credential
    kNever,    // when it is time, nothing happens, and the credential runs out
  };
  How how = How::kOnTime;
  Duration late{};
  std::string code = "Failed";  // printable ASCII without quotes; only "Success" is documented

  friend bool operator==(const Rotation&, const Rotation&) = default;
};
[[nodiscard]] std::optional<Rotation::How> ParseRotation(std::string_view text);
[[nodiscard]] std::string_view Name(Rotation::How how);

// The end of a spot instance, planned or announced.
struct Termination {
  SystemTime at;
  SystemTime notice_from;            // when the notice appears
  std::optional<Silence> then = {};  // how the instance goes dark at the end; left open: it stays
};

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

  int number = 1;               // told apart by it; made-up interfaces and disks follow it
  bool spot = true;             // one that is none can get no notice
  bool windows = false;         // the vendor does not support hardened-only there
  Ipv6 ipv6 = Ipv6::kPrefixes;  // of interfaces that are attached later

  // Two documents that follow the tree: all of meta-data but ram as one JSON object, which
  // cloud-init reads and no listing shows; and the identity document.
  bool serves_all = false;
  bool serves_identity_document = false;
};

// One simulated instance at run time: a tree, and in it the parts that change by themselves or by
// the control API. It does nothing by itself: what has changed with time is worked out when it is
// asked.
//
// Borrows the clock. Not thread-safe; Service guards it.
class Instance {
 public:
  Instance(InstanceStart start, const Clock& clock);

  // Tree::Read as of now, with those line ends inside dns-conf and ntp-conf.
  [[nodiscard]] std::optional<std::string> Read(std::string_view path,
                                                LineEnd list_line_end = LineEnd::kCrlf);

  // True where Read gives a listing.
  [[nodiscard]] bool IsDirectory(std::string_view path) const {
    return !tree_.leaves().contains(path) && path != "meta-data/all";
  }

  // The instance's wall clock.
  [[nodiscard]] SystemTime Now() const { return clock_.System(); }

  [[nodiscard]] const AccessOptions& access() const { return access_; }
  // REQUIRES: CanRequireTokens(), or access.http_tokens is kOptional.
  void set_access(const AccessOptions& access);
  [[nodiscard]] bool CanRequireTokens() const { return !start_.windows; }

  // False when the instance has had its share.
  [[nodiscard]] bool TryTake(SteadyTime now);

  // How the instance refuses to say anything, after its end; nullopt before.
  [[nodiscard]] std::optional<Silence> Darkness() const;

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

  // From now on. A credential that is overdue comes at once when the rotation is on time again, and
  // `late` after now when it is late; a failure that lasts gets the new code at once.
  void set_rotation(const Rotation& rotation);
  [[nodiscard]] const Rotation& rotation() const { return rotation_; }

  // Null when no role is attached.
  [[nodiscard]] const std::string* role_name() const { return role_ ? &role_->name : nullptr; }

  // What the credential document says; nullopt when no role is attached.
  struct Validity {
    SystemTime last_updated;
    SystemTime expiration;
  };
  [[nodiscard]] std::optional<Validity> CredentialValidity();

  // The notice that a spot instance will be stopped and released then, in place of any other. It
  // stands at once. REQUIRES: is_spot().
  void SetTermination(SystemTime at);
  // The same, with a notice that appears when it is time. REQUIRES: is_spot().
  void PlanTermination(const Termination& termination);
  // Its withdrawal, which also lights a dark instance again; false when there was none.
  bool ClearTermination();
  [[nodiscard]] bool is_spot() const { return start_.spot; }
  [[nodiscard]] bool HasNotice();

  // Attaches a made-up interface or disk; returns the name of its directory, or a sentence when
  // there are too many. A disk may be given a name of its own.
  [[nodiscard]] Result<std::string> AttachInterface(std::optional<Ipv6> ipv6 = {});
  [[nodiscard]] Result<std::string> AttachDisk(const std::optional<std::string>& name = {});
  // kInvalid when there is no such entry, kUnavailable for the primary interface, which the vendor
  // never detaches. A disk may also be given by its ID.
  [[nodiscard]] Result<void> DetachInterface(std::string_view mac);
  [[nodiscard]] Result<void> DetachDisk(std::string_view serial);

  // The tags in place of all others; none: as an instance whose metadata has no tags.
  // REQUIRES: IsTagKey for every key.
  void SetTags(const std::map<std::string, std::string>& tags);

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
    bool has_failed = false;  // the document says so
  };

  // Makes up for the rotations and the notice that were due since the last call.
  void CatchUp();
  void CatchUpWithRotations(SystemTime now);
  void Offer(SystemTime last_updated);
  void PrintCredential(std::string_view code);
  [[nodiscard]] std::string All(LineEnd list_line_end) const;
  // The identity document is made from the tree each time that it may be asked for.
  void MakeIdentityDocument();
  [[nodiscard]] std::string IdentityDocument() const;

  const InstanceStart start_;
  const Clock& clock_;
  Tree tree_;
  AccessOptions access_;
  std::optional<TokenBucket> bucket_;
  std::optional<Role> role_;
  Rotation rotation_;
  std::optional<Termination> termination_;
  bool has_own_identity_document_ = false;  // one that somebody put or erased
  std::uint64_t credential_number_ = 0;
};

}  // namespace aliyun_ecs::simulator
