// Rows of -DWIDTH elements, each held in the registers of -DROW_WARPS warps, so that a kernel that
// needs a row twice (its mean, then its deviations; its maximum, then its bytes) reads it once.
// They are read in pieces of -DPIECE elements: 1, 4 or 8, a divisor of WIDTH.
//
// A block has several rows, 32 ROW_WARPS threads each; grid: (rows / rows in a block, rounded up).
// Neighbouring threads hold neighbouring pieces, so that every access of a warp is of consecutive
// bytes; a thread's own pieces lie 32 ROW_WARPS pieces apart. Sizes are constants: the loops over a
// thread's pieces unroll, all their loads are in flight together, and where the pieces come out
// even no bound is checked. Threads of rows past the end must stay for the barriers.
#pragma once

#include "pieces.cuh"
#include "precision.cuh"
#include "warp.cuh"

constexpr int ROW_THREADS = ROW_WARPS * WARP;
constexpr int ROW_PIECES = WIDTH / PIECE;
constexpr int THREAD_PIECES = (ROW_PIECES + ROW_THREADS - 1) / ROW_THREADS;
constexpr bool PIECES_COME_OUT_EVEN = THREAD_PIECES * ROW_THREADS == ROW_PIECES;

// What the wrapper may launch; more rows a block than this would only wait for each other.
constexpr int BLOCK_THREADS_LIMIT = ROW_THREADS < 256 ? 256 : ROW_THREADS;

// Enough loads in flight, and registers for five pieces a thread: left to itself, ptxas saves them
// until it spills.
constexpr int BLOCKS_AN_SM = BLOCK_THREADS_LIMIT <= 256 ? 3 : 1024 / BLOCK_THREADS_LIMIT;
static_assert(WIDTH % PIECE == 0, "pieces do not cross rows");
static_assert(ROW_WARPS >= 1 && ROW_WARPS <= 32, "a row has from 1 to 32 warps");

// The part of a row that one thread holds.
typedef float row_part[THREAD_PIECES][PIECE];

__device__ __forceinline__ int row_in_block() { return threadIdx.x / ROW_THREADS; }

__device__ __forceinline__ int thread_in_row() { return threadIdx.x % ROW_THREADS; }

__device__ __forceinline__ int row_of_thread() {
  return blockIdx.x * (blockDim.x / ROW_THREADS) + row_in_block();
}

// The first column of the thread's piece i.
__device__ __forceinline__ int piece_column(int i) {
  return (i * ROW_THREADS + thread_in_row()) * PIECE;
}

__device__ __forceinline__ bool holds_piece(int i) {
  return PIECES_COME_OUT_EVEN || piece_column(i) < WIDTH;
}

// source: the row's, [WIDTH].
template <typename T>
__device__ __forceinline__ void load_row(const T* source, row_part& part) {
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
      load_piece(source + piece_column(i), part[i]);
    }
  }
}

// target: the row's, [WIDTH].
template <typename T>
__device__ __forceinline__ void store_row(T* target, const row_part& part) {
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
      store_piece(target + piece_column(i), part[i]);
    }
  }
}

// A piece of a GEMM's output, in float; product points at its first element. row_scale and
// column_scales, which points at the first element's, are read for int8 only.
template <int N>
__device__ __forceinline__ void load_product(const product_t* product, float row_scale,
                                             const float* column_scales, float (&piece)[N]) {
  load_piece(product, piece);
#if PRECISION == PRECISION_INT8
  float scales[N];
  load_piece(column_scales, scales);
#pragma unroll
  for (int e = 0; e < N; e++) {
    piece[e] = piece[e] * row_scale * scales[e];
  }
#endif
}

// The scale of a product's row.
__device__ __forceinline__ float product_row_scale(const float* row_scales, int row) {
#if PRECISION == PRECISION_INT8
  return row_scales[row];
#else
  return 1;
#endif
}

