// What the compiler of CUDA C++ knows by itself, for g++: qualifiers, vector types, the built-in
// variables and functions of device code. Included before every kernel source. Functions that wait
// for other threads call into the emulated driver, which runs each CUDA thread as a fiber.
//
// __global__ and __launch_bounds__ are not defined here: nvrtc.cpp reads and removes them, since it
// needs the kernels' names and limits.
#pragma once

#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __constant__
#define __restrict__ __restrict
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __grid_constant__
// A block runs on one thread of the host, so that thread-local memory is the block's own.
#define __shared__ thread_local

#define TURBOESM_EMULATOR_VECTOR2(type, name, alignment) \
  struct alignas(alignment) name {                       \
    type x, y;                                           \
  };                                                     \
  inline name make_##name(type x, type y) { return {x, y}; }
#define TURBOESM_EMULATOR_VECTOR3(type, name) \
  struct name {                               \
    type x, y, z;                             \
  };                                          \
  inline name make_##name(type x, type y, type z) { return {x, y, z}; }
#define TURBOESM_EMULATOR_VECTOR4(type, name, alignment) \
  struct alignas(alignment) name {                       \
    type x, y, z, w;                                     \
  };                                                     \
  inline name make_##name(type x, type y, type z, type w) { return {x, y, z, w}; }

TURBOESM_EMULATOR_VECTOR2(signed char, char2, 2)
TURBOESM_EMULATOR_VECTOR4(signed char, char4, 4)
TURBOESM_EMULATOR_VECTOR2(unsigned char, uchar2, 2)
TURBOESM_EMULATOR_VECTOR4(unsigned char, uchar4, 4)
TURBOESM_EMULATOR_VECTOR2(short, short2, 4)
TURBOESM_EMULATOR_VECTOR4(short, short4, 8)
TURBOESM_EMULATOR_VECTOR2(unsigned short, ushort2, 4)
TURBOESM_EMULATOR_VECTOR4(unsigned short, ushort4, 8)
TURBOESM_EMULATOR_VECTOR2(int, int2, 8)
TURBOESM_EMULATOR_VECTOR3(int, int3)
TURBOESM_EMULATOR_VECTOR4(int, int4, 16)
TURBOESM_EMULATOR_VECTOR2(unsigned, uint2, 8)
TURBOESM_EMULATOR_VECTOR3(unsigned, uint3)
TURBOESM_EMULATOR_VECTOR4(unsigned, uint4, 16)
TURBOESM_EMULATOR_VECTOR2(long long, longlong2, 16)
TURBOESM_EMULATOR_VECTOR2(unsigned long long, ulonglong2, 16)
TURBOESM_EMULATOR_VECTOR2(float, float2, 8)
TURBOESM_EMULATOR_VECTOR3(float, float3)
TURBOESM_EMULATOR_VECTOR4(float, float4, 16)
TURBOESM_EMULATOR_VECTOR2(double, double2, 16)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

#include "device_interface.h"
#include "registration.h"

#define threadIdx (turboesm_emulator_thread->index)
#define blockIdx (turboesm_emulator_block->index)
#define blockDim (turboesm_emulator_block->block_size)
#define gridDim (turboesm_emulator_block->grid_size)
#define warpSize 32

// The place of a call in the kernel's source, for messages.
#define TURBOESM_EMULATOR_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// ---- barriers and warp functions --------------------------------------------------------------

inline void __syncthreads(TURBOESM_EMULATOR_PLACE) {
  turboesm_emulator_barrier("__syncthreads", file, line);
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, TURBOESM_EMULATOR_PLACE) {
  turboesm_emulator_ballot(mask, 0, "__syncwarp", file, line);
}

inline void __threadfence() {}
inline void __threadfence_block() {}

inline unsigned __ballot_sync(unsigned mask, int predicate, TURBOESM_EMULATOR_PLACE) {
  return turboesm_emulator_ballot(mask, predicate != 0, "__ballot_sync", file, line);
}

inline int __any_sync(unsigned mask, int predicate, TURBOESM_EMULATOR_PLACE) {
  return turboesm_emulator_ballot(mask, predicate != 0, "__any_sync", file, line) != 0;
}

