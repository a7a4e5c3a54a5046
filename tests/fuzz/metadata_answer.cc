#include <algorithm>
#include <charconv>
#include <string>

#include "base/text.h"
#include "client/metadata_client.h"
#include "fuzz/fuzz.h"
#include "support/fake_clock.h"
#include "support/scripted_transport.h"

// What the metadata service answers, as the client takes it: a line with a status, and a body. Sent
// once for the session token, once for a reading and once for normal mode. A token goes into the
// next request as it came, or not at all, and no sentence quotes an answer.

namespace aliyun_ecs::fuzz {
namespace {

constexpr std::string_view kTokenHeader = "X-aliyun-ecs-metadata-token";

void CheckSentence(const Exchange& exchange) {
  if (exchange.answer) return;
  const std::string& message = exchange.answer.error().message;
  ALWAYS(IsPrintableUtf8(message));
  ALWAYS(message == "the answer is not a session token" ||
         message.starts_with("the metadata service answered "));
}

}  // namespace

void Fuzz(std::string_view input) {
  const auto line = input.substr(0, input.find('\n'));
  const auto body = input.substr(std::min(input.size(), line.size() + 1));
  int status = 0;
  std::from_chars(line.data(), line.data() + line.size(), status);
  if (status < 100 || status > 999) return;

  const FakeClock clock;
  ScriptedTransport transport;
  MetadataClient client(transport, clock, {});
  ALWAYS(client.NeedsToken());
  transport.Answer(status, body);
  const Exchange renewal = client.RenewToken({});
  CheckSentence(renewal);
  ALWAYS(client.NeedsToken() == !renewal.answer.has_value());
  ALWAYS(!renewal.answer || (status == 200 && !renewal.answer->has_value()));
  if (client.NeedsToken()) {
    transport.Answer(200, "token");
    ALWAYS(client.RenewToken({}).answer.has_value());
  }

  transport.Answer(status, body);
  const Exchange reading = client.Read("instance-id", {});
  CheckSentence(reading);
  const auto& headers = transport.requests().back().headers;
  ALWAYS(headers.size() == 1 && headers.front().first == kTokenHeader);
  const std::string& token = headers.front().second;
  ALWAYS(token == (renewal.answer ? body : "token"));
  ALWAYS(!token.empty() && token.size() <= 2048);
  ALWAYS(std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; }));
  ALWAYS(reading.answer.has_value() == (status == 200 || status == 404));
  ALWAYS(!reading.answer || reading.answer->has_value() == (status == 200));
  // Only a 401 says that the token is no good.
  ALWAYS(client.NeedsToken() == (status == 401));

  transport.Answer(status, body);
  Exchange probe = client.ProbeNormalMode({});
  CheckSentence(probe);
  ALWAYS(transport.requests().back().headers.empty());
  const auto open = TellsOfNormalMode(probe);
  ALWAYS(open == (status == 403 ? std::optional(false) : open));
  ALWAYS(open != true || status == 200);
}

}  // namespace aliyun_ecs::fuzz
