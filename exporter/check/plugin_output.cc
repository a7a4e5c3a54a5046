#include "check/plugin_output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

constexpr std::string_view kProgram = "ALIYUN_ECS";

// NRPE carries 1 KiB to its older clients; the graphs' numbers must still come behind.
constexpr std::size_t kMaxLineBytes = 700;

// One line, in which nothing is taken for perfdata.
std::string Harmless(std::string_view text) {
  std::string line(text);
  const bool malformed = !IsPrintableUtf8(text);
  for (char& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '|') c = '/';
    if (byte < 0x20 || byte == 0x7F) c = ' ';
    if (byte >= 0x80 && malformed) c = '?';
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

// What is wrong, worst first, then what is well. What several checks do not know for the same
// reason is said once.
std::string TextOfAll(const std::vector<Verdict>& verdicts) {
  std::vector<std::string> parts;
  std::string well;
  for (const CheckState state :
       {CheckState::kCritical, CheckState::kUnknown, CheckState::kWarning, CheckState::kOk}) {
    for (auto verdict = verdicts.begin(); verdict != verdicts.end(); ++verdict) {
      if (verdict->state != state) continue;
      const auto shares = [&](const Verdict& other) {
        return !verdict->reason.empty() && other.reason == verdict->reason;
      };
      if (std::any_of(verdicts.begin(), verdict, shares)) continue;
      std::string names(Name(verdict->check));
      const bool shared = std::any_of(verdict + 1, verdicts.end(), shares);
      for (auto other = verdict + 1; other != verdicts.end(); ++other) {
        if (shares(*other)) names += ", " + std::string(Name(other->check));
      }
      if (state == CheckState::kOk) {
        well += (well.empty() ? "" : ", ") + names;
      } else {
        parts.push_back(
            fmt::format("{} {}: {}", names, Name(state), shared ? verdict->reason : verdict->text));
      }
    }
  }
  if (!well.empty()) parts.push_back(well + " OK");
  return fmt::format("{}", fmt::join(parts, "; "));
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
  std::set<std::string> said;
  const auto say = [&](const std::string& line) {
    if (said.insert(line).second) output += Harmless(line) + '\n';
  };
  for (const Verdict& verdict : verdicts) {
    if (together) {
      say(fmt::format("{} {} - {}", UpperCase(Name(verdict.check)), Name(verdict.state),
                      verdict.text));
    }
    for (const std::string& line : verdict.details) say(line);
  }
  for (const std::string& line : more) say(line);
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
