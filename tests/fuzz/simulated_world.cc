#include "fuzz/simulated_world.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "fuzz/request_script.h"

namespace aliyun_ecs::fuzz {
namespace {

using simulator::FindHeader;
using simulator::Request;
using simulator::Response;

bool Same(const Response& a, const Response& b) {
  return a.status == b.status && a.content_type == b.content_type && a.headers == b.headers &&
         a.body == b.body && a.date == b.date && a.delivery == b.delivery;
}

// Written another way than the simulator's.
bool IsTtl(const std::string* header) {
  if (header == nullptr) return false;
  auto digits = Trim(*header);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return false;
  }
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty() || digits.size() > 5) return false;
  return std::stoi(std::string(digits)) <= 21600;
}

void CheckForm(const Response& answer) {
  if (simulator::IsUnanswered(answer.delivery.how)) return;
  // A fault may ask for a status that nobody has a phrase for.
  ALWAYS(answer.status >= 200 && answer.status <= 599);
  ALWAYS(IsPrintableUtf8(answer.content_type) && !answer.content_type.empty());
  for (const auto& [name, value] : answer.headers) {
    ALWAYS(!name.empty() && IsPrintableUtf8(name) && IsPrintableUtf8(value));
  }
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kHex[byte >> 4];
    encoded += kHex[byte & 15];
  }
  return encoded;
}

}  // namespace

simulator::InstanceStart SimulatedWorld::Start() {
  // Making the tree takes longer than playing most scripts.
  static const auto tree = simulator::Tree::FromCatalog({.profile = simulator::Profile::kFull});
  return {.tree = tree, .role = "SimulatedEcsRole"};
}

std::vector<Response> SimulatedWorld::Play(std::string_view script) {
  std::vector<Response> answers;
  for (const auto& written : ParseRequests(script)) {
    const auto request = WithToken(written, last_token_);
    if (request.method == "wait") {
      Wait(request.target);
    } else if (request.method == "mode") {
      SetMode(request.target);
    } else if (reach_ == Reach::kServiceAndControl && request.target.starts_with("/control")) {
      answers.push_back(AskControl(request));
    } else {
      answers.push_back(AskService(request));
    }
  }
  CheckJournal();
  return answers;
}

void SimulatedWorld::Wait(std::string_view seconds) {
  std::int32_t count = 0;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), count);
  // A hundred years in all, within what nanoseconds can count.
  constexpr std::int32_t kYear = 365 * 24 * 3600;
  clock_.Advance(std::chrono::seconds(std::clamp(count, 0, kYear)));
}

void SimulatedWorld::SetMode(std::string_view mode) {
  using simulator::HttpEndpoint;
  using simulator::HttpTokens;
  service_.WithInstance([&](simulator::Instance& instance) {
    instance.set_access(
        {.http_tokens = mode == "required" ? HttpTokens::kRequired : HttpTokens::kOptional,
         .http_endpoint = mode == "disabled" ? HttpEndpoint::kDisabled : HttpEndpoint::kEnabled});
  });
}

simulator::AccessOptions SimulatedWorld::Access() {
  return service_.WithInstance([](simulator::Instance& instance) { return instance.access(); });
}

bool SimulatedWorld::IsPlain() {
  return service_.faults(1).empty() && service_.protocol() == simulator::ProtocolOptions{} &&
         service_.WithInstance([](simulator::Instance& instance) {
           return !instance.access().throttle && !instance.Darkness();
         });
}

Response SimulatedWorld::AskService(const Request& request) {
  const bool is_plain = IsPlain();
  auto answer = service_.Handle(request);
  ++asked_;
  CheckForm(answer);
  if (!is_plain) {
    // Anything may come instead of the answer, but a token still only from its PUT.
    if (simulator::ParseTarget(request.target).path == simulator::kTokenPath &&
        request.method == "PUT" && answer.body.starts_with(simulator::kSessionTokenPrefix)) {
      Remember(request, answer);
    }
  } else if (Access().http_endpoint == simulator::HttpEndpoint::kDisabled) {
    ALWAYS(answer.status == 403);
  } else if (simulator::ParseTarget(request.target).path == simulator::kTokenPath) {
    CheckTokenAnswer(request, answer);
    if (answer.status == 200) Remember(request, answer);
  } else {
    CheckValueAnswer(request, answer);
  }
  CheckHoldsNoToken(answer.body);
  return answer;
}

