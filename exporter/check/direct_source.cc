#include "check/direct_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "metadata/notice.h"

namespace aliyun_ecs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One item that hangs must leave time for the others.
constexpr Duration kLongestRequest = seconds(2);
constexpr Duration kShortestRequest = milliseconds(10);

// Nothing that is read in one run grows old in it.
constexpr Duration kLongerThanARun = std::chrono::hours(2);

constexpr std::string_view kToken = "session token";
constexpr std::string_view kProbe = "region-id without a session token";

void AddOnce(std::vector<ItemId>& items, std::initializer_list<ItemId> more) {
  for (const ItemId item : more) {
    if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
  }
}

}  // namespace

Question QuestionFor(const std::vector<Check>& checks, const Criteria& criteria) {
  Question question;
  AddOnce(question.scalars, {kInstanceId});
  for (const Check check : checks) {
    switch (check) {
      case Check::kSpot:
        AddOnce(question.scalars, {kSpotTerminationTime});
        break;
      case Check::kCredentials:
        question.roles = true;
        break;
      case Check::kMetadata:
        break;
      case Check::kHardening:
        question.posture = true;
        break;
      case Check::kIdentity:
        for (const auto& [item, value] : criteria.identity) AddOnce(question.scalars, {item});
        if (criteria.identity.empty()) {
          AddOnce(question.scalars, {ItemAt("instance/instance-type"), ItemAt("zone-id")});
        }
        break;
      case Check::kBandwidth:
        AddOnce(question.scalars, {ItemAt("instance/max-netbw-egress")});
        question.interfaces = true;
        break;
    }
  }
  return question;
}

DirectSource::DirectSource(MetadataClient& client, const Clock& clock, std::optional<bool> on_ecs,
                           SteadyTime deadline)
    : client_(client), clock_(clock), deadline_(deadline), access_(client.mode(), on_ecs) {}

Snapshot DirectSource::Ask(const Question& question) {
  snapshot_.hardened = client_.mode() == MetadataMode::kHardened;
  snapshot_.refresh_intervals.fill(kLongerThanARun);
  const auto listing = [&](Directory directory) -> Reading& {
    auto& slot = snapshot_.listings[static_cast<std::size_t>(directory)];
    return slot ? *slot : slot.emplace();
  };
  for (const ItemId item : question.scalars) {
    Read(snapshot_.readings[{item, {}}], std::string(Row(item).path), Row(item), kMaxItemBytes);
  }
  for (const auto& [wanted, directory] : {std::pair(question.roles, Directory::kRoles),
                                          std::pair(question.interfaces, Directory::kInterfaces)}) {
    if (!wanted) continue;
    Read(listing(directory), std::string(Row(directory).path), Row(directory), kMaxDocumentBytes);
  }
  if (question.roles) {
    const auto* const roles = listing(Directory::kRoles).Get<std::vector<std::string>>();
    for (const std::string& role : roles == nullptr ? std::vector<std::string>() : *roles) {
      Read(snapshot_.readings[{kRoleCredentials, role}], PathOf(kRoleCredentials, role),
           Row(kRoleCredentials), kMaxDocumentBytes);
    }
  }
  if (question.posture && snapshot_.hardened && !given_up_) Probe();

  if (const Reading* const spot = snapshot_.Find(kSpotTerminationTime); spot && spot->answer) {
    const auto* const termination = spot->Get<SystemTime>();
    std::ignore = ObserveNotice(snapshot_.spot,
                                termination == nullptr ? std::nullopt : std::optional(*termination),
                                spot->answer->at, snapshot_.ServiceTime(spot->answer->at.system));
  }
  snapshot_.token_expiration = client_.session().Expiration();
  snapshot_.access = access_.state();
  snapshot_.published_at = Now(clock_);
  return std::move(snapshot_);
}

bool DirectSource::HaveTimeFor(std::string_view stage) {
  const Duration left = deadline_ - clock_.Steady();
  if (left >= kShortestRequest) {
    client_.LimitRequestsTo(std::min(left, kLongestRequest));
    return true;
  }
  // The first reason counts.
  if (!given_up_) GiveUp(stage, {ErrorCode::kTimeout, "time was up before it was asked for"});
  return false;
}

