#include "poll/poller.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/log.h"
#include "metadata/judge.h"
#include "metadata/notice.h"
#include "metadata/state_changes.h"

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kFirstTokenRetry = seconds(5);
constexpr Duration kLongestTokenRetry = seconds(25);

// Where no token is given, one request without a token in this time tells why.
constexpr Duration kAskWithoutTokenAgain = minutes(10);

constexpr unsigned kThrottledUntilFailing = 3;
// For all else, when one path makes every session token useless, and be it the most urgent.
constexpr Duration kTurnOfOthers = seconds(5);

// While nobody answers.
constexpr Duration kFirstSilenceProbe = seconds(5);
constexpr Duration kSilenceProbeInterval = seconds(20);

// The service offers a new credential 30 minutes before the old one ends. Up to then the vendor
// advises not to ask again.
constexpr Duration kCredentialsNearEnd = minutes(35);
constexpr Duration kCredentialsNearEndInterval = seconds(60);

// What was there and is said to be gone is asked for once more.
constexpr Duration kConfirmAfter = seconds(5);

// More than NTP corrects little by little.
constexpr Duration kClockStep = seconds(10);

const ItemInstance kInstanceIdInstance{kInstanceId, {}};
const Target kInstanceIdTarget = kInstanceIdInstance;
constexpr std::string_view kProbeName = "(without session token)";

Schedule::Intervals IntervalsOf(const PollOptions& options) {
  Schedule::Intervals intervals{};
  const auto set = [&](RefreshClass refresh, Duration interval) {
    intervals[static_cast<std::size_t>(refresh)] = interval;
  };
  set(RefreshClass::kSpot, options.spot_interval);
  set(RefreshClass::kCredentials, options.credentials_interval);
  set(RefreshClass::kListing, options.listing_interval);
  set(RefreshClass::kIdentity, options.identity_interval);
  set(RefreshClass::kPosture, options.posture_interval);
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

// Somebody is there, but may not be the service.
bool IsOddAnswer(const Error& error) {
  return error.code == ErrorCode::kMalformed || error.code == ErrorCode::kMissing ||
         error.code == ErrorCode::kRefused || error.code == ErrorCode::kForbidden;
}

std::size_t MostBytesOf(const Target& target) {
  const auto* const instance = std::get_if<ItemInstance>(&target);
  const bool document = instance == nullptr || instance->item == kRoleCredentials;
  return document ? kMaxDocumentBytes : kMaxItemBytes;
}

std::vector<std::string> EntriesOf(const std::optional<Value>& listing) {
  return listing ? std::get<std::vector<std::string>>(*listing) : std::vector<std::string>{};
}
std::vector<std::string> EntriesOf(const Reading& listing) {
  return listing.answer ? EntriesOf(listing.answer->value) : std::vector<std::string>{};
}

}  // namespace

Poller::Poller(const PollOptions& options, MetadataClient& client, const Clock& clock,
               SnapshotStore& store, StateFile* state_file)
    : options_(options),
      client_(client),
      clock_(clock),
      store_(store),
      state_file_(state_file),
      jitter_(options.jitter_seed),
      budget_(options.budget, options.burst, options.jitter_seed, clock.Steady()),
      access_(client.mode(), options.on_ecs),
      schedule_(IntervalsOf(options), jitter_.phase()) {
  // In normal mode every reading tells that it is open.
  if (client.mode() == MetadataMode::kNormal) options_.posture_interval = Duration::zero();
  if (options_.instance_tags.empty()) options_.exclude.set(static_cast<std::size_t>(kInstanceTag));
  snapshot_.excluded = options_.exclude;
  snapshot_.instance_tags = options_.instance_tags;
  snapshot_.hardened = client.mode() == MetadataMode::kHardened;
  snapshot_.refresh_intervals = IntervalsOf(options_);
  const Instant now = Now(clock);
  wall_clock_offset_ = now.system.time_since_epoch() - now.steady.time_since_epoch();
  snapshot_.began = now.steady;
  AddEverything(now.steady);
  if (state_file_ != nullptr) {
    if (auto saved = state_file_->Load(now)) Restore(*std::move(saved), now.steady);
  }
  Publish();
}

