#include "expose/status_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "expose/status_page_assets.h"
#include "metadata/judge.h"

namespace aliyun_ecs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// SHA-256, Base64, of status_page.css and status_page.js as they stand in the page. A test
// computes them anew, and tells the right ones when these are stale.
constexpr std::string_view kStyleHash = "4EtmSrsRngtDovIthC+tnbiAa4AqHnVZznsSXXrDiMM=";
constexpr std::string_view kScriptHash = "Ky/2wSSaVIJ43C7IIVp5rlVuHuXXpF6LhN6O+CHC+8M=";

// How often the page asks for itself.
constexpr int kRefreshSeconds = 5;
constexpr int kRefreshSecondsWithNotice = 2;

// A successor is offered 30 minutes before the end, and asked for every minute then.
constexpr Duration kCredentialIsLate = minutes(20);

constexpr std::size_t kMostFailingItemsNamed = 5;

// GIFs of one pixel: the state's colour in the browser's tab.
constexpr std::string_view kGreenIcon = "R0lGODdhAQABAIAAABdrNwAAACwAAAAAAQABAAACAkQBADs=";
constexpr std::string_view kRedIcon = "R0lGODdhAQABAIAAALMWHQAAACwAAAAAAQABAAACAkQBADs=";
constexpr std::string_view kAmberIcon = "R0lGODdhAQABAIAAAPO5XwAAACwAAAAAAQABAAACAkQBADs=";

// An interval as an operator writes it: "5 s", "5 min", "1 h"; "1 min 30 s" where it is no round
// one.
std::string Interval(Duration duration) {
  if (duration >= std::chrono::hours(1) && duration % std::chrono::hours(1) == Duration::zero()) {
    return fmt::format("{} h", duration / std::chrono::hours(1));
  }
  if (duration >= minutes(1) && duration % minutes(1) == Duration::zero()) {
    return fmt::format("{} min", duration / minutes(1));
  }
  if (duration < minutes(1)) return fmt::format("{:g} s", ToSeconds(duration));
  return HumanDuration(duration);
}

// "4:59", "1:02:03", "2 days"; never less than "0:00". status_page.js writes the same.
std::string Countdown(Duration left) {
  const auto total = std::max<std::int64_t>(0, std::chrono::floor<seconds>(left).count());
  const auto h = total / 3600;
  const auto m = total / 60 % 60;
  const auto s = total % 60;
  if (h >= 24) return fmt::format("{} {}", h / 24, h < 48 ? "day" : "days");
  return h > 0 ? fmt::format("{}:{:02}:{:02}", h, m, s) : fmt::format("{}:{:02}", m, s);
}

std::string Times(std::uint64_t count) {
  return count == 0 ? "never" : count == 1 ? "once" : fmt::format("{} times", count);
}

// <time> with "2026-01-01 00:05:00 UTC" in it.
std::string TimeHtml(SystemTime time) {
  const std::string utc = FormatUtc(time);
  return fmt::format("<time datetime=\"{}\">{} {} UTC</time>", utc, utc.substr(0, 10),
                     utc.substr(11, 8));
}

std::string Marked(std::string_view style, std::string_view text) {
  return fmt::format("<strong class=\"{}\">{}</strong>", style, HtmlEscape(text));
}

std::string Note(std::string_view text) {
  return fmt::format("<p class=\"note\">{}</p>\n", HtmlEscape(text));
}

std::string Card(std::string_view title, std::string_view html, bool wide = false) {
  return fmt::format("<section class=\"card{}\">\n<h2>{}</h2>\n{}</section>\n", wide ? " wide" : "",
                     HtmlEscape(title), html);
}

// A list of names and what they stand for; texts are escaped, HTML is not.
class Definitions {
 public:
  void Text(std::string_view name, std::string_view text) { Html(name, HtmlEscape(text)); }
  void Html(std::string_view name, std::string_view html) {
    rows_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", HtmlEscape(name), html);
  }
  [[nodiscard]] std::string Take() const {
    return rows_.empty() ? "" : "<dl>\n" + rows_ + "</dl>\n";
  }

 private:
  std::string rows_;
};

const std::string* TextOf(const Snapshot& snapshot, ItemId item) {
  const Reading* const reading = snapshot.Find(item);
  return reading == nullptr ? nullptr : reading->Get<std::string>();
}

