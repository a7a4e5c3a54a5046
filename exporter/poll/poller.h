#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/rarely.h"
#include "client/access_watch.h"
#include "client/metadata_client.h"
#include "metadata/clock_skew.h"
#include "metadata/snapshot.h"
#include "poll/request_budget.h"
#include "poll/schedule.h"
#include "poll/state_file.h"

namespace aliyun_ecs {

struct PollOptions {
  Duration spot_interval = std::chrono::seconds(5);
  Duration notice_interval = std::chrono::seconds(2);  // instead, while a notice stands
  Duration credentials_interval = std::chrono::hours(1);
  Duration listing_interval = std::chrono::minutes(5);
  Duration identity_interval = std::chrono::hours(1);
  Duration posture_interval = std::chrono::hours(1);  // 0: never; of no meaning in normal mode
  double budget = 2;                                  // requests per second
  double burst = 100;                                 // requests at once
  std::bitset<kItems.size()> exclude;                 // by ItemId
  std::vector<std::string> instance_tags;             // keys; REQUIRES: IsIndex, each once
  std::uint64_t jitter_seed = 0;                      // of this instance and boot (base/machine.h)
  std::optional<bool> on_ecs;                         // what the machine says of itself
};

// Decides when to listen to the metadata service, listens, and publishes what was heard.
//
// One Step makes at most one request and never waits. Session tokens come first, because nothing
// can be read without; then spot, then credentials, then the rest by the Schedule; every request
// passes the RequestBudget. When a request times out or reaches nobody, the rest is held back to a
// probe after about 5 s and then about every 20 s, until something is answered.
//
// Step is to be called from one thread. The client, clock, store and state file outlive the poller.
class Poller {
 public:
  // Publishes a first snapshot: of what the state file holds, or one in which nothing was read yet.
  // Without a state file nothing is remembered.
  Poller(const PollOptions& options, MetadataClient& client, const Clock& clock,
         SnapshotStore& store, StateFile* state_file = nullptr);

  // Does what is due and affordable, at most one request, and publishes the outcome. Returns when
  // to call again; calling earlier is harmless. A stop request ends a request in flight at once,
  // and nothing is published then.
  SteadyTime Step(std::stop_token stop);

  // What every snapshot from now on says beside the answers of the service. Publishes one at once
  // when that is something new. From the thread of Step, not during one.
  void SetLocalFacts(LocalFacts local);

  // To be called behind the last Step: leaves a state file from which a successor loses nothing.
  void Finish();

 private:
  // The next thing to do and when.
  struct RenewToken {};
  struct AskWithoutToken {};  // why no token is given
  struct Plan {
    std::variant<RenewToken, AskWithoutToken, Schedule::Job*> action;
    SteadyTime at;
  };
  [[nodiscard]] Plan MakePlan(SteadyTime now);
  [[nodiscard]] SteadyTime NextCall();

  [[nodiscard]] SteadyTime RenewalAt(SteadyTime now) const;
  [[nodiscard]] bool IsBackground(Duration token_ttl) const;

  void AddEverything(SteadyTime now);
  void Restore(SavedState saved, SteadyTime now);
  void StartAnew();
  void Save(const RequestBudget::Saved& budget, SteadyTime now);
  void WatchTheWallClock();

  void Do(RenewToken, std::stop_token stop);
  void Do(AskWithoutToken, std::stop_token stop);
  void Do(Schedule::Job* job, std::stop_token stop);
  void Read(Schedule::Job& job, std::stop_token stop);
  void ProbeNormalMode(Schedule::Job& job, std::stop_token stop);
  bool TakePosture(Exchange& exchange);
  void OnThrottled(const Exchange& exchange);
  void OnFailed(Schedule::Job& job, const Exchange& exchange, const Error& error);
  void FailReading(Schedule::Job& job, SteadyTime sent, const Error& error,
                   bool in_silence = false);
  void Accept(Reading& reading, const std::string& path, std::optional<Value> value, Instant at);
  void OnItem(Schedule::Job& job, const ItemInstance& instance, std::optional<Value> value,
              Instant at);
  void OnListing(Schedule::Job& job, Directory directory, std::optional<Value> value, Instant at);

  // Each returns when the job should be done again, if that is sooner than its interval.
  [[nodiscard]] std::optional<SteadyTime> ObserveSpot(std::optional<SystemTime> termination,
                                                      Instant at);
  [[nodiscard]] std::optional<SteadyTime> ObserveCredentials(const std::string& role,
                                                             const Credentials& credentials,
                                                             Instant at);

  [[nodiscard]] bool IsConfirmed(Schedule::Job& job, SteadyTime at);
  [[nodiscard]] bool IsAnotherInstance(const ItemInstance& instance,
                                       const std::optional<Value>& value) const;

  void AddEntry(Directory directory, const std::string& index, SteadyTime now);
  void RemoveEntry(Directory directory, const std::string& index);
  Reading& ReadingOf(const Target& target);
  void DelayToken(SteadyTime now);
  void CountExchange(const Exchange& exchange, RequestCode code, std::string_view path);
  void OnAnswer();      // whatever it says, the service is there
  void OnGoodAnswer();  // and speaks as it should
  void OnSilence(SteadyTime sent, bool urgent);
  void Publish();

  PollOptions options_;
  MetadataClient& client_;
  const Clock& clock_;
  SnapshotStore& store_;
  StateFile* state_file_;
  Jitter jitter_;
  RequestBudget budget_;
  AccessWatch access_;
  ClockSkew clock_skew_;
  Rarely rarely_{std::chrono::minutes(10)};
  Schedule schedule_;
  Snapshot snapshot_;    // the one being built; copies of it are published
  bool silent_ = false;  // the newest exchange was a time-out, or reached nobody
  bool answered_since_throttling_ = false;
  bool token_proven_ = false;    // the token in use was accepted at least once
  unsigned token_failures_ = 0;  // in a row: refused, not given, or given and not accepted
  SteadyTime token_retry_at_{};
  bool ask_without_token_ = false;
  std::optional<SteadyTime> asked_without_token_at_;
  Duration wall_clock_offset_{};            // of the wall clock to the steady one
  std::optional<Answer> another_instance_;  // the instance ID that is not the one before
  std::optional<SteadyTime> began_anew_at_;
  std::set<std::string> told_failing_;  // paths whose end of trouble is to be logged
  bool to_save_ = false;
};

}  // namespace aliyun_ecs
