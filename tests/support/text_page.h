#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a scraper reads from a page. Written from the formats' own descriptions, and stricter than
// any scraper has to be, so that what the exporter writes can be held against it:
// Prometheus' text format 0.0.4 and OpenMetrics 1.0.0.

namespace aliyun_ecs {

using PageLabels = std::vector<std::pair<std::string, std::string>>;  // unescaped, as they stand

struct PageSample {
  std::string name;
  PageLabels labels;
  double value = 0;

  friend bool operator==(const PageSample&, const PageSample&) = default;
};

struct PageFamily {
  std::string name, type, unit, help;  // help: unescaped
  std::vector<PageSample> samples;
};

// nullopt for a page that breaks a rule: of names, of escapes, of which sample may stand in which
// family; a family, a label or a sample that is there twice; a histogram that does not add up; a
// line that does not end. Timestamps, exemplars and comments are not read: the exporter has none.
[[nodiscard]] std::optional<std::vector<PageFamily>> ReadTextPage(std::string_view page);
[[nodiscard]] std::optional<std::vector<PageFamily>> ReadOpenMetricsPage(std::string_view page);

}  // namespace aliyun_ecs
