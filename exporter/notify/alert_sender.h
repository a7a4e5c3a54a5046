#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/rarely.h"
#include "client/transport.h"
#include "metadata/snapshot.h"
#include "notify/alertmanager.h"

namespace aliyun_ecs {

// Posts what stands to one Alertmanager: at once when something is new, moved or over, every
// quarter of a minute while it stands, and after a failure again and again, more and more slowly.
//
// What no longer stands is posted as ended, as often, until it would have ended by itself, as
// Prometheus does: an Alertmanager whose clock is behind takes an end for one to come and keeps the
// later one, and another poster may still say that it stands. Each post of what does stand says
// until when it stands without being heard of again (StandingAlerts).
//
// Step is to be called from one thread, which may wait there for Alertmanager; Counts from any. The
// clock and the store outlive the sender.
class AlertSender {
 public:
  // Makes a transport to the URL of the Alertmanager. Asked for one before the first post and again
  // after each that failed: so credentials that were replaced are read anew.
  using Connect = std::function<Result<std::unique_ptr<HttpTransport>>()>;

  // `alertmanager`: HOST:PORT, as the log and the counts call it.
  AlertSender(std::string alertmanager, AddedToAlerts added, Connect connect, const Clock& clock,
              const SnapshotStore& store, std::uint64_t jitter_seed);

  // Does what is due, at most one post. Returns when to call again; calling earlier is harmless,
  // and needed when the snapshot says something new. A stop request ends a post under way at once.
  SteadyTime Step(std::stop_token stop);

  [[nodiscard]] NotificationCounts Counts() const;

 private:
  struct Entry {
    Alert alert;
    bool taken = false;  // as it is now: standing, or over
    bool over = false;
    SteadyTime over_since{};
    SteadyTime forgotten_at{};  // it ends there without us
  };

  // Takes in what the snapshot says. Returns when it will say more, though nothing is heard.
  [[nodiscard]] std::optional<SteadyTime> Follow(const Snapshot& snapshot, Instant now);
  void End(const Snapshot& snapshot, Instant now, const std::vector<Alert>& standing);
  void Post(const std::stop_token& stop);
  [[nodiscard]] Result<HttpResponse> Perform(std::string body, const std::stop_token& stop);
  void OnTaken();
  void OnFailed(const std::string& reason, const HttpResponse* response = nullptr);

  const std::string alertmanager_;
  const AddedToAlerts added_;
  const Connect connect_;
  const Clock& clock_;
  const SnapshotStore& store_;
  Jitter jitter_;
  Rarely rarely_{std::chrono::minutes(10)};
  std::unique_ptr<HttpTransport> transport_;
  std::map<AlertLabels, Entry> entries_;
  std::optional<SteadyTime> unidentified_since_;
  bool news_ = false;      // to be posted at once
  SteadyTime due_{};       // of the next post without news
  unsigned failures_ = 0;  // in a row
  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
};

}  // namespace aliyun_ecs
