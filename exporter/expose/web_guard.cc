#include "expose/web_guard.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace aliyun_ecs {
namespace {

WebResponse Refusal(int status, const std::string& sentence) {
  WebResponse response;
  response.status = status;
  response.body = std::to_string(status) + ": " + sentence + "\n";
  return response;
}

}  // namespace

WebGuard::Opening WebGuard::Open(const std::string& path, const Clock& clock, Handler handler) {
  Opening opening;
  std::unique_ptr<WebGuard> guard(new WebGuard(path, clock, std::move(handler)));
  {
    const std::lock_guard lock(guard->mutex_);
    opening.complaints = guard->Adopt();
  }
  if (!opening.complaints.empty()) return opening;
  if (guard->rules_->tls != nullptr) {
    guard->tls_ =
        std::make_unique<TlsContext>([self = guard.get()] { return self->Current()->tls; });
  }
  opening.guard = std::move(guard);
  return opening;
}

WebGuard::Look WebGuard::LookAt(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return {};
  // With the time of the last chmod or chown, which may let us read what we could not.
  return {static_cast<std::int64_t>(info.st_dev),
          static_cast<std::int64_t>(info.st_ino),
          info.st_size,
          info.st_mtim.tv_sec,
          info.st_mtim.tv_nsec,
          info.st_ctim.tv_sec,
          info.st_ctim.tv_nsec};
}

std::vector<std::string> WebGuard::Load(std::shared_ptr<const Rules>& into, Looks& files) const {
  // Looked at before it is read: what changes in between is seen the next time.
  files = {{path_, LookAt(path_)}};
  WebConfigReading reading = ReadWebConfig(path_);
  if (!reading.complaints.empty()) return reading.complaints;
  auto rules = std::make_shared<Rules>();
  rules->config = std::move(reading.config);
  if (const auto& tls = rules->config.tls) {
    for (const auto* const file : {&tls->cert_file, &tls->key_file, &tls->client_ca_file}) {
      if (!file->empty()) files.emplace_back(*file, LookAt(*file));
    }
    auto settings = TlsSettings::Load(*tls);
    if (!settings) return {settings.error().message};
    rules->tls = *std::move(settings);
  }
  if (!rules->config.users.empty()) rules->auth.emplace(rules->config.users);
  into = std::move(rules);
  return {};
}

std::vector<std::string> WebGuard::Adopt() {
  std::shared_ptr<const Rules> fresh;
  auto complaints = Load(fresh, seen_);
  if (complaints.empty() && rules_ != nullptr &&
      (fresh->tls == nullptr) != (rules_->tls == nullptr)) {
    complaints.emplace_back("whether TLS is spoken cannot change without a restart");
  }
  if (!complaints.empty()) return complaints;
  const auto& limit = fresh->config.rate_limit;
  if (rules_ == nullptr || limit != rules_->config.rate_limit) {
    bucket_.reset();
    if (limit) bucket_.emplace(1 / ToSeconds(limit->interval), limit->burst, clock_.Steady());
  }
  rules_ = std::move(fresh);
  return {};
}

std::vector<std::string> WebGuard::Reload() {
  const std::lock_guard lock(mutex_);
  return Adopt();
}

std::shared_ptr<const WebGuard::Rules> WebGuard::Current() {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.Steady();
  constexpr Duration kLookInterval = std::chrono::seconds(1);
  if (now - looked_ < kLookInterval) return rules_;
  looked_ = now;
  bool changed = false;
  for (auto& [path, look] : seen_) {
    const Look fresh = LookAt(path);
    changed = changed || fresh != look;
    look = fresh;  // what is bad now is complained of once
  }
  if (!changed) return rules_;
  const auto complaints = Adopt();
  for (const auto& complaint : complaints) {
    Log(LogLevel::kError, "the web configuration stays as it was",
        {{"file", path_}, {"reason", complaint}});
  }
  if (complaints.empty()) Log(LogLevel::kInfo, "web configuration read anew", {{"file", path_}});
  return rules_;
}

std::optional<WebResponse> WebGuard::Objection(const Rules& rules, const WebRequest& request) {
  if (Site::IsProbe(request.path)) return std::nullopt;
  if (rules.config.rate_limit) {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.Steady();
    if (bucket_ && !bucket_->TryTake(now)) {
      WebResponse response = Refusal(429, "more requests than this exporter is to answer");
      constexpr double kRounding = 1e-3;  // of the bucket, which would cost a second here
      const double wait = std::ceil(ToSeconds(bucket_->AvailableAt(now) - now) - kRounding);
      response.headers.emplace_back("Retry-After",
                                    std::to_string(std::max(1L, static_cast<long>(wait))));
      return response;
    }
  }
  if (!rules.auth) return std::nullopt;
  switch (rules.auth->Check(request.authorization)) {
    case BasicAuth::Verdict::kWelcome:
      return std::nullopt;
    case BasicAuth::Verdict::kBusy: {
      WebResponse response = Refusal(503, "too many passwords are being checked");
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    case BasicAuth::Verdict::kRefused:
      break;
  }
  WebResponse response = Refusal(401, "name and password, please");
  response.headers.emplace_back("WWW-Authenticate", "Basic");
  return response;
}

WebResponse WebGuard::Handle(const WebRequest& request) {
  const auto rules = Current();
  auto objection = Objection(*rules, request);
  WebResponse response = objection ? *std::move(objection) : handler_(request);
  for (const auto& [name, value] : rules->config.headers) {
    // One that the page sets for itself knows better what the page needs.
    const bool set = std::any_of(response.headers.begin(), response.headers.end(),
                                 [&, &n = name](const auto& header) { return header.first == n; });
    if (!set && name != "X-Content-Type-Options") response.headers.emplace_back(name, value);
  }
  return response;
}

}  // namespace aliyun_ecs
