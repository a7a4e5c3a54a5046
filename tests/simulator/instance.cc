#include "simulator/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr std::string_view kRoleDirectory = "meta-data/ram/security-credentials/";
constexpr std::string_view kTerminationTime = "meta-data/instance/spot/termination-time";
constexpr std::string_view kInterfaces = "meta-data/network/interfaces/macs/";
constexpr std::string_view kDisks = "meta-data/disks/";
constexpr std::string_view kTags = "meta-data/tags/instance/";
constexpr std::string_view kAll = "meta-data/all";
constexpr std::string_view kIdentityDocument = "dynamic/instance-identity/document";

constexpr std::pair<std::string_view, Rotation::How> kRotations[] = {
    {"on-time", Rotation::How::kOnTime},
    {"late", Rotation::How::kLate},
    {"failing", Rotation::How::kFailing},
    {"never", Rotation::How::kNever},
};

bool IsAtOrBelow(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// True where the one cannot be set or erased without the other.
bool AreInLine(std::string_view a, std::string_view b) {
  return IsAtOrBelow(a, b) || IsAtOrBelow(b, a);
}

// The items with several values, one in each line.
bool IsList(std::string_view path) {
  return path.starts_with("meta-data/dns-conf/") || path.starts_with("meta-data/ntp-conf/");
}

std::string WithLf(std::string_view text) {
  std::string lines;
  for (const char c : text) {
    if (c != '\r') lines += c;
  }
  return lines;
}

std::string NoSuch(std::string_view what, std::string_view name) {
  return fmt::format("there is no {} {}", what, JsonQuote(name));
}

// Of an entry's directory: one with a slash would be that of a part of it.
bool IsEntryName(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos;
}

}  // namespace

std::optional<HttpTokens> ParseHttpTokens(std::string_view text) {
  for (const auto tokens : {HttpTokens::kOptional, HttpTokens::kRequired}) {
    if (text == Name(tokens)) return tokens;
  }
  return std::nullopt;
}

std::optional<HttpEndpoint> ParseHttpEndpoint(std::string_view text) {
  for (const auto endpoint : {HttpEndpoint::kEnabled, HttpEndpoint::kDisabled}) {
    if (text == Name(endpoint)) return endpoint;
  }
  return std::nullopt;
}

std::string_view Name(HttpTokens tokens) {
  return tokens == HttpTokens::kOptional ? "optional" : "required";
}

std::string_view Name(HttpEndpoint endpoint) {
  return endpoint == HttpEndpoint::kEnabled ? "enabled" : "disabled";
}

bool IsRoleName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool IsTagKey(std::string_view key) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@:_-.=,";
  return !key.empty() && key.size() <= 128 && key != "." && key != ".." &&
         key.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::optional<Rotation::How> ParseRotation(std::string_view text) {
  for (const auto& [name, how] : kRotations) {
    if (name == text) return how;
  }
  return std::nullopt;
}

std::string_view Name(Rotation::How how) { return kRotations[static_cast<std::size_t>(how)].first; }

Instance::Instance(InstanceStart start, const Clock& clock)
    : start_(std::move(start)), clock_(clock) {
  Reset();
}

std::optional<std::string> Instance::Read(std::string_view path, LineEnd list_line_end) {
  CatchUp();
  if (path.empty() || path.starts_with("dynamic")) MakeIdentityDocument();
  auto text = tree_.Read(path);
  if (!text && start_.serves_all && path == kAll) return All(list_line_end);
  if (text && list_line_end == LineEnd::kLf && IsList(path)) return WithLf(*text);
  return text;
}

void Instance::set_access(const AccessOptions& access) {
  if (access.throttle != access_.throttle) {
    bucket_.reset();
    if (access.throttle) {
      bucket_.emplace(access.throttle->rate, access.throttle->burst, clock_.Steady());
    }
  }
  access_ = access;
}

bool Instance::TryTake(SteadyTime now) { return !bucket_ || bucket_->TryTake(now); }

std::optional<Silence> Instance::Darkness() const {
  if (!termination_ || clock_.System() < termination_->at) return std::nullopt;
  return termination_->then;
}

