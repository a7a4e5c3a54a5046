#pragma once

#include <string_view>

namespace aliyun_ecs {

// What this binary was built from. The version stands in the top CMakeLists.txt, and only there.
struct BuildInfo {
  std::string_view version;   // "0.1.0"
  std::string_view revision;  // git commit, or "unknown"
  std::string_view compiler;  // "GNU 12.2.0"
};
[[nodiscard]] const BuildInfo& GetBuildInfo();

}  // namespace aliyun_ecs