void Poller::AddEverything(SteadyTime now) {
  std::array<bool, kDirectories.size()> wanted{};
  wanted[static_cast<std::size_t>(Directory::kRoles)] = true;
  const auto add_scalar = [&](ItemId item) {
    const ItemInstance scalar{item, {}};
    if (snapshot_.readings.try_emplace(scalar).second) schedule_.Add(scalar, now);
  };
  // First, because everything else is thrown away when it is not the one that was known.
  if (!snapshot_.Excludes(kInstanceId)) add_scalar(kInstanceId);
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (options_.exclude[i]) continue;
    if (const auto directory = DirectoryOf(kItems[i])) {
      wanted[static_cast<std::size_t>(*directory)] = true;
    } else {
      add_scalar(static_cast<ItemId>(i));
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    snapshot_.listings[i].emplace();
    schedule_.Add(static_cast<Directory>(i), now);
  }
  if (options_.posture_interval > Duration::zero()) schedule_.Add(NormalModeProbe(), now);
}

// What an earlier process of this boot knew is shown with its age until it is read again.
void Poller::Restore(SavedState saved, SteadyTime now) {
  budget_.Restore(saved.budget, now);
  if (!snapshot_.Excludes(kSpotTerminationTime)) snapshot_.spot = saved.spot;
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    if (!snapshot_.listings[i] || !saved.listings[i]) continue;
    const auto directory = static_cast<Directory>(i);
    snapshot_.listings[i]->answer = *std::move(saved.listings[i]);
    for (const auto& index : EntriesOf(*snapshot_.listings[i])) AddEntry(directory, index, now);
  }
  for (auto& [key, answer] : saved.answers) {
    const auto found = snapshot_.readings.find(key);
    const bool fits = answer.value || Row(key.item).presence == Presence::kOptional;
    // Whether there is a notice is to be asked anew; one that stands is in the history.
    if (found == snapshot_.readings.end() || key.item == kSpotTerminationTime || !fits) continue;
    found->second.answer = std::move(answer);
  }
  for (const auto& [name, history] : saved.roles) {
    const auto found = snapshot_.roles.find(name);
    if (found != snapshot_.roles.end()) found->second = history;
  }
  Log(LogLevel::kInfo, "restored from the state file",
      {{"notice", Stands(snapshot_.spot, now) ? "yes" : "no"},
       {"budget_remaining", budget_.bucket().Remaining(now)},
       {"paused_seconds", ToSeconds(budget_.paused_until() - now)}});
}

// The instance ID has changed under us: a machine that was copied while it ran. Nothing that was
// read before is true of this instance.
void Poller::StartAnew() {
  Log(LogLevel::kWarn, "this is another instance than before; everything is read anew",
      {{"before", *snapshot_.readings.at(kInstanceIdInstance).Get<std::string>()},
       {"now", std::get<std::string>(*another_instance_->value)}});
  client_.DropToken();
  SpotHistory counts;
  counts.notices = snapshot_.spot.notices;
  counts.moved = snapshot_.spot.moved;
  counts.withdrawn = snapshot_.spot.withdrawn;
  snapshot_.spot = counts;
  snapshot_.readings.clear();
  snapshot_.listings = {};
  snapshot_.roles.clear();
  snapshot_.posture.reset();
  snapshot_.ready = false;
  snapshot_.filled = false;
  told_failing_.clear();
  schedule_ = Schedule(snapshot_.refresh_intervals, jitter_.phase());
  AddEverything(clock_.Steady());
  snapshot_.readings.at(kInstanceIdInstance).answer =
      *std::exchange(another_instance_, std::nullopt);
  began_anew_at_ = clock_.Steady();
  to_save_ = true;
}

