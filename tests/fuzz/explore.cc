#include <cstddef>
#include <cstdint>

#include "fuzz/fuzz.h"

// What libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  aliyun_ecs::fuzz::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
