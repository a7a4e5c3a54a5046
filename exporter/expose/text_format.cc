#include "expose/text_format.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string_view>

namespace aliyun_ecs {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void AppendEscaped(std::string& out, std::string_view text, bool with_quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && with_quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void AppendValue(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char text[32];
    // A whole number in full, as a person would write a time stamp; else the shortest form that
    // reads back the same.
    constexpr double kExactWholeNumbers = 9007199254740992;  // 2^53
    const bool whole = std::trunc(value) == value && std::abs(value) < kExactWholeNumbers;
    const auto [end, error] =
        whole ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value))
              : std::to_chars(text, text + sizeof text, value);
    out.append(text, end);
  }
}

std::string_view TypeName(MetricType type, Exposition exposition) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Summary:
      return "summary";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Untyped:
      break;
  }
  return exposition == Exposition::kText ? "untyped" : "unknown";
}

// What the lines about a family call it, and what they say.
struct Description {
  std::string_view name;
  std::string_view type;
  std::string_view unit;  // empty: none
};

Description Describe(const MetricFamily& family, Exposition exposition) {
  Description description{family.name, TypeName(family.type, exposition), {}};
  if (exposition == Exposition::kText) return description;
  const auto drop = [&](std::string_view suffix) {
    const bool there = description.name.ends_with(suffix);
    if (there) description.name.remove_suffix(suffix.size());
    return there;
  };
  if (family.type == MetricType::Counter) drop("_total");
  if (family.type == MetricType::Gauge && drop("_info")) {
    description.type = "info";
    return description;  // an info has no unit
  }
  for (const std::string_view unit : {"bytes_per_second", "seconds", "bytes"}) {
    const auto& name = description.name;
    if (!name.ends_with(unit) || name.size() == unit.size()) continue;
    if (name[name.size() - unit.size() - 1] != '_') continue;
    description.unit = unit;
    break;
  }
  return description;
}

// `# KEYWORD name text`
void AppendComment(std::string& out, std::string_view keyword, std::string_view name,
                   std::string_view text) {
  out += "# ";
  out += keyword;
  out += ' ';
  out += name;
  out += ' ';
  out += text;
  out += '\n';
}

// `name{labels,extra_name="extra_value"} value`. An empty extra name adds nothing.
void AppendSample(std::string& out, std::string_view name, std::string_view suffix,
                  const std::vector<ClientMetric::Label>& labels, double value,
                  std::string_view extra_name = {}, std::string_view extra_value = {}) {
  out += name;
  out += suffix;
  char separator = '{';
  const auto append_label = [&](std::string_view label, std::string_view text) {
    out += separator;
    separator = ',';
    out += label;
    out += "=\"";
    AppendEscaped(out, text, /*with_quotes=*/true);
    out += '"';
  };
  for (const auto& label : labels) append_label(label.name, label.value);
  if (!extra_name.empty()) append_label(extra_name, extra_value);
  if (separator == ',') out += '}';
  out += ' ';
  AppendValue(out, value);
  out += '\n';
}

void AppendHistogram(std::string& out, const MetricFamily& family, const ClientMetric& metric,
                     Exposition exposition) {
  for (const auto& bucket : metric.histogram.bucket) {
    std::string bound;
    AppendValue(bound, bucket.upper_bound);
    // OpenMetrics wants bounds to be written as floating point numbers.
    const bool whole = bound.find_first_not_of("-0123456789") == std::string::npos;
    if (exposition == Exposition::kOpenMetrics && whole) bound += ".0";
    AppendSample(out, family.name, "_bucket", metric.label,
                 static_cast<double>(bucket.cumulative_count), "le", bound);
  }
  AppendSample(out, family.name, "_sum", metric.label, metric.histogram.sample_sum);
  AppendSample(out, family.name, "_count", metric.label,
               static_cast<double>(metric.histogram.sample_count));
}

}  // namespace

std::string_view TextFormat::content_type() const {
  return exposition_ == Exposition::kText
             ? "text/plain; version=0.0.4; charset=utf-8"
             : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

std::string_view TextFormat::end() const {
  return exposition_ == Exposition::kText ? "" : "# EOF\n";
}

void TextFormat::AppendHeading(std::string& out, const MetricFamily& family) const {
  const Description description = Describe(family, exposition_);
  const bool open_metrics = exposition_ == Exposition::kOpenMetrics;
  std::string help;
  AppendEscaped(help, family.help, /*with_quotes=*/open_metrics);
  if (!open_metrics) AppendComment(out, "HELP", description.name, help);
  AppendComment(out, "TYPE", description.name, description.type);
  if (!description.unit.empty()) AppendComment(out, "UNIT", description.name, description.unit);
  if (open_metrics) AppendComment(out, "HELP", description.name, help);
}

void TextFormat::AppendSamples(std::string& out, const MetricFamily& family) const {
  // OpenMetrics wants the samples of a counter to end so, whatever its family is called.
  const bool add_total = exposition_ == Exposition::kOpenMetrics &&
                         family.type == MetricType::Counter && !family.name.ends_with("_total");
  for (const auto& metric : family.metric) {
    switch (family.type) {
      case MetricType::Counter:
        AppendSample(out, family.name, add_total ? "_total" : "", metric.label,
                     metric.counter.value);
        break;
      case MetricType::Histogram:
        AppendHistogram(out, family, metric, exposition_);
        break;
      case MetricType::Gauge:
      case MetricType::Summary:  // no family of ours is one
      case MetricType::Untyped:
        AppendSample(out, family.name, "", metric.label, metric.gauge.value);
        break;
    }
  }
}

void TextFormat::Append(std::string& out, const std::vector<MetricFamily>& families) const {
  for (const auto& family : families) {
    AppendHeading(out, family);
    AppendSamples(out, family);
  }
}

std::string TextFormat::Serialize(const std::vector<MetricFamily>& families) const {
  std::string out;
  out.reserve(16 * 1024);
  Append(out, families);
  out += end();
  return out;
}

void TextFormat::Serialize(std::ostream& out, const std::vector<MetricFamily>& families) const {
  out << Serialize(families);
}

}  // namespace aliyun_ecs