bool DirectSource::GetToken() {
  if (!HaveTimeFor(kToken)) return false;
  const Exchange exchange = client_.RenewToken({});
  Note(kToken, exchange);
  if (exchange.answer) {
    if (!client_.NeedsToken()) return true;
    GiveUp(kToken, {ErrorCode::kTimeout, "it took longer to come than it lives"});
    return false;
  }
  const Error& error = exchange.answer.error();
  access_.OnNoToken(exchange, error);
  GiveUp(kToken, error);
  // Whoever refuses a token may still answer without: then a proxy made it refuse.
  if (error.code == ErrorCode::kForbidden) Probe();
  return false;
}

void DirectSource::Probe() {
  if (!HaveTimeFor(kProbe)) return;
  Exchange exchange = client_.ProbeNormalMode({});
  Note(kProbe, exchange);
  if (!exchange.answer && exchange.answer.error().code == ErrorCode::kThrottled) {
    access_.OnFailed(kProbe, exchange, exchange.answer.error());
  }
  const auto open = TellsOfNormalMode(exchange);
  if (!open) return;
  snapshot_.posture = Posture{*open, exchange.sent_at};
  if (*open) access_.OnAnsweredWithoutToken(exchange.sent_at.steady);
}

Result<std::optional<Secret>> DirectSource::Fetch(const std::string& path, std::size_t most,
                                                  Instant& sent) {
  while (true) {
    if (!given_up_ && client_.NeedsToken() && !GetToken()) return tl::unexpected(*given_up_);
    if (given_up_ || !HaveTimeFor(path)) return tl::unexpected(*given_up_);
    Exchange exchange = client_.Read(path, {}, most);
    Note(path, exchange);
    sent = exchange.sent_at;
    if (exchange.answer) {
      silent_ = false;
      return std::move(exchange.answer);
    }
    const Error& error = exchange.answer.error();
    const bool refused = error.code == ErrorCode::kUnauthorized && snapshot_.hardened;
    if (refused && !std::exchange(renewed_, true)) continue;
    access_.OnFailed(path, exchange, error);
    const bool silent_before = std::exchange(silent_, IsSilence(error));
    if (refused || error.code == ErrorCode::kThrottled || (silent_ && silent_before)) {
      GiveUp(path, error);
    }
    return tl::unexpected(Error{error.code, path + ": " + error.message});
  }
}

// `row`: of an item or of a directory.
template <typename Row>
void DirectSource::Read(Reading& reading, const std::string& path, const Row& row,
                        std::size_t most) {
  Instant sent{};
  auto body = Fetch(path, most, sent);
  if (!body) {
    reading.failure = body.error();
    return;
  }
  auto value = ValueOf(row, *std::move(body));
  if (!value) {
    access_.OnFailed(path, Exchange{{}, 200, {}, {}, false, sent, {}}, value.error());
    reading.failure = Error{value.error().code, path + ": " + value.error().message};
    return;
  }
  access_.OnRead(sent.steady);
  snapshot_.up = true;
  reading.answer = Answer{*std::move(value), sent};
}

void DirectSource::Note(std::string_view stage, const Exchange& exchange) {
  // The slowest: each of them keeps somebody waiting.
  if (exchange.status) {
    snapshot_.latency = std::max(snapshot_.latency.value_or(Duration::zero()), exchange.duration);
  }
  if (exchange.date) clock_skew_.Observe(exchange.sent_at, exchange.duration, *exchange.date);
  snapshot_.clock_skew = clock_skew_.Estimate();
  journal_.push_back(fmt::format(
      "asked {}: {}, {:.1f} ms", stage,
      exchange.status ? std::to_string(*exchange.status) : exchange.answer.error().message,
      1000 * ToSeconds(exchange.duration)));
}

void DirectSource::GiveUp(std::string_view stage, const Error& error) {
  given_up_ = Error{error.code, std::string(stage) + ": " + error.message};
}

}  // namespace aliyun_ecs
