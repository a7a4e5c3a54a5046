#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/fuzz.h"
#include "metadata/value.h"
#include "metadata/value_json.h"

// A directory of the metadata service: the first line is its path, the rest the body of a 200. Its
// entries become part of the next requests' paths.

namespace aliyun_ecs::fuzz {
namespace {

// Neither out of the folder nor into another part of the request.
bool IsHarmlessInAPath(const std::string& entry) {
  return !entry.empty() && entry.size() <= kMaxIndexBytes && entry != "." && entry != ".." &&
         entry.find_first_of("/\\?#%&; \t\r\n\"'<>|") == std::string::npos &&
         std::all_of(entry.begin(), entry.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// None of them has a piece of the body in it.
constexpr std::string_view kSentences[] = {
    "the answer is not a list",
    "the answer is not a complete list",
    "the answer is not a list of words",
    "the answer is not a list of names",
    "the answer is not a list of reasonable length",
    "the answer is not a listing: an entry cannot stand in a path",
};

}  // namespace

void Fuzz(std::string_view input) {
  const auto path = input.substr(0, input.find('\n'));
  const auto body = input.substr(std::min(input.size(), path.size() + 1));
  const auto* const row =
      std::find_if(kDirectories.begin(), kDirectories.end(),
                   [&](const DirectoryRow& directory) { return directory.path == path; });
  if (row == kDirectories.end()) return;
  const auto entries = ParseListing(Secret(body), row->naming);
  const auto value = ValueOf(*row, Secret(body));
  if (!entries) {
    ALWAYS(entries.error().code == ErrorCode::kMalformed && value.error() == entries.error());
    ALWAYS(std::find(std::begin(kSentences), std::end(kSentences), entries.error().message) !=
           std::end(kSentences));
    return;
  }
  ALWAYS(entries->size() <= kMaxListEntries);
  ALWAYS(std::all_of(entries->begin(), entries->end(), IsHarmlessInAPath));
  ALWAYS(std::adjacent_find(entries->begin(), entries->end(), std::greater_equal<>()) ==
         entries->end());
  if (entries->empty() && row->presence == Presence::kAlways) {
    ALWAYS(!value && value.error().code == ErrorCode::kMissing);
  } else {
    ALWAYS(value && **value == Value(*entries));
  }
  // Written down as the service does it and as files have it, it is the same.
  std::string lines;
  for (const auto& entry : *entries) lines += entry + "/\r\n";
  ALWAYS(ParseListing(Secret(lines), row->naming) == entries);
  ALWAYS(ListingFromJson(ToJson(Value(*entries))) == entries);
}

}  // namespace aliyun_ecs::fuzz
