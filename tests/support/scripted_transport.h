#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/transport.h"

namespace aliyun_ecs {

// HttpTransport that gives the answers it was told, in their order, and remembers what it was
// asked. Not thread-safe.
class ScriptedTransport final : public HttpTransport {
 public:
  // What a request was, copied: the original points into memory of its caller.
  struct Request {
    HttpMethod method = HttpMethod::kGet;
    std::string path;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    Duration timeout{};
    std::size_t max_body_bytes = 0;
    bool stop_possible = false;
    bool stop_requested = false;
  };

  void Answer(int status, std::string_view body = "",
              std::optional<Duration> retry_after = std::nullopt) {
    HttpResponse response;
    response.status = status;
    response.body = Secret(body);
    response.retry_after = retry_after;
    script_.emplace_back(std::move(response));
  }

  void Fail(ErrorCode code, std::string message) {
    script_.emplace_back(aliyun_ecs::Fail(code, std::move(message)));
  }

  // Called while each exchange is under way: to let time pass, for instance.
  void Meanwhile(std::function<void()> action) { meanwhile_ = std::move(action); }

  [[nodiscard]] Result<HttpResponse> Perform(const HttpRequest& request,
                                             std::stop_token stop) override {
    Request seen{request.method,       request.path,         {},
                 request.body,         request.timeout,      request.max_body_bytes,
                 stop.stop_possible(), stop.stop_requested()};
    for (const auto& [name, value] : request.headers) seen.headers.emplace_back(name, value);
    requests_.push_back(std::move(seen));
    if (meanwhile_) meanwhile_();
    if (script_.empty()) {
      return aliyun_ecs::Fail(ErrorCode::kUnreachable, "nothing more is scripted");
    }
    Result<HttpResponse> answer = std::move(script_.front());
    script_.pop_front();
    return answer;
  }

  [[nodiscard]] const std::vector<Request>& requests() const { return requests_; }

 private:
  std::deque<Result<HttpResponse>> script_;
  std::vector<Request> requests_;
  std::function<void()> meanwhile_;
};

}  // namespace aliyun_ecs
