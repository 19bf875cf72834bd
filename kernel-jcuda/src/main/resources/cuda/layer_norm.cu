// What stands between two linear layers of a transformer layer: the residual stream takes a linear
// layer's product and bias, and its LayerNorm becomes the next one's input. One kernel reads the
// stream once: 12 bytes an element in bfloat16 (x read and written, 4 each; delta and normed, 2
// each) where two take 16; in int8 13, where with quantization apart it takes 25. Weight, bias and
// scales stay in L1. About 10 flops an element: memory-bound.
//
// Mean and variance are taken in two passes over registers: a variance by E[x^2] - E[x]^2 would
// lose what a row's mean exceeds its deviation by.
//
// Compiled with -DPRECISION, -DWIDTH (the hidden size), -DPIECE (1 or 4) and -DROW_WARPS; grid
// and block: rows.cuh. With five pieces of 4 a thread, hidden sizes of 640 and its multiples come
// out even.

#include "rows.cuh"

// part += dequantized delta + delta_bias, of row number row; the rest as of the kernels.
__device__ __forceinline__ void add_delta(row_part& part, const product_t* __restrict__ delta,
                                          const float* __restrict__ row_scales,
                                          const float* __restrict__ column_scales,
                                          const float* __restrict__ delta_bias, int row) {
  float row_scale = product_row_scale(row_scales, row);
  const product_t* delta_row = delta + static_cast<long long>(row) * WIDTH;
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
      int column = piece_column(i);
      float change[PIECE];
      float bias[PIECE];
      load_product(delta_row + column, row_scale, column_scales + column, change);
      load_piece(delta_bias + column, bias);
#pragma unroll
      for (int e = 0; e < PIECE; e++) {
        part[i][e] += change[e] + bias[e];
      }
    }
  }
}

// LayerNorm of a row in registers. scratch: shared, [2][32].
__device__ __forceinline__ void normalize(row_part& part, const float* __restrict__ weight,
                                          const float* __restrict__ bias, float eps,
                                          float (*scratch)[WARP]) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
#pragma unroll
      for (int e = 0; e < PIECE; e++) {
        sum += part[i][e];
      }
    }
  }
  float mean = row_sum(sum, scratch[0]) / WIDTH;
  float squares = 0;
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
#pragma unroll
      for (int e = 0; e < PIECE; e++) {
        part[i][e] -= mean;
        squares = fmaf(part[i][e], part[i][e], squares);
      }
    }
  }
  float inverse_deviation = rsqrtf(row_sum(squares, scratch[1]) / WIDTH + eps);
#pragma unroll
  for (int i = 0; i < THREAD_PIECES; i++) {
    if (holds_piece(i)) {
      float w[PIECE];
      float b[PIECE];
      load_piece(weight + piece_column(i), w);
      load_piece(bias + piece_column(i), b);
#pragma unroll
      for (int e = 0; e < PIECE; e++) {
        part[i][e] = fmaf(part[i][e] * inverse_deviation, w[e], b[e]);
      }
    }
  }
}

// x += dequantized delta + delta_bias, where delta is not null; normed = LayerNorm(x).
// x [rows, WIDTH], written back only where delta is not null; delta [rows, WIDTH] or null; of
// delta, for int8 only: row_scales [rows], column_scales [WIDTH]; delta_bias [WIDTH]; weight, bias
// [WIDTH]; normed [rows, WIDTH]; for int8 only: normed_scales [rows].
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS_LIMIT, BLOCKS_AN_SM)
    residual_layer_norm(float* x, const product_t* __restrict__ delta,
                        const float* __restrict__ row_scales,
                        const float* __restrict__ column_scales,
                        const float* __restrict__ delta_bias, const float* __restrict__ weight,
                        const float* __restrict__ bias, float eps, int rows, linear_input_t* normed,
                        float* normed_scales) {
  __shared__ float sums[2][WARP];
  int row = row_of_thread();
  bool in_range = row < rows;
  long long first = static_cast<long long>(row) * WIDTH;
  row_part part = {};
  if (in_range) {
    load_row(x + first, part);
    if (delta != nullptr) {
      add_delta(part, delta, row_scales, column_scales, delta_bias, row);
      store_row(x + first, part);
    }
  }
  normalize(part, weight, bias, eps, sums);
#if PRECISION == PRECISION_INT8
  __shared__ unsigned maxima[WARP];
  store_row_quantized(part, in_range, normed + first, normed_scales + row, maxima);
#else
  if (in_range) {
    store_row(normed + first, part);
  }
#endif
}

// The last LayerNorm: normed = LayerNorm(x + dequantized delta + delta_bias), in float; arguments
// as of residual_layer_norm, delta may be null. x is left as it is; normed [rows, WIDTH] may be x.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS_LIMIT, BLOCKS_AN_SM)
    final_layer_norm(const float* x, const product_t* __restrict__ delta,
                     const float* __restrict__ row_scales, const float* __restrict__ column_scales,
                     const float* __restrict__ delta_bias, const float* __restrict__ weight,
                     const float* __restrict__ bias, float eps, int rows, float* normed) {
  __shared__ float sums[2][WARP];
  int row = row_of_thread();
  bool in_range = row < rows;
  long long first = static_cast<long long>(row) * WIDTH;
  row_part part = {};
  if (in_range) {
    load_row(x + first, part);
    if (delta != nullptr) {
      add_delta(part, delta, row_scales, column_scales, delta_bias, row);
    }
  }
  normalize(part, weight, bias, eps, sums);
  if (in_range) {
    store_row(normed + first, part);
  }
}
