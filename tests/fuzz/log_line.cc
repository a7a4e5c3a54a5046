#include "base/log.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "support/strict_json.h"

// The log with whatever may be in a message and a field, cut at a zero byte: one line, in which a
// reader finds what was logged and no field that was not.

namespace aliyun_ecs::fuzz {
namespace {

// key=value or key="value", the latter as in JSON; blanks between them.
std::vector<std::pair<std::string, std::string>> ReadLogfmt(std::string_view line) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!line.empty()) {
    const auto key = line.substr(0, line.find('='));
    ALWAYS(key.size() < line.size() && key.find_first_of(" \"") == std::string_view::npos);
    line.remove_prefix(key.size() + 1);
    std::size_t size = std::min(line.find(' '), line.size());
    std::string value(line.substr(0, size));
    if (line.starts_with('"')) {
      size = 1;
      while (size < line.size() && line[size] != '"') size += line[size] == '\\' ? 2 : 1;
      ++size;
      ALWAYS(size <= line.size());
      const auto quoted = ReadStrictJson(line.substr(0, size));
      ALWAYS(quoted && quoted->text() != nullptr);
      value = *quoted->text();
    }
    ALWAYS(size == line.size() || line[size] == ' ');
    fields.emplace_back(key, value);
    line.remove_prefix(std::min(line.size(), size + 1));
  }
  return fields;
}

// Bytes that are not UTF-8 come back as U+FFFD.
std::string Readable(std::string_view text) { return *ReadStrictJson(JsonQuote(text))->text(); }

}  // namespace

void Fuzz(std::string_view input) {
  const std::string message(input.substr(0, input.find('\0')));
  const std::string value(input.substr(std::min(input.size(), message.size() + 1)));
  const auto logfmt =
      FormatLogEvent(LogFormat::kLogfmt, LogLevel::kWarn, message, {{"reason", value}});
  ALWAYS(IsPrintableUtf8(logfmt));
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"level", "warn"}, {"msg", Readable(message)}, {"reason", Readable(value)}};
  ALWAYS(ReadLogfmt(logfmt) == expected);

  const auto members =
      FormatLogEvent(LogFormat::kJson, LogLevel::kWarn, message, {{"reason", value}});
  const auto json = ReadStrictJson("{" + members + "}");
  ALWAYS(json.has_value() && IsPrintableUtf8(members));
  for (const auto& [name, text] : expected) ALWAYS(*json->Find(name)->text() == text);
  ALWAYS(std::get<StrictJson::Object>(json->value).size() == expected.size());
  // What is text already comes back as it was.
  if (IsPrintableUtf8(value)) ALWAYS(Readable(value) == value);
}

}  // namespace aliyun_ecs::fuzz
