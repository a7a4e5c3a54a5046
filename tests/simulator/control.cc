#include "simulator/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "simulator/control_json.h"
#include "simulator/json_object.h"
#include "simulator/metrics_page.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestUntilTermination = std::chrono::days(31);

Response JsonResponse(int status, const OrderedJson& json) {
  // A path in the journal may hold any bytes.
  return {.status = status,
          .content_type = "application/json",
          .body = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + '\n'};
}

Response Errors(int status, const std::vector<std::string>& sentences) {
  return JsonResponse(status, {{"errors", sentences}});
}

// DELETE: 204, or 404 with a sentence when there was nothing to delete.
Response Deleted(bool was_there, std::string sentence) {
  if (!was_there) return Errors(404, {std::move(sentence)});
  return {.status = 204, .body = ""};
}

// A call that was understood: what remains to be done. Runs once.
using Work = std::function<Response(Service&, int instance)>;

// A call that is to be understood. Nothing here knows a service, so that a call can be checked
// long before it is made.
struct Call {
  std::string_view item;  // what follows the route's path, where it takes that
  const std::string& body;
  const Control::Limits& limits;
  const std::string& place;
};

// The body as JSON; a complaint and null when it is none, or none that can be worked with.
Json BodyOf(const Call& call, Complaints& complaints) {
  const auto body = [&] { return call.place.empty() ? "the body" : call.place; };
  auto json = ParseJson(call.body);
  if (!json) {
    complaints.push_back(body() + " is not JSON");
  } else if (IsTooDeep(*json)) {
    complaints.push_back(fmt::format("{} is more than {} levels deep", body(), kMostLevels));
  } else {
    return std::move(*json);
  }
  return nullptr;
}

// The same where nothing at all means no member.
Json OptionalBodyOf(const Call& call, Complaints& complaints) {
  return call.body.empty() ? Json::object() : BodyOf(call, complaints);
}

// Reads the members of a body by `read(JsonObject&)`; what is no JSON is only called that.
template <typename Read>
void ReadBody(const Call& call, const Json& json, const std::vector<std::string_view>& known,
              Complaints& complaints, const Read& read) {
  if (!complaints.empty()) return;
  JsonObject object(json, call.place, known, complaints);
  read(object);
}

OrderedJson ToJson(const AccessOptions& access) {
  OrderedJson json = {{"http_tokens", Name(access.http_tokens)},
                      {"http_endpoint", Name(access.http_endpoint)}};
  if (access.throttle) json["throttle"] = ToJson(*access.throttle);
  return json;
}

Work GetOptions(const Call&, Complaints&) {
  return [](Service& service, int number) {
    return JsonResponse(200, ToJson(service.WithInstance(
                                 number, [](Instance& instance) { return instance.access(); })));
  };
}

Work PutOptions(const Call& call, Complaints& complaints) {
  std::optional<HttpTokens> tokens;
  std::optional<HttpEndpoint> endpoint;
  std::optional<std::optional<Throttle>> throttle;
  const auto json = BodyOf(call, complaints);
  ReadBody(call, json, {"http_tokens", "http_endpoint", "throttle"}, complaints, [&](auto& body) {
    tokens = body.template Get<HttpTokens>("http_tokens", ParseHttpTokens,
                                           R"("optional" or "required")");
    endpoint = body.template Get<HttpEndpoint>("http_endpoint", ParseHttpEndpoint,
                                               R"("enabled" or "disabled")");
    if (const auto* const value = body.Find("throttle")) {
      throttle.emplace();
      if (!value->is_null()) {
        *throttle = ThrottleFromJson(*value, body.PlaceInside("throttle"), complaints);
      }
    }
  });
  return [=](Service& service, int number) {
    return service.WithInstance(number, [&](Instance& instance) {
      if (tokens == HttpTokens::kRequired && !instance.CanRequireTokens()) {
        return Errors(409, {std::string(kNoHardenedWindows)});
      }
      auto access = instance.access();
      access.http_tokens = tokens.value_or(access.http_tokens);
      access.http_endpoint = endpoint.value_or(access.http_endpoint);
      if (throttle) access.throttle = *throttle;
      instance.set_access(access);
      return JsonResponse(200, ToJson(access));
    });
  };
}

