#include "check/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "check/cloud_init.h"
#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

// Long enough for the pauses between the exporter's probes of a service that does not answer.
constexpr Duration kPublishedAtLeastEvery = std::chrono::seconds(60);

constexpr ItemId kInstanceType = ItemAt("instance/instance-type");
constexpr ItemId kZoneId = ItemAt("zone-id");
constexpr ItemId kMaxEgress = ItemAt("instance/max-netbw-egress");

constexpr std::string_view kNotProven = "whoever answers has not shown to be the metadata service";

// A clock that is wrong by less needs no mention.
constexpr Duration kSkewWorthTelling = std::chrono::seconds(5);

constexpr double kBytesPerKilobit = 1000.0 / 8;

// A range of this source, which is known to be one.
Range Default(std::string_view text) { return *Range::Parse(text); }

// "AppRole" -> 'expires_in_AppRole': what may stand in a path may stand in a label, but for the
// sign that ends it.
std::string LabelOf(std::string_view role) {
  std::string label = "expires_in_" + std::string(role);
  std::replace(label.begin(), label.end(), '=', '_');
  return label;
}

std::string In(Duration left) {
  return (left < Duration::zero() ? "" : "in ") + HumanDuration(left) +
         (left < Duration::zero() ? " ago" : "");
}

// One check in the making.
class Judgement {
 public:
  Judgement(Check check, const Evidence& evidence, const Criteria& criteria)
      : snapshot_(evidence.snapshot), now_(evidence.now), evidence_(evidence), criteria_(criteria) {
    verdict_.check = check;
  }

  void Spot();
  void Credentials();
  void Metadata();
  void Hardening();
  void Identity();
  void Bandwidth();

  [[nodiscard]] Verdict Take() {
    const std::string advice(AdviceOn(snapshot_.access).advice);
    if (verdict_.state != CheckState::kOk && !advice.empty()) {
      verdict_.details.push_back("what to do: " + advice);
    }
    return std::move(verdict_);
  }

 private:
  void Conclude(CheckState state, std::string text) {
    verdict_.state = state;
    verdict_.text = std::move(text);
  }
  void ConcludeUnknown(std::string_view what, std::string reason) {
    Conclude(CheckState::kUnknown, std::string(what) + ": " + reason);
    verdict_.reason = std::move(reason);
  }
  [[nodiscard]] static CheckState Assess(double value, const std::optional<Range>& warning,
                                         const std::optional<Range>& critical) {
    if (critical && critical->Alerts(value)) return CheckState::kCritical;
    return warning && warning->Alerts(value) ? CheckState::kWarning : CheckState::kOk;
  }

  // How far the instance's clock is ahead of the service's; what is too little to tell is nothing.
  [[nodiscard]] Duration Skew() const {
    const Duration skew = snapshot_.clock_skew.value_or(Duration::zero());
    return std::chrono::abs(skew) < kSkewWorthTelling ? Duration::zero() : skew;
  }
  // How long until a time that the service told: by the service's clock, because the instance's may
  // be wrong.
  [[nodiscard]] Duration LeftUntil(SystemTime time) const { return time - (now_.system - Skew()); }
  [[nodiscard]] std::string SkewInWords() const;
  [[nodiscard]] bool NewsAreOld() const;
  [[nodiscard]] std::string AgeOfNews() const {
    return HumanDuration(now_.steady - snapshot_.published_at.steady);
  }
  [[nodiscard]] Duration AgeOf(const Answer& answer) const {
    return now_.steady - answer.at.steady;
  }
  [[nodiscard]] std::string WhyAccessIsBad(const Reading* reading) const;
  [[nodiscard]] std::optional<std::string> WhyNotKnown(const Reading* reading,
                                                       RefreshClass refresh) const;
  [[nodiscard]] std::string WhySpotIsUnknown() const;
  [[nodiscard]] std::string WhyPostureIsUnknown() const;

  // The states of the roles, in words; the worst is the verdict's.
  struct Finding {
    CheckState state;
    std::string text;
  };
  [[nodiscard]] Finding OneRole(const std::string& role);
  void ConcludeWorst(std::vector<Finding> findings);

