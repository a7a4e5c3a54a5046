#include "simulator/service.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

constexpr std::string_view kVersions[] = {"2016-01-01", "latest"};

// "180" within the allowed range. What the service says to a TTL that is missing or no number is
// not documented; the same 400 as to one too large is the natural reading.
std::optional<std::chrono::seconds> ParseTtl(const std::string* header) {
  if (header == nullptr) return std::nullopt;
  const auto text = Trim(*header);
  const auto seconds = ParseWhole<std::chrono::seconds::rep>(
      text, TokenStore::kShortestLife.count(), TokenStore::kLongestLife.count());
  return seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
}

Response MethodNotAllowed(std::string allowed) {
  auto response = ErrorPage(405);
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

Response Silent(Silence silence) {
  switch (silence) {
    case Silence::kPage:
      return ErrorPage(403);
    case Silence::kClose:
      return {.status = 0, .delivery = {.how = Delivery::How::kClose}};
    case Silence::kHang:
      break;
  }
  return {.status = 0, .delivery = {.how = Delivery::How::kHang}};
}

// A listing with all that a real instance listed at the top.
std::string WithAllOfTheTop(std::string_view listing) {
  constexpr std::string_view kTop[] = {"dynamic/", "global-config/", "maintenance/", "meta-data/",
                                       "user-data"};
  std::set<std::string_view> names;
  for (const auto name : Split(listing, '\n')) {
    if (!name.empty()) names.insert(name);
  }
  for (const auto name : kTop) {
    // What is there shows by itself whether it is a directory.
    const bool is_directory = name.ends_with('/');
    const auto other =
        is_directory ? std::string(name.substr(0, name.size() - 1)) : std::string(name) + '/';
    if (!names.contains(other)) names.insert(name);
  }
  return fmt::format("{}", fmt::join(names, "\n"));
}

}  // namespace

Service::Service(InstanceStart start, const Clock& clock)
    : Service(std::vector<InstanceStart>{std::move(start)}, {}, clock) {}

Service::Service(std::vector<InstanceStart> starts, ProtocolOptions protocol, const Clock& clock)
    : clock_(clock), first_protocol_(protocol), protocol_(std::move(protocol)) {
  for (auto& start : starts) {
    places_.push_back({.instance = Instance(std::move(start), clock),
                       .faults = {},
                       .journal = Journal(clock.Steady(), Journal::kMostRecent / starts.size())});
  }
}

Response Service::Handle(const Request& request) {
  const auto [path, query] = ParseTarget(request.target);
  const int number = NumberAt(request.local_address);
  const std::lock_guard lock(mutex_);
  const auto now = clock_.Steady();
  auto response = Respond(number, request, path, now);
  Finish(response);
  const int status = IsUnanswered(response.delivery.how) ? 0 : response.status;
  At(number).journal.Add(now, request.method, path, status);
  ++counters_.requests_by_status[status];
  return response;
}

Journal Service::journal(int number) const {
  const std::lock_guard lock(mutex_);
  return At(number).journal;
}

ProtocolOptions Service::protocol() const {
  const std::lock_guard lock(mutex_);
  return protocol_;
}

void Service::SetFaults(int number, std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  At(number).faults = FaultList(std::move(faults), clock_.Steady());
}

std::vector<FaultList::Entry> Service::faults(int number) const {
  const std::lock_guard lock(mutex_);
  return At(number).faults.entries();
}

ServiceCounters Service::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::size_t Service::remembered_tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_.size();
}

int Service::notices() {
  const std::lock_guard lock(mutex_);
  int notices = 0;
  for (auto& place : places_) notices += place.instance.HasNotice() ? 1 : 0;
  return notices;
}

void Service::Reset() {
  const std::lock_guard lock(mutex_);
  for (auto& place : places_) {
    place.instance.Reset();
    place.faults = {};
    place.journal = NewJournal();
  }
  protocol_ = first_protocol_;
  tokens_.Clear();
}

Journal Service::NewJournal() const {
  return Journal(clock_.Steady(), Journal::kMostRecent / places_.size());
}

int Service::NumberAt(std::string_view local_address) const {
  constexpr std::string_view kNetwork = "127.0.0.";
  if (!local_address.starts_with(kNetwork)) return 1;
  return ParseWhole<int>(local_address.substr(kNetwork.size()), 1, instances()).value_or(1);
}

Response Service::Respond(int number, const Request& request, std::string_view path,
                          SteadyTime now) {
  auto& place = At(number);
  // An instance that is gone has no faults any more.
  if (const auto darkness = place.instance.Darkness()) return Silent(*darkness);
  const auto* const fault = place.faults.Strike(request.method, path, now);
  if (fault == nullptr) return Answer(number, request, path, now);
  ++counters_.faults[static_cast<std::size_t>(fault->kind)];
  auto response = Replaces(*fault) ? ReplacementOf(*fault) : Answer(number, request, path, now);
  // A channel that is disabled without a word cannot be cut or dripped either.
  if (!IsUnanswered(response.delivery.how)) response.delivery = DeliveryOf(*fault);
  return response;
}

