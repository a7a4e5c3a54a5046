#include "metadata/value.h"

// The SHA-256 that EVP_Digest would find by setting up a provider of everything.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

static_assert(!std::is_constructible_v<Value, Secret>);

tl::unexpected<Error> Malformed(std::string_view what) {
  return Fail(ErrorCode::kMalformed, "the answer is not " + std::string(what));
}

// One line that may become a label. Nothing that the service or a person names begins with '<', '{'
// or a byte order mark; error pages and error documents do.
bool IsLabel(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  return !text.empty() && text.size() <= kMaxTextBytes && text.front() != '<' &&
         text.front() != '{' && !text.starts_with(kByteOrderMark) && IsPrintableUtf8(text);
}

// A label without blanks: an ID, an address, a host name, a URL.
bool IsWord(std::string_view text) {
  return IsLabel(text) && text.find(' ') == std::string_view::npos;
}

Result<std::vector<std::string>> ParseJsonArray(std::string_view body) {
  const auto array = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!array.is_array()) return Malformed("a list");
  std::vector<std::string> words;
  for (const auto& element : array) {
    if (!element.is_string()) return Malformed("a list of words");
    words.push_back(element.get<std::string>());
  }
  return words;
}

// The service prints lists in four ways: ["a","b"], [a,b], and lines ended by LF or by CR LF.
Result<std::vector<std::string>> ParseList(std::string_view body) {
  std::vector<std::string> words;
  if (body.front() == '[') {
    if (body.back() != ']') return Malformed("a complete list");
    const auto inside = Trim(body.substr(1, body.size() - 2));
    if (inside.empty()) return words;
    if (inside.front() == '"') {
      auto array = ParseJsonArray(body);
      if (!array) return array;
      words = *std::move(array);
    } else {
      for (const auto word : Split(inside, ',')) words.emplace_back(Trim(word));
    }
  } else {
    for (const auto line : Split(body, '\n')) {
      if (const auto word = Trim(line); !word.empty()) words.emplace_back(word);
    }
  }
  if (words.size() > kMaxListEntries) return Malformed("a list of reasonable length");
  if (!std::all_of(words.begin(), words.end(), IsWord)) return Malformed("a list of words");
  return words;
}

// What people call things, one a line; blanks and brackets are theirs to use.
Result<std::vector<std::string>> ParseLines(std::string_view body) {
  std::vector<std::string> names;
  for (const auto line : Split(body, '\n')) {
    const auto name = Trim(line);
    if (name.empty()) continue;
    if (name.front() == '<' || !IsPrintableUtf8(name)) return Malformed("a list of names");
    names.emplace_back(name);
  }
  if (names.size() > kMaxListEntries) return Malformed("a list of reasonable length");
  return names;
}

Result<std::int64_t> ParseKilobitsPerSecond(std::string_view body) {
  // A petabit: bytes per second stay exact in a double.
  constexpr std::int64_t kMost = 1'000'000'000'000;
  const auto value = ParseWhole<std::int64_t>(body, 0, kMost);
  if (!value) return Malformed("a number of Kbit/s");
  return *value;
}

// Stricter than EVP_DecodeBlock, which takes '-' for an end and '=' anywhere for a zero.
std::optional<std::vector<unsigned char>> DecodeBase64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t content = std::min(text.find_first_not_of(kAlphabet), text.size());
  const std::size_t padding = text.size() - content;
  if (padding > 2 || text.substr(content) != std::string_view("==").substr(2 - padding)) {
    return std::nullopt;
  }
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  const int size =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::string Sha256Fingerprint(const std::vector<unsigned char>& blob) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, blob.data(), blob.size());
  SHA256_Final(digest.data(), &context);
  std::array<unsigned char, 4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), SHA256_DIGEST_LENGTH);
  std::string text(reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(length));
  return "SHA256:" + text.substr(0, text.find('='));
}

