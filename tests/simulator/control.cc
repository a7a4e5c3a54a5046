#include "simulator/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::seconds;

constexpr seconds kLongestUntilTermination = std::chrono::days(31);

Response JsonResponse(int status, const Json& json) {
  // A path in the journal may hold any bytes.
  return {.status = status,
          .content_type = "application/json",
          .body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'};
}

Response Errors(int status, const std::vector<std::string>& sentences) {
  return JsonResponse(status, {{"errors", sentences}});
}

// DELETE: 204, or 404 with a sentence when there was nothing to delete.
Response Deleted(bool was_there, std::string sentence) {
  if (!was_there) return Errors(404, {std::move(sentence)});
  return {.status = 204, .body = ""};
}

// The members of a JSON object, and all that is wrong with them.
class Body {
 public:
  Body(std::string_view text, std::vector<std::string_view> known) {
    json_ = Json::parse(text, nullptr, false);
    if (json_.is_discarded()) {
      Complain("the body is not JSON");
    } else if (!json_.is_object()) {
      Complain("the body is not a JSON object");
    } else {
      for (const auto& [name, value] : json_.items()) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
          Complain(fmt::format("there is no {} here, only \"{}\"", JsonQuote(name),
                               fmt::join(known, "\" and \"")));
        }
      }
    }
  }

  // The member's text as `parse` understands it.
  template <typename T>
  std::optional<T> Get(const char* name, std::optional<T> (*parse)(std::string_view),
                       std::string_view expected) {
    if (!Has(name)) return std::nullopt;
    const auto& value = json_[name];
    const auto parsed =
        value.is_string() ? parse(value.get_ref<const std::string&>()) : std::nullopt;
    if (!parsed) Complain(fmt::format("\"{}\" must be {}", name, expected));
    return parsed;
  }

  // A whole number of seconds. REQUIRES: least >= 0.
  std::optional<seconds> GetSeconds(const char* name, seconds least, seconds most) {
    if (!Has(name)) return std::nullopt;
    if (const auto& value = json_[name]; value.is_number_integer()) {
      // One that is too large for it becomes negative.
      const seconds parsed(value.get<std::int64_t>());
      if (parsed >= least && parsed <= most) return parsed;
    }
    Complain(fmt::format("\"{}\" must be a whole number from {} to {}", name, least.count(),
                         most.count()));
    return std::nullopt;
  }

  [[nodiscard]] bool Has(const char* name) const {
    return json_.is_object() && json_.contains(name);
  }
  [[nodiscard]] bool is_object() const { return json_.is_object(); }

  void Complain(std::string sentence) { complaints_.push_back(std::move(sentence)); }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  Json json_;
  std::vector<std::string> complaints_;
};

struct Call {
  std::string_view item;  // what follows /control/items/
  const std::string& body;
};

Json ToJson(const AccessOptions& access) {
  return {{"http_tokens", Name(access.http_tokens)}, {"http_endpoint", Name(access.http_endpoint)}};
}

Response GetOptions(Service& service, const Call&) {
  return JsonResponse(
      200, ToJson(service.WithInstance([](Instance& instance) { return instance.access(); })));
}

Response PutOptions(Service& service, const Call& call) {
  Body body(call.body, {"http_tokens", "http_endpoint"});
  const auto tokens =
      body.Get<HttpTokens>("http_tokens", ParseHttpTokens, R"("optional" or "required")");
  const auto endpoint =
      body.Get<HttpEndpoint>("http_endpoint", ParseHttpEndpoint, R"("enabled" or "disabled")");
  if (!body.complaints().empty()) return Errors(400, body.complaints());
  return JsonResponse(200, ToJson(service.WithInstance([&](Instance& instance) {
                        auto access = instance.access();
                        access.http_tokens = tokens.value_or(access.http_tokens);
                        access.http_endpoint = endpoint.value_or(access.http_endpoint);
                        instance.set_access(access);
                        return access;
                      })));
}

Response PutTermination(Service& service, const Call& call) {
  Body body(call.body, {"in_seconds", "at"});
  const auto in = body.GetSeconds("in_seconds", seconds(0), kLongestUntilTermination);
  const auto at = body.Get<SystemTime>("at", ParseUtc, R"(a UTC time like "2026-01-01T00:05:00Z")");
  if (body.is_object() && body.Has("in_seconds") == body.Has("at")) {
    body.Complain(R"(exactly one of "in_seconds" and "at" is needed)");
  }
  if (!body.complaints().empty()) return Errors(400, body.complaints());
  const auto time = service.WithInstance([&](Instance& instance) {
    const auto termination = at ? *at : instance.Now() + *in;
    instance.SetTermination(termination);
    return termination;
  });
  return JsonResponse(200, {{"termination_time", FormatUtc(time)}});
}

Response DeleteTermination(Service& service, const Call&) {
  return Deleted(
      service.WithInstance([](Instance& instance) { return instance.ClearTermination(); }),
      "there is no notice to withdraw");
}

Json ToJson(const std::string& role, const Instance::Validity& validity) {
  return {{"name", role},
          {"last_updated", FormatUtc(validity.last_updated)},
          {"expiration", FormatUtc(validity.expiration)}};
}

