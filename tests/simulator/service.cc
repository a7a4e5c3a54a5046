#include "simulator/service.h"

#include <charconv>
#include <optional>
#include <string>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

// The number of the one instance there is.
constexpr int kInstance = 1;

constexpr std::string_view kVersions[] = {"2016-01-01", "latest"};

// "180" within the allowed range. What the service says to a TTL that is missing or no number is
// not documented; the same 400 as to one too large is the natural reading.
std::optional<std::chrono::seconds> ParseTtl(const std::string* header) {
  if (header == nullptr) return std::nullopt;
  const auto text = Trim(*header);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const std::chrono::seconds ttl(value);
  if (ttl < TokenStore::kShortestLife || ttl > TokenStore::kLongestLife) return std::nullopt;
  return ttl;
}

Response MethodNotAllowed(std::string allowed) {
  auto response = ErrorPage(405);
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

}  // namespace

Service::Service(InstanceStart start, const Clock& clock)
    : clock_(clock), instance_(std::move(start), clock), journal_(clock.Steady()) {}

Response Service::Handle(const Request& request) {
  const auto [path, query] = ParseTarget(request.target);
  const std::lock_guard lock(mutex_);
  const auto now = clock_.Steady();
  auto response = Answer(request, path, now);
  journal_.Add(now, request.method, path, response.status);
  return response;
}

Journal Service::journal() const {
  const std::lock_guard lock(mutex_);
  return journal_;
}

void Service::Reset() {
  const std::lock_guard lock(mutex_);
  instance_.Reset();
  tokens_.Clear();
  journal_ = Journal(clock_.Steady());
}

Response Service::Answer(const Request& request, std::string_view path, SteadyTime now) {
  // Not documented; cloud-init takes 403 on the PUT for a disabled channel.
  if (instance_.access().http_endpoint == HttpEndpoint::kDisabled) return ErrorPage(403);

  if (path == kTokenPath) {
    return request.method == "PUT" ? IssueToken(request, now) : MethodNotAllowed("PUT");
  }
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");

  // A token is checked also where none is asked for. Whether the service does so is not known.
  if (const auto* token = FindHeader(request, kTokenHeader)) {
    if (!tokens_.IsValid(kInstance, Trim(*token), now)) return ErrorPage(401);
  } else if (instance_.access().http_tokens == HttpTokens::kRequired) {
    return ErrorPage(403);
  }
  return Value(path);
}

Response Service::IssueToken(const Request& request, SteadyTime now) {
  // Before the TTL: the vendor's example of a refused PUT has no TTL at all and gets 403.
  if (FindHeader(request, "X-Forwarded-For") != nullptr) return ErrorPage(403);
  const auto ttl = ParseTtl(FindHeader(request, kTokenTtlHeader));
  if (!ttl) return ErrorPage(400);
  return {.body = tokens_.Issue(kInstance, *ttl, now)};
}

Response Service::Value(std::string_view path) {
  if (path == "/") {
    std::string versions;
    for (const auto version : kVersions) {
      if (!versions.empty()) versions += '\n';
      versions += version;
    }
    return {.body = std::move(versions)};
  }
  for (const auto version : kVersions) {
    if (!path.starts_with('/') || !path.substr(1).starts_with(version)) continue;
    auto below = path.substr(1 + version.size());
    if (!below.empty() && below.front() != '/') continue;
    if (!below.empty()) below.remove_prefix(1);

    if (auto text = instance_.Read(below)) return {.body = std::move(*text)};
    // The vendor's older pages spell this one directory with a capital, and both forms work.
    if (below.starts_with("meta-data/Ram/")) {
      std::string lower(below);
      lower[std::string_view("meta-data/").size()] = 'r';
      if (auto text = instance_.Read(lower)) return {.body = std::move(*text)};
    }
  }
  return ErrorPage(404);
}

}  // namespace aliyun_ecs::simulator
