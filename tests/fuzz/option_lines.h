#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

// What the targets of both programs' command lines share.

namespace aliyun_ecs::fuzz {

// What no complaint may tell, where it stands in a URL.
inline constexpr std::string_view kPassword = "hunter2-hunter2";

// Arguments, one a line; "%%" is a password, as people write it into a URL.
inline std::vector<std::string> ArgumentsIn(std::string_view input) {
  std::vector<std::string> arguments;
  for (const auto line : Split(input, '\n')) {
    std::string argument(line);
    for (auto at = argument.find("%%"); at != std::string::npos; at = argument.find("%%", at)) {
      argument.replace(at, 2, ":" + std::string(kPassword) + "@");
    }
    // An argument ends at a zero byte.
    arguments.push_back(argument.substr(0, argument.find('\0')));
  }
  return arguments;
}

// Where reading a file might never end.
inline bool NamesDevices(std::string_view input) {
  return input.find("dev") != std::string_view::npos ||
         input.find("proc") != std::string_view::npos;
}

// As main() gets them.
inline std::vector<const char*> ToArgv(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"program"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  return argv;
}

}  // namespace aliyun_ecs::fuzz
