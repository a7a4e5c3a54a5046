#include "simulator/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace aliyun_ecs::simulator {
namespace {

constexpr std::string_view kRoleDirectory = "meta-data/ram/security-credentials/";
constexpr std::string_view kTerminationTime = "meta-data/instance/spot/termination-time";

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

Instance::Instance(InstanceStart start, const Clock& clock)
    : start_(std::move(start)), clock_(clock) {
  Reset();
}

std::optional<std::string> Instance::Read(std::string_view path) {
  CatchUp();
  return tree_.Read(path);
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

void Instance::SetTermination(SystemTime at) { tree_.Overwrite(kTerminationTime, FormatUtc(at)); }

bool Instance::ClearTermination() { return tree_.Erase(kTerminationTime); }

Result<void> Instance::Put(std::string_view path, std::string text) {
  CatchUp();
  return tree_.Put(path, std::move(text));
}

bool Instance::Erase(std::string_view path) {
  CatchUp();
  return tree_.Erase(path);
}

void Instance::Reset() {
  tree_ = start_.tree;
  access_ = start_.access;
  role_.reset();
  if (start_.role) AttachRole(*start_.role);
  if (start_.termination_in) SetTermination(clock_.System() + *start_.termination_in);
}

void Instance::CatchUp() {
  if (!role_) return;
  const auto now = clock_.System();
  if (now < role_->next_offer) return;
  // After years without a question only the newest credential matters.
  const auto period = credential_life() - start_.offered_before_end;
  Offer(role_->next_offer + (now - role_->next_offer) / period * period);
}

void Instance::Offer(SystemTime last_updated) {
  ++credential_number_;
  role_->validity = {.last_updated = last_updated, .expiration = last_updated + credential_life()};
  role_->next_offer = role_->validity.expiration - start_.offered_before_end;
  PrintCredential();
}

void Instance::PrintCredential() {
  // Order of the fields and layout as in captured answers.
  tree_.Overwrite(
      std::string(kRoleDirectory) + role_->name,
      fmt::format(R"({{
  "AccessKeyId" : "{}{:04}",
  "AccessKeySecret" : "{}{:04}",
  "Expiration" : "{}",
  "SecurityToken" : "{}{:04}",
  "LastUpdated" : "{}",
  "Code" : "Success"
}})",
                  kAccessKeyIdPrefix, credential_number_, kAccessKeySecretPrefix,
                  credential_number_, FormatUtc(role_->validity.expiration), kSecurityTokenPrefix,
                  credential_number_, FormatUtc(role_->validity.last_updated)));
}

}  // namespace aliyun_ecs::simulator
