#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/log.h"
#include "base/text.h"

namespace aliyun_ecs {

// The lines of the log, from the level info on, that `work` writes.
template <typename Work>
std::vector<std::string> LogLinesOf(Work work) {
  ::testing::internal::CaptureStderr();
  SetUpLog(LogLevel::kInfo, LogFormat::kLogfmt);
  work();
  const std::string text = ::testing::internal::GetCapturedStderr();
  SetUpLog(LogLevel::kError, LogFormat::kLogfmt);
  std::vector<std::string> lines;
  for (const auto line : Split(text, '\n')) {
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace aliyun_ecs