inline int __all_sync(unsigned mask, int predicate, TURBOESM_EMULATOR_PLACE) {
  return turboesm_emulator_ballot(mask, predicate == 0, "__all_sync", file, line) == 0;
}

template <typename T>
inline T turboesm_emulator_shuffle(unsigned mask, T value, int source_lane, const char* operation,
                                   const char* file, int line) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move words of 4 or 8 bytes");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = turboesm_emulator_exchange(mask, bits, source_lane, operation, file, line);
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

inline int turboesm_emulator_lane() { return turboesm_emulator_thread->lane; }

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, TURBOESM_EMULATOR_PLACE) {
  int first = turboesm_emulator_lane() & ~(width - 1);
  return turboesm_emulator_shuffle(mask, value, first + (source & (width - 1)), "__shfl_sync", file,
                                   line);
}

template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int distance, int width = 32,
                         TURBOESM_EMULATOR_PLACE) {
  int lane = turboesm_emulator_lane();
  int source = lane ^ distance;
  // Lanes of a later group are out of reach; those of an earlier one are not.
  int end = (lane & ~(width - 1)) + width;
  return turboesm_emulator_shuffle(mask, value, source < end ? source : lane, "__shfl_xor_sync",
                                   file, line);
}

template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32,
                        TURBOESM_EMULATOR_PLACE) {
  int lane = turboesm_emulator_lane();
  int source = lane - static_cast<int>(distance);
  int first = lane & ~(width - 1);
  return turboesm_emulator_shuffle(mask, value, source >= first ? source : lane, "__shfl_up_sync",
                                   file, line);
}

template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32,
                          TURBOESM_EMULATOR_PLACE) {
  int lane = turboesm_emulator_lane();
  int source = lane + static_cast<int>(distance);
  int end = (lane & ~(width - 1)) + width;
  return turboesm_emulator_shuffle(mask, value, source < end ? source : lane, "__shfl_down_sync",
                                   file, line);
}

// ---- bits -------------------------------------------------------------------------------------

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(x); }

inline unsigned __brev(unsigned x) {
  x = (x >> 16) | (x << 16);
  x = ((x & 0xFF00FF00u) >> 8) | ((x & 0x00FF00FFu) << 8);
  x = ((x & 0xF0F0F0F0u) >> 4) | ((x & 0x0F0F0F0Fu) << 4);
  x = ((x & 0xCCCCCCCCu) >> 2) | ((x & 0x33333333u) << 2);
  return ((x & 0xAAAAAAAAu) >> 1) | ((x & 0x55555555u) << 1);
}

inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  unsigned long long both = (static_cast<unsigned long long>(high) << 32) | low;
  return static_cast<unsigned>((both << (shift & 31)) >> 32);
}

inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  unsigned long long both = (static_cast<unsigned long long>(high) << 32) | low;
  return static_cast<unsigned>(both >> (shift & 31));
}

inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  unsigned long long bytes = (static_cast<unsigned long long>(y) << 32) | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    unsigned nibble = (selector >> (4 * i)) & 15;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (nibble & 7))) & 0xFF;
    if (nibble & 8) {
      byte = byte & 0x80 ? 0xFF : 0;
    }
    result |= byte << (8 * i);
  }
  return result;
}

inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) {
    c += static_cast<signed char>(a >> (8 * i)) * static_cast<signed char>(b >> (8 * i));
  }
  return c;
}

inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }

// ---- arithmetic -------------------------------------------------------------------------------

extern "C" {
float fmaf(float, float, float) noexcept;
float fmaxf(float, float) noexcept;
float fminf(float, float) noexcept;
float fabsf(float) noexcept;
float sqrtf(float) noexcept;
float expf(float) noexcept;
float exp2f(float) noexcept;
float logf(float) noexcept;
float log2f(float) noexcept;
float erff(float) noexcept;
float tanhf(float) noexcept;
float powf(float, float) noexcept;
float sinf(float) noexcept;
float cosf(float) noexcept;
float floorf(float) noexcept;
float ceilf(float) noexcept;
float truncf(float) noexcept;
float roundf(float) noexcept;
float rintf(float) noexcept;
float nearbyintf(float) noexcept;
long lrintf(float) noexcept;
float copysignf(float, float) noexcept;
double fma(double, double, double) noexcept;
double fabs(double) noexcept;
double sqrt(double) noexcept;
double exp(double) noexcept;
double log(double) noexcept;
double floor(double) noexcept;
double sin(double) noexcept;
double cos(double) noexcept;
double pow(double, double) noexcept;
}