// What people call the instance.
std::string NameOf(const Snapshot& snapshot) {
  for (const ItemId item : {ItemAt("instance/instance-name"), kInstanceId, ItemAt("hostname")}) {
    const std::string* const text = TextOf(snapshot, item);
    if (text != nullptr && !text->empty()) return *text;
  }
  return "This instance";
}

std::string WhoHtml(const Snapshot& snapshot) {
  std::string text;
  for (const ItemId item : {kInstanceId, ItemAt("instance/instance-type"), ItemAt("zone-id")}) {
    const std::string* const part = TextOf(snapshot, item);
    if (part != nullptr) text += (text.empty() ? "" : " · ") + *part;
  }
  if (text.empty()) text = "who it is was not read yet";
  return HtmlEscape(text);
}

// What the hero says, in each of its forms.
struct Hero {
  std::string_view icon;
  std::string title;  // for the tab, without the instance's name
  std::string news;   // for those who do not see it; differs exactly when something has happened
  std::string html;
};

// A notice stands, however old the answer is; that it is old is worth knowing.
std::string LastAnswer(const Snapshot& snapshot, Instant now) {
  const Reading* const reading = snapshot.Find(kSpotTerminationTime);
  if (reading == nullptr || !reading->answer) return "No answer yet.";
  return fmt::format("Last answer {} ago.", HumanDuration(now.steady - reading->answer->at.steady));
}

Hero ScheduledHero(const Snapshot& snapshot, const SpotVerdict& spot, Instant now) {
  const Duration left = *spot.termination - now.system;
  const bool over = left <= Duration::zero();
  Hero hero{kRedIcon, Countdown(left), "spot termination scheduled for ", ""};
  hero.news += FormatUtc(*spot.termination);
  hero.html = fmt::format(
      "<section class=\"hero scheduled\">\n<h2>Spot termination scheduled</h2>\n"
      "<p class=\"big\" role=\"timer\" data-seconds-left=\"{:.3f}\">{}</p>\n"
      "<p data-when=\"ahead\"{}>until this instance is stopped and released</p>\n"
      "<p data-when=\"over\"{}>The time has come: this instance may be stopped at any moment.</p>\n"
      "<p>at {}</p>\n<p>first seen {}</p>\n<p>{}</p>\n</section>\n",
      ToSeconds(left), Countdown(left), over ? " hidden" : "", over ? "" : " hidden",
      TimeHtml(*spot.termination), TimeHtml(*spot.first_seen), LastAnswer(snapshot, now));
  return hero;
}

std::string HeardOf(const Snapshot& snapshot, Instant now) {
  if (snapshot.Excludes(kSpotTerminationTime)) return "The spot notice is excluded: nobody asks.";
  return fmt::format("{} It is asked for every {}.", LastAnswer(snapshot, now),
                     Interval(snapshot.RefreshInterval(RefreshClass::kSpot)));
}

Hero SpotHero(const Snapshot& snapshot, Instant now) {
  const SpotVerdict spot = JudgeSpot(snapshot, now);
  if (spot.state == SpotState::kScheduled) return ScheduledHero(snapshot, spot, now);
  const bool none = spot.state == SpotState::kNone;
  Hero hero{none ? kGreenIcon : kAmberIcon,
            none ? "no termination scheduled" : "spot state unknown",
            none ? "no spot termination scheduled" : "the spot state is unknown", ""};
  hero.html = fmt::format(
      "<section class=\"hero {}\">\n<h2>Spot termination</h2>\n<p class=\"big\">{}</p>\n"
      "<p>{}{}</p>\n</section>\n",
      Name(spot.state), none ? "None scheduled" : "Unknown",
      none ? "" : "Nothing fresh and trustworthy says whether one is scheduled. ",
      HeardOf(snapshot, now));
  return hero;
}

// Says first that it is none, to who reads nothing but the beginning.
std::string DrillHtml(const Snapshot& snapshot, Instant now) {
  const auto drill = RunningDrill(snapshot, now);
  if (!drill) return "";
  return fmt::format(
      "<section class=\"drill\">\n<h2>Drill</h2>\n<p>No notice: the alert is rehearsed on this "
      "instance as if it were to be released at {}. The drill ends then, or when its file is "
      "removed.</p>\n</section>\n",
      TimeHtml(*drill));
}