OrderedJson ToJson(const ProtocolOptions& options) {
  auto json = OrderedJson::object();
  for (const auto& row : ProtocolOptionTable()) {
    json[std::string(row.name)] = GetProtocolOption(options, row.name);
  }
  return json;
}

Work GetProtocol(const Call&, Complaints&) {
  return [](Service& service, int) { return JsonResponse(200, ToJson(service.protocol())); };
}

Work PutProtocol(const Call& call, Complaints& complaints) {
  std::vector<std::string_view> known;
  for (const auto& row : ProtocolOptionTable()) known.push_back(row.name);
  std::vector<std::pair<std::string, std::string>> settings;
  const auto json = BodyOf(call, complaints);
  ReadBody(call, json, known, complaints, [&](auto& body) {
    ProtocolOptions scratch;
    for (const auto& row : ProtocolOptionTable()) {
      const std::string name(row.name);
      const auto value = body.GetText(name.c_str());
      if (!value) continue;
      if (const auto set = SetProtocolOption(scratch, name, *value); !set) {
        body.Complain(name.c_str(), set.error().message);
      }
      settings.emplace_back(name, *value);
    }
  });
  return [settings = std::move(settings)](Service& service, int) {
    return JsonResponse(200, ToJson(service.ChangeProtocol([&](ProtocolOptions& options) {
                          for (const auto& [name, value] : settings) {
                            // They were tried before.
                            [[maybe_unused]] const auto set =
                                SetProtocolOption(options, name, value);
                          }
                        })));
  };
}

std::optional<Silence> ParseDarkness(std::string_view text) {
  if (text == "close") return Silence::kClose;
  if (text == "hang") return Silence::kHang;
  return std::nullopt;
}

Work PutTermination(const Call& call, Complaints& complaints) {
  std::optional<seconds> in, lead;
  std::optional<SystemTime> at;
  std::optional<Silence> then;
  const auto json = BodyOf(call, complaints);
  ReadBody(call, json, {"in_seconds", "at", "lead_seconds", "then"}, complaints, [&](auto& body) {
    in = body.GetSeconds("in_seconds", seconds(0), kLongestUntilTermination);
    at = body.template Get<SystemTime>("at", ParseUtc, R"(a UTC time like "2026-01-01T00:05:00Z")");
    lead = body.GetSeconds("lead_seconds", seconds(0), kLongestUntilTermination);
    then = body.template Get<Silence>("then", ParseDarkness, R"("close" or "hang")");
    if (body.is_object() && body.Has("in_seconds") == body.Has("at")) {
      body.Complain(R"(exactly one of "in_seconds" and "at" is needed)");
    }
  });
  return [=](Service& service, int number) {
    return service.WithInstance(number, [&](Instance& instance) {
      if (!instance.is_spot()) {
        return Errors(409, {"this is no spot instance, and only those get a notice"});
      }
      const auto end = at ? *at : instance.Now() + *in;
      const auto notice_from = lead ? end - *lead : instance.Now();
      instance.PlanTermination({.at = end, .notice_from = notice_from, .then = then});
      OrderedJson answer = {{"termination_time", FormatUtc(end)}};
      if (lead) answer["notice_from"] = FormatUtc(notice_from);
      return JsonResponse(200, answer);
    });
  };
}

Work DeleteTermination(const Call&, Complaints&) {
  return [](Service& service, int number) {
    return Deleted(service.WithInstance(
                       number, [](Instance& instance) { return instance.ClearTermination(); }),
                   "there is no notice to withdraw");
  };
}

OrderedJson ToJson(const std::string& role, const Instance::Validity& validity) {
  return {{"name", role},
          {"last_updated", FormatUtc(validity.last_updated)},
          {"expiration", FormatUtc(validity.expiration)}};
}

Work PutRole(const Call& call, Complaints& complaints) {
  const auto parse_name = [](std::string_view text) {
    return IsRoleName(text) ? std::optional<std::string>(text) : std::nullopt;
  };
  std::optional<std::string> name;
  std::optional<seconds> expires_in;
  const auto json = BodyOf(call, complaints);
  ReadBody(call, json, {"name", "expires_in_seconds"}, complaints, [&](auto& body) {
    name = body.template Get<std::string>("name", +parse_name,
                                          "1 to 64 letters, digits, dots, hyphens or underscores");
    body.Require("name");
    expires_in = body.GetSeconds("expires_in_seconds", seconds(1), call.limits.credential_life);
  });
  return [=](Service& service, int number) {
    return service.WithInstance(number, [&](Instance& instance) {
      instance.AttachRole(*name, expires_in);
      return JsonResponse(200, ToJson(*name, *instance.CredentialValidity()));
    });
  };
}

