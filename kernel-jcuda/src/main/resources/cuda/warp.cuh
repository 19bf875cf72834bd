// Reductions over the 32 lanes of a warp, and over the warps of a block.
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

// Sum over the block, in every thread. scratch: shared, [32]; free again after the next barrier.
__device__ __forceinline__ float block_sum(float x, float* scratch) {
  x = warp_sum(x);
  int warps = (blockDim.x + WARP - 1) / WARP;
  __syncthreads();
  if (threadIdx.x % WARP == 0) {
    scratch[threadIdx.x / WARP] = x;
  }
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < warps; w++) {
    sum += scratch[w];
  }
  return sum;
}