void Poller::Save(const RequestBudget::Saved& budget, SteadyTime now) {
  to_save_ = false;
  if (state_file_ == nullptr) return;
  SavedState state{budget, snapshot_.spot, snapshot_.roles, {}, {}};
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    if (snapshot_.listings[i]) state.listings[i] = snapshot_.listings[i]->answer;
  }
  for (const auto& [key, reading] : snapshot_.readings) {
    if (reading.answer && key.item != kSpotTerminationTime) state.answers[key] = *reading.answer;
  }
  to_save_ = !state_file_->Save(state, now);  // tried again with the next request
}

SteadyTime Poller::Step(std::stop_token stop) {
  const SteadyTime now = clock_.Steady();
  WatchTheWallClock();
  access_.Remind(now);
  const Plan plan = MakePlan(now);
  if (plan.at > now || budget_.AvailableAt(now) > now) return NextCall();
  if (state_file_ != nullptr && budget_.NeedsLease()) Save(budget_.Lease(now), now);
  if (!budget_.TryTake(now)) return NextCall();
  std::visit([&](const auto& action) { Do(action, stop); }, plan.action);
  if (stop.stop_requested()) return NextCall();
  if (another_instance_) StartAnew();
  Publish();
  if (to_save_) Save(budget_.Lease(now), now);
  return NextCall();
}

void Poller::SetLocalFacts(LocalFacts local) {
  if (local == snapshot_.local) return;
  snapshot_.local = std::move(local);
  Publish();
}

void Poller::Finish() {
  const SteadyTime now = clock_.Steady();
  Save(budget_.Final(now), now);
}

SteadyTime Poller::NextCall() {
  const SteadyTime now = clock_.Steady();
  return std::max(MakePlan(now).at, budget_.AvailableAt(now));
}

Poller::Plan Poller::MakePlan(SteadyTime now) {
  if (client_.NeedsToken()) {
    if (ask_without_token_) return {AskWithoutToken(), now};
    return {RenewToken(), std::max(token_retry_at_, now)};
  }
  const auto next = schedule_.Peek(now);
  const Plan reading{next.job, next.at};
  if (client_.mode() == MetadataMode::kNormal) return reading;
  // No earlier than something is to be read with it.
  return RenewalAt(now) <= reading.at ? Plan{RenewToken(), reading.at} : reading;
}

// Ahead of time: in its turn among the background, but not so late that the token runs out.
SteadyTime Poller::RenewalAt(SteadyTime now) const {
  const Session& session = client_.session();
  const Duration ttl = session.ttl();
  if (!IsBackground(ttl)) return std::max({session.RenewAt(), token_retry_at_, now});
  // A fleet that began together does not renew together for ever.
  const auto phase = std::chrono::duration_cast<Duration>(ttl / 100 * jitter_.phase());
  const SteadyTime due = std::max(session.RenewAt() + phase, token_retry_at_);
  return std::max(std::min(schedule_.BackgroundAt(due), due + ttl / 4), now);
}

// Short-lived tokens neither wait for the others nor make them wait: they would for ever.
bool Poller::IsBackground(Duration token_ttl) const { return token_ttl / 4 > schedule_.Spacing(); }

// What is planned by the wall clock, the end of a credential, is planned anew when that was set.
void Poller::WatchTheWallClock() {
  const Instant now = Now(clock_);
  const Duration offset = now.system.time_since_epoch() - now.steady.time_since_epoch();
  const Duration step = offset - wall_clock_offset_;
  if (step > -kClockStep && step < kClockStep) return;
  wall_clock_offset_ = offset;
  if (rarely_.MaySay("clock step", now.steady)) {
    Log(LogLevel::kInfo, "the wall clock was set", {{"by_seconds", ToSeconds(step)}});
  }
  for (const auto& [role, history] : snapshot_.roles) {
    const Reading* const reading = snapshot_.Find(kRoleCredentials, role);
    if (reading == nullptr || !reading->answer) continue;
    schedule_.Hasten(
        ItemInstance{kRoleCredentials, role},
        std::max(now.steady, reading->answer->at.steady + kCredentialsNearEndInterval));
  }
}

