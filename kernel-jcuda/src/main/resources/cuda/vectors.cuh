// Several neighbouring elements at a time, as floats: one load or store of 8 or 16 bytes for 4 or 8
// bfloat16, one of 16 bytes for every 4 floats or ints. The address is a multiple of the width.
#pragma once

#include "bfloat16.cuh"

template <int N>
__device__ __forceinline__ void load_vector(float (&x)[N], const float* address) {
#pragma unroll
  for (int v = 0; v < N; v += 4) {
    float4 four = *reinterpret_cast<const float4*>(address + v);
    x[v] = four.x;
    x[v + 1] = four.y;
    x[v + 2] = four.z;
    x[v + 3] = four.w;
  }
}

template <int N>
__device__ __forceinline__ void load_vector(float (&x)[N], const int* address) {
#pragma unroll
  for (int v = 0; v < N; v += 4) {
    int4 four = *reinterpret_cast<const int4*>(address + v);
    x[v] = static_cast<float>(four.x);
    x[v + 1] = static_cast<float>(four.y);
    x[v + 2] = static_cast<float>(four.z);
    x[v + 3] = static_cast<float>(four.w);
  }
}

__device__ __forceinline__ void load_vector(float (&x)[4], const bfloat16* address) {
  uint2 pairs = *reinterpret_cast<const uint2*>(address);
  x[0] = low_of_pair(pairs.x);
  x[1] = high_of_pair(pairs.x);
  x[2] = low_of_pair(pairs.y);
  x[3] = high_of_pair(pairs.y);
}

__device__ __forceinline__ void load_vector(float (&x)[8], const bfloat16* address) {
  uint4 pairs = *reinterpret_cast<const uint4*>(address);
  x[0] = low_of_pair(pairs.x);
  x[1] = high_of_pair(pairs.x);
  x[2] = low_of_pair(pairs.y);
  x[3] = high_of_pair(pairs.y);
  x[4] = low_of_pair(pairs.z);
  x[5] = high_of_pair(pairs.z);
  x[6] = low_of_pair(pairs.w);
  x[7] = high_of_pair(pairs.w);
}

template <int N>
__device__ __forceinline__ void store_vector(float* address, const float (&x)[N]) {
#pragma unroll
  for (int v = 0; v < N; v += 4) {
    *reinterpret_cast<float4*>(address + v) = make_float4(x[v], x[v + 1], x[v + 2], x[v + 3]);
  }
}

// Rounds as to_bfloat16.
__device__ __forceinline__ void store_vector(bfloat16* address, const float (&x)[4]) {
  *reinterpret_cast<uint2*>(address) =
      make_uint2(to_bfloat16_pair(x[0], x[1]), to_bfloat16_pair(x[2], x[3]));
}

__device__ __forceinline__ void store_vector(bfloat16* address, const float (&x)[8]) {
  *reinterpret_cast<uint4*>(address) =
      make_uint4(to_bfloat16_pair(x[0], x[1]), to_bfloat16_pair(x[2], x[3]),
                 to_bfloat16_pair(x[4], x[5]), to_bfloat16_pair(x[6], x[7]));
}
