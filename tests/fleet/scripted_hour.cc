// Writes an hour of a fleet of ten instances, as a Prometheus would have scraped it, to standard
// output: one OpenMetrics document with time stamps, for
// `promtool tsdb create-blocks-from openmetrics`. dashboard_data.py in tests/e2e loads it.
//
//   scripted_hour [END]   END: the hour's end in Unix time; without it 2026-01-15T12:00:00Z
//
// The pages are those of the real exporter (client, poller, metric families, drill file), which
// listens to the real simulator; only the clock, the network and the numbers of process_* are made
// up, and so is the traffic that node_exporter would have counted. It takes seconds, and the same
// END gives the same bytes.
//
// The script, in minutes of the hour. The instances are 10.0.0.1 to 10.0.0.10.
//
//   1  web-1     egress grows from 40 % to 96 % of the limit; the credential is renewed on time
//                at 25
//   2  web-2     taken away: notice at 42, gone at 47; its target is removed 3 minutes later
//   3  worker-1  taken away: notice at 43.5, gone at 48.5
//   4  worker-2  taken away: notice at 44, which moves at 46; gone at 52. 2 to 4 are in one zone.
//   5  batch-1   notice at 12, withdrawn at 14; another at 57, for 62, which stands at the end
//   6  db-1      three interfaces, four disks, IPv6, no spot instance; throttled (429) from 18
//                to 28
//   7  api-1     the credential is renewed 27 minutes late, at 47, three minutes before its end
//   8  api-2     the role is removed at 33; the local clock is 8 s ahead
//   9  legacy-1  normal mode, older version, no name; the metadata service says nothing from 24
//                to 32; the credential is never renewed and ends at 55
//   10 build-1   the exporter is restarted at 37; the renewal of the credential fails from 40 on;
//                a drill from 20 to 24, and one from 54 for 64
//
// Five are hardened-only, so normal mode is closed there. Two show tags, and two count one post to
// an Alertmanager for each notice.

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <numbers>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "client/metadata_client.h"
#include "expose/metric_families.h"
#include "expose/text_format.h"
#include "notify/drill_file.h"
#include "poll/poller.h"
#include "simulator/service.h"
#include "support/fake_clock.h"
#include "support/simulator_transport.h"

namespace aliyun_ecs {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kScrapeInterval = seconds(15);
constexpr Duration kHour = hours(1);

// Minutes of the script.
constexpr Duration At(double minute) {
  return std::chrono::round<Duration>(std::chrono::duration<double, std::ratio<60>>(minute));
}

void Must(bool good) {
  if (!good) throw std::logic_error("the script does not fit the simulator");
}

MetricFamily Family(std::string name, std::string help, MetricType type) {
  return {std::move(name), std::move(help), type, {}};
}

void Add(MetricFamily& family, std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  metric.counter.value = value;
  family.metric.push_back(std::move(metric));
}

// What was scraped, family by family.
class Record {
 public:
  // A page in OpenMetrics, of that target at that time. Returns how many samples it has.
  int Take(std::string_view page, std::string_view job, std::string_view instance,
           SystemTime time) {
    const auto milli = std::chrono::floor<milliseconds>(time).time_since_epoch().count();
    const auto stamp = fmt::format(" {}.{:03}\n", milli / 1000, milli % 1000);
    const auto target = fmt::format("instance=\"{}\",job=\"{}\"", instance, job);
    int samples = 0;
    Lines* family = nullptr;
    bool is_new = false;
    for (const auto line : Split(page, '\n')) {
      if (line.empty() || line == "# EOF") continue;
      if (line.starts_with("# ")) {
        const auto name = line.substr(7, line.find(' ', 7) - 7);
        if (line.starts_with("# TYPE ")) {
          const auto [at, inserted] = families_.try_emplace(std::string(name));
          family = &at->second;
          is_new = inserted;
        }
        if (is_new) ((family->heading += line) += '\n');
        continue;
      }
      if (family == nullptr) throw std::invalid_argument("a sample before the first family");
      ++samples;
      // The name has neither a brace nor a blank; a value has no blank.
      const auto name_end = line.find_first_of("{ ");
      std::string& out = family->samples;
      (out += line.substr(0, name_end)) += '{';
      out += target;
      if (line[name_end] == '{') {
        (out += ',') += line.substr(name_end + 1);
      } else {
        (out += '}') += line.substr(name_end);
      }
      out += stamp;
    }
    return samples;
  }

