#include "client/metadata_client.h"

#include <algorithm>
#include <string>
#include <utility>

namespace aliyun_ecs {
namespace {

constexpr std::string_view kTokenPath = "/latest/api/token";
constexpr std::string_view kItemPrefix = "/latest/meta-data/";
constexpr std::string_view kTtlHeader = "X-aliyun-ecs-metadata-token-ttl-seconds";
constexpr std::string_view kTokenHeader = "X-aliyun-ecs-metadata-token";

// No real token was ever published. It becomes a header's value, so what could break out of a
// header is refused, and so is what is no token but a page.
constexpr std::size_t kMaxTokenBytes = 2048;
bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenBytes && text.front() != '<' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 33 && c <= 126; });
}

std::string Answered(int status, std::string_view meaning) {
  return "the metadata service answered " + std::to_string(status) + ": " + std::string(meaning);
}

// What a status means for a session token. The vendor documents 400 and 403; what else means was
// seen by others (no token path in some environments: 404, 405).
tl::unexpected<Error> FailTokenByStatus(int status) {
  switch (status) {
    case 403:
      return Fail(ErrorCode::kForbidden,
                  Answered(status,
                           "no session token is given (the metadata channel is disabled, "
                           "or a proxy is in the path)"));
    case 429:
    case 503:
      return Fail(ErrorCode::kThrottled, Answered(status, "it throttles"));
    default:
      return Fail(ErrorCode::kRefused,
                  Answered(status,
                           "no session token is given (is this an ECS instance? where "
                           "hardened mode is missing, normal mode reads without a token)"));
  }
}

tl::unexpected<Error> FailByStatus(int status) {
  const auto sentence = [&](std::string_view meaning) { return Answered(status, meaning); };
  switch (status) {
    case 401:
      return Fail(ErrorCode::kUnauthorized, sentence("it accepts no request like this (unknown or "
                                                     "expired session token)"));
    case 403:
      return Fail(ErrorCode::kForbidden,
                  sentence("access is forbidden (normal mode is closed, the metadata channel is "
                           "disabled, or a proxy is in the path)"));
    case 429:
    case 503:
      return Fail(ErrorCode::kThrottled, sentence("it throttles"));
    default:
      return Fail(ErrorCode::kRefused, sentence("that is no answer to a reading"));
  }
}

}  // namespace

std::optional<bool> TellsOfNormalMode(Exchange& exchange) {
  if (!exchange.answer) {
    const bool refused = exchange.answer.error().code == ErrorCode::kForbidden;
    return refused ? std::optional(false) : std::nullopt;
  }
  // A login page answers 200, too.
  const auto value = ValueOf(Row(kProbedItem), *std::move(exchange.answer));
  return value ? std::optional(true) : std::nullopt;
}

MetadataClient::MetadataClient(HttpTransport& transport, const Clock& clock,
                               const ClientOptions& options)
    : transport_(transport), clock_(clock), options_(options), session_(options.token_ttl) {}

bool MetadataClient::NeedsToken() const {
  return options_.mode == MetadataMode::kHardened && !session_.IsOpen(clock_.Steady());
}

Exchange MetadataClient::RenewToken(std::stop_token stop) {
  const std::string ttl = std::to_string(session_.ttl().count());
  HttpRequest request;
  request.method = HttpMethod::kPut;
  request.path = kTokenPath;
  request.headers = {{kTtlHeader, ttl}};
  request.max_body_bytes = kMaxItemBytes;  // an error page is longer than a token
  Exchange exchange = Perform(request, std::move(stop));
  if (!exchange.status) return exchange;
  if (*exchange.status != 200) {
    exchange.answer = FailTokenByStatus(*exchange.status);
    return exchange;
  }
  Secret token = **std::move(exchange.answer);
  if (IsToken(token.Reveal())) {
    session_.Accept(std::move(token), exchange.sent_at.steady, exchange.sent_at.system);
    exchange.answer = std::optional<Secret>();
  } else {
    exchange.answer = Fail(ErrorCode::kMalformed, "the answer is not a session token");
  }
  return exchange;
}

Exchange MetadataClient::Read(std::string_view path, std::stop_token stop, std::size_t most) {
  HttpRequest request;
  request.path = std::string(kItemPrefix) + std::string(path);
  if (options_.mode == MetadataMode::kHardened) {
    request.headers = {{kTokenHeader, session_.token().Reveal()}};
  }
  request.max_body_bytes = most;
  Exchange exchange = Perform(request, std::move(stop));
  if (!exchange.answer && exchange.answer.error().code == ErrorCode::kUnauthorized) {
    session_.Drop();
  }
  return exchange;
}

Exchange MetadataClient::ProbeNormalMode(std::stop_token stop) {
  HttpRequest request;
  request.path = std::string(kItemPrefix) + std::string(Row(kProbedItem).path);
  request.max_body_bytes = kMaxItemBytes;
  return Perform(request, std::move(stop));
}

Exchange MetadataClient::Perform(const HttpRequest& timed, std::stop_token stop) {
  HttpRequest request = timed;
  request.timeout = options_.timeout;
  Exchange exchange;
  exchange.sent_at = Now(clock_);
  auto response = transport_.Perform(request, std::move(stop));
  exchange.duration = clock_.Steady() - exchange.sent_at.steady;
  if (!response) {
    exchange.answer = tl::unexpected(std::move(response).error());
    return exchange;
  }
  exchange.status = response->status;
  exchange.retry_after = response->retry_after;
  exchange.date = response->date;
  exchange.through_proxy = response->through_proxy;
  if (response->status == 200) {
    exchange.answer = std::optional<Secret>(std::move(response->body));
  } else if (response->status == 404) {
    exchange.answer = std::optional<Secret>();
  } else {
    exchange.answer = FailByStatus(response->status);
  }
  return exchange;
}

}  // namespace aliyun_ecs
