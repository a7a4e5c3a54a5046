#include "metadata/access.h"

#include <array>

namespace aliyun_ecs {
namespace {

struct Row {
  std::string_view name;
  AccessAdvice advice;
};

// In the order of enum AccessState.
constexpr std::array<Row, kAccessStateCount> kRows{{
    {"unknown", {"the metadata service was not asked yet", ""}},
    {"good", {"the metadata service answers", ""}},
    {"throttled",
     {"the metadata service throttles this instance",
      "everything is paused and resumes by itself; find out who else on this instance asks often "
      "(the journals of cloud agents), or ask less often"}},
    {"not_on_ecs",
     {"nobody answers, and this machine is not an Alibaba Cloud ECS instance",
      "run this on the instance itself, or give it the address of a simulator"}},
    {"unreachable",
     {"nobody answers at the metadata service's address",
      "allow TCP to 100.100.100.200 port 80; look for a VPN that claims 100.64.0.0/10 (Tailscale "
      "drops such answers), a firewall, or a network policy that keeps pods from it"}},
    {"channel_disabled",
     {"access to the metadata service is disabled for this instance",
      "set HttpEndpoint to enabled (ModifyInstanceMetadataOptions, or \"Modify Instance Metadata "
      "Access Information\" in the console)"}},
    {"proxy",
     {"a proxy stands in the path to the metadata service",
      "no session token is given to what comes through a proxy (X-Forwarded-For); let traffic to "
      "100.100.100.200 bypass the transparent proxy or service mesh"}},
    {"no_token_path",
     {"whoever answers has no session tokens",
      "check the address; on private clouds without hardened mode ask in normal mode"}},
    {"token_refused",
     {"the metadata service refuses the session tokens that it has just given",
      "look for a proxy or NAT that makes requests come from changing addresses; a token is bound "
      "to "
      "its instance"}},
    {"hardened_only",
     {"the metadata service answers in hardened mode only",
      "ask in hardened mode, which is the default"}},
    {"not_the_service",
     {"what answers does not speak as the metadata service does",
      "check the address, and look for a login page or another program there"}},
}};
static_assert(static_cast<std::size_t>(AccessState::kNotTheService) + 1 == kRows.size());

}  // namespace

std::string_view Name(AccessState state) { return kRows[static_cast<std::size_t>(state)].name; }

const AccessAdvice& AdviceOn(AccessState state) {
  return kRows[static_cast<std::size_t>(state)].advice;
}

}  // namespace aliyun_ecs
