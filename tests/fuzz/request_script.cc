#include "fuzz/request_script.h"

#include <string>
#include <utility>

namespace aliyun_ecs::fuzz {
namespace {

constexpr std::string_view kBetweenRequests = "\n---\n";

// What stands before the next `separator`; that and the separator are taken away from `text`.
std::string_view Take(std::string_view& text, std::string_view separator) {
  const auto end = text.find(separator);
  const auto taken = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + separator.size());
  return taken;
}

simulator::Request ParseRequest(std::string_view text) {
  simulator::Request request;
  auto line = Take(text, "\n");
  request.method = Take(line, " ");
  request.target = line;
  while (!text.empty()) {
    auto header = Take(text, "\n");
    if (header.empty()) break;
    const auto name = Take(header, ":");
    request.headers.emplace_back(name, header);
  }
  request.body = text;
  return request;
}

}  // namespace

std::vector<simulator::Request> ParseRequests(std::string_view script) {
  std::vector<simulator::Request> requests;
  while (!script.empty() && requests.size() < kMostRequests) {
    requests.push_back(ParseRequest(Take(script, kBetweenRequests)));
  }
  return requests;
}

simulator::Request WithToken(simulator::Request request, std::string_view token) {
  constexpr std::string_view kPlace = "$TOKEN";
  for (auto& [name, value] : request.headers) {
    if (const auto at = value.find(kPlace); at != std::string::npos) {
      value.replace(at, kPlace.size(), token);
    }
  }
  return request;
}

}  // namespace aliyun_ecs::fuzz
