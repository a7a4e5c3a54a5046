#pragma once

#include <prometheus/metric_family.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/text.h"
#include "expose/text_format.h"

namespace aliyun_ecs {

// Where the environment variable ALIYUN_ECS_PAGES names a folder, puts a page there in both
// expositions, for other people's parsers (tests/e2e/page_formats_test.py). Of pages that differ
// in nothing but sample values it keeps one.
inline void KeepPage(const std::vector<prometheus::MetricFamily>& families) {
  static const char* const folder = std::getenv("ALIYUN_ECS_PAGES");
  if (folder == nullptr) return;
  const auto text = TextFormat(Exposition::kText).Serialize(families);
  std::string form;
  for (const auto line : Split(text, '\n')) form += line.substr(0, line.rfind(' '));
  const std::string path =
      std::string(folder) + "/" + std::to_string(std::hash<std::string>()(form));
  if (std::ifstream(path + ".txt")) return;
  std::ofstream(path + ".txt") << text;
  std::ofstream(path + ".om") << TextFormat(Exposition::kOpenMetrics).Serialize(families);
}

}  // namespace aliyun_ecs
