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

const char* TypeName(MetricType type) {
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
  return "untyped";
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

void AppendHistogram(std::string& out, const MetricFamily& family, const ClientMetric& metric) {
  for (const auto& bucket : metric.histogram.bucket) {
    std::string bound;
    AppendValue(bound, bucket.upper_bound);
    AppendSample(out, family.name, "_bucket", metric.label,
                 static_cast<double>(bucket.cumulative_count), "le", bound);
  }
  AppendSample(out, family.name, "_sum", metric.label, metric.histogram.sample_sum);
  AppendSample(out, family.name, "_count", metric.label,
               static_cast<double>(metric.histogram.sample_count));
}

void AppendFamily(std::string& out, const MetricFamily& family) {
  out += "# HELP ";
  out += family.name;
  out += ' ';
  AppendEscaped(out, family.help, /*with_quotes=*/false);
  out += "\n# TYPE ";
  out += family.name;
  out += ' ';
  out += TypeName(family.type);
  out += '\n';
  for (const auto& metric : family.metric) {
    switch (family.type) {
      case MetricType::Counter:
        AppendSample(out, family.name, "", metric.label, metric.counter.value);
        break;
      case MetricType::Histogram:
        AppendHistogram(out, family, metric);
        break;
      case MetricType::Gauge:
      case MetricType::Summary:  // no family of ours is one
      case MetricType::Untyped:
        AppendSample(out, family.name, "", metric.label, metric.gauge.value);
        break;
    }
  }
}

}  // namespace

std::string TextFormat::Serialize(const std::vector<MetricFamily>& families) const {
  std::string out;
  out.reserve(16 * 1024);
  for (const auto& family : families) AppendFamily(out, family);
  return out;
}

void TextFormat::Serialize(std::ostream& out, const std::vector<MetricFamily>& families) const {
  out << Serialize(families);
}

}  // namespace aliyun_ecs