  int Take(const std::vector<MetricFamily>& families, std::string_view job,
           std::string_view instance, SystemTime time) {
    return Take(TextFormat(Exposition::kOpenMetrics).Serialize(families), job, instance, time);
  }

  [[nodiscard]] bool WriteTo(std::FILE* file) const {
    const auto write = [&](std::string_view text) {
      return std::fwrite(text.data(), 1, text.size(), file) == text.size();
    };
    for (const auto& [name, lines] : families_) {
      if (!write(lines.heading) || !write(lines.samples)) return false;
    }
    return write("# EOF\n") && std::fflush(file) == 0;
  }

 private:
  struct Lines {
    std::string heading;
    std::string samples;
  };
  std::map<std::string, Lines, std::less<>> families_;
};

// What Prometheus adds to each scrape.
void TakeScrape(Record& record, std::string_view job, std::string_view instance, SystemTime time,
                bool up, double duration, int samples) {
  std::vector families{
      Family("up", "1 when the scrape went well.", MetricType::Gauge),
      Family("scrape_duration_seconds", "Duration.", MetricType::Gauge),
      Family("scrape_samples_scraped", "Samples.", MetricType::Gauge),
      Family("scrape_samples_post_metric_relabeling", "Samples.", MetricType::Gauge),
      Family("scrape_series_added", "New series.", MetricType::Gauge)};
  Add(families[0], {}, up ? 1 : 0);
  Add(families[1], {}, duration);
  Add(families[2], {}, samples);
  Add(families[3], {}, samples);
  Add(families[4], {}, 0);
  record.Take(families, job, instance, time);
}

// The simulator behind a network on which time passes.
class Network final : public HttpTransport {
 public:
  Network(simulator::Service& service, FakeClock& clock, unsigned seed)
      : simulator_(service), clock_(clock), random_(seed) {}

  [[nodiscard]] Result<HttpResponse> Perform(const HttpRequest& request,
                                             std::stop_token stop) override {
    const Duration before = simulator_.delayed();
    auto answer = simulator_.Perform(request, std::move(stop));
    // Mostly 1 ms, now and then up to 20.
    const auto slow = random_() % 16 == 0 ? 16 : 1;
    clock_.Advance(simulator_.delayed() - before +
                   slow * microseconds(800 + static_cast<int>(random_() % 400)));
    return answer;
  }

 private:
  SimulatorTransport simulator_;
  FakeClock& clock_;
  std::mt19937 random_;
};

// What the script says of an instance.
struct Part {
  int number = 1;
  std::string name;
  std::string region;
  std::string zone;
  std::string type;
  int gigabits = 1;  // limit of the bandwidth, in Gbit/s
  int interfaces = 1;
  int disks = 1;
  bool hardened_only = false;
  bool spot = true;
  bool marketplace_image = false;
  std::optional<Duration> credential_ends = {};  // minute of the hour; none: no role
  std::chrono::seconds clock_ahead{0};
  MetadataMode mode = MetadataMode::kHardened;
  std::string version = "0.1.0";
  std::map<std::string, std::string> tags = {};
  bool posts_alerts = false;
  double egress_from = 0.1;  // share of the limit, at the start and at the end of the hour
  double egress_to = 0.1;
};

// An instance, its metadata service, and the exporter on it.
class Host {
 public:
  // Its exporter has been running for a while when the hour begins.
  Host(Part part, SystemTime begin)
      : part_(std::move(part)), begin_(begin), service_({Start(part_)}, Protocol(part_), clock_) {
    poll_.jitter_seed = static_cast<std::uint64_t>(part_.number);
    for (const auto& [key, value] : part_.tags) poll_.instance_tags.push_back(key);
    drill_path_ = std::filesystem::temp_directory_path() /
                  fmt::format("scripted_hour.{}.{}", ::getpid(), part_.number);
    clock_.SetSystem(begin - minutes(20 + 7 * part_.number));
    if (part_.credential_ends) {
      Simulate([&](simulator::Instance& instance) {
        instance.AttachRole("SimulatedEcsRole", begin_ + *part_.credential_ends - clock_.System());
      });
    }
    StartExporter();
  }
  ~Host() {
    std::error_code ignored;
    std::filesystem::remove(drill_path_, ignored);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // At that minute of the hour. In the order of time.
  void When(double minute, std::function<void()> act) {
    script_.emplace_back(begin_ + At(minute), std::move(act));
  }
  void When(double minute, std::function<void(simulator::Instance&)> act) {
    When(minute, [this, act = std::move(act)] { Simulate(act); });
  }

  // The instance's clock is that of the hour, whatever the service says.
  [[nodiscard]] SystemTime HourAt(double minute) const { return begin_ + At(minute); }

  void NoticeFor(double minute) {
    Simulate([&](simulator::Instance& instance) { instance.SetTermination(HourAt(minute)); });
  }
  void EndAt(double minute) { end_ = HourAt(minute); }
  void RestartFrom(double minute, Duration takes) {
    down_from_ = HourAt(minute);
    down_to_ = *down_from_ + takes;
    When(minute, [this, takes] {
      clock_.Advance(takes);
      StartExporter();
    });
  }
  void Drill(double minute) {
    std::ofstream(drill_path_) << R"({"time": ")" << FormatUtc(HourAt(minute)) << "\"}\n";
  }
  void SetFault(simulator::Fault fault) { service_.SetFaults(1, {std::move(fault)}); }

