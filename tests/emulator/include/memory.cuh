// The kernels' memory.cuh for the emulator: the same functions without PTX. Loads are counted, those of
// words that are read once also apart, and an asynchronous copy arrives only when it is waited for.
#pragma once

// A kernel's dynamic shared memory.
extern thread_local unsigned char smem_raw[];

inline void emulator_count_streamed(unsigned long long bytes) {
  emulator_loaded_bytes += bytes;
  emulator_streamed_bytes += bytes;
}

inline uint4 load_streaming(const uint4* address) {
  emulator_count_streamed(sizeof(uint4));
  return *address;
}

template <typename T>
inline T load_cached(const T* address) {
  emulator_loaded_bytes += sizeof(T);
  return *address;
}

// The distance from the dynamic shared memory, within 2 GiB of which static arrays lie too.
inline unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(static_cast<const unsigned char*>(shared) - smem_raw);
}

inline void store_shared(unsigned address, unsigned x) {
  *reinterpret_cast<unsigned*>(smem_raw + static_cast<int>(address)) = x;
}

inline unsigned opaque(unsigned x) { return x; }

inline void copy_async(void* shared, const void* global, TURBOESM_EMULATOR_PLACE) {
  emulator_count_streamed(16);
  turboesm_emulator_copy_async(shared, global, "copy_async", file, line);
}

inline void copy_async_cached(void* shared, const void* global, TURBOESM_EMULATOR_PLACE) {
  emulator_loaded_bytes += 16;
  turboesm_emulator_copy_async(shared, global, "copy_async_cached", file, line);
}

inline void copy_async_commit() { turboesm_emulator_copy_async_commit(); }

template <int PENDING>
inline void copy_async_wait() {
  turboesm_emulator_copy_async_wait(PENDING);
  asm volatile("" ::: "memory");
}
