// Queries, keys and values as they leave their GEMM, and what finishes them: scales of int8, bias,
// the queries' scale, and the rotary embedding. In float until the result is stored.
//
// Channel i of a query or key is rotated with channel i + HEAD_DIM / 2, so a thread takes the same
// CHUNK channels of both halves.
#pragma once

#include "pieces.cuh"
#include "precision.cuh"

#define QUERY 0
#define KEY 1
#define VALUE 2

constexpr int HALF_DIM = HEAD_DIM / 2;

// Channels of each half that a thread loads at once. Four divide the halves of every HEAD_DIM; with
// eight, rotate_pack_qkv would need registers that cost it more than the wider loads give.
constexpr int CHUNK = 4;
constexpr int CHUNKS = HALF_DIM / CHUNK;

struct projections {
  const product_t* products;   // [rows, 3, heads, HEAD_DIM], without bias
  const float* row_scales;     // [rows], int8 only
  const float* column_scales;  // [3, heads, HEAD_DIM], int8 only
  const float* bias;           // [3, heads, HEAD_DIM]
  const float* cosines;        // [positions, HEAD_DIM / 2]
  const float* sines;          // [positions, HEAD_DIM / 2]
  float sm_scale;              // of the queries
  int heads;
};

__device__ __forceinline__ int column_of(const projections& p, int part, int head, int channel) {
  return (part * p.heads + head) * HEAD_DIM + channel;
}

__device__ __forceinline__ long long product_of(const projections& p, int row, int column) {
  return static_cast<long long>(row) * 3 * p.heads * HEAD_DIM + column;
}

// One chunk of both halves, with bias.
__device__ __forceinline__ void load_chunk(float (&low)[CHUNK], float (&high)[CHUNK],
                                           const projections& p, int row, int part, int head,
                                           int chunk) {
  int column = column_of(p, part, head, chunk * CHUNK);
  const product_t* products = p.products + product_of(p, row, column);
  load_piece(products, low);
  load_piece(products + HALF_DIM, high);
  float low_bias[CHUNK], high_bias[CHUNK];
  load_piece(p.bias + column, low_bias);
  load_piece(p.bias + column + HALF_DIM, high_bias);
#if PRECISION == PRECISION_INT8
  float row_scale = p.row_scales[row];
  float low_scales[CHUNK], high_scales[CHUNK];
  load_piece(p.column_scales + column, low_scales);
  load_piece(p.column_scales + column + HALF_DIM, high_scales);
#endif
#pragma unroll
  for (int i = 0; i < CHUNK; i++) {
#if PRECISION == PRECISION_INT8
    low[i] *= row_scale * low_scales[i];
    high[i] *= row_scale * high_scales[i];
#endif
    low[i] += low_bias[i];
    high[i] += high_bias[i];
  }
}

// (low, high) becomes (low cos - high sin, high cos + low sin).
__device__ __forceinline__ void rotate(float& low, float& high, float cosine, float sine) {
  float turned = low * cosine - high * sine;
  high = high * cosine + low * sine;
  low = turned;
}

// A chunk of a row's query, key and value, finished.
struct finished_chunk {
  float query_low[CHUNK], query_high[CHUNK];
  float key_low[CHUNK], key_high[CHUNK];
  float value_low[CHUNK], value_high[CHUNK];
};

__device__ __forceinline__ void finish_chunk(finished_chunk& x, const projections& p, int row,
                                             int position, int head, int chunk) {
  load_chunk(x.query_low, x.query_high, p, row, QUERY, head, chunk);
  load_chunk(x.key_low, x.key_high, p, row, KEY, head, chunk);
  load_chunk(x.value_low, x.value_high, p, row, VALUE, head, chunk);
  float cosines[CHUNK], sines[CHUNK];
  long long angle = static_cast<long long>(position) * HALF_DIM + chunk * CHUNK;
  load_piece(p.cosines + angle, cosines);
  load_piece(p.sines + angle, sines);
#pragma unroll
  for (int i = 0; i < CHUNK; i++) {
    rotate(x.query_low[i], x.query_high[i], p.sm_scale * cosines[i], p.sm_scale * sines[i]);
    rotate(x.key_low[i], x.key_high[i], cosines[i], sines[i]);
  }
}

// Channels i and i + HEAD_DIM / 2 of one part, finished: for single rows.
__device__ __forceinline__ float2 finish_pair(const projections& p, int row, int position, int part,
                                              int head, int i) {
  int column = column_of(p, part, head, i);
  long long index = product_of(p, row, column);
  float low = dequantize(p.products, index, row, column, p.row_scales, p.column_scales);
  float high = dequantize(p.products, index + HALF_DIM, row, column + HALF_DIM, p.row_scales,
                          p.column_scales);
  low += p.bias[column];
  high += p.bias[column + HALF_DIM];
  if (part != VALUE) {
    long long angle = static_cast<long long>(position) * HALF_DIM + i;
    float scale = part == QUERY ? p.sm_scale : 1.0f;
    rotate(low, high, scale * p.cosines[angle], scale * p.sines[angle]);
  }
  return make_float2(low, high);
}

// The nearest activation.
__device__ __forceinline__ activation_t to_activation(float x) {
  activation_t rounded;
  store(&rounded, x);
  return rounded;
}

// Where a head of a row starts in [rows, heads, HEAD_DIM].
__device__ __forceinline__ long long head_of_row(int row, int heads, int head) {
  return (static_cast<long long>(row) * heads + head) * HEAD_DIM;
}

// Stores a chunk of both halves; x is the head's start.
__device__ __forceinline__ void store_chunk(activation_t* x, int chunk, const float (&low)[CHUNK],
                                            const float (&high)[CHUNK]) {
  store_piece(x + chunk * CHUNK, low);
  store_piece(x + chunk * CHUNK + HALF_DIM, high);
}