void Poller::Do(RenewToken, std::stop_token stop) {
  const Exchange exchange = client_.RenewToken(std::move(stop));
  const SteadyTime sent = exchange.sent_at.steady;
  if (IsBackground(client_.session().ttl())) schedule_.OnBackgroundSent(sent);
  if (exchange.answer) {
    CountExchange(exchange, RequestCode::k200, kSessionTokenName);
    OnGoodAnswer();
    ++snapshot_.statistics.token_renewals;
    token_proven_ = false;
    token_retry_at_ = sent;
    ask_without_token_ = false;
    // A token that took longer to come than it lives.
    if (client_.NeedsToken()) DelayToken(sent);
    return;  // does not say "up": a service that gives tokens and then refuses them is not
  }
  const Error& error = exchange.answer.error();
  if (error.code == ErrorCode::kCancelled) return;
  const bool page = exchange.status == 200;  // an answer, but no token in it
  CountExchange(exchange, page ? RequestCode::kMalformed : CodeOf(exchange), kSessionTokenName);
  access_.OnNoToken(exchange, error);
  if (error.code == ErrorCode::kThrottled) return OnThrottled(exchange);
  if (IsSilence(error)) {
    OnSilence(sent, /*urgent=*/false);
  } else {
    OnGoodAnswer();
  }
  ask_without_token_ =
      error.code == ErrorCode::kForbidden && options_.posture_interval > Duration::zero() &&
      (!asked_without_token_at_ || sent >= *asked_without_token_at_ + kAskWithoutTokenAgain);
  DelayToken(sent);
  snapshot_.up = false;
}

// Whoever refuses a token may still answer without: then a proxy made it refuse.
void Poller::Do(AskWithoutToken, std::stop_token stop) {
  Exchange exchange = client_.ProbeNormalMode(std::move(stop));
  if (!exchange.answer && exchange.answer.error().code == ErrorCode::kCancelled) return;
  ask_without_token_ = false;
  asked_without_token_at_ = exchange.sent_at.steady;
  CountExchange(exchange, CodeOf(exchange), kProbeName);
  if (!exchange.answer && exchange.answer.error().code == ErrorCode::kThrottled) {
    return OnThrottled(exchange);
  }
  if (TakePosture(exchange) && snapshot_.posture->normal_mode_open) {
    access_.OnAnsweredWithoutToken(exchange.sent_at.steady);
  }
}

void Poller::Do(Schedule::Job* job, std::stop_token stop) {
  if (std::holds_alternative<NormalModeProbe>(job->target)) {
    ProbeNormalMode(*job, std::move(stop));
  } else {
    Read(*job, std::move(stop));
  }
}

void Poller::ProbeNormalMode(Schedule::Job& job, std::stop_token stop) {
  Exchange exchange = client_.ProbeNormalMode(std::move(stop));
  const SteadyTime sent = exchange.sent_at.steady;
  if (!exchange.answer) {
    const Error& error = exchange.answer.error();
    if (error.code == ErrorCode::kCancelled) return;
    if (error.code == ErrorCode::kThrottled || IsSilence(error)) {
      CountExchange(exchange, CodeOf(exchange), kProbeName);
      schedule_.OnBackgroundSent(sent);
      if (IsSilence(error)) {
        OnSilence(sent, /*urgent=*/false);
        schedule_.OnFailed(job, sent);
      } else {
        OnThrottled(exchange);
        schedule_.OnThrottled(job, budget_.paused_until());
      }
      return;
    }
  }
  schedule_.OnBackgroundSent(sent);
  CountExchange(exchange, CodeOf(exchange), kProbeName);
  OnGoodAnswer();
  TakePosture(exchange);
  schedule_.OnAnswered(job, sent);
}

// True when the answer to a request without a token tells whether that is allowed.
bool Poller::TakePosture(Exchange& exchange) {
  const auto open = TellsOfNormalMode(exchange);
  if (!open) return false;
  const bool changed = !snapshot_.posture || snapshot_.posture->normal_mode_open != *open;
  snapshot_.posture = Posture{*open, exchange.sent_at};
  if (changed && rarely_.MaySay(*open ? "open" : "closed", exchange.sent_at.steady)) {
    Log(LogLevel::kInfo, *open ? "normal mode is open: the service answers without a session token"
                               : "normal mode is closed: the service wants a session token");
  }
  return true;
}

