#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "simulator/request_parser.h"

// The simulator's HTTP parser: the same requests however the bytes arrive, and requests that mean
// the same when they are written down again.

namespace aliyun_ecs::fuzz {
namespace {

using simulator::Request;
using simulator::RequestParser;

struct Parsed {
  std::vector<Request> requests;
  int error_status = 0;
};

bool Same(const Request& a, const Request& b) {
  return a.method == b.method && a.target == b.target && a.headers == b.headers && a.body == b.body;
}

Parsed Parse(std::string_view bytes, std::size_t piece) {
  Parsed parsed;
  RequestParser parser;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    auto state = parser.Feed(bytes.substr(at, piece));
    for (; state == RequestParser::State::kComplete; state = parser.Next()) {
      parsed.requests.push_back(parser.request());
    }
    if (state == RequestParser::State::kBroken) {
      parsed.error_status = parser.error_status();
      break;
    }
  }
  return parsed;
}

void CheckMeansTheSame(const Request& request) {
  std::size_t headers = 1;
  std::string text = request.method + ' ' + request.target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers) {
    // The body is written in one piece.
    if (name.size() == std::string_view("content-length").size()) continue;
    if (name.size() == std::string_view("transfer-encoding").size()) continue;
    text += name + ": " + value + "\r\n";
    ++headers;
  }
  text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
  // With its length there may be a header, or a few bytes of them, too many.
  if (headers > RequestParser::kMostHeaders) return;
  if (text.find("\n\r\n") > RequestParser::kLargestHead) return;
  const auto again = Parse(text, text.size());
  ALWAYS(again.requests.size() == 1);
  const auto& first = again.requests.front();
  ALWAYS(first.method == request.method && first.target == request.target &&
         first.body == request.body);
}

}  // namespace

void Fuzz(std::string_view input) {
  const auto whole = Parse(input, std::max<std::size_t>(input.size(), 1));
  for (const std::size_t piece : {1U, 7U}) {
    const auto pieces = Parse(input, piece);
    ALWAYS(pieces.error_status == whole.error_status);
    ALWAYS(std::equal(whole.requests.begin(), whole.requests.end(), pieces.requests.begin(),
                      pieces.requests.end(), Same));
  }
  const int status = whole.error_status;
  ALWAYS(status == 0 || status == 400 || status == 413 || status == 431 || status == 505);
  for (const auto& request : whole.requests) {
    ALWAYS(!request.method.empty() && !request.target.empty());
    ALWAYS(request.headers.size() <= RequestParser::kMostHeaders);
    CheckMeansTheSame(request);
  }
}

}  // namespace aliyun_ecs::fuzz
