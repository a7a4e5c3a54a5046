#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

// What every file of a fuzz target has to do with fuzzing.

namespace aliyun_ecs::fuzz {

// What a target does with one input. It must keep nothing for the next one.
void Fuzz(std::string_view input);

}  // namespace aliyun_ecs::fuzz

// What must hold whatever the input is; ends the program when it does not.
#define ALWAYS(condition)                                                                      \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      std::fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
