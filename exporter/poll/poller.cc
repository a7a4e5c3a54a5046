#include "poll/poller.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "metadata/judge.h"
#include "poll/backoff.h"

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kFirstTokenRetry = seconds(5);
constexpr Duration kLongestTokenRetry = seconds(30);

constexpr unsigned kThrottledUntilFailing = 3;

// While nobody answers.
constexpr Duration kFirstSilenceProbe = seconds(5);
constexpr Duration kSilenceProbeInterval = seconds(20);

// The service offers a new credential 30 minutes before the old one ends. Up to then the vendor
// advises not to ask again.
constexpr Duration kCredentialsNearEnd = minutes(35);
constexpr Duration kCredentialsNearEndInterval = seconds(60);

Schedule::Intervals IntervalsOf(const PollOptions& options) {
  Schedule::Intervals intervals{};
  const auto set = [&](RefreshClass refresh, Duration interval) {
    intervals[static_cast<std::size_t>(refresh)] = interval;
  };
  set(RefreshClass::kSpot, options.spot_interval);
  set(RefreshClass::kCredentials, options.credentials_interval);
  set(RefreshClass::kListing, options.listing_interval);
  set(RefreshClass::kIdentity, options.identity_interval);
  return intervals;
}

RequestCode CodeOf(const Exchange& exchange) {
  if (!exchange.status) {
    switch (exchange.answer.error().code) {
      case ErrorCode::kTimeout:
        return RequestCode::kTimeout;
      case ErrorCode::kUnreachable:
        return RequestCode::kUnreachable;
      default:
        return RequestCode::kMalformed;
    }
  }
  const auto found = std::find(kRequestCodeNames.begin(), kRequestCodeNames.end(),
                               std::to_string(*exchange.status));
  if (found == kRequestCodeNames.end()) return RequestCode::kOther;
  return static_cast<RequestCode>(found - kRequestCodeNames.begin());
}

// Nobody is there, or nobody has the time: another request would fare alike.
bool IsSilence(const Error& error) {
  return error.code == ErrorCode::kTimeout || error.code == ErrorCode::kUnreachable;
}

// Taken at its word, it would empty the instance's identity or take its interfaces away.
Error NoneOfWhatEveryInstanceHas() {
  return {ErrorCode::kRefused,
          "the metadata service says that there is none, but every instance has one"};
}

std::vector<std::string> EntriesOf(const Reading& listing) {
  const auto* const entries = listing.Get<std::vector<std::string>>();
  return entries == nullptr ? std::vector<std::string>{} : *entries;
}

}  // namespace

Poller::Poller(const PollOptions& options, MetadataClient& client, const Clock& clock,
               SnapshotStore& store)
    : options_(options),
      client_(client),
      clock_(clock),
      store_(store),
      budget_(options.budget, options.burst, options.jitter_seed, clock.Steady()),
      schedule_(IntervalsOf(options)) {
  snapshot_.excluded = options.exclude;
  snapshot_.hardened = client.mode() == MetadataMode::kHardened;
  snapshot_.refresh_intervals = IntervalsOf(options);
  const SteadyTime now = clock.Steady();
  std::array<bool, kDirectories.size()> wanted{};
  wanted[static_cast<std::size_t>(Directory::kRoles)] = true;
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (options.exclude[i]) continue;
    if (const auto directory = DirectoryOf(kItems[i])) {
      wanted[static_cast<std::size_t>(*directory)] = true;
      continue;
    }
    const ItemInstance scalar{static_cast<ItemId>(i), {}};
    snapshot_.readings.try_emplace(scalar);
    schedule_.Add(scalar, now);
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    snapshot_.listings[i].emplace();
    schedule_.Add(static_cast<Directory>(i), now);
  }
  Publish();
}

SteadyTime Poller::Step(std::stop_token stop) {
  const SteadyTime now = clock_.Steady();
  const Plan plan = MakePlan(now);
  if (plan.at > now || !budget_.TryTake(now)) return NextCall();
  std::visit([&](const auto& action) { Do(action, stop); }, plan.action);
  if (!stop.stop_requested()) Publish();
  return NextCall();
}

SteadyTime Poller::NextCall() {
  const SteadyTime now = clock_.Steady();
  return std::max(MakePlan(now).at, budget_.AvailableAt(now));
}

Poller::Plan Poller::MakePlan(SteadyTime now) {
  if (client_.NeedsToken()) return {RenewToken(), std::max(token_retry_at_, now)};
  const auto next = schedule_.Peek(now);
  const Plan reading{next.job, next.at};
  if (client_.mode() == MetadataMode::kNormal) return reading;
  // No earlier than something is to be read with it.
  return RenewalAt(now) <= reading.at ? Plan{RenewToken(), reading.at} : reading;
}

