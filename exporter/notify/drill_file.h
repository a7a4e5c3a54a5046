#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/rarely.h"
#include "base/result.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

// A time farther ahead is taken for a mistake: a forgotten file must not start a drill some day.
inline constexpr auto kLongestDrill = std::chrono::hours(1);

// The time in the content of a drill file, and nothing else in it:
//
//   {"time": "2026-11-26T08:00:00Z"}
//
// kInvalid, with a sentence that quotes nothing of it.
[[nodiscard]] Result<SystemTime> ParseDrill(std::string_view content);

// The file of --drill.file: who may write it lets the alert for a spot notice be rehearsed on the
// way that it takes, without any of the real families changing. Nothing that comes over the network
// can start a drill.
//
// It runs from when the file is seen until its time, at most an hour, and ends at once when the
// file goes, says something else, or a real notice comes. What a notice or its time has ended stays
// over until the file is removed or says another time. Not thread-safe.
class DrillFile {
 public:
  explicit DrillFile(std::string path) : path_(std::move(path)) {}

  // The time of the drill that runs now; nullopt when none does. To be called every now and then:
  // looks at the file at most once a second, and reads it only when it was changed. Logs when a
  // drill begins and ends, and at most every ten minutes what is wrong with the file.
  [[nodiscard]] std::optional<SystemTime> Follow(const Snapshot& snapshot, Instant now);

 private:
  // What differs when a file was changed or replaced.
  struct Version {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    Duration modified{};
    Duration changed{};  // also by chmod: what could not be read may be readable

    friend bool operator==(const Version&, const Version&) = default;
  };

  void Look(SteadyTime now);
  void Refuse(const std::string& reason, SteadyTime now);
  void Begin(const Snapshot& snapshot, Instant now);
  void End(std::string_view reason);
  [[nodiscard]] std::optional<Version> VersionNow() const;

  std::string path_;
  SteadyTime look_at_{};
  std::optional<Version> seen_;       // what was read last; nullopt: nothing is there
  std::optional<SystemTime> wanted_;  // what the file says, if that is any good
  std::optional<SystemTime> over_;    // ended by a notice or by its time
  std::optional<SystemTime> running_;
  std::uint64_t notices_before_ = 0;  // when the drill began
  Rarely rarely_{std::chrono::minutes(10)};
};

}  // namespace aliyun_ecs
