#include "expose/status_page.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"
#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Alibaba Cloud ECS exporter</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8884; }
th { font-weight: 500; width: 14rem; vertical-align: top; }
td { overflow-wrap: anywhere; }
.bad { color: #d33; font-weight: 600; }
nav a { margin-right: 1rem; }
footer { margin-top: 2rem; opacity: .7; font-size: .85rem; }
</style>
</head>
<body>
<h1>Alibaba Cloud ECS exporter</h1>
)";

// "4 min 59 s", "2 h 5 min", "12 s ago".
std::string HumanDuration(Duration duration) {
  using namespace std::chrono;
  const auto total = duration_cast<seconds>(duration < Duration::zero() ? -duration : duration);
  const auto h = duration_cast<hours>(total).count();
  const auto m = duration_cast<minutes>(total % hours(1)).count();
  const auto s = (total % minutes(1)).count();
  std::string text = h > 0   ? fmt::format("{} h {} min", h, m)
                     : m > 0 ? fmt::format("{} min {} s", m, s)
                             : fmt::format("{} s", s);
  return duration < Duration::zero() ? text + " ago" : text;
}

class Table {
 public:
  void Row(std::string_view name, std::string_view text, bool bad = false) {
    rows_ += fmt::format("<tr><th>{}</th><td{}>{}</td></tr>\n", HtmlEscape(name),
                         bad ? " class=\"bad\"" : "", HtmlEscape(text));
  }
  [[nodiscard]] std::string Html() const { return "<table>\n" + rows_ + "</table>\n"; }

 private:
  std::string rows_;
};

void AddIdentity(Table& table, const Snapshot& snapshot) {
  constexpr std::pair<std::string_view, ItemId> kShown[] = {
      {"Instance", ItemAt("instance-id")},         {"Name", ItemAt("instance/instance-name")},
      {"Type", ItemAt("instance/instance-type")},  {"Zone", ItemAt("zone-id")},
      {"Private address", ItemAt("private-ipv4")},
  };
  for (const auto& [name, item] : kShown) {
    const Reading* const reading = snapshot.Find(item);
    const auto* const text = reading == nullptr ? nullptr : reading->Get<std::string>();
    if (text != nullptr) table.Row(name, *text);
  }
}

void AddSpot(Table& table, const Snapshot& snapshot, Instant now) {
  const SpotVerdict spot = JudgeSpot(snapshot, now);
  if (spot.state == SpotState::kScheduled) {
    table.Row("Spot termination",
              fmt::format("scheduled for {} ({})", FormatUtc(*spot.termination),
                          HumanDuration(*spot.termination - now.system)),
              /*bad=*/true);
  } else {
    const bool unknown = spot.state == SpotState::kUnknown;
    table.Row("Spot termination", unknown ? "unknown" : "none scheduled", unknown);
  }
}

void AddCredentials(Table& table, const Snapshot& snapshot, Instant now) {
  const auto attached = RoleAttached(snapshot);
  if (!attached || !*attached) {
    table.Row("RAM role", attached ? "none attached" : "unknown");
    return;
  }
  for (const auto& role : *snapshot.Listing(Directory::kRoles)->Get<std::vector<std::string>>()) {
    const Reading* const reading = snapshot.Find(kRoleCredentials, role);
    const auto* const credentials = reading == nullptr ? nullptr : reading->Get<Credentials>();
    if (credentials == nullptr || !credentials->expiration) {
      table.Row("RAM role " + role, "credential not known");
      continue;
    }
    const Duration left = *credentials->expiration - now.system;
    table.Row("RAM role " + role,
              fmt::format("credential ends {} ({})", FormatUtc(*credentials->expiration),
                          HumanDuration(left)),
              left <= Duration::zero() || !credentials->success);
  }
}

void AddService(Table& table, const Snapshot& snapshot, Instant now) {
  const AccessAdvice& access = AdviceOn(snapshot.access);
  table.Row("Metadata service", access.meaning, !IsGood(snapshot.access));
  if (!access.advice.empty()) table.Row("What to do", access.advice);
  if (const auto open = NormalModeOpen(snapshot, now)) {
    table.Row("Normal mode", *open ? "open: requests without a token are answered" : "closed");
  }
  if (snapshot.clock_skew) {
    table.Row("Local clock",
              fmt::format("{:+.1f} s against the service's", ToSeconds(*snapshot.clock_skew)));
  }
  table.Row("Mode", snapshot.hardened ? "hardened (session token)" : "normal (no token)");
  if (snapshot.paused_until > now.steady) {
    table.Row("Throttled", "pausing for " + HumanDuration(snapshot.paused_until - now.steady),
              /*bad=*/true);
  }
  for (const RefreshClass refresh : kRefreshClasses) {
    const auto oldest = OldestAnswer(snapshot, refresh);
    if (!oldest) continue;
    table.Row(fmt::format("Age of {} readings", Name(refresh)),
              *oldest == SystemTime() ? "not read yet" : HumanDuration(now.system - *oldest));
  }
}

}  // namespace

std::string StatusPage(const Snapshot& snapshot, Instant now, const BuildInfo& build,
                       std::string_view telemetry_path) {
  Table table;
  AddIdentity(table, snapshot);
  AddSpot(table, snapshot, now);
  AddCredentials(table, snapshot, now);
  AddService(table, snapshot, now);
  return fmt::format(
      "{}<nav><a href=\"{}\">Metrics</a><a href=\"/snapshot\">Snapshot</a>"
      "<a href=\"/-/healthy\">Healthy</a><a href=\"/-/ready\">Ready</a></nav>\n{}"
      "<footer>aliyun_ecs_exporter {}, revision {}</footer>\n</body>\n</html>\n",
      kHead, HtmlEscape(telemetry_path), table.Html(), HtmlEscape(build.version),
      HtmlEscape(build.revision));
}

}  // namespace aliyun_ecs
