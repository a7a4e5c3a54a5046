#pragma once

#include <bitset>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "client/metadata_client.h"
#include "metadata/snapshot.h"
#include "poll/request_budget.h"
#include "poll/schedule.h"

namespace aliyun_ecs {

struct PollOptions {
  Duration spot_interval = std::chrono::seconds(5);
  Duration notice_interval = std::chrono::seconds(2);  // instead, while a notice stands
  Duration credentials_interval = std::chrono::hours(1);
  Duration listing_interval = std::chrono::minutes(5);
  Duration identity_interval = std::chrono::hours(1);
  double budget = 2;                   // requests per second
  double burst = 100;                  // requests at once
  std::bitset<kItems.size()> exclude;  // by ItemId
  std::uint64_t jitter_seed = 0;
};

// Decides when to listen to the metadata service, listens, and publishes what was heard.
//
// One Step makes at most one request and never waits. Session tokens come first, because nothing
// can be read without; then spot, then credentials, then the rest by the Schedule; every request
// passes the RequestBudget. When a request times out or reaches nobody, the rest is held back to a
// probe after 5 s and then every 20 s, until something is answered.
//
// Step is to be called from one thread. The client, clock and store outlive the poller.
class Poller {
 public:
  // Publishes a first snapshot, in which nothing was read yet.
  Poller(const PollOptions& options, MetadataClient& client, const Clock& clock,
         SnapshotStore& store);

  // Does what is due and affordable, at most one request, and publishes the outcome. Returns when
  // to call again; calling earlier is harmless. A stop request ends a request in flight at once,
  // and nothing is published then.
  SteadyTime Step(std::stop_token stop);

 private:
  // The next thing to do and when.
  struct RenewToken {};
  struct Plan {
    std::variant<RenewToken, Schedule::Job*> action;
    SteadyTime at;
  };
  [[nodiscard]] Plan MakePlan(SteadyTime now);
  [[nodiscard]] SteadyTime NextCall();

  [[nodiscard]] SteadyTime RenewalAt(SteadyTime now) const;

  void Do(RenewToken, std::stop_token stop);
  void Do(Schedule::Job* job, std::stop_token stop);
  void OnThrottled(const Exchange& exchange);
  void OnFailed(Schedule::Job& job, const Exchange& exchange, const Error& error);
  void FailReading(Schedule::Job& job, SteadyTime sent, const Error& error,
                   bool in_silence = false);
  void OnItem(Schedule::Job& job, const ItemInstance& instance, std::optional<Value> value,
              Instant at);
  void OnListing(Schedule::Job& job, Directory directory,
                 std::optional<std::vector<std::string>> entries, Instant at);

  // Each returns when the job should be done again, if that is sooner than its interval.
  [[nodiscard]] std::optional<SteadyTime> ObserveSpot(std::optional<SystemTime> termination,
                                                      Instant at);
  [[nodiscard]] std::optional<SteadyTime> ObserveCredentials(const std::string& role,
                                                             const Credentials& credentials,
                                                             Instant at);

  void AddEntry(Directory directory, const std::string& index, SteadyTime now);
  void RemoveEntry(Directory directory, const std::string& index);
  Reading& ReadingOf(const Target& target);
  void DelayToken(SteadyTime now);
  void CountExchange(const Exchange& exchange, RequestCode code, std::string_view path);
  void OnAnswered();
  void OnSilence(SteadyTime sent, bool urgent);
  void SetUp();
  void SetDown(const Error& why, std::string_view path, bool is_the_service);
  void Publish();

  PollOptions options_;
  MetadataClient& client_;
  const Clock& clock_;
  SnapshotStore& store_;
  RequestBudget budget_;
  Schedule schedule_;
  Snapshot snapshot_;  // the one being built; copies of it are published
  bool fill_published_ = false;
  bool silent_ = false;  // the newest exchange was a time-out, or reached nobody
  bool answered_since_throttling_ = false;
  bool down_logged_ = false;
  bool token_proven_ = false;    // the token in use was accepted at least once
  unsigned token_failures_ = 0;  // in a row: refused, not given, or given and not accepted
  SteadyTime token_retry_at_{};
};

}  // namespace aliyun_ecs