Work DeleteRole(const Call&, Complaints&) {
  return [](Service& service, int number) {
    return Deleted(
        service.WithInstance(number, [](Instance& instance) { return instance.DetachRole(); }),
        "no role is attached");
  };
}

Work Rotate(const Call&, Complaints&) {
  return [](Service& service, int number) {
    return service.WithInstance(number, [](Instance& instance) {
      if (!instance.Rotate()) return Errors(409, {"no role is attached"});
      return JsonResponse(200, ToJson(*instance.role_name(), *instance.CredentialValidity()));
    });
  };
}

std::optional<std::string> ParseCode(std::string_view text) {
  const bool good =
      !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c <= '~' && c != '"' && c != '\\';
      });
  return good ? std::optional<std::string>(text) : std::nullopt;
}

Work PutRotation(const Call& call, Complaints& complaints) {
  Rotation rotation;
  const auto json = BodyOf(call, complaints);
  ReadBody(call, json, {"how", "late_seconds", "code"}, complaints, [&](auto& body) {
    body.Require("how");
    const auto how = body.template Get<Rotation::How>("how", ParseRotation,
                                                      R"("on-time", "late", "failing" or "never")");
    const auto late = body.GetSeconds("late_seconds", seconds(1), std::chrono::days(1));
    const auto code = body.template Get<std::string>(
        "code", ParseCode, "1 to 64 printable ASCII characters without blanks and quotes");
    rotation.how = how.value_or(rotation.how);
    rotation.late = late.value_or(seconds(0));
    rotation.code = code.value_or(rotation.code);
    if (!how) return;
    if (*how == Rotation::How::kLate) {
      body.Require("late_seconds");
    } else if (late) {
      body.Complain("late_seconds", "has a meaning only for late");
    }
    if (code && *how != Rotation::How::kFailing) {
      body.Complain("code", "has a meaning only for failing");
    }
  });
  return [=](Service& service, int number) {
    service.WithInstance(number, [&](Instance& instance) { instance.set_rotation(rotation); });
    return JsonResponse(200, {{"how", Name(rotation.how)}});
  };
}

Response Attached(const char* what, const Result<std::string>& attached) {
  if (!attached) return Errors(409, {attached.error().message});
  return JsonResponse(200, {{what, *attached}});
}

Response Detached(const Result<void>& detached) {
  if (detached) return {.status = 204, .body = ""};
  return Errors(detached.error().code == ErrorCode::kInvalid ? 404 : 409,
                {detached.error().message});
}

Work PostInterface(const Call& call, Complaints& complaints) {
  std::optional<Ipv6> ipv6;
  const auto json = OptionalBodyOf(call, complaints);
  ReadBody(call, json, {"ipv6"}, complaints, [&](auto& body) {
    ipv6 = body.template Get<Ipv6>("ipv6", ParseIpv6, R"("none", "prefixes" or "full")");
  });
  return [=](Service& service, int number) {
    return Attached("mac", service.WithInstance(number, [&](Instance& instance) {
      return instance.AttachInterface(ipv6);
    }));
  };
}

Work DeleteInterface(const Call& call, Complaints&) {
  return [mac = std::string(call.item)](Service& service, int number) {
    return Detached(service.WithInstance(
        number, [&](Instance& instance) { return instance.DetachInterface(mac); }));
  };
}

Work PostDisk(const Call& call, Complaints& complaints) {
  std::optional<std::string> name;
  const auto json = OptionalBodyOf(call, complaints);
  ReadBody(call, json, {"name"}, complaints, [&](auto& body) {
    name = body.GetText("name");
    if (name && name->size() > kLongestName) {
      body.Complain("name", fmt::format("must be a string of at most {} bytes", kLongestName));
    }
  });
  return [=](Service& service, int number) {
    return Attached("serial", service.WithInstance(number, [&](Instance& instance) {
      return instance.AttachDisk(name);
    }));
  };
}

