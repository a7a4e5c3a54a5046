#pragma once

#include <prometheus/serializer.h>

#include <string>
#include <vector>

namespace aliyun_ecs {

// Prometheus' text exposition format 0.0.4. Unlike prometheus-cpp's own serializer it escapes help
// texts: a newline there would make Prometheus ingest a metric nobody wrote.
class TextFormat final : public prometheus::Serializer {
 public:
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  [[nodiscard]] std::string Serialize(
      const std::vector<prometheus::MetricFamily>& families) const override;
  void Serialize(std::ostream& out,
                 const std::vector<prometheus::MetricFamily>& families) const override;
};

}  // namespace aliyun_ecs