  void ScrapeInto(Record& record) {
    const Duration offset = milliseconds(1370 * part_.number);
    for (SystemTime time = begin_ + offset; time < begin_ + kHour; time += kScrapeInterval) {
      const bool gone = end_ && time >= *end_;
      // So long service discovery goes on showing it.
      if (gone && time >= *end_ + minutes(3)) return;
      if (!gone) RunUntil(time);
      const bool is_down = gone || (down_from_ && time >= *down_from_ && time < down_to_);
      ScrapeExporter(record, time, !is_down);
      ScrapeNode(record, time, !gone);
    }
  }

 private:
  static simulator::InstanceStart Start(const Part& part) {
    simulator::InstanceStart start;
    start.tree = simulator::Tree::FromCatalog(
        {.profile = simulator::Profile::kLinux,
         .interfaces = part.interfaces,
         .disks = part.disks,
         .key_pair = part.number % 2 == 0,
         .public_address = part.number % 3 == 0,
         .marketplace_image = part.marketplace_image,
         .ipv6 = part.interfaces > 1 ? simulator::Ipv6::kFull : simulator::Ipv6::kNone,
         .instance = part.number});
    start.number = part.number;
    start.spot = part.spot;
    start.access.http_tokens =
        part.hardened_only ? simulator::HttpTokens::kRequired : simulator::HttpTokens::kOptional;
    const auto put = [&](std::string_view path, std::string text) {
      start.tree.Overwrite("meta-data/" + std::string(path), std::move(text));
    };
    put("region-id", part.region);
    put("zone-id", part.zone);
    put("instance/instance-type", part.type);
    if (part.name.empty()) {
      start.tree.Erase("meta-data/instance/instance-name");
    } else {
      put("instance/instance-name", part.name);
      put("hostname", part.name);
    }
    const auto limit = std::to_string(part.gigabits * 1024000);
    put("instance/max-netbw-egress", limit);
    put("instance/max-netbw-ingress", limit);
    for (const auto& [key, value] : part.tags) put("tags/instance/" + key, value);
    Renumber(start.tree, part);
    return start;
  }

  // Gives it the address that it is scraped at, and the network around that.
  static void Renumber(simulator::Tree& tree, const Part& part) {
    std::vector<std::pair<std::string, std::string>> names;
    for (int i = 0; i < part.interfaces; ++i) {
      const auto simulated = fmt::format("192.168.{}.", 10 + i);
      const auto ours = fmt::format("10.0.{}.", i);
      const int first = 11 + 2 * (part.number - 1);
      names.emplace_back(simulated + std::to_string(first), ours + std::to_string(part.number));
      names.emplace_back(simulated + std::to_string(first + 1),
                         ours + std::to_string(100 + part.number));
      names.emplace_back(simulated, ours);
    }
    names.emplace_back("192.168.0.0/16", "10.0.0.0/16");
    const auto leaves = tree.leaves();
    for (const auto& [path, leaf] : leaves) {
      std::string text = leaf;
      for (const auto& [from, to] : names) {
        for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
          text.replace(at, from.size(), to);
          at += to.size();
        }
      }
      if (text != leaf) tree.Overwrite(path, text);
    }
  }

  static simulator::ProtocolOptions Protocol(const Part& part) {
    simulator::ProtocolOptions protocol;
    protocol.date_offset = -part.clock_ahead;
    return protocol;
  }

  static std::string Address(const Part& part) { return fmt::format("10.0.0.{}", part.number); }

