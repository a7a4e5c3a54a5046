#pragma once

#include <prometheus/serializer.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aliyun_ecs {

// The formats that Prometheus scrapes.
enum class Exposition : std::uint8_t {
  kText,         // Prometheus' text exposition format 0.0.4
  kOpenMetrics,  // OpenMetrics 1.0.0
};

// Writes families as text. Unlike prometheus-cpp's own serializer it escapes help texts: a newline
// there would make Prometheus ingest a metric nobody wrote.
//
// OpenMetrics has more to say, and finds it in the names: a gauge called *_info is an info, a
// counter's family is called without its _total, and a name that ends in a unit has that unit.
class TextFormat final : public prometheus::Serializer {
 public:
  explicit TextFormat(Exposition exposition = Exposition::kText) : exposition_(exposition) {}

  [[nodiscard]] std::string_view content_type() const;

  // A whole page.
  [[nodiscard]] std::string Serialize(
      const std::vector<prometheus::MetricFamily>& families) const override;
  void Serialize(std::ostream& out,
                 const std::vector<prometheus::MetricFamily>& families) const override;

  // A page in parts: for each family its heading, which depends on its name, type and help only,
  // and its samples; behind all of them the end.
  void AppendHeading(std::string& out, const prometheus::MetricFamily& family) const;
  void AppendSamples(std::string& out, const prometheus::MetricFamily& family) const;
  void Append(std::string& out, const std::vector<prometheus::MetricFamily>& families) const;
  [[nodiscard]] std::string_view end() const;

 private:
  Exposition exposition_;
};

}  // namespace aliyun_ecs
