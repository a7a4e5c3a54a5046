#include "fuzz/fuzz.h"
#include "fuzz/simulated_world.h"

// The simulator's control API, and the metadata service while it changes.
void aliyun_ecs::fuzz::Fuzz(std::string_view input) { PlayTwice(input, Reach::kServiceAndControl); }
