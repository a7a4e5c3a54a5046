#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aliyun_ecs {

// A URL that a user may give: http or https, a host name or address, perhaps a port, perhaps a
// path. No user name or password: they would be seen in the list of processes. No query.
struct Url {
  bool https = false;
  std::string authority;  // "host" or "host:port"; an IPv6 address in brackets
  std::string path;       // "" or "/a/b", without a final slash

  [[nodiscard]] std::string ToString() const;

  // "host:port", also where the URL leaves the port to its scheme.
  [[nodiscard]] std::string HostAndPort() const;
};

// nullopt for anything else.
[[nodiscard]] std::optional<Url> ParseUrl(std::string_view text);

// For a complaint about what a user gave: a URL may hold a password or a token, though none is
// allowed to. `is_url`: it is one also where its scheme was forgotten.
[[nodiscard]] std::string WithoutUrlSecrets(std::string value, bool is_url);

}  // namespace aliyun_ecs
