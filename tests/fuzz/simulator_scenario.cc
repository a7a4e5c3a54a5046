#include "base/text.h"
#include "fuzz/fuzz.h"
#include "simulator/scenario.h"
#include "simulator/service.h"
#include "support/fake_clock.h"

// The loader of scenario files: every text is refused with reasons or can be played to its end.

namespace aliyun_ecs::fuzz {
namespace {

using simulator::Scenario;

void PlayToTheEnd(const Scenario& scenario) {
  simulator::Complaints complaints;
  auto starts = simulator::MakeStarts(scenario.start, std::nullopt, complaints);
  ALWAYS(complaints.empty());
  FakeClock clock;
  simulator::Service service(std::move(starts), {}, clock);
  simulator::Control control(service);
  simulator::ScenarioPlayer player(scenario, clock.Steady(), control);
  std::size_t made = 0;
  for (auto due = player.next(); due; due = player.next()) {
    ALWAYS(*due >= clock.Steady());
    clock.AdvanceTo(*due);
    const auto outcomes = player.RunDue(clock.Steady());
    ALWAYS(!outcomes.empty());
    made += outcomes.size();
    for (const auto& outcome : outcomes) {
      // What is wrong with a call itself, the loader has said.
      ALWAYS(outcome.status < 300 || outcome.status == 404 || outcome.status == 409);
    }
    (void)service.Handle({.method = "GET", .target = "/latest/meta-data/"});
  }
  ALWAYS(made == scenario.events.size());
}

}  // namespace

void Fuzz(std::string_view input) {
  const auto scenario = Scenario::FromJson(input);
  if (scenario) {
    PlayToTheEnd(*scenario);
    return;
  }
  ALWAYS(!scenario.error().empty());
  for (const auto& complaint : scenario.error()) {
    ALWAYS(!complaint.empty() && IsPrintableUtf8(complaint));
  }
}

}  // namespace aliyun_ecs::fuzz
