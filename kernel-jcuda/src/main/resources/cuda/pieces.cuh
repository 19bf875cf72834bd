// Neighbouring elements that one thread reads or writes at once, as floats: 1, 4 or 8 of them, by
// loads and stores of up to 16 bytes. A piece of N elements lies at a multiple of its own size, at
// most 16 bytes: rows whose width N divides, in buffers that begin at a multiple of 16, are cut
// into such pieces. One element needs no alignment.
#pragma once

#include "bfloat16.cuh"

__device__ __forceinline__ void load_piece(const float* source, float (&piece)[1]) {
  piece[0] = *source;
}

__device__ __forceinline__ void load_piece(const int* source, float (&piece)[1]) {
  piece[0] = static_cast<float>(*source);
}

__device__ __forceinline__ void load_piece(const bfloat16* source, float (&piece)[1]) {
  piece[0] = to_float(*source);
}

template <int N>
__device__ __forceinline__ void load_piece(const float* source, float (&piece)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 4) {
    float4 four = *reinterpret_cast<const float4*>(source + i);
    piece[i] = four.x;
    piece[i + 1] = four.y;
    piece[i + 2] = four.z;
    piece[i + 3] = four.w;
  }
}

template <int N>
__device__ __forceinline__ void load_piece(const int* source, float (&piece)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 4) {
    int4 four = *reinterpret_cast<const int4*>(source + i);
    piece[i] = static_cast<float>(four.x);
    piece[i + 1] = static_cast<float>(four.y);
    piece[i + 2] = static_cast<float>(four.z);
    piece[i + 3] = static_cast<float>(four.w);
  }
}

__device__ __forceinline__ void load_piece(const bfloat16* source, float (&piece)[4]) {
  uint2 pairs = *reinterpret_cast<const uint2*>(source);
  piece[0] = low_of_pair(pairs.x);
  piece[1] = high_of_pair(pairs.x);
  piece[2] = low_of_pair(pairs.y);
  piece[3] = high_of_pair(pairs.y);
}

__device__ __forceinline__ void load_piece(const bfloat16* source, float (&piece)[8]) {
  uint4 pairs = *reinterpret_cast<const uint4*>(source);
  piece[0] = low_of_pair(pairs.x);
  piece[1] = high_of_pair(pairs.x);
  piece[2] = low_of_pair(pairs.y);
  piece[3] = high_of_pair(pairs.y);
  piece[4] = low_of_pair(pairs.z);
  piece[5] = high_of_pair(pairs.z);
  piece[6] = low_of_pair(pairs.w);
  piece[7] = high_of_pair(pairs.w);
}

__device__ __forceinline__ void store_piece(float* target, const float (&piece)[1]) {
  *target = piece[0];
}

__device__ __forceinline__ void store_piece(bfloat16* target, const float (&piece)[1]) {
  *target = to_bfloat16(piece[0]);
}

template <int N>
__device__ __forceinline__ void store_piece(float* target, const float (&piece)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 4) {
    *reinterpret_cast<float4*>(target + i) =
        make_float4(piece[i], piece[i + 1], piece[i + 2], piece[i + 3]);
  }
}

__device__ __forceinline__ void store_piece(bfloat16* target, const float (&piece)[4]) {
  *reinterpret_cast<uint2*>(target) =
      make_uint2(to_bfloat16_pair(piece[0], piece[1]), to_bfloat16_pair(piece[2], piece[3]));
}

__device__ __forceinline__ void store_piece(bfloat16* target, const float (&piece)[8]) {
  *reinterpret_cast<uint4*>(target) =
      make_uint4(to_bfloat16_pair(piece[0], piece[1]), to_bfloat16_pair(piece[2], piece[3]),
                 to_bfloat16_pair(piece[4], piece[5]), to_bfloat16_pair(piece[6], piece[7]));
}
