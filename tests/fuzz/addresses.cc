#include <algorithm>
#include <string>

#include "base/clock.h"
#include "base/text.h"
#include "client/url.h"
#include "expose/http_server.h"
#include "fuzz/fuzz.h"
#include "metadata/value.h"

// Small readers of what comes from everywhere: a URL, an address to listen on, a path of the web
// server, a time, an entry that becomes part of a path. What they take is printed as it was read,
// and cannot break out of where it goes.

namespace aliyun_ecs::fuzz {
namespace {

bool HasNothingOf(std::string_view text, std::string_view forbidden) {
  return text.find_first_of(forbidden) == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

void CheckUrl(std::string_view input) {
  const auto url = ParseUrl(input);
  if (!url) return;
  const std::string text = url->ToString();
  ALWAYS(input.starts_with(text) && !text.ends_with('/'));
  ALWAYS(input.find_first_not_of('/', text.size()) == std::string_view::npos);
  ALWAYS(HasNothingOf(text, "@?#\\\"'<>%"));
  const auto again = ParseUrl(text);
  ALWAYS(again && again->https == url->https && again->authority == url->authority &&
         again->path == url->path);
  const std::string host_and_port = url->HostAndPort();
  ALWAYS(host_and_port.starts_with(url->authority));
  ALWAYS(ParseUrl("http://" + host_and_port).has_value());
}

void CheckListenAddress(std::string_view input) {
  const auto address = ListenAddress::Parse(input);
  if (!address) return;
  ALWAYS(address->port >= 0 && address->port <= 65535);
  // CivetWeb takes a list with commas, and an "s" behind a port for TLS.
  ALWAYS(HasNothingOf(address->ToString(), ",;+sr"));
  const auto again = ListenAddress::Parse(address->ToString());
  ALWAYS(again && again->host == address->host && again->port == address->port);
}

void CheckTime(std::string_view input) {
  if (const auto time = ParseUtc(input)) ALWAYS(FormatUtc(*time) == input);
}

}  // namespace

void Fuzz(std::string_view input) {
  CheckUrl(input);
  CheckListenAddress(input);
  CheckTime(input);
  if (Site::IsTelemetryPath(input)) {
    ALWAYS(input.front() == '/' && HasNothingOf(input, "?#%$*|\\"));
    ALWAYS(input.find("//") == std::string_view::npos);
    ALWAYS(input.find("/../") == std::string_view::npos && !Site::IsProbe(input));
  }
  if (IsIndex(input)) ALWAYS(HasNothingOf(input, "/\\?#%&;") && input != ".." && input != ".");
}

}  // namespace aliyun_ecs::fuzz