  // One run of the exporter.
  struct Process {
    Process(const Part& part, const PollOptions& poll, HttpTransport& transport, FakeClock& clock,
            const std::filesystem::path& drill_path)
        : client(transport, clock, {.mode = part.mode}),
          poller(poll, client, clock, store),
          drill_file(drill_path),
          started(clock.System()) {}

    MetadataClient client;
    SnapshotStore store;
    Poller poller;
    DrillFile drill_file;
    SystemTime started;
    AnswerCounts answers{};
  };

  template <typename Act>
  void Simulate(Act&& act) {
    service_.WithInstance(std::forward<Act>(act));
  }

  void StartExporter() {
    process_ = std::make_unique<Process>(part_, poll_, network_, clock_, drill_path_);
  }

  // Calls the poller as main.cc does.
  void Turn(SystemTime until) {
    while (true) {
      const SteadyTime next = process_->poller.Step(std::stop_token());
      LocalFacts local;
      local.drill = process_->drill_file.Follow(*process_->store.Current(), Now(clock_));
      if (part_.posts_alerts) {
        // One post for each notice, and no Alertmanager that fails.
        local.notifications = {{"10.0.1.9:9093", process_->store.Current()->spot.notices, 0}};
      }
      process_->poller.SetLocalFacts(std::move(local));
      const Duration left = until - clock_.System();
      if (left <= Duration::zero() && next > clock_.Steady()) return;
      clock_.AdvanceTo(
          std::min({next, clock_.Steady() + Duration(seconds(5)), clock_.Steady() + left}));
    }
  }

  void RunUntil(SystemTime time) {
    while (next_ < script_.size() && script_[next_].first <= time) {
      Turn(script_[next_].first);
      script_[next_].second();
      ++next_;
    }
    Turn(time);
  }

  void ScrapeExporter(Record& record, SystemTime time, bool up) {
    const auto instance = Address(part_) + ":10200";
    constexpr std::string_view kJob = "aliyun-ecs-exporter";
    if (!up) {
      TakeScrape(record, kJob, instance, time, false, 0.0012, 0);
      return;
    }
    ++process_->answers[0];
    auto families = MetricFamilies(*process_->store.Current(), Now(clock_),
                                   {part_.version, "simulated", "GNU 12.2.0"});
    const double age = ToSeconds(clock_.System() - process_->started);
    for (auto& family :
         ProcessFamilies({.cpu_seconds = 0.03 + std::floor(age * 0.09) / 100,
         .open_fds = 14 + static_cast<int>(age / 15) % 3,
         .max_fds = 1024,
         .virtual_memory_bytes = 3.1e8,
         .resident_memory_bytes = 9.0e6 +
                                  4096 * (std::min(std::floor(age / 60), 90.0) + 20 * part_.disks),
         .start_time_seconds = ToUnixSeconds(process_->started)},
                         process_->answers)) {
      families.push_back(std::move(family));
    }
    const int samples = record.Take(families, kJob, instance, time);
    const auto jitter = static_cast<double>(process_->answers[0] * 37 % 23) / 1e5;
    TakeScrape(record, kJob, instance, time, true, 0.0021 + jitter, samples);
  }

  // The bytes since the beginning of a traffic that goes from one rate to another within the hour,
  // and swings a little around it.
  static double Bytes(double from, double to, double at, double phase) {
    const double hour = ToSeconds(kHour);
    const double swing = 0.03 * from;
    const double speed = 2 * std::numbers::pi / 420;
    return std::floor(1e9 + from * at + (to - from) * at * at / (2 * hour) +
                      swing / speed * (1 - std::cos(speed * at + phase)));
  }