// RFC 4253, 6.6: a key's blob is a row of fields, each behind its length in four bytes; the first
// names the type. nullopt when the last field is cut short.
std::optional<std::vector<std::string_view>> FieldsOf(const std::vector<unsigned char>& blob) {
  std::string_view rest(reinterpret_cast<const char*>(blob.data()), blob.size());
  std::vector<std::string_view> fields;
  while (!rest.empty()) {
    if (rest.size() < 4) return std::nullopt;
    std::size_t length = 0;
    for (const char c : rest.substr(0, 4)) length = length << 8 | static_cast<unsigned char>(c);
    rest.remove_prefix(4);
    if (length == 0 || length > rest.size()) return std::nullopt;
    fields.push_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return fields;
}

// Whether the blob is a whole key of that type: a cut or foreign one shows in its fields.
bool IsKeyOfType(const std::vector<unsigned char>& blob, std::string_view type) {
  constexpr std::pair<std::string_view, std::size_t> kFieldCounts[] = {
      {"ssh-ed25519", 2},
      {"ssh-rsa", 3},
      {"ssh-dss", 5},
      {"ecdsa-sha2-nistp256", 3},
      {"ecdsa-sha2-nistp384", 3},
      {"ecdsa-sha2-nistp521", 3},
  };
  const auto fields = FieldsOf(blob);
  if (!fields || fields->size() < 2 || fields->front() != type) return false;
  return std::all_of(std::begin(kFieldCounts), std::end(kFieldCounts), [&](const auto& known) {
    return known.first != type || known.second == fields->size();
  });
}

Result<PublicKey> ParsePublicKey(std::string_view body) {
  const auto fields = Split(body, ' ');
  // No algorithm's name needs more than an entry may have, and files are not to hold more.
  if (!IsPrintableUtf8(body) || fields.size() < 2 || !IsIndex(fields[0])) {
    return Malformed("a public key");
  }
  const auto blob = DecodeBase64(fields[1]);
  if (!blob || !IsKeyOfType(*blob, fields[0])) return Malformed("a public key");
  return PublicKey{std::string(fields[0]), Sha256Fingerprint(*blob)};
}

// Takes the four harmless members of the credential document as they pass by and lets the rest go
// unstored. A document that holds anything but a flat object of strings is refused.
class CredentialHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ != 1) return false;
    if (auto* const wanted = Wanted()) *wanted = value;
    return true;
  }
  bool start_object(std::size_t) override { return ++depth_ == 1; }
  bool end_object() override { return true; }

  bool start_array(std::size_t) override { return false; }
  bool end_array() override { return false; }
  bool null() override { return !Wanted(); }
  bool boolean(bool) override { return !Wanted(); }
  bool number_integer(number_integer_t) override { return !Wanted(); }
  bool number_unsigned(number_unsigned_t) override { return !Wanted(); }
  bool number_float(number_float_t, const string_t&) override { return !Wanted(); }
  bool binary(binary_t&) override { return false; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  [[nodiscard]] Result<Credentials> Finish() const {
    if (!code_) return Malformed("a credential document: it has no Code");
    Credentials credentials;
    credentials.success = *code_ == "Success";
    if (expiration_) credentials.expiration = ParseUtc(*expiration_);
    if (last_updated_) credentials.last_updated = ParseUtc(*last_updated_);
    if (credentials.success && !credentials.expiration) {
      return Malformed("a credential document: it has no Expiration");
    }
    return credentials;
  }

 private:
  // Where the value of the current key goes; nullptr for one that is let go.
  std::optional<std::string>* Wanted() {
    if (key_ == "Code") return &code_;
    if (key_ == "Expiration") return &expiration_;
    if (key_ == "LastUpdated") return &last_updated_;
    return nullptr;
  }

  int depth_ = 0;
  std::string key_;
  std::optional<std::string> code_, expiration_, last_updated_;
};

Result<Credentials> ParseCredentials(std::string_view body) {
  // The JSON parser would take a zero byte for the end of the document.
  if (body.find('\0') != std::string_view::npos) return Malformed("a credential document");
  CredentialHandler handler;
  if (!nlohmann::json::sax_parse(body, &handler)) return Malformed("a credential document");
  return handler.Finish();
}

