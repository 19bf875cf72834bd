// Loads that say how long their data is wanted, copies into shared memory that run beside
// arithmetic (cp.async, sm_80 and newer), and shared memory by addresses of 32 bits.
#pragma once

// Sixteen bytes that are read once, and so take no room in L1; the address is a multiple of 16.
__device__ __forceinline__ uint4 load_streaming(const uint4* address) {
  uint4 words;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
      : "l"(address));
  return words;
}

// A value that other blocks read too and no kernel in flight writes.
template <typename T>
__device__ __forceinline__ T load_cached(const T* address) {
  return __ldg(address);
}

// Where in shared memory, in bytes: an address for store_shared.
__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ void store_shared(unsigned address, unsigned x) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(x) : "memory");
}

// The same value, of which the compiler knows nothing: it is kept in a register, not computed
// again.
__device__ __forceinline__ unsigned opaque(unsigned x) {
  unsigned y;
  asm volatile("mov.u32 %0, %1;" : "=r"(y) : "r"(x));
  return y;
}

// Begins to copy sixteen bytes to shared memory; both addresses are multiples of 16.
__device__ __forceinline__ void copy_async(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)),
               "l"(global)
               : "memory");
}

// The same of what other blocks read too.
__device__ __forceinline__ void copy_async_cached(void* shared, const void* global) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)),
               "l"(global)
               : "memory");
}

// Closes a group of copies.
__device__ __forceinline__ void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until no more than PENDING of this thread's groups are under way; a barrier must follow
// before other threads' copies are read.
template <int PENDING>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
