#pragma once

#include <cstddef>

namespace aliyun_ecs {

// What a library keeps a secret in, it frees without a thought, and the bytes stay until somebody
// happens to write over them. These wipe first; they take what malloc and its like gave. A program
// that links this file has them behind `delete` as well, for the buffers of parsers and strings.
// (Not with a sanitizer, which has a heap of its own.)
//
// Thread-safe, like the heap.
void WipeAndFree(void* memory) noexcept;

// Like realloc, and wipes what it leaves behind. It always moves.
void* WipingRealloc(void* memory, std::size_t size) noexcept;

}  // namespace aliyun_ecs
