// Reductions over the 32 lanes of a warp.
#pragma once

#define WARP 32
#define ALL_LANES 0xFFFFFFFFu
#define NEGATIVE_INFINITY __int_as_float(static_cast<int>(0xFF800000u))

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(ALL_LANES, x, distance);
  }
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, distance));
  }
  return x;
}
