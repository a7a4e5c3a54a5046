#include "simulator/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::seconds;

// The body that the control API gets: a string is the text of an item, all else is JSON.
std::string BodyOf(const Json& body, bool is_item) {
  if (is_item) return body.get<std::string>();
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Scenario::Event> EventFromJson(const Json& json, const std::string& place,
                                             const Control::Limits& limits,
                                             Complaints& complaints) {
  const auto before = complaints.size();
  JsonObject object(json, place, Scenario::EventMembers(), complaints);
  object.Require("at_seconds");
  const auto at =
      object.GetNumber("at_seconds", 0, static_cast<double>(seconds(Scenario::kLongest).count()));
  const auto instance = object.GetWhole("instance", 1, limits.instances);
  object.GetText("comment");
  object.Require("call");
  const auto call = object.GetText("call");
  if (!call) return std::nullopt;

  const auto words = Split(*call, ' ');
  if (words.size() != 2 || words[1].find('?') != std::string_view::npos) {
    object.Complain("call", "must be a method, a blank and a path of the control API");
    return std::nullopt;
  }
  Scenario::Event event{.at = {},
                        .call = {.method = std::string(words[0]), .target = std::string(words[1])}};
  const bool is_item =
      words[0] == "PUT" && std::string_view(words[1]).starts_with("/control/items/");
  if (const auto* const body = object.Find("body")) {
    if (is_item && !body->is_string()) {
      object.Complain("body", "must be a string, the text of the item");
      return std::nullopt;
    }
    if (IsTooDeep(*body)) {
      object.Complain("body", fmt::format("is more than {} levels deep", kMostLevels));
      return std::nullopt;
    }
    event.call.body = BodyOf(*body, is_item);
  } else if (is_item) {
    object.Complain("body", "is missing");
    return std::nullopt;
  }
  if (instance) event.call.target += fmt::format("?instance={}", *instance);
  for (auto& complaint : Control::Check(event.call, limits, object.PlaceInside("body"))) {
    // What is wrong with the call itself does not name a place.
    complaints.push_back(complaint.starts_with(place) ? std::move(complaint)
                                                      : fmt::format("{}: {}", place, complaint));
  }
  if (complaints.size() != before || !at) return std::nullopt;
  event.at = Duration(static_cast<Duration::rep>(std::llround(*at * 1e9)));
  return event;
}

}  // namespace

const std::vector<std::string_view>& Scenario::Members() {
  static const std::vector<std::string_view> members = {"$schema", "description", "start",
                                                        "events"};
  return members;
}

const std::vector<std::string_view>& Scenario::EventMembers() {
  static const std::vector<std::string_view> members = {"at_seconds", "call", "instance", "body",
                                                        "comment"};
  return members;
}

tl::expected<Scenario, Complaints> Scenario::FromJson(std::string_view text,
                                                      const StartOptions& flags) {
  if (text.size() > kLargestText) {
    return tl::unexpected(
        Complaints{fmt::format("a scenario may have {} bytes, and this has more", kLargestText)});
  }
  const auto json = ParseJson(text);
  if (!json) return tl::unexpected(Complaints{"this is not JSON"});
  if (!json->is_object()) return tl::unexpected(Complaints{"the scenario is not a JSON object"});

  Complaints complaints;
  Scenario scenario;
  JsonObject object(*json, "", Members(), complaints);
  object.GetText("$schema");
  scenario.description = object.GetText("description").value_or("");
  if (const auto* const start = object.Find("start")) {
    scenario.start = StartFromJson(*start, "start", complaints);
  }
  if (object.Require("events")) {
    const auto& events = *object.Find("events");
    if (!events.is_array() || events.size() > kMostEvents) {
      object.Complain("events", fmt::format("must be an array of at most {} objects", kMostEvents));
    } else {
      const auto start = Merge(flags, scenario.start);
      const Control::Limits limits{
          .instances = start.instances.value_or(1),
          .credential_life = start.credential_life.value_or(
              std::chrono::floor<seconds>(InstanceStart().credential_life))};
      for (std::size_t i = 0; i < events.size(); ++i) {
        auto event = EventFromJson(events[i], fmt::format("events[{}]", i), limits, complaints);
        if (event) scenario.events.push_back(std::move(*event));
      }
    }
  }
  // What does not go together.
  if (complaints.empty()) (void)MakeStarts(Merge(flags, scenario.start), std::nullopt, complaints);
  if (!complaints.empty()) return tl::unexpected(std::move(complaints));
  std::stable_sort(scenario.events.begin(), scenario.events.end(),
                   [](const Event& a, const Event& b) { return a.at < b.at; });
  return scenario;
}

std::optional<SteadyTime> ScenarioPlayer::next() const {
  if (done_ == scenario_.events.size()) return std::nullopt;
  return start_ + scenario_.events[done_].at;
}

std::vector<ScenarioPlayer::Outcome> ScenarioPlayer::RunDue(SteadyTime now) {
  std::vector<Outcome> outcomes;
  for (auto due = next(); due && *due <= now; due = next()) {
    const auto& call = scenario_.events[done_++].call;
    const auto response = control_.Handle(call);
    outcomes.push_back({.call = call.method + ' ' + call.target,
                        .status = response.status,
                        .errors = response.status >= 400 ? response.body : ""});
  }
  return outcomes;
}

}  // namespace aliyun_ecs::simulator
