#include "support/strict_json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace aliyun_ecs {
namespace {

constexpr int kDeepest = 100;

void AppendUtf8(std::string& out, std::uint32_t point) {
  const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xC0 | point >> 6);
    add(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    add(0xE0 | point >> 12);
    add(0x80 | (point >> 6 & 0x3F));
    add(0x80 | (point & 0x3F));
  } else {
    add(0xF0 | point >> 18);
    add(0x80 | (point >> 12 & 0x3F));
    add(0x80 | (point >> 6 & 0x3F));
    add(0x80 | (point & 0x3F));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<StrictJson> ReadDocument() {
    StrictJson json = ReadValue(0);
    SkipBlanks();
    if (!good_ || !rest_.empty()) return std::nullopt;
    return json;
  }

 private:
  bool TakeIf(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void Take(std::string_view word) { good_ = TakeIf(word) && good_; }
  void SkipBlanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  std::size_t SkipDigits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count;
  }

  StrictJson ReadValue(int depth) {
    SkipBlanks();
    if (depth > kDeepest) good_ = false;
    if (!good_ || rest_.empty()) {
      good_ = false;
      return {nullptr};
    }
    switch (rest_.front()) {
      case '{':
        return {ReadObject(depth)};
      case '[':
        return {ReadArray(depth)};
      case '"':
        return {ReadString()};
      default:
        break;
    }
    if (TakeIf("null")) return {nullptr};
    if (TakeIf("true")) return {true};
    if (TakeIf("false")) return {false};
    return {ReadNumber()};
  }

  StrictJson::Number ReadNumber() {
    const std::string_view begin = rest_;
    TakeIf("-");
    const bool zero = rest_.starts_with('0');
    const std::size_t digits = SkipDigits();
    if (digits == 0 || (zero && digits > 1)) good_ = false;
    if (TakeIf(".") && SkipDigits() == 0) good_ = false;
    if (TakeIf("e") || TakeIf("E")) {
      if (!TakeIf("+")) TakeIf("-");
      if (SkipDigits() == 0) good_ = false;
    }
    return {std::string(begin.substr(0, begin.size() - rest_.size()))};
  }

  std::uint32_t ReadHex() {
    std::uint32_t unit = 0;
    const std::string_view digits = rest_.substr(0, 4);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) good_ = false;
    rest_.remove_prefix(digits.size());
    return unit;
  }

  void ReadEscape(std::string& out) {
    constexpr std::pair<std::string_view, char> kEscapes[] = {
        {"\"", '"'}, {"\\", '\\'}, {"/", '/'},  {"b", '\b'},
        {"f", '\f'}, {"n", '\n'},  {"r", '\r'}, {"t", '\t'}};
    for (const auto& [letter, meaning] : kEscapes) {
      if (!TakeIf(letter)) continue;
      out += meaning;
      return;
    }
    Take("u");
    std::uint32_t point = ReadHex();
    if (point >= 0xD800 && point < 0xDC00) {
      Take("\\u");
      const std::uint32_t low = ReadHex();
      if (low < 0xDC00 || low > 0xDFFF) good_ = false;
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xDC00 && point <= 0xDFFF) {
      good_ = false;
    }
    if (good_) AppendUtf8(out, point);
  }

  // One character of more than a byte. It is well-formed if it is how its number is written.
  void ReadCharacter(std::string& out) {
    const auto lead = static_cast<unsigned char>(rest_.front());
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    const std::string_view bytes = rest_.substr(0, size);
    std::uint32_t point = lead & (0xFFU >> (size + 1));
    for (const char c : bytes.substr(1)) {
      point = point << 6 | (static_cast<unsigned char>(c) & 0x3FU);
    }
    std::string written;
    AppendUtf8(written, point);
    if (written != bytes || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) good_ = false;
    out += bytes;
    rest_.remove_prefix(bytes.size());
  }

  std::string ReadString() {
    std::string out;
    Take("\"");
    while (good_ && !rest_.empty() && rest_.front() != '"') {
      const auto byte = static_cast<unsigned char>(rest_.front());
      if (byte < 0x20) {
        good_ = false;
      } else if (TakeIf("\\")) {
        ReadEscape(out);
      } else if (byte < 0x80) {
        out += rest_.front();
        rest_.remove_prefix(1);
      } else {
        ReadCharacter(out);
      }
    }
    Take("\"");
    return out;
  }

  StrictJson::Array ReadArray(int depth) {
    StrictJson::Array array;
    Take("[");
    SkipBlanks();
    if (TakeIf("]")) return array;
    do {
      array.push_back(ReadValue(depth + 1));
      SkipBlanks();
    } while (good_ && TakeIf(","));
    Take("]");
    return array;
  }

  StrictJson::Object ReadObject(int depth) {
    StrictJson::Object object;
    Take("{");
    SkipBlanks();
    if (TakeIf("}")) return object;
    do {
      SkipBlanks();
      std::string name = ReadString();
      SkipBlanks();
      Take(":");
      if (!object.emplace(std::move(name), ReadValue(depth + 1)).second) good_ = false;
      SkipBlanks();
    } while (good_ && TakeIf(","));
    Take("}");
    return object;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

const StrictJson* StrictJson::Find(std::string_view name) const {
  const auto* const object = std::get_if<Object>(&value);
  if (object == nullptr) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &found->second;
}

std::optional<StrictJson> ReadStrictJson(std::string_view text) {
  return Reader(text).ReadDocument();
}

}  // namespace aliyun_ecs