void Instance::set_rotation(const Rotation& rotation) {
  CatchUp();
  rotation_ = rotation;
  if (!role_) return;
  const auto now = clock_.System();
  switch (rotation.how) {
    case Rotation::How::kOnTime:
      // What comes instead of a failure is made now, not when it was due.
      if (role_->next_offer < now) Offer(now);
      break;
    case Rotation::How::kLate:
      role_->next_offer = std::max(role_->next_offer, now);
      break;
    case Rotation::How::kFailing:
      if (role_->has_failed) PrintCredential(rotation.code);
      break;
    case Rotation::How::kNever:
      break;
  }
}

void Instance::AttachRole(std::string name, std::optional<Duration> expires_in) {
  DetachRole();
  role_ = Role{.name = std::move(name), .validity = {}, .next_offer = {}};
  const auto now = clock_.System();
  Offer(expires_in ? now + *expires_in - credential_life() : now);
  if (role_->next_offer <= now) role_->next_offer = role_->validity.expiration;
}

bool Instance::DetachRole() {
  role_.reset();
  // The tree may have come with a document of its own.
  return tree_.Erase(kRoleDirectory);
}

bool Instance::Rotate() {
  if (!role_) return false;
  Offer(clock_.System());
  return true;
}

std::optional<Instance::Validity> Instance::CredentialValidity() {
  CatchUp();
  if (!role_) return std::nullopt;
  return role_->validity;
}

void Instance::SetTermination(SystemTime at) {
  PlanTermination({.at = at, .notice_from = clock_.System(), .then = {}});
}

void Instance::PlanTermination(const Termination& termination) {
  tree_.Erase(kTerminationTime);
  termination_ = termination;
  CatchUp();
}

bool Instance::ClearTermination() {
  // The tree may have come with one of its own.
  const bool was_there = tree_.Erase(kTerminationTime) || termination_;
  termination_.reset();
  return was_there;
}

bool Instance::HasNotice() {
  CatchUp();
  return tree_.leaves().contains(kTerminationTime);
}

Result<std::string> Instance::AttachInterface(std::optional<Ipv6> ipv6) {
  for (int number = 1; number <= kMostInterfaces; ++number) {
    if (tree_.Read(std::string(kInterfaces) + InterfaceName(start_.number, number))) continue;
    return AddInterface(tree_, start_.number, number, ipv6.value_or(start_.ipv6));
  }
  return Fail(ErrorCode::kUnavailable,
              fmt::format("there are {} interfaces, and no more are made up", kMostInterfaces));
}

Result<std::string> Instance::AttachDisk(const std::optional<std::string>& name) {
  for (int number = 1; number <= kMostDisks; ++number) {
    if (tree_.Read(std::string(kDisks) + DiskName(start_.number, number))) continue;
    auto serial = AddDisk(tree_, start_.number, number);
    if (name) tree_.Overwrite(fmt::format("{}{}/name", kDisks, serial), *name);
    return serial;
  }
  return Fail(ErrorCode::kUnavailable,
              fmt::format("there are {} disks, and no more are made up", kMostDisks));
}

Result<void> Instance::DetachInterface(std::string_view mac) {
  if (!IsEntryName(mac)) return Fail(ErrorCode::kInvalid, NoSuch("interface", mac));
  if (tree_.Read("meta-data/mac") == mac) {
    return Fail(
        ErrorCode::kUnavailable,
        fmt::format("{} is the primary interface, which is never detached", JsonQuote(mac)));
  }
  if (!tree_.Erase(std::string(kInterfaces) + std::string(mac))) {
    return Fail(ErrorCode::kInvalid, NoSuch("interface", mac));
  }
  return {};
}

Result<void> Instance::DetachDisk(std::string_view serial) {
  if (serial.starts_with("d-")) serial.remove_prefix(2);
  if (!IsEntryName(serial) || !tree_.Erase(std::string(kDisks) + std::string(serial))) {
    return Fail(ErrorCode::kInvalid, NoSuch("disk", serial));
  }
  return {};
}

void Instance::SetTags(const std::map<std::string, std::string>& tags) {
  tree_.Erase(kTags);
  for (const auto& [key, value] : tags) tree_.Overwrite(std::string(kTags) + key, value);
}

Result<void> Instance::Put(std::string_view path, std::string text) {
  CatchUp();
  const bool is_about_identity = AreInLine(path, kIdentityDocument);
  if (is_about_identity) MakeIdentityDocument();
  auto put = tree_.Put(path, std::move(text));
  if (put && is_about_identity) has_own_identity_document_ = true;
  return put;
}