void Poller::Read(Schedule::Job& job, std::stop_token stop) {
  const std::string path = PathOf(job.target);
  Exchange exchange = client_.Read(path, std::move(stop), MostBytesOf(job.target));
  if (!exchange.answer && exchange.answer.error().code == ErrorCode::kCancelled) return;
  const Instant at = exchange.sent_at;
  if (RefreshOf(job.target) != RefreshClass::kSpot) schedule_.OnBackgroundSent(at.steady);

  if (!exchange.answer) {
    CountExchange(exchange, CodeOf(exchange), path);
    OnFailed(job, exchange, exchange.answer.error());
    return;
  }
  std::optional<Secret> body = *std::move(exchange.answer);
  OnGoodAnswer();
  token_proven_ = true;
  token_failures_ = 0;

  const auto malformed = [&](const Error& error) {
    CountExchange(exchange, RequestCode::kMalformed, path);
    OnFailed(job, exchange, error);
  };
  const auto doubt = [&] {
    const bool spot = RefreshOf(job.target) == RefreshClass::kSpot;
    const Duration again = spot ? options_.notice_interval : kConfirmAfter;
    schedule_.OnAnswered(job, at.steady, at.steady + again);
    snapshot_.up = true;
  };
  const auto* const directory = std::get_if<Directory>(&job.target);
  auto value = directory != nullptr
                   ? ValueOf(Row(*directory), std::move(body))
                   : ValueOf(Row(std::get<ItemInstance>(job.target).item), std::move(body));
  if (!value && value.error().code != ErrorCode::kMissing) return malformed(value.error());
  CountExchange(exchange, CodeOf(exchange), path);
  if (!value) {
    access_.OnFailed(path, exchange, value.error());
    FailReading(job, at.steady, value.error());
    snapshot_.up = true;  // a 404 is an answer
    return;
  }
  access_.OnRead(at.steady);
  if (directory != nullptr) {
    if (EntriesOf(*value).empty() && !EntriesOf(ReadingOf(job.target)).empty() &&
        !IsConfirmed(job, at.steady)) {
      return doubt();
    }
    job.doubted_at.reset();
    OnListing(job, *directory, *std::move(value), at);
  } else {
    const auto& instance = std::get<ItemInstance>(job.target);
    // A notice from the state file stands, though this process has not read it.
    const bool was_there =
        ReadingOf(job.target).value() != nullptr ||
        (instance.item == kSpotTerminationTime && Stands(snapshot_.spot, at.steady));
    if (!*value && was_there && !IsConfirmed(job, at.steady)) {
      return doubt();
    }
    job.doubted_at.reset();
    if (IsAnotherInstance(instance, *value)) {
      // A service that cannot make up its mind must not make us read everything again and again.
      if (began_anew_at_ && at.steady < *began_anew_at_ + options_.listing_interval) {
        FailReading(job, at.steady,
                    {ErrorCode::kMalformed, "the instance ID changes again and again"});
      } else {
        another_instance_ = Answer{*std::move(value), at};
      }
    } else {
      OnItem(job, instance, *std::move(value), at);
    }
  }
  snapshot_.up = true;
}

// Any web server says that there is none of whatever it is asked for. So what was there is gone
// only when that was said twice, and the instance ID was told in between.
bool Poller::IsConfirmed(Schedule::Job& job, SteadyTime at) {
  if (!job.doubted_at) {
    job.doubted_at = at;
    schedule_.Hasten(kInstanceIdTarget, at, /*pressing=*/true);
    return false;
  }
  const Reading* const id = snapshot_.Find(kInstanceId);
  return id == nullptr || (id->answer && id->answer->at.steady >= *job.doubted_at);
}

