#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace aliyun_ecs {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

// "debug", "info", "warn", "error" and "logfmt", "json"; nullopt for anything else.
[[nodiscard]] std::optional<LogLevel> ParseLogLevel(std::string_view text);
[[nodiscard]] std::optional<LogFormat> ParseLogFormat(std::string_view text);

// One key and its value in a log line. There is no constructor from Secret, so a secret cannot be
// logged.
struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, double v);
  LogField(std::string_view k, int v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, std::size_t v) : key(k), value(std::to_string(v)) {}
};

// Sets the process's log: one event a line on standard error, as `time=… level=… msg=… key=value`
// or as a JSON object with the same keys. Until the first call nothing is written; a further one
// changes the log from the next event on. Safe from any thread.
void SetUpLog(LogLevel level, LogFormat format);

// Writes one event. Safe from any thread. Values are escaped, so that no event spans two lines.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// What Log writes behind the time and level, for tests and for other sinks.
[[nodiscard]] std::string FormatLogEvent(LogFormat format, LogLevel level, std::string_view message,
                                         std::initializer_list<LogField> fields);

}  // namespace aliyun_ecs