  const Snapshot& snapshot_;
  const Instant now_;
  const Evidence& evidence_;
  const Criteria& criteria_;
  Verdict verdict_;
};

// Where nobody answered, with the stage; of the rest the meaning says it all.
std::string Judgement::WhyAccessIsBad(const Reading* reading) const {
  std::string why(AdviceOn(snapshot_.access).meaning);
  if (reading != nullptr && reading->failure && IsSilence(*reading->failure))
    why += " (" + reading->failure->message + ")";
  return why;
}

// nullopt: it is known, and fresh enough.
std::optional<std::string> Judgement::WhyNotKnown(const Reading* reading,
                                                  RefreshClass refresh) const {
  if (reading == nullptr) return "it is not among what is read";
  if (reading->answer && IsYoung(snapshot_, reading->answer->at.steady, refresh, now_)) {
    return std::nullopt;
  }
  if (!IsGood(snapshot_.access)) return WhyAccessIsBad(reading);
  if (reading->failure) return reading->failure->message;
  if (!reading->answer) return "it was not read yet";
  return "the last answer is " + HumanDuration(AgeOf(*reading->answer)) + " old";
}

std::string Judgement::WhySpotIsUnknown() const {
  const Reading* const reading = snapshot_.Find(kSpotTerminationTime);
  if (const auto why = WhyNotKnown(reading, RefreshClass::kSpot)) return *why;
  if (reading->failure) return reading->failure->message;
  if (const auto* const termination = reading->Get<SystemTime>()) {
    return "the time that is told, " + FormatUtc(*termination) + ", is long past";
  }
  return std::string(kNotProven);
}

void Judgement::Spot() {
  const SpotVerdict spot = JudgeSpot(snapshot_, now_);
  if (spot.state == SpotState::kUnknown) {
    return ConcludeUnknown("not known whether it will be taken away", WhySpotIsUnknown());
  }
  if (spot.state == SpotState::kNone) return Conclude(CheckState::kOk, "no termination notice");
  const Duration left = LeftUntil(*spot.termination);
  const bool ranges = criteria_.warning || criteria_.critical;
  const double seconds = ToSeconds(left);
  verdict_.perfdata.push_back(
      {"termination_in", seconds, "s", criteria_.warning, criteria_.critical, {}, {}});
  verdict_.details.push_back("notice first seen " + FormatUtc(*spot.first_seen));
  std::string text = fmt::format("the instance {} be taken away {}, {}{}",
                                 left < Duration::zero() ? "was to" : "will", In(left),
                                 FormatUtc(*spot.termination), SkewInWords());
  const CheckState state =
      ranges ? Assess(seconds, criteria_.warning, criteria_.critical) : CheckState::kCritical;
  // An alarm stands until it is known to be over; that there is time left may be known no more.
  const auto why = WhyNotKnown(snapshot_.Find(kSpotTerminationTime), RefreshClass::kSpot);
  if (state == CheckState::kOk && why) {
    return Conclude(CheckState::kUnknown, text + ", but that is old news: " + *why);
  }
  Conclude(state, std::move(text));
}

// Worst first; those of the same state in their order.
void Judgement::ConcludeWorst(std::vector<Finding> findings) {
  std::string text;
  CheckState worst = CheckState::kOk;
  for (const Finding& finding : findings) worst = Worse(worst, finding.state);
  for (const Finding& finding : findings) {
    if (finding.state == worst) text += (text.empty() ? "" : "; ") + finding.text;
    if (findings.size() > 1) {
      verdict_.details.push_back(fmt::format("{}: {}", Name(finding.state), finding.text));
    }
  }
  Conclude(worst, std::move(text));
}