// Sum over the threads of a row, in each of them. scratch: shared, [32], of this call alone.
__device__ __forceinline__ float row_sum(float x, float* scratch) {
  x = warp_sum(x);
  if (ROW_WARPS == 1) {
    return x;
  }
  float* sums = scratch + row_in_block() * ROW_WARPS;
  if (threadIdx.x % WARP == 0) {
    sums[thread_in_row() / WARP] = x;
  }
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int w = 0; w < ROW_WARPS; w++) {
    sum += sums[w];
  }
  return sum;
}

// The largest magnitude in a row, in each of its threads; NaN where the row holds one. Magnitudes
// are compared as bits, in whose order NaN is above infinity: fmaxf would drop it. scratch as for
// row_sum.
__device__ __forceinline__ float row_largest_magnitude(const row_part& part, unsigned* scratch) {
  unsigned largest = 0;
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
#pragma unroll
    for (int e = 0; e < PIECE; e++) {
      if (holds_piece(i)) {
        largest = max(largest, __float_as_uint(part[i][e]) & 0x7FFFFFFFu);
      }
    }
  }
#pragma unroll
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    largest = max(largest, __shfl_xor_sync(ALL_LANES, largest, distance));
  }
  if (ROW_WARPS > 1) {
    unsigned* maxima = scratch + row_in_block() * ROW_WARPS;
    if (threadIdx.x % WARP == 0) {
      maxima[thread_in_row() / WARP] = largest;
    }
    __syncthreads();
#pragma unroll
    for (int w = 0; w < ROW_WARPS; w++) {
      largest = max(largest, maxima[w]);
    }
  }
  return __uint_as_float(largest);
}

// A float of less than 2^22, added to this, is rounded to the nearest integer, ties to even, and
// its two's complement stands in the lowest bits of the sum.
constexpr float INTEGER_ROUNDER = 12582912.0f;  // 1.5 * 2^23

// A row of nothing larger becomes zeros: the inverse of its scale could overflow.
constexpr float NEGLIGIBLE = 7.888609052210118e-31f;  // 2^-100

__device__ __forceinline__ unsigned quantized_in_low_byte(float x, float inverse_scale) {
  return __float_as_uint(fmaf(x, inverse_scale, INTEGER_ROUNDER));
}

__device__ __forceinline__ unsigned quantized_word(const float* x, float inverse_scale) {
  unsigned low = __byte_perm(quantized_in_low_byte(x[0], inverse_scale),
                             quantized_in_low_byte(x[1], inverse_scale), 0x0040);
  unsigned high = __byte_perm(quantized_in_low_byte(x[2], inverse_scale),
                              quantized_in_low_byte(x[3], inverse_scale), 0x0040);
  return __byte_perm(low, high, 0x5410);
}

__device__ __forceinline__ void store_quantized(signed char* target, const float (&piece)[1],
                                                float inverse_scale) {
  *target = static_cast<signed char>(quantized_in_low_byte(piece[0], inverse_scale) & 0xFF);
}

__device__ __forceinline__ void store_quantized(signed char* target, const float (&piece)[4],
                                                float inverse_scale) {
  *reinterpret_cast<unsigned*>(target) = quantized_word(piece, inverse_scale);
}

__device__ __forceinline__ void store_quantized(signed char* target, const float (&piece)[8],
                                                float inverse_scale) {
  *reinterpret_cast<uint2*>(target) =
      make_uint2(quantized_word(piece, inverse_scale), quantized_word(piece + 4, inverse_scale));
}

// Quantizes a row symmetrically by its largest magnitude, rounded to nearest even, as the CPU
// engine's RowQuantizer does. A row that holds a NaN has the scale NaN. The row's first thread
// writes the scale. target: the row's, [WIDTH]; scratch as for row_sum.
__device__ __forceinline__ void store_row_quantized(const row_part& part, bool in_range,
                                                    signed char* target, float* scale,
                                                    unsigned* scratch) {
  float largest = row_largest_magnitude(part, scratch);
  if (!in_range) {
    return;
  }
  float inverse_scale = largest < NEGLIGIBLE ? 0 : 127 / largest;
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
      store_quantized(target + piece_column(i), part[i], inverse_scale);
    }
  }
  if (thread_in_row() == 0) {
    *scale = largest / 127;
  }
}