  void ScrapeNode(Record& record, SystemTime time, bool up) {
    const auto instance = Address(part_) + ":9100";
    constexpr std::string_view kJob = "node";
    if (!up) {
      TakeScrape(record, kJob, instance, time, false, 0.0012, 0);
      return;
    }
    const double at = ToSeconds(time - begin_);
    const double limit = part_.gigabits * 1024e6 / 8;
    const double phase = part_.number;
    std::vector families{
        Family("node_network_receive_bytes_total", "Received.", MetricType::Counter),
        Family("node_network_transmit_bytes_total", "Sent.", MetricType::Counter),
        Family("node_uname_info", "The system.", MetricType::Gauge)};
    const double egress = part_.egress_from / part_.interfaces;
    const double egress_to = part_.egress_to / part_.interfaces;
    for (int i = 0; i < part_.interfaces; ++i) {
      const std::vector<ClientMetric::Label> device{{"device", fmt::format("eth{}", i)}};
      Add(families[0], device, Bytes(0.05 * limit, 0.08 * limit, at, phase + i));
      Add(families[1], device, Bytes(egress * limit, egress_to * limit, at, phase + i));
    }
    // What must not count against the limit.
    for (const char* const device : {"lo", "docker0", "veth1a2b3c"}) {
      for (auto* const family : {&families[0], &families[1]}) {
        Add(*family, {{"device", device}}, Bytes(0.2 * limit, 0.2 * limit, at, phase));
      }
    }
    const auto name =
        part_.name.empty() ? fmt::format("simulated-ecs-{}", part_.number) : part_.name;
    Add(families[2],
        {{"machine", "x86_64"}, {"nodename", name}, {"release", "5.10.134"}, {"sysname", "Linux"}},
        1);
    const int samples = record.Take(families, kJob, instance, time);
    TakeScrape(record, kJob, instance, time, true, 0.012 + 0.001 * std::sin(at / 60), samples);
  }

  const Part part_;
  const SystemTime begin_;
  FakeClock clock_;
  simulator::Service service_;
  Network network_{service_, clock_, static_cast<unsigned>(part_.number)};
  PollOptions poll_;
  std::filesystem::path drill_path_;
  std::unique_ptr<Process> process_;
  std::vector<std::pair<SystemTime, std::function<void()>>> script_;
  std::size_t next_ = 0;
  std::optional<SystemTime> end_;
  std::optional<SystemTime> down_from_;
  SystemTime down_to_;
};

constexpr auto kHangzhou = "cn-hangzhou";
constexpr auto kZoneI = "cn-hangzhou-i";

using simulator::Instance;
using simulator::Rotation;

void Web1(Record& record, SystemTime begin) {
  Host host({.number = 1,
             .name = "web-1",
             .region = kHangzhou,
             .zone = kZoneI,
             .type = "ecs.g7.xlarge",
             .gigabits = 3,
             .disks = 2,
             .hardened_only = true,
             .credential_ends = At(55),
             .tags = {{"env", "prod"}, {"team", "shop"}},
             .egress_from = 0.40,
             .egress_to = 0.96},
            begin);
  host.ScrapeInto(record);
}

void Web2(Record& record, SystemTime begin) {
  Host host({.number = 2,
             .name = "web-2",
             .region = kHangzhou,
             .zone = kZoneI,
             .type = "ecs.g7.xlarge",
             .gigabits = 3,
             .disks = 2,
             .hardened_only = true,
             .credential_ends = At(170),
             .tags = {{"env", "prod"}, {"team", "shop"}},
             .posts_alerts = true,
             .egress_from = 0.3,
             .egress_to = 0.2},
            begin);
  host.When(42, [&] { host.NoticeFor(47); });
  host.EndAt(47);
  host.ScrapeInto(record);
}

void Worker1(Record& record, SystemTime begin) {
  Host host({.number = 3,
             .name = "worker-1",
             .region = kHangzhou,
             .zone = kZoneI,
             .type = "ecs.c7.2xlarge",
             .gigabits = 5,
             .hardened_only = true,
             .credential_ends = At(200)},
            begin);
  host.When(43.5, [&] { host.NoticeFor(48.5); });
  host.EndAt(48.5);
  host.ScrapeInto(record);
}

void Worker2(Record& record, SystemTime begin) {
  Host host({.number = 4,
             .name = "worker-2",
             .region = kHangzhou,
             .zone = kZoneI,
             .type = "ecs.c7.2xlarge",
             .gigabits = 5,
             .hardened_only = true,
             .credential_ends = At(240)},
            begin);
  host.When(44, [&] { host.NoticeFor(49); });
  host.When(46, [&] { host.NoticeFor(52); });
  host.EndAt(52);
  host.ScrapeInto(record);
}

void Batch1(Record& record, SystemTime begin) {
  Host host({.number = 5,
             .name = "batch-1",
             .region = kHangzhou,
             .zone = "cn-hangzhou-k",
             .type = "ecs.r7.large",
             .gigabits = 2,
             .credential_ends = At(300),
             .posts_alerts = true},
            begin);
  host.When(12, [&] { host.NoticeFor(17); });
  host.When(14, [](Instance& instance) { instance.ClearTermination(); });
  host.When(57, [&] { host.NoticeFor(62); });
  host.ScrapeInto(record);
}