Judgement::Finding Judgement::OneRole(const std::string& role) {
  const Reading* const reading = snapshot_.Find(kRoleCredentials, role);
  if (const auto why = WhyNotKnown(reading, RefreshClass::kCredentials)) {
    return {CheckState::kUnknown, "the credential of role " + role + " is not known: " + *why};
  }
  if (reading->value() == nullptr) {
    return {CheckState::kCritical, "role " + role + " is attached but has no credential"};
  }
  const auto& credentials = std::get<aliyun_ecs::Credentials>(*reading->value());
  if (!credentials.success) {
    return {CheckState::kCritical,
            "the credential of role " + role + " is not good: its Code is not Success"};
  }
  const std::optional<Range> warning = criteria_.warning ? criteria_.warning : Default("1500:");
  const std::optional<Range> critical = criteria_.critical ? criteria_.critical : Default("600:");
  const Duration left = LeftUntil(*credentials.expiration);
  const double seconds = ToSeconds(left);
  verdict_.perfdata.push_back({LabelOf(role), seconds, "s", warning, critical, {}, {}});
  return {Assess(seconds, warning, critical),
          fmt::format("the credential of role {} {} {}, {}{}", role,
                      left < Duration::zero() ? "expired" : "expires", In(left),
                      FormatUtc(*credentials.expiration), SkewInWords())};
}

void Judgement::Credentials() {
  const auto& listing = snapshot_.Listing(Directory::kRoles);
  const auto why = WhyNotKnown(listing ? &*listing : nullptr, RefreshClass::kListing);
  const auto attached = RoleAttached(snapshot_);
  if (why || !attached) {
    return ConcludeUnknown("not known whether a RAM role is attached",
                           why.value_or(std::string(kNotProven)));
  }
  const auto& expected = criteria_.role;
  if (!*attached) {
    if (!expected || !expected->attached) {
      return Conclude(CheckState::kOk, "no RAM role is attached");
    }
    return Conclude(CheckState::kCritical,
                    expected->name.empty()
                        ? "no RAM role is attached, but one is expected"
                        : "no RAM role is attached, but " + expected->name + " is expected");
  }
  std::vector<Finding> findings;
  const auto& roles = *listing->Get<std::vector<std::string>>();
  for (const std::string& role : roles) {
    if (expected && !expected->attached) {
      findings.push_back({CheckState::kCritical, "role " + role + " is attached, but none may be"});
    }
    findings.push_back(OneRole(role));
  }
  if (expected && !expected->name.empty() &&
      std::find(roles.begin(), roles.end(), expected->name) == roles.end()) {
    findings.push_back({CheckState::kCritical, "role " + expected->name + " is not attached, but " +
                                                   roles.front() + " is"});
  }
  ConcludeWorst(std::move(findings));
}

std::string Judgement::SkewInWords() const {
  const Duration skew = Skew();
  if (skew == Duration::zero()) return "";
  return " by the service's clock; the instance's is " + HumanDuration(skew) +
         (skew > Duration::zero() ? " ahead" : " behind");
}

// Whether the exporter has asked the service nothing for longer than it should.
bool Judgement::NewsAreOld() const {
  const bool reads_spot = snapshot_.Find(kSpotTerminationTime) != nullptr;
  const auto refresh = reads_spot ? RefreshClass::kSpot : RefreshClass::kListing;
  const SteadyTime published = std::max(snapshot_.published_at.steady, snapshot_.paused_until);
  return !IsYoung(snapshot_, published, refresh, now_) &&
         now_.steady - published >= kPublishedAtLeastEvery;
}