Work DeleteDisk(const Call& call, Complaints&) {
  return [serial = std::string(call.item)](Service& service, int number) {
    return Detached(service.WithInstance(
        number, [&](Instance& instance) { return instance.DetachDisk(serial); }));
  };
}

Work PutTags(const Call& call, Complaints& complaints) {
  const auto json = BodyOf(call, complaints);
  std::map<std::string, std::string> tags;
  if (complaints.empty()) tags = TagsFromJson(json, call.place, complaints);
  return [tags = std::move(tags)](Service& service, int number) {
    service.WithInstance(number, [&](Instance& instance) { instance.SetTags(tags); });
    return JsonResponse(200, {{"tags", tags.size()}});
  };
}

Work DeleteTags(const Call&, Complaints&) {
  return [](Service& service, int number) {
    return Deleted(service.WithInstance(
                       number, [](Instance& instance) { return instance.Erase("meta-data/tags"); }),
                   "there are no tags");
  };
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

Work PutItem(const Call& call, Complaints& complaints) {
  const auto path = ItemPath(call.item);
  // Whether it can be there at all does not depend on what is there.
  if (auto tried = Tree().Put(path, ""); !tried) complaints.push_back(tried.error().message);
  return [path, text = call.body](Service& service, int number) {
    const auto put =
        service.WithInstance(number, [&](Instance& instance) { return instance.Put(path, text); });
    if (!put) return Errors(409, {put.error().message});
    return JsonResponse(200, {{"path", path}, {"bytes", text.size()}});
  };
}

Work DeleteItem(const Call& call, Complaints&) {
  return [path = ItemPath(call.item)](Service& service, int number) {
    return Deleted(
        service.WithInstance(number, [&](Instance& instance) { return instance.Erase(path); }),
        fmt::format("there is no {}", JsonQuote(path)));
  };
}

Work GetFaults(const Call&, Complaints&) {
  return [](Service& service, int number) {
    return JsonResponse(200, ToJson(service.faults(number)));
  };
}

Work PutFaults(const Call& call, Complaints& complaints) {
  const auto json = BodyOf(call, complaints);
  std::vector<Fault> faults;
  if (complaints.empty()) faults = FaultsFromJson(json, call.place, complaints);
  return [faults = std::move(faults)](Service& service, int number) {
    service.SetFaults(number, faults);
    return JsonResponse(200, ToJson(service.faults(number)));
  };
}

Work DeleteFaults(const Call&, Complaints&) {
  return [](Service& service, int number) {
    const bool was_there = !service.faults(number).empty();
    service.SetFaults(number, {});
    return Deleted(was_there, "there is no fault to end");
  };
}

Work GetJournal(const Call&, Complaints&) {
  return [](Service& service, int number) {
    const auto journal = service.journal(number);
    auto counts = OrderedJson::array(), recent = OrderedJson::array();
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
  };
}

Work Reset(const Call&, Complaints&) {
  return [](Service& service, int) {
    service.Reset();
    return JsonResponse(200, {{"reset", true}});
  };
}

Work GetMetrics(const Call&, Complaints&) {
  return [](Service& service, int) {
    return Response{.content_type = kMetricsType, .body = MetricsPage(service)};
  };
}

enum class About : std::uint8_t { kAll, kInstance };

struct Route {
  std::string_view method;
  std::string_view path;  // one that ends in a slash takes what follows as an item
  About about;
  Work (*read)(const Call&, Complaints&);
};

constexpr Route kRoutes[] = {
    {"GET", "/control/options", About::kInstance, GetOptions},
    {"PUT", "/control/options", About::kInstance, PutOptions},
    {"GET", "/control/protocol", About::kAll, GetProtocol},
    {"PUT", "/control/protocol", About::kAll, PutProtocol},
    {"PUT", "/control/spot-termination", About::kInstance, PutTermination},
    {"DELETE", "/control/spot-termination", About::kInstance, DeleteTermination},
    {"PUT", "/control/role", About::kInstance, PutRole},
    {"DELETE", "/control/role", About::kInstance, DeleteRole},
    {"POST", "/control/credentials/rotate", About::kInstance, Rotate},
    {"PUT", "/control/credentials/rotation", About::kInstance, PutRotation},
    {"POST", "/control/interfaces", About::kInstance, PostInterface},
    {"DELETE", "/control/interfaces/", About::kInstance, DeleteInterface},
    {"POST", "/control/disks", About::kInstance, PostDisk},
    {"DELETE", "/control/disks/", About::kInstance, DeleteDisk},
    {"PUT", "/control/tags", About::kInstance, PutTags},
    {"DELETE", "/control/tags", About::kInstance, DeleteTags},
    {"PUT", "/control/items/", About::kInstance, PutItem},
    {"DELETE", "/control/items/", About::kInstance, DeleteItem},
    {"GET", "/control/faults", About::kInstance, GetFaults},
    {"PUT", "/control/faults", About::kInstance, PutFaults},
    {"DELETE", "/control/faults", About::kInstance, DeleteFaults},
    {"GET", "/control/journal", About::kInstance, GetJournal},
    {"POST", "/control/reset", About::kAll, Reset},
    {"GET", "/metrics", About::kAll, GetMetrics},
};

bool IsFor(const Route& route, std::string_view path) {
  if (!route.path.ends_with('/')) return path == route.path;
  return path.size() > route.path.size() && path.starts_with(route.path);
}

// The number in "instance=2", 1 for an empty query.
std::optional<int> InstanceIn(std::string_view query, int instances) {
  if (query.empty()) return 1;
  constexpr std::string_view kName = "instance=";
  if (!query.starts_with(kName)) return std::nullopt;
  return ParseWhole<int>(query.substr(kName.size()), 1, instances);
}

// A request as far as it can be understood without a service.
struct Understood {
  int status = 200;  // of the refusal
  Complaints complaints;
  Headers headers;
  int instance = 1;
  Work work;
};

Understood Refused(int status, std::string sentence) {
  return {.status = status, .complaints = {std::move(sentence)}, .headers = {}, .work = {}};
}

// `limits_of` gives the limits for a number of an instance.
Understood Understand(const Request& request, int instances,
                      const std::function<Control::Limits(int)>& limits_of,
                      const std::string& place) {
  const auto [path, query] = ParseTarget(request.target);
  std::vector<std::string_view> allowed;
  for (const auto& route : kRoutes) {
    if (!IsFor(route, path)) continue;
    allowed.push_back(route.method);
    if (request.method != route.method && !(request.method == "HEAD" && route.method == "GET")) {
      continue;
    }
    if (route.about == About::kAll && !query.empty()) {
      return Refused(400, fmt::format("{} is about all instances and has no parameters",
                                      JsonQuote(route.path)));
    }
    const auto number = InstanceIn(query, instances);
    if (!number) {
      return Refused(400, fmt::format("the only parameter there is here is instance=N, and N is {}",
                                      instances == 1 ? "1" : fmt::format("1 to {}", instances)));
    }
    if (request.body.size() > Control::kLargestBody) {
      return Refused(413, fmt::format("the body is larger than {} bytes", Control::kLargestBody));
    }
    Understood understood;
    understood.instance = *number;
    const auto limits = limits_of(*number);
    understood.work = route.read({.item = std::string_view(path).substr(route.path.size()),
                                  .body = request.body,
                                  .limits = limits,
                                  .place = place},
                                 understood.complaints);
    if (!understood.complaints.empty()) understood.status = 400;
    return understood;
  }
  if (allowed.empty()) return Refused(404, fmt::format("there is no {}", JsonQuote(path)));
  const auto allow = fmt::format("{}", fmt::join(allowed, ", "));
  auto refused = Refused(405, fmt::format("{} allows {} only", JsonQuote(path), allow));
  refused.headers.emplace_back("Allow", allow);
  return refused;
}

}  // namespace

Response Control::Handle(const Request& request) {
  auto understood = Understand(
      request, service_.instances(),
      [this](int number) {
        return Limits{
            .instances = service_.instances(),
            .credential_life = service_.WithInstance(number, [](const Instance& instance) {
              return std::chrono::floor<seconds>(instance.credential_life());
            })};
      },
      "");
  Response response;
  if (understood.complaints.empty()) {
    response = understood.work(service_, understood.instance);
  } else {
    response = Errors(understood.status, understood.complaints);
    response.headers = std::move(understood.headers);
  }
  response.date = service_.Now();
  return response;
}

std::vector<std::string> Control::Check(const Request& request, const Limits& limits,
                                        const std::string& place) {
  return Understand(
             request, limits.instances, [&](int) { return limits; }, place)
      .complaints;
}

}  // namespace aliyun_ecs::simulator