bool Poller::IsAnotherInstance(const ItemInstance& instance,
                               const std::optional<Value>& value) const {
  if (instance.item != kInstanceId) return false;
  const Reading& reading = snapshot_.readings.at(instance);
  return reading.value() != nullptr && value && *reading.value() != *value;
}

void Poller::OnThrottled(const Exchange& exchange) {
  if (silent_) schedule_.OnSilenceEnded(clock_.Steady());
  silent_ = false;
  answered_since_throttling_ = false;
  ++snapshot_.statistics.throttled;
  budget_.OnThrottled(exchange.sent_at.steady + exchange.duration, exchange.retry_after);
  to_save_ = true;
  snapshot_.up = true;
}

void Poller::OnFailed(Schedule::Job& job, const Exchange& exchange, const Error& error) {
  const SteadyTime sent = exchange.sent_at.steady;
  const std::string path = PathOf(job.target);
  if (error.code == ErrorCode::kThrottled) {
    // Says nothing about the item, unless it is throttled time and again and others are not.
    const bool it_alone = answered_since_throttling_ && job.throttled >= kThrottledUntilFailing;
    access_.OnFailed(path, exchange, error);
    OnThrottled(exchange);
    if (it_alone) {
      FailReading(job, sent, error);
      // One of the others first.
      job.due = std::max(job.due, budget_.paused_until() + seconds(1));
    } else {
      schedule_.OnThrottled(job, budget_.paused_until());
    }
    return;
  }
  if (error.code == ErrorCode::kUnauthorized && snapshot_.hardened) {
    if (!token_proven_) DelayToken(sent);
    if (!job.repeated) {
      OnGoodAnswer();
      job.repeated = true;  // and is still due: asked again with the next token
      return;
    }
  }
  access_.OnFailed(path, exchange, error);
  // Nobody is there, or nobody who answers as the service does: the others would fare alike.
  const bool lost = IsSilence(error) || !IsGood(access_.state());
  // The spot notice comes again soon anyway.
  const bool in_silence = silent_ && lost && RefreshOf(job.target) != RefreshClass::kSpot;
  if (!IsSilence(error)) OnAnswer();
  if (lost) {
    OnSilence(sent, IsUrgent(job.target));
  } else {
    OnGoodAnswer();
  }
  FailReading(job, sent, error, in_silence);
  // A path that makes every token useless must not be the first that each new one is tried on.
  if (error.code == ErrorCode::kUnauthorized && snapshot_.hardened) {
    job.due = std::max(job.due, token_retry_at_ + kTurnOfOthers);
  }
  snapshot_.up = false;
}

void Poller::FailReading(Schedule::Job& job, SteadyTime sent, const Error& error, bool in_silence) {
  Reading& reading = ReadingOf(job.target);
  const std::string path = PathOf(job.target);
  // Is it still the service that answers? The instance ID tells, at once.
  if (!reading.failure && IsOddAnswer(error) && job.target != kInstanceIdTarget) {
    schedule_.Hasten(kInstanceIdTarget, sent, /*pressing=*/true);
  }
  // What is the service's trouble is told of once, for all items.
  const bool its_own = !reading.failure && !in_silence && IsGood(access_.state());
  const bool tell = its_own && rarely_.MaySay(path, sent);
  if (tell) told_failing_.insert(path);
  Log(tell ? LogLevel::kWarn : LogLevel::kDebug, "an item cannot be read",
      {{"item", path}, {"reason", error.message}});
  reading.failure = error;
  if (!in_silence) ++reading.failures;
  std::optional<SteadyTime> sooner;
  if (RefreshOf(job.target) == RefreshClass::kSpot && Stands(snapshot_.spot, sent)) {
    sooner = sent + options_.notice_interval;
  }
  schedule_.OnFailed(job, sent, in_silence, sooner);
}

