#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "metadata/value.h"
#include "metadata/value_json.h"

// What the metadata service says of an item: the first line is the item's path, the rest the body
// of a 200. A value that may be shown and that files give back as it was, or a sentence that quotes
// nothing.

namespace aliyun_ecs::fuzz {
namespace {

bool IsLabel(const std::string& text) {
  return !text.empty() && text.size() <= kMaxTextBytes && IsPrintableUtf8(text);
}

bool IsWord(const std::string& text) {
  return IsLabel(text) && text.find(' ') == std::string::npos;
}

// What may stand on a page, by the shape of the item.
struct MayBeShown {
  Shape shape;

  bool operator()(const std::string& text) const {
    return shape == Shape::kWord ? IsWord(text) : shape == Shape::kText && IsLabel(text);
  }
  bool operator()(const std::vector<std::string>& words) const {
    return shape == Shape::kList && words.size() <= kMaxListEntries &&
           std::all_of(words.begin(), words.end(), IsWord);
  }
  bool operator()(std::int64_t kilobits) const {
    return shape == Shape::kKilobitsPerSecond && kilobits >= 0 && kilobits * 125 / 125 == kilobits;
  }
  bool operator()(SystemTime time) const {
    return shape == Shape::kTime && ParseUtc(FormatUtc(time)) == time;
  }
  bool operator()(const PublicKey& key) const {
    return shape == Shape::kPublicKey && IsWord(key.type) && IsWord(key.fingerprint) &&
           key.fingerprint.size() == 50;
  }
  bool operator()(const Credentials& credentials) const {
    return shape == Shape::kCredentialDocument &&
           (!credentials.success || credentials.expiration.has_value());
  }
};

// None of them has a piece of the body in it.
constexpr std::string_view kSentences[] = {
    "the answer is not a value: it is empty",
    "the answer is not a word",
    "the answer is not a line of text",
    "the answer is not a list",
    "the answer is not a complete list",
    "the answer is not a list of words",
    "the answer is not a list of reasonable length",
    "the answer is not a number of Kbit/s",
    "the answer is not a time like 2020-04-07T17:03:00Z",
    "the answer is not a public key",
    "the answer is not a credential document",
    "the answer is not a credential document: it has no Code",
    "the answer is not a credential document: it has no Expiration",
};

}  // namespace

void Fuzz(std::string_view input) {
  const auto path = input.substr(0, input.find('\n'));
  const auto body = input.substr(std::min(input.size(), path.size() + 1));
  const auto* const item =
      std::find_if(kItems.begin(), kItems.end(), [&](const Item& i) { return i.path == path; });
  if (item == kItems.end()) return;
  const auto value = ParseItem(*item, Secret(body));
  const auto served = ValueOf(*item, Secret(body));
  if (!value) {
    ALWAYS(value.error().code == ErrorCode::kMalformed && served.error() == value.error());
    ALWAYS(std::find(std::begin(kSentences), std::end(kSentences), value.error().message) !=
           std::end(kSentences));
    return;
  }
  ALWAYS(value->has_value() || item->presence == Presence::kOptional);
  ALWAYS(served == value);
  // Blanks around it say nothing.
  ALWAYS(ParseItem(*item, Secret("\r\n " + std::string(body) + " \n")) == value);
  if (!*value) return;
  ALWAYS(std::visit(MayBeShown{item->shape}, **value));
  const auto json = nlohmann::json::parse(ToJson(**value).dump());
  const auto again = ValueFromJson(*item, json);
  ALWAYS(again && *again == **value);
}

}  // namespace aliyun_ecs::fuzz
