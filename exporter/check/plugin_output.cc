#include "check/plugin_output.h"

#include <fmt/format.h>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

constexpr std::string_view kProgram = "ALIYUN_ECS";

// NRPE carries 1 KiB to its older clients; the graphs' numbers must still come behind.
constexpr std::size_t kMaxLineBytes = 700;

// One line, in which nothing is taken for perfdata.
std::string Harmless(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '|') c = '/';
    if (byte < 0x20 || byte == 0x7F) c = ' ';
  }
  if (line.size() > kMaxLineBytes) {
    std::size_t end = kMaxLineBytes;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
    line.resize(end);
    line += "...";
  }
  return line;
}

// Decimal, without exponent and needless zeros.
std::string Number(double number) {
  std::string text = fmt::format("{:.6f}", number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string NumberOrNothing(const std::optional<double>& number) {
  return number ? Number(*number) : "";
}

std::string ToString(const Perfdata& perfdata) {
  const auto range = [](const std::optional<Range>& r) { return r ? r->text() : std::string(); };
  std::string text =
      fmt::format("'{}'={}{};{};{};{};{}", perfdata.label, Number(perfdata.value), perfdata.unit,
                  range(perfdata.warning), range(perfdata.critical),
                  NumberOrNothing(perfdata.minimum), NumberOrNothing(perfdata.maximum));
  text.erase(text.find_last_not_of(';') + 1);
  return text;
}

std::string ToCheckmk(const Perfdata& perfdata) {
  std::string name = perfdata.label;
  for (char& c : name) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!allowed) c = '_';
  }
  // It knows upper limits only, unless it is to judge itself.
  const auto limit = [](const std::optional<Range>& range) -> std::string {
    const double* const upper = range ? range->UpperLimit() : nullptr;
    return upper == nullptr ? "" : Number(*upper);
  };
  std::string text =
      fmt::format("{}={};{};{};{};{}", name, Number(perfdata.value), limit(perfdata.warning),
                  limit(perfdata.critical), NumberOrNothing(perfdata.minimum),
                  NumberOrNothing(perfdata.maximum));
  text.erase(text.find_last_not_of(';') + 1);
  return text;
}

// What is wrong, worst first, then what is well.
std::string TextOfAll(const std::vector<Verdict>& verdicts) {
  std::string wrong, well;
  for (const CheckState state :
       {CheckState::kCritical, CheckState::kUnknown, CheckState::kWarning}) {
    for (const Verdict& verdict : verdicts) {
      if (verdict.state != state) continue;
      wrong += fmt::format("{} {}: {}; ", Name(verdict.check), Name(verdict.state), verdict.text);
    }
  }
  for (const Verdict& verdict : verdicts) {
    if (verdict.state != CheckState::kOk) continue;
    well += (well.empty() ? "" : ", ") + std::string(Name(verdict.check));
  }
  if (!well.empty()) return wrong + well + " OK";
  return wrong.substr(0, wrong.size() - 2);
}

}  // namespace

CheckState WorstOf(const std::vector<Verdict>& verdicts) {
  CheckState worst = CheckState::kOk;
  for (const Verdict& verdict : verdicts) worst = Worse(worst, verdict.state);
  return worst;
}

std::string NameOfChecks(const std::vector<Verdict>& verdicts, bool together) {
  return together || verdicts.empty() ? "ALL" : UpperCase(Name(verdicts.front().check));
}

std::string PluginOutput(const std::vector<Verdict>& verdicts, bool together, int verbosity,
                         const std::vector<std::string>& more) {
  std::string output = fmt::format(
      "{} {} {} - {}", kProgram, NameOfChecks(verdicts, together), Name(WorstOf(verdicts)),
      Harmless(together ? TextOfAll(verdicts) : verdicts.front().text));
  std::string numbers;
  for (const Verdict& verdict : verdicts) {
    for (const Perfdata& perfdata : verdict.perfdata) numbers += " " + ToString(perfdata);
  }
  if (!numbers.empty()) output += " |" + numbers;
  output += '\n';
  if (verbosity < 1) return output;
  for (const Verdict& verdict : verdicts) {
    if (together) {
      output += Harmless(fmt::format("{} {} - {}", UpperCase(Name(verdict.check)),
                                     Name(verdict.state), verdict.text)) +
                '\n';
    }
    for (const std::string& line : verdict.details) output += Harmless(line) + '\n';
  }
  for (const std::string& line : more) output += Harmless(line) + '\n';
  return output;
}

std::string CheckmkOutput(const std::vector<Verdict>& verdicts) {
  std::string output;
  for (const Verdict& verdict : verdicts) {
    std::string numbers;
    for (const Perfdata& perfdata : verdict.perfdata) {
      numbers += (numbers.empty() ? "" : "|") + ToCheckmk(perfdata);
    }
    output +=
        fmt::format("{} \"Alibaba Cloud ECS {}\" {} {}\n", static_cast<int>(verdict.state),
                    Name(verdict.check), numbers.empty() ? "-" : numbers, Harmless(verdict.text));
  }
  return output;
}

std::string UnknownOutput(std::string_view checks, std::string_view text) {
  return fmt::format("{}{}{} UNKNOWN - {}\n", kProgram, checks.empty() ? "" : " ",
                     UpperCase(checks), Harmless(text));
}

}  // namespace aliyun_ecs