void Db1(Record& record, SystemTime begin) {
  Host host({.number = 6,
             .name = "db-1",
             .region = "cn-shanghai",
             .zone = "cn-shanghai-m",
             .type = "ecs.r7.2xlarge",
             .gigabits = 5,
             .interfaces = 3,
             .disks = 4,
             .hardened_only = true,
             .spot = false,
             .marketplace_image = true,
             .credential_ends = At(100)},
            begin);
  const auto throttle = [](Instance& instance, std::optional<simulator::Throttle> to) {
    auto access = instance.access();
    access.throttle = to;
    instance.set_access(access);
  };
  host.When(18, [&](Instance& instance) { throttle(instance, simulator::Throttle{0.01, 1}); });
  host.When(28, [&](Instance& instance) { throttle(instance, std::nullopt); });
  host.ScrapeInto(record);
}

void Api1(Record& record, SystemTime begin) {
  Host host({.number = 7,
             .name = "api-1",
             .region = "cn-shanghai",
             .zone = "cn-shanghai-m",
             .type = "ecs.g8i.large",
             .gigabits = 2,
             .credential_ends = At(50)},
            begin);
  host.When(1, [](Instance& instance) {
    instance.set_rotation({.how = Rotation::How::kLate, .late = minutes(27)});
  });
  host.ScrapeInto(record);
}

void Api2(Record& record, SystemTime begin) {
  Host host({.number = 8,
             .name = "api-2",
             .region = "cn-shanghai",
             .zone = "cn-shanghai-n",
             .type = "ecs.g8i.large",
             .gigabits = 2,
             .credential_ends = At(270),
             .clock_ahead = seconds(8)},
            begin);
  host.When(33, [](Instance& instance) { Must(instance.DetachRole()); });
  host.ScrapeInto(record);
}

void Legacy1(Record& record, SystemTime begin) {
  Host host({.number = 9,
             .name = "",
             .region = "ap-southeast-1",
             .zone = "ap-southeast-1a",
             .type = "ecs.t6-c1m2.large",
             .gigabits = 1,
             .spot = false,
             .credential_ends = At(55),
             .mode = MetadataMode::kNormal,
             .version = "0.0.9"},
            begin);
  host.When(2, [](Instance& instance) { instance.set_rotation({.how = Rotation::How::kNever}); });
  host.When(24,
            [&] { host.SetFault({.kind = simulator::Fault::Kind::kHang, .lasts = minutes(8)}); });
  host.ScrapeInto(record);
}

void Build1(Record& record, SystemTime begin) {
  Host host({.number = 10,
             .name = "build-1",
             .region = "ap-southeast-1",
             .zone = "ap-southeast-1b",
             .type = "ecs.c7.large",
             .gigabits = 2,
             .credential_ends = At(70)},
            begin);
  host.When(20, [&] { host.Drill(24); });
  host.RestartFrom(37, seconds(40));
  host.When(39,
            [](Instance& instance) { instance.set_rotation({.how = Rotation::How::kFailing}); });
  host.When(54, [&] { host.Drill(64); });
  host.ScrapeInto(record);
}

int Main(int argc, const char* const* argv) {
  using namespace std::chrono_literals;
  SystemTime end = std::chrono::sys_days(2026y / 1 / 15) + hours(12);
  if (argc > 1) {
    std::int64_t unix_time = 0;
    const char* const last = argv[1] + std::strlen(argv[1]);
    const auto [stop, error] = std::from_chars(argv[1], last, unix_time);
    // Up to 2096, so that nothing overflows.
    if (argc > 2 || stop != last || error != std::errc() || unix_time < 86400 ||
        unix_time > 4'000'000'000) {
      std::fputs("usage: scripted_hour [END IN UNIX TIME]\n", stderr);
      return 1;
    }
    end = SystemTime(seconds(unix_time));
  }
  Record record;
  for (const auto part : {Web1, Web2, Worker1, Worker2, Batch1, Db1, Api1, Api2, Legacy1, Build1}) {
    part(record, end - kHour);
  }
  if (!record.WriteTo(stdout)) {
    std::fprintf(stderr, "scripted_hour: cannot write: %s\n", std::strerror(errno));
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace aliyun_ecs

int main(int argc, char** argv) {
  try {
    return aliyun_ecs::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "scripted_hour: %s\n", exception.what());
    return 1;
  }
}
