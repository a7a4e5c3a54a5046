#include "check/exporter_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "metadata/snapshot_json.h"

namespace aliyun_ecs {
namespace {

constexpr std::size_t kMaxReportBytes = std::size_t{2} << 20;
constexpr Duration kClocksMayDiffer = std::chrono::seconds(30);

// More makes nothing older.
constexpr Duration kOldEnough = std::chrono::hours(24 * 366 * 5);

tl::unexpected<Error> FailByStatus(int status) {
  const std::string answered = "the exporter answered " + std::to_string(status);
  switch (status) {
    case 401:
      return Fail(ErrorCode::kUnauthorized, answered + ": it wants another user name or password");
    case 404:
      return Fail(ErrorCode::kRefused, answered + ": is it an aliyun_ecs_exporter?");
    default:
      return Fail(ErrorCode::kRefused, answered);
  }
}

}  // namespace

Result<ExporterReport> AskExporter(HttpTransport& transport, const Clock& clock, Duration timeout) {
  HttpRequest request;
  request.path = "/snapshot";
  request.headers = {{"Cache-Control", "no-cache"}};
  request.timeout = timeout;
  request.max_body_bytes = kMaxReportBytes;
  const Instant sent = Now(clock);
  const auto response = transport.Perform(request, {});
  if (!response) {
    return Fail(response.error().code, "the exporter: " + response.error().message);
  }
  if (response->status != 200) return FailByStatus(response->status);
  auto told = SnapshotFromJson(response->body.Reveal(), sent);
  if (!told) return Fail(told.error().code, "the exporter's answer: " + told.error().message);
  const Duration lag = sent.system - told->time;
  ExporterReport report{std::move(told->snapshot), Now(clock), std::nullopt};
  report.now.system = told->time + (report.now.steady - sent.steady);
  if (lag > kClocksMayDiffer || lag < -kClocksMayDiffer) report.lag = lag;
  if (lag > kClocksMayDiffer) {
    const Duration counted = std::min(lag, kOldEnough);
    report.now.steady += counted;
    report.now.system += counted;
  }
  return report;
}

}  // namespace aliyun_ecs
