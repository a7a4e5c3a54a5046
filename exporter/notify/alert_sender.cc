#include "notify/alert_sender.h"

#include <algorithm>
#include <utility>

#include "base/backoff.h"
#include "base/log.h"

namespace aliyun_ecs {
namespace {

using std::chrono::seconds;

constexpr Duration kResend = seconds(15);
constexpr Duration kTimeout = seconds(5);

// An end is told sooner again at first: Prometheus may in between have told that the alert stands,
// as long as it has not scraped the news.
constexpr Duration kSettling = seconds(15);
constexpr Duration kResendOfEnd = seconds(3);

constexpr Duration kFirstRetry = seconds(1);
constexpr Duration kLongestRetry = seconds(30);
constexpr Duration kLongestRetryAfter = seconds(60);  // a notice lives five minutes
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

// Without the labels of the instance it is another alert, so they are worth a moment: after a start
// with a notice standing they are read right behind it.
constexpr Duration kWaitForIdentity = seconds(2);

// Nothing is due; a call that comes too early does no harm.
constexpr Duration kIdle = std::chrono::hours(1);

// What the wall clock of others may show, at the earliest; ours may be wrong.
SystemTime Earlier(const Snapshot& snapshot, Instant now) {
  return std::min(now.system, snapshot.ServiceTime(now.system));
}

// Asking the same again will hardly help.
bool IsRefusal(int status) { return status == 400 || status == 413; }

}  // namespace

AlertSender::AlertSender(std::string alertmanager, AddedToAlerts added, Connect connect,
                         const Clock& clock, const SnapshotStore& store, std::uint64_t jitter_seed)
    : alertmanager_(std::move(alertmanager)),
      added_(std::move(added)),
      connect_(std::move(connect)),
      clock_(clock),
      store_(store),
      jitter_(jitter_seed) {}

SteadyTime AlertSender::Step(std::stop_token stop) {
  const auto snapshot = store_.Current();
  const Instant now = Now(clock_);
  const auto more = Follow(*snapshot, now);
  if (!entries_.empty() && (news_ || now.steady >= due_)) Post(stop);
  const SteadyTime next = entries_.empty() ? clock_.Steady() + kIdle : due_;
  return more ? std::min(*more, next) : next;
}

NotificationCounts AlertSender::Counts() const { return {alertmanager_, sent_, failed_}; }

std::optional<SteadyTime> AlertSender::Follow(const Snapshot& snapshot, Instant now) {
  auto standing = StandingAlerts(snapshot, now, added_);
  const bool wait = !standing.empty() && !IsIdentityKnown(snapshot);
  if (!wait) unidentified_since_.reset();
  if (wait && !unidentified_since_) unidentified_since_ = now.steady;
  const bool too_early = wait && now.steady < *unidentified_since_ + kWaitForIdentity;

  for (Alert& alert : standing) {
    auto found = entries_.find(alert.labels);
    if (found == entries_.end()) {
      if (too_early) continue;
      found = entries_.emplace(alert.labels, Entry{alert}).first;
      news_ = true;
    }
    Entry& entry = found->second;
    if (entry.over || entry.alert.annotations != alert.annotations) news_ = true;
    if (entry.over) {
      entry.over = entry.taken = false;
    } else {
      alert.starts_at = std::min(alert.starts_at, entry.alert.starts_at);
    }
    // Alertmanager refuses what begins after its end, as it seems when a clock was set back.
    alert.starts_at = std::min(alert.starts_at, Earlier(snapshot, now));
    alert.ends_at = std::max(alert.ends_at, snapshot.ServiceTime(now.system) + 4 * kResend);
    // It keeps the latest end that it was told of one that stands.
    entry.forgotten_at =
        std::max(entry.forgotten_at, now.steady + (alert.ends_at - Earlier(snapshot, now)));
    entry.alert = alert;
  }
  End(snapshot, now, standing);
  return too_early ? std::optional(*unidentified_since_ + kWaitForIdentity) : std::nullopt;
}

void AlertSender::End(const Snapshot& snapshot, Instant now, const std::vector<Alert>& standing) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const bool stands = std::any_of(standing.begin(), standing.end(), [&](const Alert& alert) {
      return alert.labels == entry.alert.labels;
    });
    if (!stands && !entry.over) {
      entry.over = true;
      entry.taken = false;
      entry.over_since = now.steady;
      // One that ended before it began would be refused.
      entry.alert.ends_at = Earlier(snapshot, now);
      entry.alert.starts_at = std::min(entry.alert.starts_at, entry.alert.ends_at);
      news_ = true;
    }
    const bool forget = entry.over && now.steady >= entry.forgotten_at;
    it = forget ? entries_.erase(it) : std::next(it);
  }
}

void AlertSender::Post(const std::stop_token& stop) {
  std::vector<Alert> alerts;
  for (const auto& [labels, entry] : entries_) alerts.push_back(entry.alert);
  const auto response = Perform(AlertsToJson(alerts), stop);
  if (!response && response.error().code == ErrorCode::kCancelled) return;
  ++sent_;
  news_ = false;
  if (!response) {
    OnFailed(response.error().message);
  } else if (response->status >= 200 && response->status < 300) {
    OnTaken();
  } else {
    OnFailed("it answered " + std::to_string(response->status), &*response);
  }
}

Result<HttpResponse> AlertSender::Perform(std::string body, const std::stop_token& stop) {
  if (!transport_) {
    auto connected = connect_();
    if (!connected) return tl::unexpected(std::move(connected).error());
    transport_ = *std::move(connected);
  }
  HttpRequest request;
  request.method = HttpMethod::kPost;
  request.path = "/api/v2/alerts";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  request.timeout = kTimeout;
  request.max_body_bytes = kMaxAnswerBytes;
  return transport_->Perform(request, stop);
}

void AlertSender::OnTaken() {
  if (std::exchange(failures_, 0) > 0) {
    Log(LogLevel::kInfo, "Alertmanager takes alerts again", {{"alertmanager", alertmanager_}});
  }
  const SteadyTime now = clock_.Steady();
  Duration pause = kResend;
  for (auto& [labels, entry] : entries_) {
    if (!std::exchange(entry.taken, true)) {
      Log(LogLevel::kInfo, entry.over ? "Alertmanager knows that it is over" : "alert sent",
          {{"alert", labels.at("alertname")}, {"alertmanager", alertmanager_}});
    }
    if (entry.over && now - entry.over_since < kSettling) pause = kResendOfEnd;
  }
  due_ = now + pause;
}

void AlertSender::OnFailed(const std::string& reason, const HttpResponse* response) {
  ++failed_;
  ++failures_;
  transport_.reset();
  Duration pause = DoublingBackoff(failures_, kFirstRetry, kLongestRetry);
  if (response != nullptr && IsRefusal(response->status)) pause = kLongestRetry;
  pause = jitter_.Stretch(pause);
  if (response != nullptr && response->retry_after) {
    pause = std::max(pause, std::min(*response->retry_after, kLongestRetryAfter));
  }
  due_ = clock_.Steady() + pause;
  if (rarely_.MaySay(reason, clock_.Steady())) {
    Log(LogLevel::kError, "Alertmanager does not take the alerts; trying again",
        {{"alertmanager", alertmanager_}, {"reason", reason}});
  }
}

}  // namespace aliyun_ecs