Response PutRole(Service& service, const Call& call) {
  const auto life =
      service.WithInstance([](Instance& instance) { return instance.credential_life(); });
  const auto parse_name = [](std::string_view text) {
    return IsRoleName(text) ? std::optional<std::string>(text) : std::nullopt;
  };
  Body body(call.body, {"name", "expires_in_seconds"});
  const auto name = body.Get<std::string>("name", +parse_name,
                                          "1 to 64 letters, digits, dots, hyphens or underscores");
  if (body.is_object() && !body.Has("name")) body.Complain(R"("name" is missing)");
  const auto expires_in =
      body.GetSeconds("expires_in_seconds", seconds(1), std::chrono::duration_cast<seconds>(life));
  if (!body.complaints().empty()) return Errors(400, body.complaints());
  return service.WithInstance([&](Instance& instance) {
    instance.AttachRole(*name, expires_in);
    return JsonResponse(200, ToJson(*name, *instance.CredentialValidity()));
  });
}

Response DeleteRole(Service& service, const Call&) {
  return Deleted(service.WithInstance([](Instance& instance) { return instance.DetachRole(); }),
                 "no role is attached");
}

Response Rotate(Service& service, const Call&) {
  return service.WithInstance([](Instance& instance) {
    if (!instance.Rotate()) return Errors(409, {"no role is attached"});
    return JsonResponse(200, ToJson(*instance.role_name(), *instance.CredentialValidity()));
  });
}

std::string ItemPath(std::string_view item) {
  constexpr std::array<std::string_view, 6> kBesideMetaData{
      "meta-data", "dynamic", "global-config", "maintenance", "user-data", "vendor-data"};
  const auto top = item.substr(0, item.find('/'));
  if (std::find(kBesideMetaData.begin(), kBesideMetaData.end(), top) != kBesideMetaData.end()) {
    return std::string(item);
  }
  return "meta-data/" + std::string(item);
}

Response PutItem(Service& service, const Call& call) {
  const auto path = ItemPath(call.item);
  const auto put =
      service.WithInstance([&](Instance& instance) { return instance.Put(path, call.body); });
  if (!put)
    return Errors(put.error().code == ErrorCode::kInvalid ? 400 : 409, {put.error().message});
  return JsonResponse(200, {{"path", path}, {"bytes", call.body.size()}});
}

Response DeleteItem(Service& service, const Call& call) {
  const auto path = ItemPath(call.item);
  return Deleted(service.WithInstance([&](Instance& instance) { return instance.Erase(path); }),
                 fmt::format("there is no {}", JsonQuote(path)));
}

Response GetJournal(Service& service, const Call&) {
  const auto journal = service.journal();
  auto counts = Json::array(), recent = Json::array();
  for (const auto& [request, count] : journal.counts()) {
    counts.push_back({{"path", request.first}, {"status", request.second}, {"count", count}});
  }
  for (const auto& entry : journal.recent()) {
    recent.push_back({{"at", ToSeconds(entry.at)},
                      {"method", entry.method},
                      {"path", entry.path},
                      {"status", entry.status}});
  }
  return JsonResponse(
      200,
      {{"total", journal.total()}, {"counts", std::move(counts)}, {"recent", std::move(recent)}});
}

Response Reset(Service& service, const Call&) {
  service.Reset();
  return JsonResponse(200, {{"reset", true}});
}

struct Route {
  std::string_view method;
  std::string_view path;  // one that ends in a slash takes what follows as an item
  Response (*handle)(Service&, const Call&);
};

constexpr Route kRoutes[] = {
    {"GET", "/control/options", GetOptions},
    {"PUT", "/control/options", PutOptions},
    {"PUT", "/control/spot-termination", PutTermination},
    {"DELETE", "/control/spot-termination", DeleteTermination},
    {"PUT", "/control/role", PutRole},
    {"DELETE", "/control/role", DeleteRole},
    {"POST", "/control/credentials/rotate", Rotate},
    {"PUT", "/control/items/", PutItem},
    {"DELETE", "/control/items/", DeleteItem},
    {"GET", "/control/journal", GetJournal},
    {"POST", "/control/reset", Reset},
};

bool IsFor(const Route& route, std::string_view path) {
  if (!route.path.ends_with('/')) return path == route.path;
  return path.size() > route.path.size() && path.starts_with(route.path);
}

}  // namespace

Response Control::Handle(const Request& request) {
  const auto [path, query] = ParseTarget(request.target);
  std::vector<std::string_view> allowed;
  for (const auto& route : kRoutes) {
    if (!IsFor(route, path)) continue;
    allowed.push_back(route.method);
    if (request.method != route.method && !(request.method == "HEAD" && route.method == "GET")) {
      continue;
    }
    if (!query.empty()) return Errors(400, {"this API has no query parameters"});
    if (request.body.size() > kLargestBody) {
      return Errors(413, {fmt::format("the body is larger than {} bytes", kLargestBody)});
    }
    return route.handle(
        service_, {.item = std::string_view(path).substr(route.path.size()), .body = request.body});
  }
  if (allowed.empty()) return Errors(404, {fmt::format("there is no {}", JsonQuote(path))});
  const auto allow = fmt::format("{}", fmt::join(allowed, ", "));
  auto response = Errors(405, {fmt::format("{} allows {} only", JsonQuote(path), allow)});
  response.headers.emplace_back("Allow", allow);
  return response;
}

}  // namespace aliyun_ecs::simulator