void Poller::Accept(Reading& reading, const std::string& path, std::optional<Value> value,
                    Instant at) {
  if (told_failing_.erase(path) > 0) {
    Log(LogLevel::kInfo, "an item can be read again", {{"item", path}});
  }
  const bool changed = !reading.answer || reading.answer->value != value;
  // During the first fill it is saved with the requests that were spent.
  to_save_ = to_save_ || (changed && schedule_.filled());
  reading = Reading{Answer{std::move(value), at}, std::nullopt, 0};
}

void Poller::OnAnswer() {
  budget_.OnAnswered();
  answered_since_throttling_ = true;
}

void Poller::OnGoodAnswer() {
  OnAnswer();
  if (silent_) {
    const SteadyTime now = clock_.Steady();
    schedule_.OnSilenceEnded(now);
    // First of all, whose answer it is.
    schedule_.Hasten(kInstanceIdTarget, now, /*pressing=*/true);
  }
  silent_ = false;
  schedule_.HoldBackgroundUntil(SteadyTime());
}

void Poller::OnSilence(SteadyTime sent, bool urgent) {
  // The first probe comes soon, because it may be only this one item that hangs; and there is
  // something to ask for.
  if (!silent_) schedule_.Hasten(kInstanceIdTarget, sent, /*pressing=*/false);
  if (!silent_ || !urgent) {
    schedule_.HoldBackgroundUntil(
        sent + jitter_.Stretch(silent_ ? kSilenceProbeInterval : kFirstSilenceProbe));
  }
  silent_ = true;
}

void Poller::OnItem(Schedule::Job& job, const ItemInstance& instance, std::optional<Value> value,
                    Instant at) {
  std::optional<SteadyTime> sooner;
  if (instance.item == kSpotTerminationTime) {
    const auto* const termination = value ? std::get_if<SystemTime>(&*value) : nullptr;
    sooner = ObserveSpot(termination == nullptr ? std::nullopt : std::optional(*termination), at);
  } else if (instance.item == kRoleCredentials) {
    if (value) {
      sooner = ObserveCredentials(instance.index, std::get<Credentials>(*value), at);
    } else {
      // The role is gone, or is another one by now.
      schedule_.Hasten(Directory::kRoles, at.steady);
    }
  }
  Accept(ReadingOf(job.target), PathOf(job.target), std::move(value), at);
  schedule_.OnAnswered(job, at.steady, sooner);
}

void Poller::OnListing(Schedule::Job& job, Directory directory, std::optional<Value> value,
                       Instant at) {
  if (value && directory == Directory::kTags) {
    std::erase_if(std::get<std::vector<std::string>>(*value), [&](const std::string& key) {
      const auto& wanted = options_.instance_tags;
      return std::find(wanted.begin(), wanted.end(), key) == wanted.end();
    });
  }
  Reading& reading = ReadingOf(job.target);
  const auto before = EntriesOf(reading);
  Accept(reading, PathOf(job.target), std::move(value), at);
  const auto after = EntriesOf(reading);  // sorted, like `before`
  std::vector<std::string> gone, come;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(gone));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(come));
  for (const auto& index : gone) {
    Log(LogLevel::kInfo, "gone", {{"directory", Row(directory).path}, {"entry", index}});
    RemoveEntry(directory, index);
  }
  for (const auto& index : come) {
    Log(LogLevel::kInfo, "found", {{"directory", Row(directory).path}, {"entry", index}});
    AddEntry(directory, index, at.steady);
  }
  schedule_.OnAnswered(job, at.steady);
}

