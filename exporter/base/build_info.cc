#include "base/build_info.h"

namespace aliyun_ecs {

const BuildInfo& GetBuildInfo() {
  static constexpr BuildInfo kBuildInfo{ALIYUN_ECS_VERSION, ALIYUN_ECS_REVISION,
                                        ALIYUN_ECS_COMPILER};
  return kBuildInfo;
}

}  // namespace aliyun_ecs