// glibc declares functions of these names.
#define __expf expf
#define __logf logf
#define __sinf sinf
#define __cosf cosf
#define __powf powf
#define isnan __builtin_isnan
#define isinf __builtin_isinf
#define isfinite __builtin_isfinite

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __frsqrt_rn(float x) { return 1.0f / sqrtf(x); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }

// Out of range saturates and NaN becomes 0, as on the device.
inline int __float2int_rn(float x) {
  if (!(x < 2147483648.0f)) {
    return x != x ? 0 : 2147483647;
  }
  return x <= -2147483648.0f ? -2147483647 - 1 : static_cast<int>(rintf(x));
}
inline int __float2int_rz(float x) { return __float2int_rn(truncf(x)); }
inline int __float2int_rd(float x) { return __float2int_rn(floorf(x)); }
inline int __float2int_ru(float x) { return __float2int_rn(ceilf(x)); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }

inline int min(int x, int y) { return x < y ? x : y; }
inline unsigned min(unsigned x, unsigned y) { return x < y ? x : y; }
inline long long min(long long x, long long y) { return x < y ? x : y; }
inline float min(float x, float y) { return fminf(x, y); }
inline int max(int x, int y) { return x > y ? x : y; }
inline unsigned max(unsigned x, unsigned y) { return x > y ? x : y; }
inline long long max(long long x, long long y) { return x > y ? x : y; }
inline float max(float x, float y) { return fmaxf(x, y); }
inline int abs(int x) { return x < 0 ? -x : x; }

// ---- memory -----------------------------------------------------------------------------------

template <typename T>
inline T __ldg(const T* address) {
  return *address;
}

// Kernels of several streams may run at the same time, on different threads of the host.
inline int atomicAdd(int* address, int x) {
  return __atomic_fetch_add(address, x, __ATOMIC_RELAXED);
}
inline unsigned atomicAdd(unsigned* address, unsigned x) {
  return __atomic_fetch_add(address, x, __ATOMIC_RELAXED);
}
inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long x) {
  return __atomic_fetch_add(address, x, __ATOMIC_RELAXED);
}

template <typename T, typename Update>
inline T turboesm_emulator_atomic(T* address, Update update) {
  T expected;
  __atomic_load(address, &expected, __ATOMIC_RELAXED);
  T desired = update(expected);
  while (!__atomic_compare_exchange(address, &expected, &desired, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
    desired = update(expected);
  }
  return expected;
}

inline float atomicAdd(float* address, float x) {
  return turboesm_emulator_atomic(address, [x](float old) { return old + x; });
}
inline double atomicAdd(double* address, double x) {
  return turboesm_emulator_atomic(address, [x](double old) { return old + x; });
}
inline int atomicMax(int* address, int x) {
  return turboesm_emulator_atomic(address, [x](int old) { return old > x ? old : x; });
}
inline unsigned atomicMax(unsigned* address, unsigned x) {
  return turboesm_emulator_atomic(address, [x](unsigned old) { return old > x ? old : x; });
}
inline int atomicMin(int* address, int x) {
  return turboesm_emulator_atomic(address, [x](int old) { return old < x ? old : x; });
}
inline int atomicOr(int* address, int x) { return __atomic_fetch_or(address, x, __ATOMIC_RELAXED); }
inline unsigned atomicOr(unsigned* address, unsigned x) {
  return __atomic_fetch_or(address, x, __ATOMIC_RELAXED);
}
inline int atomicExch(int* address, int x) {
  return __atomic_exchange_n(address, x, __ATOMIC_RELAXED);
}
inline int atomicCAS(int* address, int expected, int desired) {
  __atomic_compare_exchange_n(address, &expected, desired, false, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
  return expected;
}

// Bytes that this module's kernels have loaded through memory.cuh, and those of them that were streamed,
// load_streaming and copy_async; read by cuModuleGetGlobal.
extern "C" __attribute__((visibility("default"))) unsigned long long emulator_loaded_bytes;
extern "C" __attribute__((visibility("default"))) unsigned long long emulator_streamed_bytes;
