#include "expose/site.h"

#include <algorithm>

#include "base/text.h"
#include "expose/negotiation.h"
#include "expose/status_page.h"
#include "expose/text_format.h"
#include "metadata/judge.h"
#include "metadata/snapshot_json.h"

namespace aliyun_ecs {
namespace {

constexpr std::string_view kStatus = "/";
constexpr std::string_view kSnapshot = "/snapshot";
constexpr std::string_view kHealthy[] = {"/-/healthy", "/healthz"};
constexpr std::string_view kReady[] = {"/-/ready", "/readyz"};

bool IsOneOf(std::string_view path, const std::string_view (&paths)[2]) {
  return std::find(std::begin(paths), std::end(paths), path) != std::end(paths);
}

}  // namespace

Site::Site(const SnapshotStore& store, const Clock& clock, const BuildInfo& build,
           std::string telemetry_path, const AnswerCounter* answers)
    : store_(store),
      clock_(clock),
      build_(build),
      telemetry_path_(std::move(telemetry_path)),
      metrics_page_(store, clock, build, answers) {}

WebResponse Site::Handle(const WebRequest& request) const {
  WebResponse (Site::*page)(const WebRequest&) const = nullptr;
  if (request.path == telemetry_path_) page = &Site::Metrics;
  if (request.path == kSnapshot) page = &Site::SnapshotDocument;
  if (request.path == kStatus) page = &Site::Status;
  if (IsOneOf(request.path, kHealthy)) page = &Site::Healthy;
  if (IsOneOf(request.path, kReady)) page = &Site::Ready;
  if (page == nullptr) return {404, "text/plain; charset=utf-8", {}, "404: no such page\n"};
  if (request.method != "GET" && request.method != "HEAD") {
    return {405, "text/plain; charset=utf-8", {{"Allow", "GET, HEAD"}}, "405: GET or HEAD only\n"};
  }
  return (this->*page)(request);
}

bool Site::IsProbe(std::string_view path) {
  return IsOneOf(path, kHealthy) || IsOneOf(path, kReady);
}

bool Site::IsTelemetryPath(std::string_view path) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '.' || c == '_' || c == '-';
  };
  if (!path.starts_with('/') || !std::all_of(path.begin(), path.end(), allowed)) return false;
  // The web server tidies paths before they get here, so untidy ones would never match.
  const auto segments = Split(path.substr(1), '/');
  const bool tidy = std::none_of(segments.begin(), segments.end(), [](std::string_view segment) {
    return segment.empty() || segment == "." || segment == "..";
  });
  return tidy && path != kStatus && path != kSnapshot && !IsProbe(path);
}

WebResponse Site::Metrics(const WebRequest& request) const {
  const Exposition exposition = NegotiateExposition(request.accept);
  WebResponse response;
  response.content_type = TextFormat(exposition).content_type();
  response.headers = {{"Vary", "Accept, Accept-Encoding"}};
  if (NegotiateGzip(request.accept_encoding)) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = metrics_page_.Gzip(exposition);
  } else {
    response.body = metrics_page_.Text(exposition);
  }
  return response;
}

WebResponse Site::SnapshotDocument(const WebRequest&) const {
  return {200, "application/json", {}, SnapshotToJson(*store_.Current(), Now(clock_)) + "\n"};
}

WebResponse Site::Status(const WebRequest&) const {
  return {200, "text/html; charset=utf-8", StatusPageHeaders(),
          StatusPage(*store_.Current(), Now(clock_), build_, telemetry_path_)};
}

WebResponse Site::Healthy(const WebRequest&) const {
  WebResponse response;
  response.body = "healthy\n";
  return response;
}

WebResponse Site::Ready(const WebRequest&) const {
  const auto snapshot = store_.Current();
  WebResponse response;
  response.body = "ready\n";
  if (snapshot->ready) return response;
  response.status = 503;
  response.body = "not ready; not known yet:\n";
  for (const auto& path : MissingForReadiness(*snapshot)) response.body += path + "\n";
  return response;
}

}  // namespace aliyun_ecs
