#include "fuzz/fuzz.h"
#include "fuzz/simulated_world.h"

// The simulator's request handling: any requests in any order, at any time, in any mode.
void aliyun_ecs::fuzz::Fuzz(std::string_view input) { PlayTwice(input, Reach::kService); }
