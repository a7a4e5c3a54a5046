#include <algorithm>
#include <string>

#include "expose/basic_auth.h"
#include "expose/negotiation.h"
#include "fuzz/fuzz.h"

// The header fields of a request that the web server looks at: each line of the input is one.

namespace aliyun_ecs::fuzz {

void Fuzz(std::string_view input) {
  // No password has this hash, so nobody gets in, whatever they send.
  static const BasicAuth auth(
      {{"user", "$2b$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC"}},
      [](const std::string&, const std::string&) { return std::string("*0"); });
  while (!input.empty()) {
    const auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    ALWAYS(auth.Check(line) == BasicAuth::Verdict::kRefused);
    const bool open_metrics = NegotiateExposition(line) == Exposition::kOpenMetrics;
    ALWAYS(!open_metrics || line.size() >= std::string_view("application/openmetrics-text").size());
    ALWAYS(!NegotiateGzip(line) || line.find_first_of("zZ*") != std::string_view::npos);
    // What a header wants does not change when it also wants something unheard of.
    const std::string more = std::string(line) + ", application/unheard-of;q=0.5";
    ALWAYS((NegotiateExposition(more) == Exposition::kOpenMetrics) == open_metrics);
  }
}

}  // namespace aliyun_ecs::fuzz