// Ahead of time: in its turn among the background, but not so late that the token runs out.
SteadyTime Poller::RenewalAt(SteadyTime now) const {
  const Session& session = client_.session();
  const SteadyTime due = std::max(session.RenewAt(), token_retry_at_);
  return std::max(std::min(schedule_.BackgroundAt(due), due + Duration(session.ttl()) / 4), now);
}

void Poller::Do(RenewToken, std::stop_token stop) {
  const Exchange exchange = client_.RenewToken(std::move(stop));
  const SteadyTime sent = exchange.sent_at.steady;
  constexpr std::string_view kName = "(session token)";
  // Short-lived tokens do not make the others wait: they would for ever.
  if (Duration(client_.session().ttl()) / 4 > schedule_.Spacing()) {
    schedule_.OnBackgroundSent(sent);
  }
  if (exchange.answer) {
    CountExchange(exchange, RequestCode::k200, kName);
    OnAnswered();
    ++snapshot_.statistics.token_renewals;
    token_proven_ = false;
    token_retry_at_ = sent;
    // A token that took longer to come than it lives.
    if (client_.NeedsToken()) DelayToken(sent);
    return;  // does not say "up": a service that gives tokens and then refuses them is not
  }
  const Error& error = exchange.answer.error();
  if (error.code == ErrorCode::kCancelled) return;
  const bool page = exchange.status == 200;  // an answer, but no token in it
  CountExchange(exchange, page ? RequestCode::kMalformed : CodeOf(exchange), kName);
  if (error.code == ErrorCode::kThrottled) return OnThrottled(exchange);
  if (IsSilence(error)) {
    OnSilence(sent, /*urgent=*/false);
  } else {
    OnAnswered();
  }
  DelayToken(sent);
  SetDown(error, kName, /*is_the_service=*/true);
}

void Poller::Do(Schedule::Job* job_pointer, std::stop_token stop) {
  Schedule::Job& job = *job_pointer;
  const std::string path = PathOf(job.target);
  Exchange exchange = client_.Read(path, std::move(stop));
  if (!exchange.answer && exchange.answer.error().code == ErrorCode::kCancelled) return;
  const Instant at = exchange.sent_at;
  if (RefreshOf(job.target) != RefreshClass::kSpot) schedule_.OnBackgroundSent(at.steady);

  if (!exchange.answer) {
    CountExchange(exchange, CodeOf(exchange), path);
    OnFailed(job, exchange, exchange.answer.error());
    return;
  }
  std::optional<Secret> body = *std::move(exchange.answer);
  OnAnswered();
  token_proven_ = true;
  token_failures_ = 0;

  const auto malformed = [&](const Error& error) {
    CountExchange(exchange, RequestCode::kMalformed, path);
    OnFailed(job, exchange, error);
  };
  if (const auto* const directory = std::get_if<Directory>(&job.target)) {
    std::optional<std::vector<std::string>> entries;
    if (body) {
      auto parsed = ParseListing(*std::move(body));
      if (!parsed) return malformed(parsed.error());
      entries = *std::move(parsed);
    }
    CountExchange(exchange, CodeOf(exchange), path);
    const bool none = !entries || entries->empty();
    if (none && Row(*directory).presence == Presence::kAlways) {
      FailReading(job, at.steady, NoneOfWhatEveryInstanceHas());
    } else {
      OnListing(job, *directory, std::move(entries), at);
    }
  } else {
    const auto& instance = std::get<ItemInstance>(job.target);
    std::optional<Value> value;
    if (body) {
      auto parsed = ParseItem(Row(instance.item), *std::move(body));
      if (!parsed) return malformed(parsed.error());
      value = *std::move(parsed);
    }
    CountExchange(exchange, CodeOf(exchange), path);
    if (!value && Row(instance.item).presence == Presence::kAlways) {
      FailReading(job, at.steady, NoneOfWhatEveryInstanceHas());
    } else {
      OnItem(job, instance, std::move(value), at);
    }
  }
  SetUp();
}

void Poller::OnThrottled(const Exchange& exchange) {
  if (silent_) schedule_.OnSilenceEnded(clock_.Steady());
  silent_ = false;
  answered_since_throttling_ = false;
  ++snapshot_.statistics.throttled;
  budget_.OnThrottled(exchange.sent_at.steady, exchange.retry_after);
  SetUp();
}

