#pragma once

#include <optional>

#include "client/transport.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// What a running exporter knows, to be judged at the moment `now`, which is of this machine's
// steady time and of the exporter's wall clock.
struct ExporterReport {
  Snapshot snapshot;
  Instant now;
  // How far the time of the report lies behind this machine's wall clock, or ahead of it
  // (negative), where that is more than clocks may differ. What lies behind is counted in the ages.
  std::optional<Duration> lag;
};

// Asks the exporter behind `transport` for its /snapshot, within `timeout`.
//
// A copy that a cache kept would look fresh for ever. So a report whose time lies more than half a
// minute behind this machine's wall clock is taken to be as old as that. Of one that lies as far
// ahead nobody can say how old it is. Where the clocks differ that much, one of them has to be set.
//
// kTimeout, kUnreachable, kUnauthorized, kRefused and kMalformed, with a sentence.
[[nodiscard]] Result<ExporterReport> AskExporter(HttpTransport& transport, const Clock& clock,
                                                 Duration timeout);

}  // namespace aliyun_ecs