bool Instance::Erase(std::string_view path) {
  CatchUp();
  const auto name = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  if (AreInLine(name, kIdentityDocument)) {
    MakeIdentityDocument();
    has_own_identity_document_ = true;
  }
  return tree_.Erase(path);
}

void Instance::Reset() {
  tree_ = start_.tree;
  bucket_.reset();
  access_ = {};
  set_access(start_.access);
  role_.reset();
  rotation_ = {};
  termination_.reset();
  has_own_identity_document_ = start_.tree.Read(kIdentityDocument).has_value();
  if (start_.role) AttachRole(*start_.role);
  if (start_.termination_in) SetTermination(clock_.System() + *start_.termination_in);
}

void Instance::CatchUp() {
  const auto now = clock_.System();
  if (role_) CatchUpWithRotations(now);
  if (termination_ && now >= termination_->notice_from) {
    // Once: what somebody puts in its place afterwards stays.
    termination_->notice_from = SystemTime::max();
    tree_.Overwrite(kTerminationTime, FormatUtc(termination_->at));
  }
}

void Instance::CatchUpWithRotations(SystemTime now) {
  const auto late = rotation_.how == Rotation::How::kLate ? rotation_.late : Duration::zero();
  if (rotation_.how == Rotation::How::kNever || now < role_->next_offer + late) return;
  if (rotation_.how == Rotation::How::kFailing) {
    if (!std::exchange(role_->has_failed, true)) PrintCredential(rotation_.code);
    return;
  }
  // After years without a question only the newest credential matters.
  const auto first = role_->next_offer + late;
  const auto period = credential_life() - start_.offered_before_end + late;
  Offer(first + (now - first) / period * period);
}

void Instance::Offer(SystemTime last_updated) {
  ++credential_number_;
  role_->validity = {.last_updated = last_updated, .expiration = last_updated + credential_life()};
  role_->next_offer = role_->validity.expiration - start_.offered_before_end;
  role_->has_failed = false;
  PrintCredential("Success");
}

void Instance::PrintCredential(std::string_view code) {
  // Order of the fields and layout as in captured answers.
  tree_.Overwrite(
      std::string(kRoleDirectory) + role_->name,
      fmt::format(R"({{
  "AccessKeyId" : "{}{:04}",
  "AccessKeySecret" : "{}{:04}",
  "Expiration" : "{}",
  "SecurityToken" : "{}{:04}",
  "LastUpdated" : "{}",
  "Code" : "{}"
}})",
                  kAccessKeyIdPrefix, credential_number_, kAccessKeySecretPrefix,
                  credential_number_, FormatUtc(role_->validity.expiration), kSecurityTokenPrefix,
                  credential_number_, FormatUtc(role_->validity.last_updated), code));
}

void Instance::MakeIdentityDocument() {
  if (start_.serves_identity_document && !has_own_identity_document_) {
    tree_.Overwrite(kIdentityDocument, IdentityDocument());
  }
}

std::string Instance::All(LineEnd list_line_end) const {
  using Json = nlohmann::json;
  constexpr std::string_view kMetaData = "meta-data/";
  auto all = Json::object();
  for (const auto& [path, text] : tree_.leaves()) {
    if (!path.starts_with(kMetaData) || path.starts_with("meta-data/ram/")) continue;
    Json* place = &all;
    for (const auto name : Split(std::string_view(path).substr(kMetaData.size()), '/')) {
      place = &(*place)[std::string(name)];
    }
    *place = list_line_end == LineEnd::kLf && IsList(path) ? WithLf(text) : text;
  }
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Instance::IdentityDocument() const {
  // The order of the published samples.
  constexpr std::string_view kMembers[] = {"zone-id",   "serial-number", "instance-id",
                                           "region-id", "private-ipv4",  "owner-account-id",
                                           "mac",       "image-id",      "instance-type"};
  std::string document;
  for (const auto member : kMembers) {
    const auto path = member == "instance-type" ? "meta-data/instance/instance-type"
                                                : "meta-data/" + std::string(member);
    document += fmt::format("{}{}:{}", document.empty() ? "{" : ",", JsonQuote(member),
                            JsonQuote(tree_.Read(path).value_or("")));
  }
  return document + "}";
}

}  // namespace aliyun_ecs::simulator