std::string IdentityCard(const Snapshot& snapshot) {
  constexpr std::pair<std::string_view, ItemId> kShown[] = {
      {"Instance ID", kInstanceId},      {"Name", ItemAt("instance/instance-name")},
      {"Host name", ItemAt("hostname")}, {"Type", ItemAt("instance/instance-type")},
      {"Region", ItemAt("region-id")},   {"Zone", ItemAt("zone-id")},
      {"Image", ItemAt("image-id")},     {"Private IPv4", ItemAt("private-ipv4")},
      {"Public IPv4", ItemAt("eipv4")},  {"VPC", ItemAt("vpc-id")},
      {"vSwitch", ItemAt("vswitch-id")}, {"Account", ItemAt("owner-account-id")},
  };
  Definitions list;
  for (const auto& [name, item] : kShown) {
    const std::string* const text = TextOf(snapshot, item);
    if (text != nullptr) list.Text(name, *text);
  }
  const std::string html = list.Take();
  return Card("Instance", html.empty() ? Note("Nothing was read yet.") : html);
}

std::string CredentialHtml(const Snapshot& snapshot, const std::string& role, Instant now) {
  Definitions list;
  list.Text("Role", role);
  const Reading* const reading = snapshot.Find(kRoleCredentials, role);
  const auto* const credentials = reading == nullptr ? nullptr : reading->Get<Credentials>();
  if (credentials == nullptr) {
    list.Html("Credential", Marked("warning", "not known"));
    return list.Take();
  }
  if (!credentials->success) list.Html("Credential", Marked("critical", "cannot be used"));
  if (credentials->expiration) {
    const Duration left = *credentials->expiration - now.system;
    if (left <= Duration::zero()) {
      list.Html("Expired", Marked("critical", HumanDuration(left) + " ago"));
    } else {
      const bool late = left < kCredentialIsLate;
      list.Html("Time left", Marked(late ? "warning" : "good", HumanDuration(left)));
    }
    list.Html("Ends", TimeHtml(*credentials->expiration));
  }
  if (credentials->last_updated) list.Html("Issued", TimeHtml(*credentials->last_updated));
  const auto history = snapshot.roles.find(role);
  if (history != snapshot.roles.end()) list.Text("Rotated", Times(history->second.rotations));
  return list.Take();
}

std::string CredentialsCard(const Snapshot& snapshot, Instant now) {
  constexpr std::string_view kTitle = "RAM credentials";
  const auto attached = RoleAttached(snapshot);
  if (!attached) return Card(kTitle, Note("Whether a role is attached is not known."));
  if (!*attached) return Card(kTitle, Note("No RAM role is attached."));
  std::string html;
  for (const auto& role : *snapshot.Listing(Directory::kRoles)->Get<std::vector<std::string>>()) {
    html += CredentialHtml(snapshot, role, now);
  }
  return Card(kTitle, html);
}

// A sentence, or a line of a list, begins with a capital.
std::string Capitalized(std::string_view text) {
  std::string sentence(text);
  if (!sentence.empty() && sentence[0] >= 'a' && sentence[0] <= 'z') {
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  }
  return sentence;
}

std::string_view StyleOf(AccessState access) {
  switch (access) {
    case AccessState::kGood:
      return "good";
    case AccessState::kUnknown:
    case AccessState::kThrottled:
      return "warning";
    default:
      return "critical";
  }
}

