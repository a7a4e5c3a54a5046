#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "support/exporter_rig.h"

// What the page says in every trouble: kinds of requests x troubles. The table is
// tests/golden/failure_table.tsv, to be read by people; to write it anew after a change that is
// meant, run with UPDATE_GOLDEN=1 and read the difference. What must hold in every row whatever the
// table says is asserted beside it.

namespace aliyun_ecs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

using MaybeAnswer = std::optional<Result<HttpResponse>>;

constexpr std::string_view kTable = ALIYUN_ECS_SOURCE_DIR "/tests/golden/failure_table.tsv";
constexpr std::string_view kGarbage = "garbage-that-must-not-be-shown";

struct Kind {
  std::string_view name;
  std::function<bool(const HttpRequest&)> concerns;
};

std::function<bool(const HttpRequest&)> Path(std::string_view end) {
  return [end](const HttpRequest& request) {
    return request.path.ends_with(end) && !request.headers.empty();
  };
}

std::vector<Kind> Kinds() {
  return {
      {"everything", [](const HttpRequest&) { return true; }},
      {"session token",
       [](const HttpRequest& request) { return request.method == HttpMethod::kPut; }},
      {"spot notice", Path("spot/termination-time")},
      {"credential document", Path("/SimulatedEcsRole")},
      {"role listing", Path("/security-credentials/")},
      {"interface listing", Path("/macs/")},
      {"item of an interface", Path("/netmask")},
      {"scalar", Path("/hostname")},
      {"optional scalar", Path("/eipv4")},
      {"posture",
       [](const HttpRequest& request) {
         return request.method == HttpMethod::kGet && request.headers.empty();
       }},
  };
}

struct Trouble {
  std::string_view name;
  // Made anew for each run, because some remember.
  std::function<std::function<MaybeAnswer(ExporterRig&, const HttpRequest&)>()> make;
  // True where the answer is the service's word that there is none: a notice may end by it.
  bool says_none = false;
};

Trouble Status(std::string_view name, int status, std::optional<Duration> retry_after = {}) {
  return {name, [=] {
            return [=](ExporterRig&, const HttpRequest&) {
              HttpResponse response;
              response.status = status;
              response.body = Secret(kGarbage);
              response.retry_after = retry_after;
              return MaybeAnswer(std::move(response));
            };
          }};
}

Trouble Body(std::string_view name, std::string body) {
  return {name,
          [=] { return [=](ExporterRig&, const HttpRequest&) { return AnswerWith(200, body); }; }};
}

Trouble Failure(std::string_view name, ErrorCode code) {
  return {name, [=] {
            return [=](ExporterRig& rig, const HttpRequest& request) {
              if (code == ErrorCode::kTimeout) rig.clock.Advance(request.timeout);
              return MaybeAnswer(Fail(code, std::string(kGarbage)));
            };
          }};
}

std::vector<Trouble> Troubles() {
  const auto none_said = [](Trouble trouble) {
    trouble.says_none = true;
    return trouble;
  };
  const std::string garbage(kGarbage);
  return {
      {"401 once",
       [] {
         return [asked = 0](ExporterRig&, const HttpRequest&) mutable {
           return asked++ == 0 ? AnswerWith(401) : MaybeAnswer();
         };
       }},
      Status("401 for ever", 401),
      Status("403", 403),
      none_said(Status("404", 404)),
      Status("405", 405),
      Status("429", 429),
      Status("429, Retry-After: 60", 429, seconds(60)),
      Status("500", 500),
      Status("503", 503),
      Status("302", 302),
      none_said(Body("200 empty", "")),
      Body("200 HTML", "<html><body>" + garbage + "</body></html>"),
      Body("200 JSON cut short", R"({"AccessKeyId" : "STS.)" + garbage + R"(", "Expiration")"),
      Body("200 control characters", garbage + "\x01\x7f"),
      Body("200 invalid UTF-8", garbage + "\xff\xfe"),
      Failure("too large, or cut short", ErrorCode::kMalformed),
      Failure("hang, or drip", ErrorCode::kTimeout),
      Failure("reset, refused, or no route", ErrorCode::kUnreachable),
      {"half of them 429",
       [] {
         return [asked = 0](ExporterRig&, const HttpRequest&) mutable {
           return asked++ % 2 == 0 ? AnswerWith(429) : MaybeAnswer();
         };
       }},
  };
}

struct Outcome {
  std::string spot, spot_with_notice, up, credential, role, open;
  int failing = 0, unread = 0;
  std::size_t requests = 0;