std::optional<SteadyTime> Poller::ObserveSpot(std::optional<SystemTime> termination, Instant at) {
  const auto before = snapshot_.spot.termination;
  const NoticeEvent event =
      ObserveNotice(snapshot_.spot, termination, at, snapshot_.ServiceTime(at.system));
  to_save_ = to_save_ || event != NoticeEvent::kNothingNew;
  switch (event) {
    case NoticeEvent::kNothingNew:
      break;
    case NoticeEvent::kScheduled:
    case NoticeEvent::kMoved:
      Log(LogLevel::kWarn,
          event == NoticeEvent::kMoved ? "the spot termination was moved"
                                       : "spot termination scheduled",
          {{"termination_time", FormatUtc(*termination)},
           {"in_seconds", ToSeconds(*termination - at.system)}});
      break;
    case NoticeEvent::kWithdrawn:
      Log(LogLevel::kInfo, "the spot termination notice was withdrawn",
          {{"termination_time", FormatUtc(*before)}});
      break;
    case NoticeEvent::kGone:
      Log(LogLevel::kInfo, "the spot termination notice is gone, after its time",
          {{"termination_time", FormatUtc(*before)}});
      break;
    case NoticeEvent::kLeftOver:
      if (rarely_.MaySay("left over", at.steady)) {
        Log(LogLevel::kWarn, "the spot termination time is long past and taken for no notice",
            {{"termination_time", FormatUtc(*termination)}});
      }
      break;
  }
  if (!Stands(snapshot_.spot, at.steady)) return std::nullopt;
  return at.steady + options_.notice_interval;
}

std::optional<SteadyTime> Poller::ObserveCredentials(const std::string& role,
                                                     const Credentials& credentials, Instant at) {
  const SteadyTime soonest = at.steady + kCredentialsNearEndInterval;
  if (!credentials.success) return soonest;
  RoleHistory& history = snapshot_.roles[role];
  // Only forward: an old document that is shown again is no rotation, nor is the way back from it.
  if (history.expiration && *history.expiration < *credentials.expiration) {
    ++history.rotations;
    Log(LogLevel::kInfo, "the RAM credential was rotated",
        {{"role", role}, {"expiration", FormatUtc(*credentials.expiration)}});
  }
  history.expiration = std::max(history.expiration, credentials.expiration);
  const Duration left = *credentials.expiration - snapshot_.ServiceTime(at.system);
  return std::max(soonest, at.steady + (left - kCredentialsNearEnd));
}

void Poller::AddEntry(Directory directory, const std::string& index, SteadyTime now) {
  if (directory == Directory::kRoles) snapshot_.roles.try_emplace(index);
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (options_.exclude[i] || DirectoryOf(kItems[i]) != directory) continue;
    const ItemInstance instance{static_cast<ItemId>(i), index};
    snapshot_.readings.try_emplace(instance);
    schedule_.Add(instance, now);
  }
}

void Poller::RemoveEntry(Directory directory, const std::string& index) {
  if (directory == Directory::kRoles) snapshot_.roles.erase(index);
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    if (DirectoryOf(kItems[i]) != directory) continue;
    const ItemInstance instance{static_cast<ItemId>(i), index};
    told_failing_.erase(PathOf(instance));
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
  token_retry_at_ =
      now + jitter_.Stretch(DoublingBackoff(token_failures_, kFirstTokenRetry, kLongestTokenRetry));
}

void Poller::CountExchange(const Exchange& exchange, RequestCode code, std::string_view path) {
  snapshot_.statistics.Count(code, exchange.duration);
  if (exchange.status) snapshot_.latency = exchange.duration;
  if (exchange.date) clock_skew_.Observe(exchange.sent_at, exchange.duration, *exchange.date);
  snapshot_.clock_skew = clock_skew_.Estimate();
  Log(LogLevel::kDebug, "asked the metadata service",
      {{"item", path},
       {"code", kRequestCodeNames[static_cast<std::size_t>(code)]},
       {"seconds", ToSeconds(exchange.duration)}});
}

void Poller::Publish() {
  snapshot_.token_expiration = client_.session().Expiration();
  snapshot_.access = access_.state();
  snapshot_.paused_until = budget_.paused_until();
  snapshot_.budget = budget_.bucket();
  const bool now_ready = !snapshot_.ready && MissingForReadiness(snapshot_).empty();
  const bool now_filled = !snapshot_.filled && schedule_.filled();
  snapshot_.ready = snapshot_.ready || now_ready;
  snapshot_.filled = snapshot_.filled || now_filled;
  to_save_ = to_save_ || now_filled;
  snapshot_.published_at = Now(clock_);
  RecordStateChanges(*store_.Current(), snapshot_);
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
