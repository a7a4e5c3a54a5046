#pragma once

#include <string>
#include <vector>

#include "check/judge.h"
#include "client/curl_transport.h"
#include "client/metadata_client.h"

namespace aliyun_ecs {

enum class OutputFormat { kNagios, kCheckmk };

// Everything a user of check_aliyun_ecs can set, checked and typed.
struct CheckOptions {
  std::vector<Check> checks;  // at least one
  bool together = false;      // --check all
  Criteria criteria;
  Duration timeout{};   // of the whole run
  Duration interval{};  // over which the bandwidth is measured; shorter than the timeout
  int verbosity = 0;
  OutputFormat format = OutputFormat::kNagios;
  std::string metadata_url;
  MetadataMode mode = MetadataMode::kHardened;
  std::string exporter_url;   // empty: the metadata service is asked itself
  OperatorAccess access;      // of the exporter; the password is not read yet
  std::string password_file;  // empty: none
};

// What the command line asks for.
struct CheckInvocation {
  enum class Action { kRun, kPrint, kRefuse };
  Action action = Action::kRun;
  CheckOptions options;
  std::string text;  // kPrint and kRefuse: for standard output, then exit 3
};

// Reads the command line. There is no configuration file and no environment: a monitoring system
// says everything in one line.
[[nodiscard]] CheckInvocation ReadCheckOptions(int argc, const char* const* argv);

}  // namespace aliyun_ecs
