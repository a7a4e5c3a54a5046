#include "client/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsHost(const std::string& text) {
  in6_addr ignored{};
  if (text.find('\0') != std::string::npos) return false;  // where inet_pton() would stop
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    return inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &ignored) == 1;
  }
  constexpr std::size_t kLongestName = 253;
  return !text.empty() && text.size() <= kLongestName && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '.'; });
}

bool IsPort(std::string_view text) { return ParseWhole<unsigned>(text, 1, 65535).has_value(); }

bool IsPath(std::string_view text) {
  constexpr std::string_view kPunctuation = "/-._~";
  return text.size() <= 1024 && std::all_of(text.begin(), text.end(), [&](char c) {
           return IsLetterOrDigit(c) || kPunctuation.find(c) != std::string_view::npos;
         });
}

}  // namespace

std::string Url::ToString() const { return (https ? "https://" : "http://") + authority + path; }

std::string Url::HostAndPort() const {
  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.back() != ']';
  return has_port ? authority : authority + (https ? ":443" : ":80");
}

std::optional<Url> ParseUrl(std::string_view text) {
  Url url;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    url.https = scheme == "https://";
    const std::string_view rest = text.substr(scheme.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    url.authority = rest.substr(0, slash);
    url.path = rest.substr(slash);
    while (url.path.ends_with('/')) url.path.pop_back();
    const auto bracket = url.authority.find(']');
    const auto colon = url.authority.find(':', bracket == std::string::npos ? 0 : bracket);
    const bool good =
        IsHost(url.authority.substr(0, colon)) && IsPath(url.path) &&
        (colon == std::string::npos || IsPort(std::string_view(url.authority).substr(colon + 1)));
    return good ? std::optional(std::move(url)) : std::nullopt;
  }
  return std::nullopt;
}

std::string WithoutUrlSecrets(std::string value, bool is_url) {
  constexpr std::string_view kSeparator = "://";
  constexpr std::string_view kHidden = "...";
  const auto separator = value.find(kSeparator);
  const bool has_scheme =
      separator != std::string::npos &&
      (!is_url || std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(separator),
                              IsLetterOrDigit));
  if (!has_scheme && !is_url) return value;
  const auto host = has_scheme ? separator + kSeparator.size() : 0;
  const auto query = std::min(value.find_first_of("?#", host), value.size());
  // A password may have a question mark, and a token an @.
  if (value.find('@', query) != std::string::npos) return value.replace(host, value.npos, kHidden);
  if (query < value.size()) value.replace(query + 1, value.npos, kHidden);
  const auto at = value.rfind('@', query);
  if (at != std::string::npos && at >= host) return value.replace(host, at - host, kHidden);
  // Nor what stands where a port should, the rest of it forgotten.
  const auto end = std::min(value.find_first_of("/?#", host), value.size());
  const auto bracket = value.find(']', host);
  const bool bracketed = value.substr(host, 1) == "[" && bracket < end;
  const auto colon = value.find(':', bracketed ? bracket : host);
  if (colon >= end) return value;
  const auto port = std::string_view(value).substr(colon + 1, end - colon - 1);
  constexpr unsigned kMost = 99999;
  if (!port.empty() && !ParseWhole<unsigned>(port, 0, kMost)) {
    value.replace(colon + 1, value.npos, kHidden);
  }
  return value;
}

}  // namespace aliyun_ecs
