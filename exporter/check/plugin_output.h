#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "check/verdict.h"

namespace aliyun_ecs {

// What a monitoring system reads on standard output, for several checks taken together or for one.
//
// PluginOutput follows the Monitoring Plugins guidelines:
//
//   ALIYUN_ECS SPOT OK - no termination notice | 'latency'=0.003s;;;0
//
// Together they are "ALIYUN_ECS ALL …": the worst state, what is wrong, worst first, and which are
// well. With `verbosity` 1 or more the details follow, each line once, and then `more`. Texts that
// people or the service chose are made harmless: one line each, and no "|".
[[nodiscard]] std::string PluginOutput(const std::vector<Verdict>& verdicts, bool together,
                                       int verbosity, const std::vector<std::string>& more);

// The same for Checkmk's agent: a line of a local check for each verdict, which becomes a service
// of its own.
//
//   0 "Alibaba Cloud ECS spot" - no termination notice
[[nodiscard]] std::string CheckmkOutput(const std::vector<Verdict>& verdicts);

// What is said when nothing could be checked: "ALIYUN_ECS SPOT UNKNOWN - …", or without a check
// "ALIYUN_ECS UNKNOWN - …".
[[nodiscard]] std::string UnknownOutput(std::string_view checks, std::string_view text);

// "SPOT", "ALL".
[[nodiscard]] std::string NameOfChecks(const std::vector<Verdict>& verdicts, bool together);

// OK where there is none.
[[nodiscard]] CheckState WorstOf(const std::vector<Verdict>& verdicts);

}  // namespace aliyun_ecs
