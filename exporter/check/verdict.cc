#include "check/verdict.h"

namespace aliyun_ecs {
namespace {

int Badness(CheckState state) {
  constexpr int kBadness[] = {0, 1, 3, 2};
  return kBadness[static_cast<std::size_t>(state)];
}

}  // namespace

std::string_view Name(Check check) {
  constexpr std::string_view kNames[] = {"spot",      "credentials", "metadata",
                                         "hardening", "identity",    "bandwidth"};
  return kNames[static_cast<std::size_t>(check)];
}

std::string_view Name(CheckState state) {
  constexpr std::string_view kNames[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  return kNames[static_cast<std::size_t>(state)];
}

CheckState Worse(CheckState one, CheckState other) {
  return Badness(one) < Badness(other) ? other : one;
}

}  // namespace aliyun_ecs
