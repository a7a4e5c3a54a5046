#pragma once

#include <string_view>

#include "metadata/snapshot.h"

namespace aliyun_ecs::fuzz {

// A snapshot of an instance of which everything was heard, and some of it from the input: a line
// "> PATH" and below it what the service answered there. What is no value was not heard. An item
// below a directory adds its entry; a tag is a wanted one.
[[nodiscard]] Snapshot HearInstance(std::string_view input, Instant now);

}  // namespace aliyun_ecs::fuzz