void Judgement::Metadata() {
  if (NewsAreOld()) {
    return Conclude(CheckState::kUnknown,
                    "the last news of the metadata service is " + AgeOfNews() + " old");
  }
  const Reading* const id = snapshot_.Find(kInstanceId);
  if (snapshot_.latency) {
    verdict_.perfdata.push_back({"latency",
                                 ToSeconds(*snapshot_.latency),
                                 "s",
                                 criteria_.warning,
                                 criteria_.critical,
                                 0,
                                 {}});
  }
  if (snapshot_.access == AccessState::kUnknown) {
    return Conclude(CheckState::kUnknown, WhyAccessIsBad(id));
  }
  const CheckState by_latency = snapshot_.latency ? Assess(ToSeconds(*snapshot_.latency),
                                                           criteria_.warning, criteria_.critical)
                                                  : CheckState::kOk;
  if (snapshot_.access == AccessState::kThrottled) {
    const Duration pause = snapshot_.paused_until - now_.steady;
    return Conclude(
        Worse(CheckState::kWarning, by_latency),
        WhyAccessIsBad(nullptr) +
            (pause > Duration::zero() ? ", nothing is asked for " + HumanDuration(pause) : ""));
  }
  if (snapshot_.access != AccessState::kGood) {
    return Conclude(CheckState::kCritical, WhyAccessIsBad(id));
  }
  if (!IsProven(snapshot_) || !snapshot_.latency) {
    return Conclude(CheckState::kCritical, std::string(kNotProven));
  }
  // What fails for one item is that item's trouble; the service's when it fails for another, too.
  if (!snapshot_.up.value_or(false)) {
    return Conclude(Worse(by_latency, CheckState::kWarning),
                    "the metadata service did not answer the newest request as it should");
  }
  Conclude(by_latency, fmt::format("the metadata service answers in {} mode, in {:.1f} ms",
                                   snapshot_.hardened ? "hardened" : "normal",
                                   1000 * ToSeconds(*snapshot_.latency)));
}

std::string Judgement::WhyPostureIsUnknown() const {
  if (NewsAreOld()) return "the last news of the metadata service is " + AgeOfNews() + " old";
  if (!IsGood(snapshot_.access)) return WhyAccessIsBad(snapshot_.Find(kInstanceId));
  if (snapshot_.hardened && snapshot_.RefreshInterval(RefreshClass::kPosture) == Duration::zero()) {
    return "the exporter does not ask for it (--poll.posture-interval)";
  }
  if (snapshot_.posture && !NormalModeOpen(snapshot_, now_)) {
    return "the last answer is " + HumanDuration(now_.steady - snapshot_.posture->at.steady) +
           " old";
  }
  if (!IsProven(snapshot_)) return std::string(kNotProven);
  return "the request without a session token was not answered as the metadata service does";
}

void Judgement::Hardening() {
  const auto open = NormalModeOpen(snapshot_, now_);
  // A 403 says something of the service only when it comes from the service.
  const bool sure = (IsGood(snapshot_.access) && IsProven(snapshot_)) ||
                    snapshot_.access == AccessState::kHardenedOnly;
  if (!open || NewsAreOld() || (!*open && !sure)) {
    return ConcludeUnknown("not known whether normal mode is open", WhyPostureIsUnknown());
  }
  if (!*open) {
    return Conclude(CheckState::kOk,
                    "normal mode is closed: nothing is read without a session token");
  }
  std::string text = "normal mode is open: whatever can reach the service reads it without a token";
  if (const auto& version = evidence_.cloud_init) {
    text += CloudInitReadsHardened(*version)
                ? "; cloud-init " + *version + " does not need it"
                : "; cloud-init " + *version +
                      " may need it: update to 23.2.2 or newer before closing it";
  }
  Conclude(CheckState::kWarning, std::move(text));
}

void Judgement::Identity() {
  std::vector<Finding> findings;
  for (const auto& [item, expected] : criteria_.identity) {
    const std::string label(Row(item).label);
    const Reading* const reading = snapshot_.Find(item);
    if (const auto why = WhyNotKnown(reading, RefreshClass::kIdentity)) {
      findings.push_back({CheckState::kUnknown, label + " is not known: " + *why});
      continue;
    }
    const auto* const value = reading->Get<std::string>();
    // Any web server says that there is none.
    if (value == nullptr && !IsProven(snapshot_)) {
      findings.push_back(
          {CheckState::kUnknown, label + " is not known: " + std::string(kNotProven)});
      continue;
    }
    const std::string actual = value == nullptr ? "" : *value;
    const auto quoted = [](const std::string& text) { return text.empty() ? "none" : text; };
    if (actual == expected) {
      findings.push_back({CheckState::kOk, label + " is " + quoted(actual) + " as expected"});
    } else {
      findings.push_back({CheckState::kCritical, label + " is " + quoted(actual) + ", but " +
                                                     quoted(expected) + " is expected"});
    }
  }
  if (!findings.empty()) return ConcludeWorst(std::move(findings));
  std::string text;
  for (const ItemId item : {kInstanceId, kInstanceType, kZoneId}) {
    const Reading* const reading = snapshot_.Find(item);
    if (const auto why = WhyNotKnown(reading, RefreshClass::kIdentity)) {
      return ConcludeUnknown(std::string(Row(item).label) + " is not known", *why);
    }
    text += (text.empty() ? "" : ", ") + *reading->Get<std::string>();
  }
  Conclude(CheckState::kOk, std::move(text));
}

