#pragma once

#include <optional>
#include <string>

#include "base/rarely.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// The file of --spot.notice-file: it is there exactly while a spot notice stands, so that a systemd
// path unit or a drain script on the instance can react. We run no commands ourselves.
//
//   {"instance_id": "i-…", "termination_time": "2020-04-07T17:03:00Z", "first_seen": "…Z"}
//
// It is written atomically and readable by everybody. One that an earlier process left is removed
// only when the service says that there is no notice, or the time of the notice is long past; as
// long as nothing is known it stays. Not thread-safe.
class NoticeFile {
 public:
  explicit NoticeFile(std::string path) : path_(std::move(path)) {}

  // Makes the file say what the snapshot says. Touches it only when that has changed; what fails
  // is logged, at most every ten minutes, and tried again at the next call.
  void Follow(const Snapshot& snapshot, Instant now);

 private:
  [[nodiscard]] Result<void> Write(const std::string& content);

  std::string path_;
  // What the file is known to hold: empty when it is not there; nullopt: not touched yet.
  std::optional<std::string> content_;
  Rarely rarely_{std::chrono::minutes(10)};
};

}  // namespace aliyun_ecs