void SimulatedWorld::Remember(const Request& request, Response& answer) {
  last_token_ = std::exchange(answer.body, "$TOKEN");
  int ttl = 0;
  const auto text = Trim(*FindHeader(request, simulator::kTokenTtlHeader));
  std::from_chars(text.data(), text.data() + text.size(), ttl);
  tokens_.emplace(last_token_, clock_.Steady() + std::chrono::seconds(ttl));
}

void SimulatedWorld::CheckTokenAnswer(const Request& request, const Response& answer) {
  if (request.method != "PUT") {
    ALWAYS(answer.status == 405);
  } else if (FindHeader(request, "X-Forwarded-For") != nullptr) {
    ALWAYS(answer.status == 403);
  } else if (!IsTtl(FindHeader(request, simulator::kTokenTtlHeader))) {
    ALWAYS(answer.status == 400);
  } else {
    ALWAYS(answer.status == 200);
    ALWAYS(!answer.body.empty() && IsPrintableUtf8(answer.body) &&
           Trim(answer.body) == answer.body);
    ALWAYS(!tokens_.contains(answer.body));
  }
}

void SimulatedWorld::CheckValueAnswer(const Request& request, const Response& answer) {
  if (request.method != "GET" && request.method != "HEAD") {
    ALWAYS(answer.status == 405);
    return;
  }
  if (const auto* header = FindHeader(request, simulator::kTokenHeader)) {
    const auto token = tokens_.find(Trim(*header));
    const bool live = token != tokens_.end() && clock_.Steady() < token->second;
    ALWAYS(live == (answer.status != 401));
  } else {
    const bool required = Access().http_tokens == simulator::HttpTokens::kRequired;
    ALWAYS(required == (answer.status == 403));
  }
  if (answer.status == 200 && simulator::ParseTarget(request.target).path.ends_with('/')) {
    ALWAYS(!answer.body.ends_with('\n') && answer.body.find("\n\n") == std::string::npos);
  }

  auto again = request;
  again.method = request.method == "GET" ? "HEAD" : "GET";
  ALWAYS(Same(answer, service_.Handle(again)));
  ++asked_;
}

Response SimulatedWorld::AskControl(const Request& request) {
  auto answer = control_.Handle(request);
  CheckForm(answer);
  CheckHoldsNoToken(answer.body);
  if (answer.status == 204) {
    ALWAYS(answer.body.empty());
    return answer;
  }
  ALWAYS(answer.content_type == "application/json" && answer.body.ends_with('\n'));
  const auto json = nlohmann::json::parse(answer.body);
  if (answer.status >= 400) {
    ALWAYS(!json.at("errors").empty());
    for (const auto& sentence : json.at("errors")) {
      ALWAYS(IsPrintableUtf8(sentence.get_ref<const std::string&>()));
    }
  }
  const auto path = simulator::ParseTarget(request.target).path;
  if (answer.status == 200 && path == "/control/reset") {
    asked_ = 0;
    for (auto& [token, end] : tokens_) end = clock_.Steady();
  }
  if (answer.status == 200 && path.starts_with("/control/items/")) {
    CheckItemIsServed(json.at("path"), request.body);
  }
  return answer;
}

void SimulatedWorld::CheckItemIsServed(const std::string& path, const std::string& text) {
  if (!IsPlain() || Access() != simulator::AccessOptions{}) return;
  const auto served =
      service_.Handle({.method = "GET", .target = "/latest/" + PercentEncode(path)});
  ++asked_;
  ALWAYS(served.status == 200 && served.body == text);
}

void SimulatedWorld::CheckHoldsNoToken(std::string_view text) const {
  for (const auto& [token, end] : tokens_) ALWAYS(text.find(token) == std::string_view::npos);
}

void SimulatedWorld::CheckJournal() const {
  const auto journal = service_.journal();
  ALWAYS(journal.total() == asked_ && journal.recent().size() == asked_);
  for (const auto& entry : journal.recent()) {
    CheckHoldsNoToken(entry.method);
    CheckHoldsNoToken(entry.path);
  }
}

void PlayTwice(std::string_view script, Reach reach) {
  const auto first = SimulatedWorld(reach).Play(script);
  const auto second = SimulatedWorld(reach).Play(script);
  ALWAYS(std::equal(first.begin(), first.end(), second.begin(), second.end(), Same));
}

}  // namespace aliyun_ecs::fuzz