void Poller::OnFailed(Schedule::Job& job, const Exchange& exchange, const Error& error) {
  const SteadyTime sent = exchange.sent_at.steady;
  if (error.code == ErrorCode::kThrottled) {
    // Says nothing about the item, unless it is throttled time and again and others are not.
    const bool it_alone = answered_since_throttling_ && job.throttled >= kThrottledUntilFailing;
    OnThrottled(exchange);
    if (it_alone) {
      FailReading(job, sent, error);
    } else {
      schedule_.OnThrottled(job, budget_.paused_until());
    }
    return;
  }
  // The spot notice comes again soon anyway.
  const bool in_silence =
      silent_ && IsSilence(error) && RefreshOf(job.target) != RefreshClass::kSpot;
  if (IsSilence(error)) {
    OnSilence(sent, IsUrgent(job.target));
  } else {
    OnAnswered();
  }
  if (error.code == ErrorCode::kUnauthorized && snapshot_.hardened) {
    if (!token_proven_) DelayToken(sent);
    if (!job.repeated) {
      job.repeated = true;  // and is still due: asked again with the next token
      return;
    }
  }
  const bool failed_before = snapshot_.up == false;
  FailReading(job, sent, error, in_silence);
  // One item that cannot be read is told of by itself; two failures in a row are the service's.
  SetDown(error, PathOf(job.target), /*is_the_service=*/failed_before);
}

void Poller::FailReading(Schedule::Job& job, SteadyTime sent, const Error& error, bool in_silence) {
  Reading& reading = ReadingOf(job.target);
  Log(reading.failure || in_silence ? LogLevel::kDebug : LogLevel::kWarn, "an item cannot be read",
      {{"item", PathOf(job.target)}, {"reason", error.message}});
  reading.failure = error;
  if (!in_silence) ++reading.failures;
  schedule_.OnFailed(job, sent, in_silence);
}

void Poller::OnAnswered() {
  budget_.OnAnswered();
  answered_since_throttling_ = true;
  if (silent_) schedule_.OnSilenceEnded(clock_.Steady());
  silent_ = false;
  schedule_.HoldBackgroundUntil(SteadyTime());
}

void Poller::OnSilence(SteadyTime sent, bool urgent) {
  // The first probe comes soon, because it may be only this one item that hangs.
  if (!silent_ || !urgent) {
    schedule_.HoldBackgroundUntil(sent + (silent_ ? kSilenceProbeInterval : kFirstSilenceProbe));
  }
  silent_ = true;
}

void Poller::OnItem(Schedule::Job& job, const ItemInstance& instance, std::optional<Value> value,
                    Instant at) {
  Reading& reading = ReadingOf(job.target);
  std::optional<SteadyTime> sooner;
  if (instance.item == kSpotTerminationTime) {
    const auto* const termination = value ? std::get_if<SystemTime>(&*value) : nullptr;
    sooner = ObserveSpot(termination == nullptr ? std::nullopt : std::optional(*termination), at);
  } else if (const auto* const now = value ? std::get_if<Credentials>(&*value) : nullptr) {
    sooner = ObserveCredentials(instance.index, *now, at);
  }
  reading = Reading{Answer{std::move(value), at}, std::nullopt, 0};
  schedule_.OnAnswered(job, at.steady, sooner);
}

void Poller::OnListing(Schedule::Job& job, Directory directory,
                       std::optional<std::vector<std::string>> entries, Instant at) {
  Reading& reading = ReadingOf(job.target);
  const auto before = EntriesOf(reading);
  std::optional<Value> value;
  if (entries) value = *std::move(entries);
  reading = Reading{Answer{std::move(value), at}, std::nullopt, 0};
  const auto after = EntriesOf(reading);  // sorted, like `before`
  std::vector<std::string> gone, come;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(gone));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(come));
  for (const auto& index : gone) RemoveEntry(directory, index);
  for (const auto& index : come) AddEntry(directory, index, at.steady);
  schedule_.OnAnswered(job, at.steady);
}

