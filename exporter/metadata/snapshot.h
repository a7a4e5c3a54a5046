#pragma once

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/token_bucket.h"
#include "metadata/access.h"
#include "metadata/catalog.h"
#include "metadata/value.h"

namespace aliyun_ecs {

// One moment on both time lines.
struct Instant {
  SteadyTime steady;
  SystemTime system;
};
[[nodiscard]] inline Instant Now(const Clock& clock) { return {clock.Steady(), clock.System()}; }

// What the service said when it last said something: a value, or nullopt for "there is none".
struct Answer {
  std::optional<Value> value;
  Instant at;  // when the request was sent, so that an age is never understated
};

enum class ReadingState : std::uint8_t { kPresent, kAbsent, kFailing, kUnread };
inline constexpr std::array kReadingStates{ReadingState::kPresent, ReadingState::kAbsent,
                                           ReadingState::kFailing, ReadingState::kUnread};
[[nodiscard]] std::string_view Name(ReadingState state);

// One answer about one item at one time. A failure leaves the last good answer where it is: its
// age tells how far it can be trusted.
struct Reading {
  std::optional<Answer> answer;
  std::optional<Error> failure;  // of the newest attempt; nullopt when it was answered
  unsigned failures = 0;         // in a row, but those while nobody answered anything

  [[nodiscard]] ReadingState State() const;

  // The value of the last good answer; nullptr when it said "none" or there was no answer.
  [[nodiscard]] const Value* value() const {
    return answer && answer->value ? &*answer->value : nullptr;
  }
  template <typename T>
  [[nodiscard]] const T* Get() const {
    const Value* const any = value();
    return any == nullptr ? nullptr : std::get_if<T>(any);
  }
};

// An item and, where its path has a placeholder, what stands there: a MAC address, a disk, a key
// pair, a role.
struct ItemInstance {
  ItemId item;
  std::string index;  // empty for a scalar

  friend auto operator<=>(const ItemInstance&, const ItemInstance&) = default;
};

// The item instance that is read at a path below meta-data/; nullopt when there is no such item.
[[nodiscard]] std::optional<ItemInstance> ItemInstanceAt(std::string_view path);

// What was seen of a role's credentials since it was attached.
struct RoleHistory {
  std::optional<SystemTime> expiration;  // of the newest good document
  std::uint64_t rotations = 0;           // good documents with another expiration than before
};

// The notice that stands, and what was counted; metadata/notice.h writes it. A notice is a
// termination time; hearing nothing of it (401, throttling, time-out) neither ends nor repeats it.
struct SpotHistory {
  std::optional<SystemTime> termination;  // of the notice that stands
  std::optional<SystemTime> first_seen;   // set together with `termination`
  SteadyTime ends_at;  // its time, told when it was read: a step of the wall clock moves it not
  bool was_absent = false;          // the newest answer said that there is none
  std::optional<SystemTime> ended;  // of the notice before
  std::uint64_t notices = 0;
  std::uint64_t moved = 0;
  std::uint64_t withdrawn = 0;
};

// What a request without a session token was answered.
struct Posture {
  bool normal_mode_open = false;
  Instant at;
};

// How a request to the metadata service ended; the children of
// aliyun_ecs_metadata_requests_total.
enum class RequestCode : std::uint8_t {
  k200,
  k400,
  k401,
  k403,
  k404,
  k405,
  k429,
  k503,
  kOther,
  kTimeout,
  kUnreachable,
  kMalformed,
};
inline constexpr std::array<std::string_view, 12> kRequestCodeNames{
    "200", "400", "401",   "403",     "404",         "405",
    "429", "503", "other", "timeout", "unreachable", "malformed"};

// Upper bounds of the duration histogram, in seconds. The last bucket, +Inf, is not listed.
inline constexpr std::array kDurationBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                            0.1,   0.25,   0.5,   1.0,  2.5};

// What the poller did, as counters since the start of the process.
struct PollStatistics {
  std::array<std::uint64_t, kRequestCodeNames.size()> requests{};
  std::array<std::uint64_t, kDurationBounds.size() + 1> durations{};  // not cumulative
  double duration_seconds = 0;
  std::uint64_t throttled = 0;
  std::uint64_t token_renewals = 0;

  void Count(RequestCode code, Duration duration);
};

// What a change is about; what people look for in the list.
enum class ChangeTopic : std::uint8_t { kSpot, kService, kPosture, kRole, kInstance };
inline constexpr std::array kChangeTopics{ChangeTopic::kSpot, ChangeTopic::kService,
                                          ChangeTopic::kPosture, ChangeTopic::kRole,
                                          ChangeTopic::kInstance};
