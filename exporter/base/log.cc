#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

std::atomic<LogFormat> log_format{LogFormat::kLogfmt};
std::atomic<bool> is_set_up{false};

std::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      break;
  }
  return "error";
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

// One for each format, so that the format can change between two events and never within one.
spdlog::logger& LoggerOf(LogFormat format) {
  const auto make = [](const std::string& pattern) {
    auto logger =
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->flush_on(spdlog::level::debug);
    logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
    return logger;
  };
  constexpr const char* kUtcMilliseconds = "%Y-%m-%dT%H:%M:%S.%eZ";
  static const auto logfmt = make(fmt::format("time={} %v", kUtcMilliseconds));
  static const auto json = make(fmt::format("{{\"time\":\"{}\",%v}}", kUtcMilliseconds));
  return format == LogFormat::kJson ? *json : *logfmt;
}

// logfmt quotes what a reader could not split at blanks and '='.
std::string LogfmtValue(std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" =\"\\") == std::string_view::npos &&
                     JsonQuote(value).size() == value.size() + 2;
  return plain ? std::string(value) : JsonQuote(value);
}

}  // namespace

LogField::LogField(std::string_view k, double v) : key(k), value(fmt::format("{:g}", v)) {}

std::optional<LogLevel> ParseLogLevel(std::string_view text) {
  for (const auto level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (text == Name(level)) return level;
  }
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return std::nullopt;
}

void SetUpLog(LogLevel level, LogFormat format) {
  for (const LogFormat each : {LogFormat::kLogfmt, LogFormat::kJson}) {
    LoggerOf(each).set_level(ToSpdlog(level));
  }
  log_format = format;
  is_set_up = true;
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!is_set_up) return;
  const LogFormat format = log_format;
  spdlog::logger& logger = LoggerOf(format);
  if (!logger.should_log(ToSpdlog(level))) return;
  logger.log(ToSpdlog(level), "{}", FormatLogEvent(format, level, message, fields));
}

std::string FormatLogEvent(LogFormat format, LogLevel level, std::string_view message,
                           std::initializer_list<LogField> fields) {
  const bool json = format == LogFormat::kJson;
  std::string line;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (!line.empty()) line += json ? ',' : ' ';
    line += json ? fmt::format("\"{}\":{}", key, JsonQuote(value))
                 : fmt::format("{}={}", key, LogfmtValue(value));
  };
  add("level", Name(level));
  add("msg", message);
  for (const auto& field : fields) add(field.key, field.value);
  return line;
}

}  // namespace aliyun_ecs