Result<SystemTime> ParseTime(std::string_view body) {
  const auto time = ParseUtc(body);
  if (!time) return Malformed("a time like 2020-04-07T17:03:00Z");
  return *time;
}

Result<std::string> ParseWord(std::string_view body) {
  if (!IsWord(body)) return Malformed("a word");
  return std::string(body);
}

Result<std::string> ParseText(std::string_view body) {
  if (!IsLabel(body)) return Malformed("a line of text");
  return std::string(body);
}

template <typename T>
Result<std::optional<Value>> ToValue(Result<T> parsed) {
  if (!parsed) return tl::unexpected(std::move(parsed).error());
  return Value(*std::move(parsed));
}

tl::unexpected<Error> NoneOfWhatEveryInstanceHas() {
  return Fail(ErrorCode::kMissing,
              "the metadata service says that there is none, but every instance has one");
}

Result<std::optional<Value>> ParseShape(Shape shape, std::string_view body) {
  switch (shape) {
    case Shape::kWord:
      return ToValue(ParseWord(body));
    case Shape::kText:
      return ToValue(ParseText(body));
    case Shape::kList:
      return ToValue(ParseList(body));
    case Shape::kKilobitsPerSecond:
      return ToValue(ParseKilobitsPerSecond(body));
    case Shape::kTime:
      return ToValue(ParseTime(body));
    case Shape::kPublicKey:
      return ToValue(ParsePublicKey(body));
    case Shape::kCredentialDocument:
      break;
  }
  return ToValue(ParseCredentials(body));
}

}  // namespace

// Not const: the parameter owns the bytes, and they are to be wiped here.
Result<std::optional<Value>> ParseItem(const Item& item, Secret body) {
  const std::string_view bytes = Trim(body.Reveal());
  if (bytes.empty()) {
    if (item.presence == Presence::kOptional) return std::nullopt;
    return Malformed("a value: it is empty");
  }
  return ParseShape(item.shape, bytes);
}

Result<std::vector<std::string>> ParseListing(Secret body, Naming naming) {
  const std::string_view bytes = Trim(body.Reveal());
  if (bytes.empty()) return std::vector<std::string>{};
  auto entries = naming == Naming::kUsers ? ParseLines(bytes) : ParseList(bytes);
  if (!entries) return entries;
  for (std::string& entry : *entries) {
    if (entry.ends_with('/')) entry.pop_back();
    if (!IsIndex(entry) && naming == Naming::kVendor) {
      return Malformed("a listing: an entry cannot stand in a path");
    }
  }
  std::erase_if(*entries, [](const std::string& entry) { return !IsIndex(entry); });
  std::sort(entries->begin(), entries->end());
  entries->erase(std::unique(entries->begin(), entries->end()), entries->end());
  return entries;
}

Result<std::optional<Value>> ValueOf(const Item& item, std::optional<Secret> body) {
  std::optional<Value> value;
  if (body) {
    auto parsed = ParseItem(item, *std::move(body));
    if (!parsed) return parsed;
    value = *std::move(parsed);
  }
  if (!value && item.presence == Presence::kAlways) return NoneOfWhatEveryInstanceHas();
  return value;
}

Result<std::optional<Value>> ValueOf(const DirectoryRow& row, std::optional<Secret> body) {
  std::vector<std::string> entries;
  const bool answered = body.has_value();
  if (body) {
    auto parsed = ParseListing(*std::move(body), row.naming);
    if (!parsed) return tl::unexpected(std::move(parsed).error());
    entries = *std::move(parsed);
  }
  if (entries.empty() && row.presence == Presence::kAlways) return NoneOfWhatEveryInstanceHas();
  return answered ? std::optional<Value>(std::move(entries)) : std::nullopt;
}

bool IsIndex(std::string_view entry) {
  constexpr std::string_view kPunctuation = "@:_-.=,+";
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPunctuation.find(c) != std::string_view::npos;
  };
  return !entry.empty() && entry.size() <= kMaxIndexBytes && entry != "." && entry != ".." &&
         std::all_of(entry.begin(), entry.end(), allowed);
}

}  // namespace aliyun_ecs