void Judgement::Bandwidth() {
  const auto unknown = [&](std::string why) {
    ConcludeUnknown("not known how much of the bandwidth is used", std::move(why));
  };
  const Reading* const limit_reading = snapshot_.Find(kMaxEgress);
  if (const auto why = WhyNotKnown(limit_reading, RefreshClass::kIdentity)) return unknown(*why);
  const double limit = static_cast<double>(*limit_reading->Get<std::int64_t>()) * kBytesPerKilobit;
  if (!(limit > 0)) return unknown("the service tells no limit");
  const auto& listing = snapshot_.Listing(Directory::kInterfaces);
  if (const auto why = WhyNotKnown(listing ? &*listing : nullptr, RefreshClass::kListing)) {
    return unknown(*why);
  }
  if (!evidence_.traffic) return unknown("the kernel's counters were not read");
  if (!*evidence_.traffic) return unknown(evidence_.traffic->error().message);
  const Traffic& traffic = **evidence_.traffic;
  if (traffic.counted.empty()) {
    return unknown(
        "no interface of this machine has a MAC address of the instance; "
        "is this the instance itself?");
  }
  const std::optional<Range> warning = criteria_.warning ? criteria_.warning : Default("80");
  const std::optional<Range> critical = criteria_.critical ? criteria_.critical : Default("95");
  const double percent = 100 * traffic.bytes_per_second / limit;
  verdict_.perfdata.push_back({"egress", percent, "%", warning, critical, 0, {}});
  verdict_.perfdata.push_back(
      {"egress_bytes_per_second", std::round(traffic.bytes_per_second), "B", {}, {}, 0, limit});
  std::string text = fmt::format(
      "{:.1f} % of the outbound limit is used: {:.1f} of {:.1f} Mbit/s over {:.1f} s by {} "
      "interface{}",
      percent, traffic.bytes_per_second * 8 / 1e6, limit * 8 / 1e6, ToSeconds(traffic.over),
      traffic.counted.size(), traffic.counted.size() == 1 ? "" : "s");
  for (const std::string& mac : traffic.counted) verdict_.details.push_back("counted: " + mac);
  for (const std::string& mac : traffic.missing) verdict_.details.push_back("not seen: " + mac);
  if (traffic.missing.empty()) return Conclude(Assess(percent, warning, critical), std::move(text));
  const CheckState state = critical->AlertsFrom(percent)  ? CheckState::kCritical
                           : warning->AlertsFrom(percent) ? CheckState::kWarning
                                                          : CheckState::kUnknown;
  Conclude(state, "at least " + text + "; " + std::to_string(traffic.missing.size()) +
                      " of the instance's interfaces cannot be seen here");
}

}  // namespace

Verdict Judge(Check check, const Evidence& evidence, const Criteria& criteria) {
  Judgement judgement(check, evidence, criteria);
  switch (check) {
    case Check::kSpot:
      judgement.Spot();
      break;
    case Check::kCredentials:
      judgement.Credentials();
      break;
    case Check::kMetadata:
      judgement.Metadata();
      break;
    case Check::kHardening:
      judgement.Hardening();
      break;
    case Check::kIdentity:
      judgement.Identity();
      break;
    case Check::kBandwidth:
      judgement.Bandwidth();
      break;
  }
  return judgement.Take();
}

std::optional<ItemId> ScalarWithLabel(std::string_view label) {
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const Item& item = kItems[i];
    const bool word = item.shape == Shape::kWord || item.shape == Shape::kText;
    if (word && !DirectoryOf(item) && item.label == label) return static_cast<ItemId>(i);
  }
  return std::nullopt;
}

}  // namespace aliyun_ecs