std::string ServiceCard(const Snapshot& snapshot, Instant now) {
  const AccessAdvice& access = AdviceOn(snapshot.access);
  // One item that fails is no state of the service yet, but no reason to be calm either.
  const bool doubtful = IsGood(snapshot.access) && snapshot.up == false;
  const std::string_view style = doubtful ? "warning" : StyleOf(snapshot.access);
  const std::string meaning =
      Marked(style, doubtful ? "The newest request was not answered as it should be."
                             : Capitalized(access.meaning) + ".");
  std::string html = "<p>" + meaning + "</p>\n";
  if (!access.advice.empty()) {
    html += fmt::format("<p>{}</p>\n", HtmlEscape(Capitalized(access.advice) + "."));
  }
  Definitions list;
  if (snapshot.paused_until > now.steady) {
    list.Html("Throttled",
              Marked("warning",
                     "pausing for another " + HumanDuration(snapshot.paused_until - now.steady)));
  }
  if (snapshot.token_expiration) {
    const Duration left = *snapshot.token_expiration - now.system;
    list.Text("Session token",
              left > Duration::zero() ? HumanDuration(left) + " left" : std::string("expired"));
  }
  if (snapshot.clock_skew) {
    const double skew = ToSeconds(*snapshot.clock_skew);
    list.Text("Local clock", std::abs(skew) < 1
                                 ? "agrees with the service's"
                                 : fmt::format("{:.0f} s {} the service's", std::abs(skew),
                                               skew > 0 ? "ahead of" : "behind"));
  }
  std::array<int, kReadingStates.size()> counts{};
  std::vector<std::string_view> failing;
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto state = JudgeRow(snapshot, static_cast<ItemId>(i));
    if (!state) continue;
    ++counts[static_cast<std::size_t>(*state)];
    if (*state == ReadingState::kFailing) failing.push_back(kItems[i].path);
  }
  std::string items;
  for (const ReadingState state : kReadingStates) {
    const int count = counts[static_cast<std::size_t>(state)];
    if (count == 0) continue;
    items += fmt::format("{}{} {}", items.empty() ? "" : ", ", count, Name(state));
  }
  list.Text("Items", items);
  if (!failing.empty()) {
    const std::size_t named = std::min(failing.size(), kMostFailingItemsNamed);
    std::string text(failing[0]);
    for (std::size_t i = 1; i < named; ++i) text += fmt::format(", {}", failing[i]);
    if (named < failing.size()) text += fmt::format(" and {} more", failing.size() - named);
    list.Html("Failing", Marked("warning", text));
  }
  return Card("Metadata service", html + list.Take());
}

std::string PostureCard(const Snapshot& snapshot, Instant now) {
  Definitions list;
  list.Text("This exporter", snapshot.hardened ? "asks in hardened mode (session token)"
                                               : "asks in normal mode (no token)");
  const auto open = NormalModeOpen(snapshot, now);
  list.Html("Normal mode", !open   ? HtmlEscape("not known")
                           : *open ? Marked("warning", "open")
                                   : Marked("good", "closed"));
  if (snapshot.posture) {
    list.Text("Last asked", HumanDuration(now.steady - snapshot.posture->at.steady) + " ago");
  }
  std::string html = list.Take();
  if (open && *open) {
    html += Note(
        "Requests without a session token are answered: whoever makes a program on this instance "
        "fetch a URL can read its credentials. Set HttpTokens to required "
        "(ModifyInstanceMetadataOptions) when every program here sends tokens.");
  } else if (open) {
    html += Note("Instance metadata is hardened: requests without a session token are refused.");
  }
  return Card("Posture", html);
}

std::string BudgetCard(const Snapshot& snapshot, Instant now) {
  const double burst = snapshot.budget.burst();
  const double remaining = snapshot.budget.Remaining(now.steady);
  const auto& statistics = snapshot.statistics;
  std::uint64_t requests = 0;
  for (const auto count : statistics.requests) requests += count;
  Definitions list;
  list.Text("Asked",
            fmt::format("{} {} since the start", requests, requests == 1 ? "request" : "requests"));
  list.Text("Throttled", Times(statistics.throttled));
  return Card(
      "Request budget",
      fmt::format("<meter min=\"0\" max=\"{0:g}\" low=\"{1:g}\" high=\"{2:g}\" "
                  "optimum=\"{0:g}\" value=\"{3:.1f}\" aria-labelledby=\"budget\"></meter>\n"
                  "<p id=\"budget\">{3:.0f} of {0:g} requests may be made at once; {4:g} more "
                  "each second.</p>\n",
                  burst, burst / 5, burst / 2, std::floor(remaining), snapshot.budget.rate()) +
          list.Take());
}

std::string AgesCard(const Snapshot& snapshot, Instant now) {
  std::string rows;
  for (const RefreshClass refresh : kRefreshClasses) {
    const auto oldest = OldestAnswer(snapshot, refresh);
    if (!oldest) continue;
    const Duration interval = snapshot.RefreshInterval(refresh);
    const Duration age = now.system - *oldest;
    std::string text = HumanDuration(age);
    if (*oldest == SystemTime()) {
      text = Marked("warning", "not read yet");
    } else if (age >= kIntervalsOfTrust * interval) {
      text = Marked("warning", text + ", late");
    }
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
                        HtmlEscape(Name(refresh)), text, Interval(interval));
  }
  if (rows.empty()) rows = "<tr><td colspan=\"3\">nothing is read</td></tr>\n";
  return Card("Data ages",
              "<table>\n<thead><tr><th scope=\"col\">readings</th><th scope=\"col\">oldest</th>"
              "<th scope=\"col\">read every</th></tr></thead>\n<tbody>\n" +
                  rows + "</tbody>\n</table>\n");
}

