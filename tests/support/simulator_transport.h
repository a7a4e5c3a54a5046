#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/transport.h"
#include "simulator/service.h"

namespace aliyun_ecs {

// HttpTransport straight into the simulator: no socket, no time passes. Trouble is put in the way
// by `interfere`, which sees each request and may answer in the service's place.
class SimulatorTransport final : public HttpTransport {
 public:
  using Interference =
      std::function<std::optional<Result<HttpResponse>>(const HttpRequest& request)>;

  explicit SimulatorTransport(simulator::Service& service) : service_(service) {}

  // Called with each answer of the service: to add what only a network adds.
  using Adornment = std::function<void(HttpResponse& response)>;

  void Interfere(Interference interference) { interference_ = std::move(interference); }
  void Adorn(Adornment adornment) { adornment_ = std::move(adornment); }
  void StopInterfering() { interference_ = nullptr; }

  [[nodiscard]] Result<HttpResponse> Perform(const HttpRequest& request,
                                             std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorCode::kCancelled, "cancelled");
    ++requests_;
    if (interference_) {
      if (auto answer = interference_(request)) return *std::move(answer);
    }
    simulator::Request asked;
    asked.method = request.method == HttpMethod::kPut ? "PUT" : "GET";
    asked.target = request.path;
    for (const auto& header : request.headers)
      asked.headers.emplace_back(header.name, header.value);
    const simulator::Response answered = service_.Handle(asked);
    HttpResponse response;
    response.status = answered.status;
    if (!response.body.Append(answered.body, request.max_body_bytes)) {
      return Fail(ErrorCode::kMalformed, "the answer is too large");
    }
    if (adornment_) adornment_(response);
    return response;
  }

  // Those that interference answered included.
  [[nodiscard]] std::size_t requests() const { return requests_; }

 private:
  simulator::Service& service_;
  Interference interference_;
  Adornment adornment_;
  std::size_t requests_ = 0;
};

// What an interference returns to answer with that status and body.
[[nodiscard]] inline std::optional<Result<HttpResponse>> AnswerWith(int status,
                                                                    std::string_view body = "") {
  HttpResponse response;
  response.status = status;
  response.body = Secret(body);
  return response;
}

}  // namespace aliyun_ecs
