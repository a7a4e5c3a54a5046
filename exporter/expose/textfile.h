#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/rarely.h"
#include "base/result.h"
#include "expose/metrics_page.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The page as a file for node_exporter's textfile collector (--textfile). It is replaced
// atomically, so nobody ever reads half of it. Not thread-safe.
class Textfile {
 public:
  // The page must not tell of the exporter's own process: node_exporter tells of its own under the
  // same names, and refuses its whole page when a file does too. The page outlives the file.
  Textfile(std::string path, const MetricsPage& page) : path_(std::move(path)), page_(page) {}

  // Writes the page when `snapshot` is a new one, and every now and then for what changes with
  // time; at most once a second. What fails is logged, at most every ten minutes, and tried again.
  void Follow(const std::shared_ptr<const Snapshot>& snapshot, SteadyTime now);

  // Writes the page now.
  [[nodiscard]] Result<void> Write() const;

  // Removes the file, because node_exporter would go on to tell what it says. Logs what fails.
  void Remove() const;

 private:
  std::string path_;
  const MetricsPage& page_;
  std::shared_ptr<const Snapshot> written_;  // the newest one that was written
  SteadyTime tried_{};                       // when last
  Rarely rarely_{std::chrono::minutes(10)};
};

}  // namespace aliyun_ecs
