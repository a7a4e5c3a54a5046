#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "simulator/control.h"
#include "simulator/http.h"
#include "simulator/json_object.h"
#include "simulator/start.h"

namespace aliyun_ecs::simulator {

// A story on a timeline: how the instances begin, and calls of the control API, each at its time.
// So a scenario can do all that a person with curl can do, and nothing else. Time is real time; a
// day in ten minutes is told by shorter lives.
//
//   {
//     "description": "a spot instance is taken away",
//     "start": {"profile": "linux", "http_tokens": "required"},
//     "events": [
//       {"at_seconds": 60, "call": "PUT /control/spot-termination", "body": {"in_seconds": 300}}
//     ]
//   }
//
// scenario.schema.json is its JSON Schema. A value; not thread-safe.
struct Scenario {
  static constexpr std::size_t kLargestText = std::size_t{4} << 20;
  static constexpr std::size_t kMostEvents = 10'000;
  static constexpr auto kLongest = std::chrono::days(31);

  struct Event {
    Duration at;   // since the start
    Request call;  // found good by Control::Check
  };

  std::string description;
  StartOptions start;
  std::vector<Event> events;  // the earlier first

  // A pure function. The calls are checked for instances that begin as `flags` say, which win over
  // the start of the scenario itself. All complaints at once, each with its place, such as
  // "events[3].at_seconds must be …".
  [[nodiscard]] static tl::expected<Scenario, Complaints> FromJson(std::string_view text,
                                                                   const StartOptions& flags = {});

  // The members of the whole, and of an event.
  [[nodiscard]] static const std::vector<std::string_view>& Members();
  [[nodiscard]] static const std::vector<std::string_view>& EventMembers();
};

// Where a scenario has got to. It waits for nothing: who owns it calls it in time. Borrows the
// control. Not thread-safe.
class ScenarioPlayer {
 public:
  ScenarioPlayer(Scenario scenario, SteadyTime start, Control& control)
      : scenario_(std::move(scenario)), start_(start), control_(control) {}

  // When RunDue has something to do again; nullopt at the end of the story.
  [[nodiscard]] std::optional<SteadyTime> next() const;

  struct Outcome {
    std::string call;  // "PUT /control/faults"
    int status;
    std::string errors;  // the body of a refusal, such as one that depends on what happened before
  };
  // Makes the calls whose time has come.
  std::vector<Outcome> RunDue(SteadyTime now);

 private:
  Scenario scenario_;
  SteadyTime start_;
  Control& control_;
  std::size_t done_ = 0;
};

}  // namespace aliyun_ecs::simulator
