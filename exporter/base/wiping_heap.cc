#include "base/wiping_heap.h"

#include <malloc.h>
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace aliyun_ecs {

void WipeAndFree(void* memory) noexcept {
  if (memory != nullptr) explicit_bzero(memory, malloc_usable_size(memory));
  std::free(memory);
}

void* WipingRealloc(void* memory, std::size_t size) noexcept {
  void* const moved = std::malloc(size);
  if (moved == nullptr || memory == nullptr) return moved;
  std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
  WipeAndFree(memory);
  return moved;
}

}  // namespace aliyun_ecs

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALIYUN_ECS_FOREIGN_HEAP
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALIYUN_ECS_FOREIGN_HEAP
#endif
#endif

#ifndef ALIYUN_ECS_FOREIGN_HEAP
// The library's new takes from malloc, and its delete[] calls this.
void operator delete(void* memory) noexcept { aliyun_ecs::WipeAndFree(memory); }
void operator delete(void* memory, std::size_t) noexcept { aliyun_ecs::WipeAndFree(memory); }
#endif