std::string ChangesCard(const Snapshot& snapshot, Instant now) {
  if (snapshot.changes.empty()) {
    return Card("Recent changes", Note("Nothing has changed since the exporter started."), true);
  }
  std::string rows;
  for (auto change = snapshot.changes.rbegin(); change != snapshot.changes.rend(); ++change) {
    const std::string text = change->severity == Severity::kInfo
                                 ? HtmlEscape(Capitalized(change->text))
                                 : Marked(Name(change->severity), Capitalized(change->text));
    rows += fmt::format(
        "<li><span>{}</span><span>{} <span class=\"note\">{} ago</span></span></li>\n",
        TimeHtml(change->at.system), text, HumanDuration(now.steady - change->at.steady));
  }
  return Card("Recent changes", "<ol class=\"changes\">\n" + rows + "</ol>\n", /*wide=*/true);
}

}  // namespace

std::string StatusPage(const Snapshot& snapshot, Instant now, const BuildInfo& build,
                       std::string_view telemetry_path) {
  const Hero hero = SpotHero(snapshot, now);
  const bool notice = Stands(snapshot.spot, now.steady);
  const int refresh = notice ? kRefreshSecondsWithNotice : kRefreshSeconds;
  const std::string name = HtmlEscape(NameOf(snapshot));
  const std::string version = HtmlEscape(build.version);
  const std::string revision = HtmlEscape(build.revision);
  // Only #page is exchanged when the page refreshes itself: who stands on a link keeps standing.
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<noscript><meta http-equiv=\"refresh\" content=\"{}\"></noscript>\n"
      "<title>{} · {}</title>\n<link rel=\"icon\" href=\"data:image/gif;base64,{}\">\n"
      "<style>{}</style>\n</head>\n<body data-build=\"{} {}\">\n",
      refresh, HtmlEscape(hero.title), name, hero.icon, kStatusPageStyle, version, revision);
  html += fmt::format(
      "<header class=\"bar\"><span class=\"product\">Alibaba Cloud ECS exporter</span>\n"
      "<nav aria-label=\"Other pages\"><a href=\"{}\">Metrics</a> <a "
      "href=\"/snapshot\">Snapshot</a> "
      "<a href=\"/-/healthy\">Healthy</a> <a href=\"/-/ready\">Ready</a></nav></header>\n"
      "<p id=\"news\" class=\"quiet\" role=\"status\"></p>\n",
      HtmlEscape(telemetry_path));
  html += fmt::format(
      "<main id=\"page\" data-refresh=\"{}\" data-title=\"{}\" data-news=\"{}\">\n<h1>{}</h1>\n"
      "<p class=\"who\">{}</p>\n{}{}<div class=\"cards\">\n",
      refresh, name, HtmlEscape(hero.news), name, WhoHtml(snapshot), hero.html,
      DrillHtml(snapshot, now));
  html += ServiceCard(snapshot, now) + CredentialsCard(snapshot, now) + PostureCard(snapshot, now) +
          BudgetCard(snapshot, now) + ChangesCard(snapshot, now) + IdentityCard(snapshot) +
          AgesCard(snapshot, now);
  html += fmt::format(
      "</div>\n</main>\n<footer>aliyun_ecs_exporter {}, revision {}</footer>\n"
      "<p id=\"lost\" hidden><span role=\"alert\">The exporter does not answer.</span> "
      "This page is <span id=\"age\"></span> old.</p>\n<script>{}</script>\n</body>\n</html>\n",
      version, revision, kStatusPageScript);
  return html;
}

std::vector<std::pair<std::string, std::string>> StatusPageHeaders() {
  return {{"Content-Security-Policy",
           fmt::format("default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; "
                       "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'",
                       kStyleHash, kScriptHash)},
          {"Referrer-Policy", "no-referrer"},
          {"Cache-Control", "no-store"}};
}

}  // namespace aliyun_ecs