Response Service::Answer(int number, const Request& request, std::string_view path,
                         SteadyTime now) {
  auto& instance = At(number).instance;
  if (instance.access().http_endpoint == HttpEndpoint::kDisabled) {
    return Silent(protocol_.disabled_channel);
  }
  if (!instance.TryTake(now)) {
    ++counters_.throttled;
    return Throttled();
  }

  if (path == kTokenPath) {
    return request.method == "PUT" ? IssueToken(number, request, now) : MethodNotAllowed("PUT");
  }
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  if (!protocol_.serves_forwarded_get && FindHeader(request, "X-Forwarded-For") != nullptr) {
    return ErrorPage(403);
  }

  const bool is_required = instance.access().http_tokens == HttpTokens::kRequired;
  if (const auto* token = FindHeader(request, kTokenHeader)) {
    if (is_required || protocol_.optional_mode_checks_tokens) {
      switch (tokens_.StateOf(number, Trim(*token), now)) {
        case TokenState::kValid:
          break;
        case TokenState::kExpired:
          return ErrorPage(protocol_.expired_token_status);
        case TokenState::kForeign:
          return ErrorPage(protocol_.foreign_token_status);
        case TokenState::kUnknown:
          return ErrorPage(401);
      }
    }
  } else if (is_required) {
    return ErrorPage(403);
  }
  return Value(instance, path);
}

Response Service::Throttled() const {
  auto page = ErrorPage(protocol_.throttle_status);
  if (protocol_.retry_after) {
    page.headers.emplace_back("Retry-After", std::to_string(protocol_.retry_after->count()));
  }
  return page;
}

Response Service::IssueToken(int number, const Request& request, SteadyTime now) {
  // Before the TTL: the vendor's example of a refused PUT has no TTL at all and gets 403.
  if (FindHeader(request, "X-Forwarded-For") != nullptr) return ErrorPage(403);
  const auto ttl = ParseTtl(FindHeader(request, kTokenTtlHeader));
  if (!ttl) return ErrorPage(400);
  ++counters_.tokens_issued;
  return {.content_type = protocol_.content_type, .body = tokens_.Issue(number, *ttl, now)};
}

Response Service::Value(Instance& instance, std::string_view path) {
  const auto ok = [&](std::string text, bool is_listing) {
    if (is_listing && protocol_.listing_ends_in_newline) text += '\n';
    return Response{.content_type = protocol_.content_type, .body = std::move(text)};
  };
  if (path == "/") {
    std::string versions;
    for (const auto version : kVersions) {
      if (!versions.empty()) versions += '\n';
      versions += version;
    }
    return ok(std::move(versions), true);
  }
  for (const auto version : kVersions) {
    if (!path.starts_with('/') || !path.substr(1).starts_with(version)) continue;
    auto below = path.substr(1 + version.size());
    if (!below.empty() && below.front() != '/') continue;
    if (!below.empty()) below.remove_prefix(1);

    // The vendor's older pages spell this one directory with a capital, and both forms work.
    std::string place(below);
    const auto read = [&] { return instance.Read(place, protocol_.list_line_end); };
    auto text = read();
    if (!text && place.starts_with("meta-data/Ram/")) {
      place[std::string_view("meta-data/").size()] = 'r';
      text = read();
    }
    if (!text && protocol_.serves_leaf_with_slash && place.ends_with('/')) {
      place.pop_back();
      text = read();
    }
    if (!text) continue;
    if (place.empty() && protocol_.top_listing_is_full) *text = WithAllOfTheTop(*text);
    constexpr std::string_view kRoles = "meta-data/ram/security-credentials/";
    if (protocol_.credential_begins_with_blank && place.starts_with(kRoles) &&
        place.size() > kRoles.size()) {
      text->insert(0, 1, ' ');
    }
    const bool is_listing = instance.IsDirectory(place);
    return ok(std::move(*text), is_listing);
  }
  return ErrorPage(404);
}

// What every response of the service has.
void Service::Finish(Response& response) const {
  if (response.status >= 400 && protocol_.error_page != PageStyle::kLighttpd) {
    response.content_type = "text/plain";
    response.body =
        protocol_.error_page == PageStyle::kEmpty
            ? ""
            : std::to_string(response.status) + ' ' + std::string(ReasonPhrase(response.status));
  }
  if (protocol_.server_header) response.headers.emplace_back("Server", *protocol_.server_header);
  if (protocol_.sends_date) response.date = clock_.System() + protocol_.date_offset;
}

}  // namespace aliyun_ecs::simulator