[[nodiscard]] std::string_view Name(ChangeTopic topic);

enum class Severity : std::uint8_t { kInfo, kWarning, kCritical };
[[nodiscard]] std::string_view Name(Severity severity);

// Something that came to be different while the exporter watched; metadata/state_changes.h finds
// it. The text is for people and may quote the service: escape it.
struct StateChange {
  Instant at;  // when the snapshot was published that shows it first
  ChangeTopic topic;
  Severity severity;
  std::string text;
};

// What became of the alerts that were posted to one --alertmanager.url.
struct NotificationCounts {
  std::string alertmanager;  // HOST:PORT of the URL
  std::uint64_t sent = 0;    // whether they arrived or not
  std::uint64_t failed = 0;  // of those

  friend bool operator==(const NotificationCounts&, const NotificationCounts&) = default;
};

// What this program knows of itself and of its machine, beside what the metadata service said.
struct LocalFacts {
  std::optional<SystemTime> drill;                // of the drill that runs (--drill.file)
  std::vector<NotificationCounts> notifications;  // in the order of the command line, each once

  friend bool operator==(const LocalFacts&, const LocalFacts&) = default;
};

// Everything known at one moment: all readings, and how they were come by. Immutable once it is
// in the SnapshotStore; pages, JSON and verdicts are pure functions of it and of the time.
struct Snapshot {
  // Items that are not read at all, by ItemId (--metadata.exclude).
  std::bitset<kItems.size()> excluded;

  // Every item instance that is to be read. Items of a directory come and go with its entries.
  std::map<ItemInstance, Reading> readings;

  // In the order of enum Directory; a value is the list of entries, "none" is a 404. nullopt for a
  // directory that is not read because all that hangs on it is excluded; the roles always are.
  std::array<std::optional<Reading>, kDirectories.size()> listings;

  SpotHistory spot;
  std::map<std::string, RoleHistory> roles;  // by name, of those attached
  LocalFacts local;

  // The keys of the instance tags that are wanted as labels (--metrics.instance-tags), in that
  // order.
  std::vector<std::string> instance_tags;

  SteadyTime began;  // of the process that asks; what it restored from a file was told before
  bool hardened = true;
  std::optional<SystemTime> token_expiration;  // of the session token in use
  std::optional<bool> up;  // the newest exchange was an answer; nullopt: none yet
  AccessState access = AccessState::kUnknown;
  std::optional<Posture> posture;   // in hardened mode, where it was asked for and told
  std::optional<Duration> latency;  // of the newest HTTP answer; in one run of a check: the slowest
  std::optional<Duration> clock_skew;  // of the local wall clock; positive: it is ahead
  bool ready = false;                  // scalars, spot and role are known, or were once
  bool filled = false;                 // everything was asked for at least once
  std::array<Duration, kRefreshClasses.size()> refresh_intervals{};  // by RefreshClass; 0: off
  SteadyTime paused_until;                 // throttling; past when not paused
  TokenBucket budget{1, 1, SteadyTime()};  // as it is after the newest request
  PollStatistics statistics;
  Instant published_at;              // beginning of both times: never
  std::vector<StateChange> changes;  // the newest since the start of the process, oldest first

  [[nodiscard]] bool Excludes(ItemId item) const {
    return excluded[static_cast<std::size_t>(item)];
  }
  [[nodiscard]] const Reading* Find(ItemId item, std::string_view index = {}) const;
  [[nodiscard]] const std::optional<Reading>& Listing(Directory directory) const {
    return listings[static_cast<std::size_t>(directory)];
  }
  // What the metadata service's wall clock shows when ours shows `time`, as far as is known.
  [[nodiscard]] SystemTime ServiceTime(SystemTime time) const {
    return time - clock_skew.value_or(Duration::zero());
  }
  [[nodiscard]] Duration RefreshInterval(RefreshClass refresh) const {
    return refresh_intervals[static_cast<std::size_t>(refresh)];
  }
};

// The one object that the poller's thread and the web server's threads share. A mutex around a
// shared_ptr: g++ 12's atomic<shared_ptr> races under ThreadSanitizer. Never empty.
class SnapshotStore {
 public:
  SnapshotStore() : current_(std::make_shared<const Snapshot>()) {}

  void Publish(Snapshot snapshot);
  [[nodiscard]] std::shared_ptr<const Snapshot> Current() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> current_;
};

}  // namespace aliyun_ecs
