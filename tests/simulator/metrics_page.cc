#include "simulator/metrics_page.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/build_info.h"

namespace aliyun_ecs::simulator {
namespace {

// Those that the service answers with by itself. Faults add others.
constexpr std::array kStatuses{0, 200, 400, 401, 403, 404, 405, 429, 503};

class Page {
 public:
  void Family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = fmt::format("aliyun_ecs_simulator_{}", name);
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name_, help, type);
  }
  template <typename Number>
  void Sample(Number value, std::string_view labels = "") {
    text_ += fmt::format("{}{} {}\n", name_, labels, value);
  }
  [[nodiscard]] std::string TakeText() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

}  // namespace

std::string MetricsPage(Service& service) {
  auto counters = service.counters();
  Page page;
  const auto& build = GetBuildInfo();
  page.Family("build_info", "gauge", "What this simulator was built from; value 1.");
  page.Sample(1, fmt::format("{{version=\"{}\",revision=\"{}\"}}", build.version, build.revision));
  page.Family("instances", "gauge", "Simulated instances.");
  page.Sample(service.instances());
  page.Family("spot_termination_notices", "gauge", "Instances that show a notice.");
  page.Sample(service.notices());
  page.Family("session_tokens", "gauge",
              "Session tokens that are remembered: the valid ones, and some whose time is over.");
  page.Sample(service.remembered_tokens());
  page.Family("session_tokens_issued_total", "counter", "Session tokens given out.");
  page.Sample(counters.tokens_issued);
  page.Family("requests_total", "counter",
              "Metadata requests by status; none for those that got no HTTP response.");
  for (const int status : kStatuses) counters.requests_by_status.try_emplace(status, 0);
  for (const auto& [status, count] : counters.requests_by_status) {
    page.Sample(count,
                fmt::format("{{code=\"{}\"}}", status == 0 ? "none" : fmt::format("{}", status)));
  }
  page.Family("throttled_total", "counter",
              "Requests refused by the throttle of an instance; those by a fault do not count.");
  page.Sample(counters.throttled);
  page.Family("faults_applied_total", "counter", "Requests that a fault struck, by its kind.");
  for (std::size_t i = 0; i < counters.faults.size(); ++i) {
    page.Sample(counters.faults[i],
                fmt::format("{{fault=\"{}\"}}", Name(static_cast<Fault::Kind>(i))));
  }
  return page.TakeText();
}

}  // namespace aliyun_ecs::simulator
