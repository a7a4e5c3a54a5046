#pragma once

#include <prometheus/metric_family.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "client/metadata_client.h"
#include "expose/metric_families.h"
#include "expose/text_format.h"
#include "metadata/judge.h"
#include "poll/poller.h"
#include "simulator/service.h"
#include "support/fake_clock.h"
#include "support/page_keeper.h"
#include "support/simulator_transport.h"

namespace aliyun_ecs {

[[nodiscard]] inline simulator::InstanceStart LinuxInstance(int interfaces = 1, int disks = 1) {
  simulator::InstanceStart start{simulator::Tree::FromCatalog(
      {simulator::Profile::kLinux, interfaces, disks, /*key_pair=*/true})};
  start.role = "SimulatedEcsRole";
  return start;
}

// The whole exporter but its web server, in one thread, against the simulator library, on a fake
// clock: a day takes milliseconds.
class ExporterRig {
 public:
  explicit ExporterRig(simulator::InstanceStart start = LinuxInstance(),
                       const PollOptions& poll = {}, const ClientOptions& client = {})
      : service(std::move(start), clock),
        transport(service),
        metadata_client(transport, clock, client),
        poller(poll, metadata_client, clock, store) {}

  // Calls the poller, as main.cc does, for that long; returns with the clock at the end of it.
  void RunFor(Duration duration) {
    const SteadyTime end = clock.Steady() + duration;
    while (true) {
      const SteadyTime next = poller.Step(std::stop_token());
      if (next > end) break;
      clock.AdvanceTo(next);
    }
    clock.AdvanceTo(end);
  }

  // All that can be done at this moment.
  void RunNow() { RunFor(Duration::zero()); }

  [[nodiscard]] std::shared_ptr<const Snapshot> Current() const { return store.Current(); }
  [[nodiscard]] SpotVerdict Spot() const { return JudgeSpot(*Current(), Now(clock)); }

  [[nodiscard]] std::string Page() const {
    const BuildInfo build{"0.0.0", "test", "test"};
    const auto families = MetricFamilies(*Current(), Now(clock), build);
    KeepPage(families);
    return TextFormat().Serialize(families);
  }

  // The value of the sample whose name and labels are written exactly so on the page; nullopt when
  // there is none.
  [[nodiscard]] std::optional<double> Sample(std::string_view name_and_labels) const {
    const std::string page = "\n" + Page();
    const std::string line = "\n" + std::string(name_and_labels) + " ";
    const auto at = page.find(line);
    if (at == std::string::npos) return std::nullopt;
    return std::stod(page.substr(at + line.size()));
  }

  // Times, in seconds since the rig began, at which paths with that end were asked for.
  [[nodiscard]] std::vector<double> AskedAt(std::string_view end) const {
    std::vector<double> times;
    const auto journal = service.journal();
    for (const auto& entry : journal.recent()) {
      if (entry.path.ends_with(end)) times.push_back(ToSeconds(entry.at));
    }
    return times;
  }

  FakeClock clock;
  simulator::Service service;
  SimulatorTransport transport;
  MetadataClient metadata_client;
  SnapshotStore store;
  Poller poller;
};

}  // namespace aliyun_ecs
