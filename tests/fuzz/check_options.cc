#include "check/check_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "client/url.h"
#include "fuzz/fuzz.h"
#include "fuzz/option_lines.h"

// The plugin's command line, an argument a line: options that can be worked with, or an UNKNOWN in
// the form that every monitoring system reads, in which no password is told.

namespace aliyun_ecs::fuzz {
namespace {

bool TakesAUrl(std::string_view flag) { return flag == "--exporter" || flag == "--metadata-url"; }

// Whether the password stands only where a URL belongs.
bool IsOnlyInUrls(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto at = arguments[i].find(kPassword);
    if (at == std::string::npos) continue;
    const auto flag = arguments[i].substr(0, arguments[i].find('='));
    const bool after_flag = i > 0 && TakesAUrl(arguments[i - 1]) && !arguments[i].starts_with('-');
    if (!after_flag && (!TakesAUrl(flag) || flag.size() > at)) return false;
  }
  return true;
}

void CheckOptionsAreGood(const CheckOptions& options) {
  ALWAYS(!options.checks.empty());
  const auto checks = [&](Check check) {
    return std::find(options.checks.begin(), options.checks.end(), check) != options.checks.end();
  };
  ALWAYS(options.timeout >= std::chrono::milliseconds(50));
  ALWAYS(options.timeout <= std::chrono::hours(1));
  ALWAYS(options.interval > Duration::zero());
  ALWAYS(!checks(Check::kBandwidth) || options.interval < options.timeout);
  ALWAYS(ParseUrl(options.metadata_url)->ToString() == options.metadata_url);
  ALWAYS(options.exporter_url.empty() ||
         ParseUrl(options.exporter_url)->ToString() == options.exporter_url);
  ALWAYS(options.access.username.empty() == options.password_file.empty());
  ALWAYS(options.access.cert_file.empty() == options.access.key_file.empty());
  const bool has_ranges = options.criteria.warning || options.criteria.critical;
  ALWAYS(!has_ranges || (options.checks.size() == 1 && HasRanges(options.checks.front())));
  ALWAYS(!options.criteria.role || options.criteria.role->name.empty() ||
         IsIndex(options.criteria.role->name));
}

}  // namespace

void Fuzz(std::string_view input) {
  const auto arguments = ArgumentsIn(input);
  const auto argv = ToArgv(arguments);
  const auto invocation = ReadCheckOptions(static_cast<int>(argv.size()), argv.data());
  if (invocation.action == CheckInvocation::Action::kRun) {
    CheckOptionsAreGood(invocation.options);
    return;
  }
  ALWAYS(!IsOnlyInUrls(arguments) || invocation.text.find(kPassword) == std::string::npos);
  if (invocation.action == CheckInvocation::Action::kPrint) return;
  // What follows a "|" would be taken for numbers.
  ALWAYS(invocation.text.find('|') == std::string::npos);
  const auto line = invocation.text.substr(0, invocation.text.find('\n'));
  ALWAYS(line.starts_with("ALIYUN_ECS UNKNOWN - ") && IsPrintableUtf8(line));
}

}  // namespace aliyun_ecs::fuzz
