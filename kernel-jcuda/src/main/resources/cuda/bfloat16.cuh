// bfloat16 as bits: the upper half of a float. NVRTC needs no header of the toolkit for it.
#pragma once

struct bfloat16 {
  unsigned short bits;
};

// Rounds to nearest, ties to even.
__device__ __forceinline__ bfloat16 to_bfloat16(float x) {
  bfloat16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}

__device__ __forceinline__ float to_float(bfloat16 x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}

// Two rounded values in one word, the first in the lower half.
__device__ __forceinline__ unsigned to_bfloat16_pair(float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

__device__ __forceinline__ float low_of_pair(unsigned pair) { return __uint_as_float(pair << 16); }

__device__ __forceinline__ float high_of_pair(unsigned pair) {
  return __uint_as_float(pair & 0xFFFF0000u);
}
