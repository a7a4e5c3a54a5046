#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/transport.h"
#include "simulator/service.h"

namespace aliyun_ecs {

// HttpTransport straight into the simulator: no socket, no time passes. How a response is carried
// ends as it would over a socket: in a value or in an Error; delays longer than the time-out are
// time-outs, and shorter ones are only reported. Trouble is also put in the way by `interfere`,
// which sees each request and may answer in the service's place.
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
    if (auto trouble = Carry(answered, request)) return *std::move(trouble);
    HttpResponse response;
    response.status = answered.status;
    response.retry_after = RetryAfterOf(answered);
    // A header tells the second only.
    if (answered.date) response.date = std::chrono::floor<std::chrono::seconds>(*answered.date);
    const auto& wrong_by = answered.delivery.wrong_length_by;
    const auto size =
        static_cast<std::int64_t>(answered.body.size()) + std::min<std::int64_t>(0, wrong_by);
    if (!response.body.Append(
            std::string_view(answered.body)
                .substr(0, static_cast<std::size_t>(std::max<std::int64_t>(0, size))),
            request.max_body_bytes)) {
      return Fail(ErrorCode::kMalformed, "the answer is too large");
    }
    if (adornment_) adornment_(response);
    return response;
  }

  // How long all answers so far would have taken.
  [[nodiscard]] Duration delayed() const { return delayed_; }

  // Those that interference answered included.
  [[nodiscard]] std::size_t requests() const { return requests_; }

 private:
  // What becomes of a response that does not arrive whole and in time; nullopt when it does.
  std::optional<Result<HttpResponse>> Carry(const simulator::Response& answered,
                                            const HttpRequest& request) {
    using How = simulator::Delivery::How;
    const auto& delivery = answered.delivery;
    Duration duration = delivery.delay;
    if (delivery.how == How::kDrip) {
      // The head, a few hundred bytes, is dripped too.
      const auto pieces = (200 + answered.body.size()) / delivery.drip_bytes;
      duration += delivery.drip_interval * static_cast<Duration::rep>(pieces);
    }
    if (delivery.how == How::kHang || duration >= request.timeout) {
      delayed_ += request.timeout;
      return Fail(ErrorCode::kTimeout, "no complete answer in time");
    }
    delayed_ += duration;
    if (delivery.how == How::kReset || delivery.how == How::kClose) {
      return Fail(ErrorCode::kUnreachable, "the connection was ended");
    }
    if (delivery.how == How::kGarbage) return Fail(ErrorCode::kMalformed, "this is not HTTP");
    // Less than announced is cut short; of more than announced the rest is not read.
    if (delivery.wrong_length_by > 0 || (delivery.how == How::kCut && answered.body.size() >= 1)) {
      return Fail(ErrorCode::kMalformed, "the answer is cut short");
    }
    return std::nullopt;
  }

  static std::optional<Duration> RetryAfterOf(const simulator::Response& answered) {
    for (const auto& [name, value] : answered.headers) {
      if (name != "Retry-After") continue;
      int seconds = 0;
      std::from_chars(value.data(), value.data() + value.size(), seconds);
      return std::chrono::seconds(seconds);
    }
    return std::nullopt;
  }

  simulator::Service& service_;
  Interference interference_;
  Adornment adornment_;
  std::size_t requests_ = 0;
  Duration delayed_{};
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
