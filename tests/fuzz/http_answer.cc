#include <algorithm>
#include <string>

#include "base/text.h"
#include "client/curl_transport.h"
#include "fuzz/fuzz.h"
#include "support/raw_server.h"

// The bytes that somebody sends who was asked over HTTP: an answer within its bounds, made of what
// was sent, or a sentence that quotes nothing.

namespace aliyun_ecs::fuzz {

void Fuzz(std::string_view input) {
  constexpr std::size_t kMost = 1024;
  RawServer server({{{std::string(input)}, RawServer::Then::kClose}});
  CurlTransport transport(server.url(), "fuzz");
  HttpRequest request;
  request.path = "/latest/meta-data/instance-id";
  request.timeout = std::chrono::seconds(5);
  request.max_body_bytes = kMost;
  const auto response = transport.Perform(request, {});
  if (!response) {
    const Error& error = response.error();
    ALWAYS(error.code == ErrorCode::kMalformed || error.code == ErrorCode::kUnreachable);
    ALWAYS(IsPrintableUtf8(error.message) && error.message.size() < 100);
    return;
  }
  ALWAYS(response->status >= 100 && response->status <= 999);
  ALWAYS(input.find(std::to_string(response->status)) != std::string_view::npos);
  ALWAYS(response->body.size() <= kMost && response->body.size() <= input.size());
  const std::string lower = LowerCase(input);
  ALWAYS(!response->through_proxy || lower.find("via:") != std::string::npos);
  ALWAYS(!response->retry_after || lower.find("retry-after:") != std::string::npos);
  ALWAYS(!response->retry_after || *response->retry_after >= Duration::zero());
  ALWAYS(!response->date || lower.find("date:") != std::string::npos);
  ALWAYS(!response->date || ParseUtc(FormatUtc(*response->date)) == response->date);
  // Half an answer is none, unless it announces a page too long to wait for.
  const bool left_out = response->status != 200 && response->body.empty() &&
                        lower.find("content-length:") != std::string::npos;
  ALWAYS(input.find("\n\r\n") != std::string_view::npos ||
         input.find("\n\n") != std::string_view::npos || left_out);
}

}  // namespace aliyun_ecs::fuzz