  [[nodiscard]] std::string Line() const {
    return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", spot, spot_with_notice, up, credential,
                       role, open, failing, unread, requests);
  }
};
constexpr std::string_view kHeader =
    "# Ten minutes of health, then five minutes of trouble for one kind of request (all but the "
    "spot\n"
    "# notice is read every two minutes here). What the page says then.\n"
    "# Regenerate: UPDATE_GOLDEN=1 build/check/unit_tests --gtest_filter='FailureTable*'\n"
    "# kind\ttrouble\tspot\tspot, with a notice before\tup\tcredential success, minutes "
    "left\trole\t"
    "normal mode open\tfailing\tunread\trequests in these five minutes\n";

// "1", "0", or "-" for no sample.
std::string Shown(std::optional<double> sample) {
  return sample ? fmt::format("{:g}", *sample) : "-";
}

// Everything often, so that five minutes of trouble meet every kind of request.
PollOptions Often() {
  PollOptions poll;
  poll.credentials_interval = poll.listing_interval = minutes(2);
  poll.identity_interval = poll.posture_interval = minutes(2);
  return poll;
}

// One run: ten minutes of health, the trouble, and the way back.
class Course {
 public:
  explicit Course(bool notice) {
    rig.RunFor(minutes(10));
    if (notice) Announce();
  }

  void Announce() {
    rig.service.WithInstance([&](simulator::Instance& instance) {
      instance.SetTermination(rig.clock.System() + minutes(5));
    });
    rig.RunFor(seconds(6));
    EXPECT_EQ(rig.Spot().state, SpotState::kScheduled);
  }

  void Suffer(const Kind& kind, const Trouble& trouble) {
    auto answer = trouble.make();
    rig.transport.Interfere([this, kind, answer](const HttpRequest& request) mutable {
      return kind.concerns(request) ? answer(rig, request) : MaybeAnswer();
    });
    if (kind.name == "session token") rig.metadata_client.DropToken();  // one would do for hours
    Watch();
  }

  void Watch() {
    const auto before = rig.transport.requests();
    rig.RunFor(minutes(5));
    requests = rig.transport.requests() - before;
  }

  [[nodiscard]] std::string Spot() const { return std::string(Name(rig.Spot().state)); }

  // Into `outcome` all but the second spot column.
  void Tell(Outcome& outcome) const {
    constexpr auto kCount = "aliyun_ecs_metadata_items{{state=\"{}\"}}";
    outcome.spot = Spot();
    outcome.up = Shown(rig.Sample("aliyun_ecs_metadata_up"));
    const auto expires =
        rig.Sample("aliyun_ecs_ram_credential_expires_in_seconds{role=\"SimulatedEcsRole\"}");
    outcome.credential =
        Shown(rig.Sample("aliyun_ecs_ram_credential_success{role=\"SimulatedEcsRole\"}")) + ", " +
        (expires ? fmt::format("{:.0f}", *expires / 60) : "-");
    outcome.open = Shown(rig.Sample("aliyun_ecs_metadata_normal_mode_open"));
    outcome.role = Shown(rig.Sample("aliyun_ecs_ram_role_attached"));
    outcome.failing = static_cast<int>(*rig.Sample(fmt::format(kCount, "failing")));
    outcome.unread = static_cast<int>(*rig.Sample(fmt::format(kCount, "unread")));
    outcome.requests = requests;
  }

  ExporterRig rig{LinuxInstance(), Often()};
  std::size_t requests = 0;
};

// From now on the credential document is this one.
void Document(ExporterRig& rig, std::string_view text) {
  rig.transport.Interfere([text](const HttpRequest& request) {
    return Path("/SimulatedEcsRole")(request) ? AnswerWith(200, text) : MaybeAnswer();
  });
}

// What holds in every row.
void ExpectTruth(const Course& run, const Course& noticed, const Kind& kind,
                 const Trouble& trouble) {
  for (const Course* const one : {&run, &noticed}) {
    const std::string page = one->rig.Page();
    EXPECT_EQ(page.find(kGarbage), std::string::npos) << "garbage became a label";
    EXPECT_NE(page.find("instance_id=\"i-bp1simulated00000001\""), std::string::npos)
        << "who the instance is stays true";
    EXPECT_NE(page.find("aliyun_ecs_network_interface_info{mac=\"00:16:3e:00:00:01\""),
              std::string::npos);
    EXPECT_LE(one->requests, 100u + 5 * 120u);
  }
  // A service that says so of everything, the instance ID included, is not the service.
  EXPECT_EQ(noticed.rig.Spot().state == SpotState::kScheduled,
            !(trouble.says_none && kind.name == "spot notice"))
      << "losing the service resolved a notice";
  // "none" needs an answer that says so, not older than 15 s, from somebody who knows the instance.
  const auto* const reading = run.rig.Current()->Find(kSpotTerminationTime);
  const Duration age = run.rig.clock.Steady() - reading->answer->at.steady;
  EXPECT_EQ(run.rig.Spot().state == SpotState::kNone,
            age < seconds(15) && reading->value() == nullptr &&
                !(trouble.says_none && kind.name == "everything") &&
                !(reading->failure && reading->failure->code == ErrorCode::kMalformed));
}

