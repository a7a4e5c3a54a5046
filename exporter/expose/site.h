#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/build_info.h"
#include "base/clock.h"
#include "expose/metrics_page.h"
#include "metadata/snapshot.h"

namespace aliyun_ecs {

struct WebRequest {
  std::string_view method;  // "GET"
  std::string_view path;    // "/metrics", without query
  // The header fields that matter here; empty where the client did not send one.
  std::string_view accept = {};
  std::string_view accept_encoding = {};
  std::string_view authorization = {};  // holds a password: for no log
};

struct WebResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;  // further ones
  std::string body;
};

// What the exporter serves, path by path: the page, the snapshot as JSON, the status page and the
// two probes. Paths match exactly; GET and HEAD are the only methods. Never asks the metadata
// service for anything. Safe to call from any number of threads; the store and clock outlive it.
class Site {
 public:
  // Without `answers` the page says nothing of the exporter's own process.
  // REQUIRES: IsTelemetryPath(telemetry_path).
  Site(const SnapshotStore& store, const Clock& clock, const BuildInfo& build,
       std::string telemetry_path, const AnswerCounter* answers = nullptr);

  // HEAD gets what GET gets; leaving the body out is the web server's business.
  [[nodiscard]] WebResponse Handle(const WebRequest& request) const;

  // True for the pages that say whether the process lives and is ready; they are open to everybody.
  [[nodiscard]] static bool IsProbe(std::string_view path);

  // True for "/something" of letters, digits and /._- that no other page has.
  [[nodiscard]] static bool IsTelemetryPath(std::string_view path);

 private:
  [[nodiscard]] WebResponse Metrics(const WebRequest& request) const;
  [[nodiscard]] WebResponse SnapshotDocument(const WebRequest&) const;
  [[nodiscard]] WebResponse Status(const WebRequest&) const;
  [[nodiscard]] WebResponse Healthy(const WebRequest&) const;
  [[nodiscard]] WebResponse Ready(const WebRequest&) const;

  const SnapshotStore& store_;
  const Clock& clock_;
  const BuildInfo& build_;
  std::string telemetry_path_;
  MetricsPage metrics_page_;
};

}  // namespace aliyun_ecs