std::optional<SteadyTime> Poller::ObserveSpot(std::optional<SystemTime> termination, Instant at) {
  SpotHistory& spot = snapshot_.spot;
  const auto standing = spot.termination;
  // A time long past is a left-over, not a notice.
  if (termination && IsOver(*termination, at.system)) termination.reset();
  const auto soon = at.steady + options_.notice_interval;
  if (termination == standing) return termination ? std::optional(soon) : std::nullopt;

  const bool was_ahead = standing && at.system < *standing;
  spot.termination = termination;
  if (!termination) {
    spot.first_seen.reset();
    if (was_ahead) ++spot.withdrawn;
    Log(LogLevel::kInfo, was_ahead ? "the spot termination notice was withdrawn"
                                   : "the spot termination notice is gone, after its time");
    return std::nullopt;
  }
  if (was_ahead) {
    ++spot.moved;
  } else {
    ++spot.notices;
    spot.first_seen = at.system;
  }
  Log(LogLevel::kWarn, was_ahead ? "the spot termination was moved" : "spot termination scheduled",
      {{"termination_time", FormatUtc(*termination)},
       {"in_seconds", ToSeconds(*termination - at.system)}});
  return soon;
}

std::optional<SteadyTime> Poller::ObserveCredentials(const std::string& role,
                                                     const Credentials& credentials, Instant at) {
  const SteadyTime soonest = at.steady + kCredentialsNearEndInterval;
  if (!credentials.success) return soonest;
  RoleHistory& history = snapshot_.roles[role];
  if (history.expiration && history.expiration != credentials.expiration) ++history.rotations;
  history.expiration = credentials.expiration;
  return std::max(soonest, at.steady + (*credentials.expiration - kCredentialsNearEnd - at.system));
}

void Poller::AddEntry(Directory directory, const std::string& index, SteadyTime now) {
  Log(LogLevel::kInfo, "found", {{"directory", Row(directory).path}, {"entry", index}});
  if (directory == Directory::kRoles) snapshot_.roles.try_emplace(index);
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (options_.exclude[i] || DirectoryOf(kItems[i]) != directory) continue;
    const ItemInstance instance{static_cast<ItemId>(i), index};
    snapshot_.readings.try_emplace(instance);
    schedule_.Add(instance, now);
  }
}

void Poller::RemoveEntry(Directory directory, const std::string& index) {
  Log(LogLevel::kInfo, "gone", {{"directory", Row(directory).path}, {"entry", index}});
  if (directory == Directory::kRoles) snapshot_.roles.erase(index);
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (DirectoryOf(kItems[i]) != directory) continue;
    const ItemInstance instance{static_cast<ItemId>(i), index};
    snapshot_.readings.erase(instance);
    schedule_.Remove(instance);
  }
}

Reading& Poller::ReadingOf(const Target& target) {
  if (const auto* const directory = std::get_if<Directory>(&target)) {
    return *snapshot_.listings[static_cast<std::size_t>(*directory)];
  }
  return snapshot_.readings.at(std::get<ItemInstance>(target));
}

void Poller::DelayToken(SteadyTime now) {
  ++token_failures_;
  token_retry_at_ = now + DoublingBackoff(token_failures_, kFirstTokenRetry, kLongestTokenRetry);
}

void Poller::CountExchange(const Exchange& exchange, RequestCode code, std::string_view path) {
  snapshot_.statistics.Count(code, exchange.duration);
  Log(LogLevel::kDebug, "asked the metadata service",
      {{"item", path},
       {"code", kRequestCodeNames[static_cast<std::size_t>(code)]},
       {"seconds", ToSeconds(exchange.duration)}});
}

void Poller::SetUp() {
  if (snapshot_.up != true && (down_logged_ || !snapshot_.up)) {
    Log(LogLevel::kInfo, "the metadata service answers");
  }
  down_logged_ = false;
  snapshot_.up = true;
}

void Poller::SetDown(const Error& why, std::string_view path, bool is_the_service) {
  if (is_the_service && !down_logged_) {
    Log(LogLevel::kWarn, "the metadata service does not answer as it should",
        {{"item", path}, {"reason", why.message}});
    down_logged_ = true;
  }
  snapshot_.up = false;
}

void Poller::Publish() {
  snapshot_.token_expiration = client_.session().Expiration();
  snapshot_.paused_until = budget_.paused_until();
  snapshot_.budget = budget_.bucket();
  const bool now_ready = !snapshot_.ready && MissingForReadiness(snapshot_).empty();
  const bool now_filled = !fill_published_ && schedule_.filled();
  snapshot_.ready = snapshot_.ready || now_ready;
  fill_published_ = fill_published_ || now_filled;
  store_.Publish(snapshot_);

  // Said only once it can be seen.
  if (now_ready) Log(LogLevel::kInfo, "ready: scalars, spot notice and role are known");
  if (now_filled) {
    const auto& requests = snapshot_.statistics.requests;
    Log(LogLevel::kInfo, "first fill complete",
        {{"requests", std::accumulate(requests.begin(), requests.end(), std::size_t{0})}});
  }
}

}  // namespace aliyun_ecs