TEST(FailureTableTest, EveryTroubleOfEveryKindShowsWhatTheTableSays) {
  std::string table(kHeader);
  for (const Kind& kind : Kinds()) {
    for (const Trouble& trouble : Troubles()) {
      SCOPED_TRACE(fmt::format("{}: {}", kind.name, trouble.name));
      Outcome outcome;
      Course run(/*notice=*/false), noticed(/*notice=*/true);
      run.Suffer(kind, trouble);
      run.Tell(outcome);
      noticed.Suffer(kind, trouble);
      outcome.spot_with_notice = noticed.Spot();
      ExpectTruth(run, noticed, kind, trouble);
      table += fmt::format("{}\t{}\t{}\n", kind.name, trouble.name, outcome.Line());

      // And back: nothing is left of it.
      run.rig.transport.StopInterfering();
      run.rig.RunFor(minutes(11));
      EXPECT_EQ(run.Spot(), "none");
      EXPECT_EQ(run.rig.Sample("aliyun_ecs_metadata_up"), 1);
      EXPECT_EQ(run.rig.Current()->access, AccessState::kGood);
      EXPECT_EQ(run.rig.Sample("aliyun_ecs_ram_role_attached"), 1);
      EXPECT_EQ(run.rig.Sample("aliyun_ecs_metadata_items{state=\"failing\"}"), 0);
      EXPECT_EQ(run.rig.Sample("aliyun_ecs_metadata_items{state=\"unread\"}"), 0);
    }
  }

  // What happens to the instance or to this machine rather than to a request.
  struct Event {
    std::string_view name;
    void (*happen)(ExporterRig&);
  };
  constexpr Event kEvents[] = {
      {"nothing", [](ExporterRig&) {}},
      {"the clock is set an hour ahead",
       [](ExporterRig& rig) { rig.clock.SetSystem(rig.clock.System() + hours(1)); }},
      {"the clock is set an hour back",
       [](ExporterRig& rig) { rig.clock.SetSystem(rig.clock.System() - hours(1)); }},
      {"the session token expires",
       [](ExporterRig& rig) {
         rig.transport.Interfere([stale = true](const HttpRequest& request) mutable {
           if (request.method == HttpMethod::kPut) stale = false;
           return stale && !request.headers.empty() ? AnswerWith(401) : MaybeAnswer();
         });
       }},
      {"the role is removed",
       [](ExporterRig& rig) {
         rig.service.WithInstance([](simulator::Instance& instance) { instance.DetachRole(); });
       }},
      {"the role is exchanged",
       [](ExporterRig& rig) {
         rig.service.WithInstance(
             [](simulator::Instance& instance) { instance.AttachRole("AnotherRole"); });
       }},
      {"the document has expired",
       [](ExporterRig& rig) {
         Document(rig, R"({"Code" : "Success", "Expiration" : "2025-12-31T23:00:00Z"})");
       }},
      {"the Code is not Success",
       [](ExporterRig& rig) { Document(rig, R"({"Code" : "Failed"})"); }},
      {"another instance answers",
       [](ExporterRig& rig) {
         rig.service.WithInstance([](simulator::Instance& instance) {
           ASSERT_TRUE(instance.Put("meta-data/instance-id", "i-bp1simulated00000002"));
         });
       }},
  };
  for (const Event& event : kEvents) {
    SCOPED_TRACE(event.name);
    Outcome outcome;
    Course run(/*notice=*/false), noticed(/*notice=*/true);
    event.happen(run.rig);
    run.Watch();
    run.Tell(outcome);
    event.happen(noticed.rig);
    noticed.Watch();
    outcome.spot_with_notice = noticed.Spot();
    EXPECT_EQ(outcome.spot, "none");
    EXPECT_EQ(outcome.spot_with_notice, "scheduled");
    // Another instance's notice is another notice.
    EXPECT_EQ(noticed.rig.Current()->spot.notices,
              event.name == "another instance answers" ? 2u : 1u);
    EXPECT_EQ(noticed.rig.Current()->spot.moved, 0u);
    table += fmt::format("(event)\t{}\t{}\n", event.name, outcome.Line());
  }

  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(std::string(kTable)) << table;
  std::ifstream file{std::string(kTable)};
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(table, golden.str()) << "if that is meant, run again with UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace aliyun_ecs
