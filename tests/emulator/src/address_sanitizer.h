// AddressSanitizer's view of memory; nothing in a build without it.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace turboesm_emulator {

#ifdef __SANITIZE_ADDRESS__
constexpr bool ADDRESS_SANITIZER = true;
inline void poison(void* address, size_t bytes) { __asan_poison_memory_region(address, bytes); }
inline void unpoison(void* address, size_t bytes) { __asan_unpoison_memory_region(address, bytes); }
// Around a switch to another stack: its lowest byte and size before, and after it those of the
// stack that was left, where they are wanted.
inline void before_switch(const void* bottom, size_t bytes) {
  __sanitizer_start_switch_fiber(nullptr, bottom, bytes);
}
inline void after_switch(const void** bottom, size_t* bytes) {
  __sanitizer_finish_switch_fiber(nullptr, bottom, bytes);
}
#else
constexpr bool ADDRESS_SANITIZER = false;
inline void poison(void*, size_t) {}
inline void unpoison(void*, size_t) {}
inline void before_switch(const void*, size_t) {}
inline void after_switch(const void**, size_t*) {}
#endif

}  // namespace turboesm_emulator
