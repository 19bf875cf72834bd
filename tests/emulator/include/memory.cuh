// The kernels' memory.cuh for the emulator: the same functions without PTX. Loads are counted, and
// an asynchronous copy arrives only when it is waited for.
#pragma once

inline unsigned load_streaming(const unsigned* address) {
  emulator_loaded_bytes += sizeof(unsigned);
  return *address;
}

inline uint4 load_streaming(const uint4* address) {
  emulator_loaded_bytes += sizeof(uint4);
  return *address;
}

template <typename T>
inline T load_cached(const T* address) {
  emulator_loaded_bytes += sizeof(T);
  return *address;
}

inline void copy_async(void* shared, const void* global, TURBOESM_EMULATOR_PLACE) {
  emulator_loaded_bytes += 16;
  turboesm_emulator_copy_async(shared, global, "copy_async", file, line);
}

inline void copy_async_commit() { turboesm_emulator_copy_async_commit(); }

template <int PENDING>
inline void copy_async_wait() {
  turboesm_emulator_copy_async_wait(PENDING);
  asm volatile("" ::: "memory");
}
