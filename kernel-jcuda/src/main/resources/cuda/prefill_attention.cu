// Attention of whole sequences: bidirectional, ragged, each sequence among its own tokens, without
// the [length, length] matrix ever in memory.
//
// A block takes QUERY_TILE queries of one sequence and head and walks over the sequence's keys in
// tiles of KEY_TILE; softmax is online (Milakov and Gimelshein 2018; FlashAttention-2, Dao 2023):
// each row keeps the largest logit m so far, the sum d of 2^(logit - m) and the sum o of
// 2^(logit - m) * value, and rescales d and o when m rises. Logits are taken times log2(e), so that
// the exponential is base 2, one instruction.
//
// bfloat16: a warp takes WARP_QUERIES queries (16 or 32) on tensor cores. The accumulator's layout
// of Q K^T is the operand's layout of P V, so the probabilities never leave the registers; d sums
// them before they are rounded to bfloat16. Keys and values stream through two shared buffers, the
// next tile's copy under way while this one is multiplied, one barrier a tile. Rows in shared
// memory are 16 bytes longer than their data, which spreads ldmatrix's eight rows over all banks.
// 32 queries a warp read half the shared bytes a product: with 16 the shared memory's 128 bytes a
// clock and the tensor cores would be busy equally long at head_dim 64. A warp whose queries all
// lie beyond the sequence only copies, so a long QUERY_TILE costs a short protein no arithmetic.
//
// float: the same walk in FMAs, 4 queries by KEY_TILE / 8 keys and 4 queries by HEAD_DIM / 8
// channels in a thread's registers, probabilities through shared memory within the warp. Keys and
// values have one buffer each: the next keys arrive during P V, the values during Q K^T.
//
// Cost of a sequence of n tokens and one head: 4 n^2 HEAD_DIM flops and n^2 exponentials; it reads
// q once, and k and v ceil(n / QUERY_TILE) times, after the first mostly from L2. Up to a HEAD_DIM
// of 32 the exponentials (16 a clock and multiprocessor) take longest, from 64 on the tensor cores.
//
// Compile with -D PRECISION, HEAD_DIM (a multiple of 8), QUERY_TILE, KEY_TILE (a multiple of 16)
// and WARP_QUERIES (16 or 32; 16 for float); QUERY_TILE is a multiple of WARP_QUERIES. Grid (tiles,
// heads), block QUERY_TILE / WARP_QUERIES warps, static shared memory.

#include "memory.cuh"
#include "precision.cuh"
#include "tensor_core.cuh"
#include "warp.cuh"

#define LOG2_E 1.4426950408889634f
#define MINUS_INFINITY __uint_as_float(0xFF800000u)
#define WARPS (QUERY_TILE / WARP_QUERIES)
#define THREADS (WARPS * WARP)

// A row of a tile: its copies of 16 bytes, and its distance to the next in shared memory in bytes.
#define ROW_COPIES (HEAD_DIM * static_cast<int>(sizeof(activation_t)) / 16)
#if PRECISION == PRECISION_F32
#define ROW_PITCH (HEAD_DIM * 4 + 16)
#else
#define ROW_PITCH ((HEAD_DIM + 15) / 16 * 32 + 16)
#endif
#define KEY_TILE_BYTES (KEY_TILE * ROW_PITCH)

static_assert(HEAD_DIM % 8 == 0, "rows are read 8 channels at a time");
static_assert(KEY_TILE % 16 == 0, "P V takes 16 keys a step");
static_assert(QUERY_TILE % WARP_QUERIES == 0, "every warp takes WARP_QUERIES queries");

// Where one sequence's tokens of one head lie.
struct head_rows {
  const activation_t* q;
  const activation_t* k;
  const activation_t* v;
  activation_t* output;
  long long stride;  // elements from a token to the next
  int length;
};

// Begins to copy ROWS rows to shared memory, [ROWS] at ROW_PITCH. Rows beyond the `present` ones
// are copies of the last: as keys they are masked, as values they have weight 0, and as queries
// they are not written, so that no copy needs a branch.
template <int ROWS>
__device__ __forceinline__ void copy_rows(void* shared, const activation_t* first_row,
                                          long long stride, int present) {
  constexpr unsigned COPIES = ROWS * ROW_COPIES;
#pragma unroll
  for (unsigned first = 0; first < COPIES; first += THREADS) {
    unsigned copy = first + threadIdx.x;
    if (COPIES % THREADS == 0 || copy < COPIES) {
      unsigned row = copy / ROW_COPIES;
      unsigned part = copy % ROW_COPIES * 16;
      const void* source = first_row + min(static_cast<int>(row), present - 1) * stride;
      copy_async(static_cast<unsigned char*>(shared) + row * ROW_PITCH + part,
                 static_cast<const unsigned char*>(source) + part);
    }
  }
}

#if PRECISION == PRECISION_F32

static_assert(WARP_QUERIES == 16, "a warp is 4 x 8 threads of 4 queries each");

#define BLOCKS_PER_SM (HEAD_DIM <= 32 ? 4 : 3)
#define THREAD_QUERIES 4
#define THREAD_KEYS (KEY_TILE / 8)
#define THREAD_CHANNELS (HEAD_DIM / 8)
#define FLOAT_PITCH (ROW_PITCH / 4)
#define WEIGHT_PITCH (KEY_TILE + 4)

static_assert(sizeof(float) * (QUERY_TILE + 2 * KEY_TILE) * FLOAT_PITCH +
                      sizeof(float) * QUERY_TILE * WEIGHT_PITCH <=
                  48 * 1024,
              "static shared memory");

__device__ __forceinline__ float4 load_four(const float* address) {
  return *reinterpret_cast<const float4*>(address);
}

__device__ __forceinline__ float dot(float4 a, float4 b, float sum) {
  sum = fmaf(a.x, b.x, sum);
  sum = fmaf(a.y, b.y, sum);
  sum = fmaf(a.z, b.z, sum);
  return fmaf(a.w, b.w, sum);
}

// The queries from first_query on. Thread (row r, column c) of a warp's 4 x 8 has the queries
// r + 4 i of the warp's sixteen, the keys c + 8 j and the channels c + 8 j.
__device__ __forceinline__ void attend(const head_rows& rows, int first_query) {
  alignas(16) __shared__ float queries[QUERY_TILE * FLOAT_PITCH];
  alignas(16) __shared__ float keys[KEY_TILE * FLOAT_PITCH];
  alignas(16) __shared__ float values[KEY_TILE * FLOAT_PITCH];
  alignas(16) __shared__ float weights[QUERY_TILE * WEIGHT_PITCH];

  int column = threadIdx.x % 8;
  int first_row = threadIdx.x / WARP * WARP_QUERIES + threadIdx.x % WARP / 8;

  float max[THREAD_QUERIES];
  float denominator[THREAD_QUERIES];
  float sum[THREAD_QUERIES][THREAD_CHANNELS];
#pragma unroll
  for (int i = 0; i < THREAD_QUERIES; i++) {
    max[i] = MINUS_INFINITY;
    denominator[i] = 0;
#pragma unroll
    for (int j = 0; j < THREAD_CHANNELS; j++) {
      sum[i][j] = 0;
    }
  }

  copy_rows<QUERY_TILE>(queries, rows.q + first_query * rows.stride, rows.stride,
                        rows.length - first_query);
  copy_rows<KEY_TILE>(keys, rows.k, rows.stride, rows.length);
  copy_async_commit();

  for (int first_key = 0; first_key < rows.length; first_key += KEY_TILE) {
    copy_async_wait<0>();
    __syncthreads();  // the keys are here, and the tile before is done with its values
    copy_rows<KEY_TILE>(values, rows.v + first_key * rows.stride, rows.stride,
                        rows.length - first_key);
    copy_async_commit();

    float logits[THREAD_QUERIES][THREAD_KEYS] = {};
#pragma unroll 4
    for (int c = 0; c < HEAD_DIM; c += 4) {
      float4 q[THREAD_QUERIES];
#pragma unroll
      for (int i = 0; i < THREAD_QUERIES; i++) {
        q[i] = load_four(queries + (first_row + 4 * i) * FLOAT_PITCH + c);
      }
#pragma unroll
      for (int j = 0; j < THREAD_KEYS; j++) {
        float4 k = load_four(keys + (column + 8 * j) * FLOAT_PITCH + c);
#pragma unroll
        for (int i = 0; i < THREAD_QUERIES; i++) {
          logits[i][j] = dot(q[i], k, logits[i][j]);
        }
      }
    }

#pragma unroll
    for (int i = 0; i < THREAD_QUERIES; i++) {
      float tile_max = MINUS_INFINITY;
#pragma unroll
      for (int j = 0; j < THREAD_KEYS; j++) {
        if (first_key + column + 8 * j >= rows.length) {
          logits[i][j] = MINUS_INFINITY;
        }
        tile_max = fmaxf(tile_max, logits[i][j]);
      }
#pragma unroll
      for (int distance = 1; distance < 8; distance *= 2) {
        tile_max = fmaxf(tile_max, __shfl_xor_sync(ALL_LANES, tile_max, distance));
      }
      float new_max = fmaxf(max[i], tile_max * LOG2_E);
      float scale = exp2f(max[i] - new_max);
      max[i] = new_max;
      denominator[i] *= scale;
#pragma unroll
      for (int j = 0; j < THREAD_CHANNELS; j++) {
        sum[i][j] *= scale;
      }
#pragma unroll
      for (int j = 0; j < THREAD_KEYS; j++) {
        float weight = exp2f(fmaf(logits[i][j], LOG2_E, -new_max));
        denominator[i] += weight;
        weights[(first_row + 4 * i) * WEIGHT_PITCH + column + 8 * j] = weight;
      }
    }

    copy_async_wait<0>();
    __syncthreads();  // the values and the weights are here, and all are done with the keys
    int next_key = first_key + KEY_TILE;
    if (next_key < rows.length) {
      copy_rows<KEY_TILE>(keys, rows.k + next_key * rows.stride, rows.stride,
                          rows.length - next_key);
      copy_async_commit();
    }

#pragma unroll 2
    for (int t = 0; t < KEY_TILE; t += 4) {
      float4 p[THREAD_QUERIES];
#pragma unroll
      for (int i = 0; i < THREAD_QUERIES; i++) {
        p[i] = load_four(weights + (first_row + 4 * i) * WEIGHT_PITCH + t);
      }
#pragma unroll
      for (int j = 0; j < THREAD_CHANNELS; j++) {
        const float* value = values + t * FLOAT_PITCH + column + 8 * j;
        float4 v = make_float4(value[0], value[FLOAT_PITCH], value[2 * FLOAT_PITCH],
                               value[3 * FLOAT_PITCH]);
#pragma unroll
        for (int i = 0; i < THREAD_QUERIES; i++) {
          sum[i][j] = dot(p[i], v, sum[i][j]);
        }
      }
    }
  }

#pragma unroll
  for (int i = 0; i < THREAD_QUERIES; i++) {
#pragma unroll
    for (int distance = 1; distance < 8; distance *= 2) {
      denominator[i] += __shfl_xor_sync(ALL_LANES, denominator[i], distance);
    }
    int query = first_query + first_row + 4 * i;
    if (query < rows.length) {
#pragma unroll
      for (int j = 0; j < THREAD_CHANNELS; j++) {
        rows.output[query * rows.stride + column + 8 * j] = sum[i][j] / denominator[i];
      }
    }
  }
}

#else  // bfloat16

static_assert(WARP_QUERIES == 16 || WARP_QUERIES == 32, "one or two row tiles of 16 a warp");

// What the registers of 4 warps allow without spills.
#define BLOCKS_PER_SM (WARP_QUERIES == 32 ? 2 : HEAD_DIM <= 64 ? 4 : 3)
#define ROW_TILES (WARP_QUERIES / 16)
#define KEY_STEPS (KEY_TILE / 16)
#define CHANNEL_STEPS ((HEAD_DIM + 15) / 16)
#define CHANNEL_TILES (HEAD_DIM / 8)

static_assert(4 * KEY_TILE_BYTES <= 48 * 1024, "static shared memory");

// A warp's rows of the attention state. Row tile r's lane holds the rows lane / 4 and lane / 4 + 8.
struct warp_state {
  float max[ROW_TILES][2];
  float denominator[ROW_TILES][2];  // this lane's keys only, until the end
  float sum[ROW_TILES][CHANNEL_TILES][4];
};

typedef unsigned query_operand[ROW_TILES][CHANNEL_STEPS][4];
typedef float logit_tile[ROW_TILES][2 * KEY_STEPS][4];

// The warp's queries; those beyond the sequence are copies of the last, channels beyond the head
// are zeros.
__device__ __forceinline__ void load_queries(query_operand& q, const head_rows& rows,
                                             int first_query) {
  int row = threadIdx.x % WARP / 4;
  int channel = threadIdx.x % 4 * 2;
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++) {
#pragma unroll
    for (int step = 0; step < CHANNEL_STEPS; step++) {
#pragma unroll
      for (int part = 0; part < 4; part++) {
        int first_channel = 16 * step + part / 2 * 8;
        int query = min(first_query + row + 16 * r + part % 2 * 8, rows.length - 1);
        const activation_t* pair = rows.q + query * rows.stride + first_channel + channel;
        q[r][step][part] = first_channel < HEAD_DIM ? *reinterpret_cast<const unsigned*>(pair) : 0;
      }
    }
  }
}

// Q K^T of the warp's queries and a tile of keys.
__device__ __forceinline__ void multiply_keys(logit_tile& logits, const query_operand& q,
                                              const unsigned char* keys) {
  int lane = threadIdx.x % WARP;
  // Matrices: keys 0-7 and channels 0-7, keys 0-7 and channels 8-15, then the same of keys 8-15.
  const unsigned char* row = keys + (lane / 16 * 8 + lane % 8) * ROW_PITCH + lane / 8 % 2 * 16;
#pragma unroll
  for (int key = 0; key < KEY_STEPS; key++) {
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        logits[r][2 * key][i] = 0;
        logits[r][2 * key + 1][i] = 0;
      }
    }
#pragma unroll
    for (int step = 0; step < CHANNEL_STEPS; step++) {
      unsigned words[4];
      load_matrices(words, row + key * 16 * ROW_PITCH + step * 32);
      unsigned first[2] = {words[0], words[1]};
      unsigned second[2] = {words[2], words[3]};
#pragma unroll
      for (int r = 0; r < ROW_TILES; r++) {
        multiply_add(logits[r][2 * key], q[r][step], first);
        multiply_add(logits[r][2 * key + 1], q[r][step], second);
      }
    }
  }
}

// Gives the keys from `present` on no weight.
__device__ __forceinline__ void mask_keys(logit_tile& logits, int present) {
#pragma unroll
  for (int tile = 0; tile < 2 * KEY_STEPS; tile++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (tile * 8 + threadIdx.x % 4 * 2 + i % 2 >= present) {
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
          logits[r][tile][i] = MINUS_INFINITY;
        }
      }
    }
  }
}

// Replaces logits by weights 2^(logit - m), and brings the state to the new m.
__device__ __forceinline__ void raise_max(warp_state& state, logit_tile& logits) {
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float tile_max = MINUS_INFINITY;
#pragma unroll
      for (int tile = 0; tile < 2 * KEY_STEPS; tile++) {
        tile_max = fmaxf(tile_max, fmaxf(logits[r][tile][2 * half], logits[r][tile][2 * half + 1]));
      }
      tile_max = fmaxf(tile_max, __shfl_xor_sync(ALL_LANES, tile_max, 1));
      tile_max = fmaxf(tile_max, __shfl_xor_sync(ALL_LANES, tile_max, 2));
      float new_max = fmaxf(state.max[r][half], tile_max * LOG2_E);
      float scale = exp2f(state.max[r][half] - new_max);
      state.max[r][half] = new_max;
      state.denominator[r][half] *= scale;
#pragma unroll
      for (int tile = 0; tile < CHANNEL_TILES; tile++) {
        state.sum[r][tile][2 * half] *= scale;
        state.sum[r][tile][2 * half + 1] *= scale;
      }
#pragma unroll
      for (int tile = 0; tile < 2 * KEY_STEPS; tile++) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++) {
          logits[r][tile][i] = exp2f(fmaf(logits[r][tile][i], LOG2_E, -new_max));
          state.denominator[r][half] += logits[r][tile][i];
        }
      }
    }
  }
}

// Adds P V.
__device__ __forceinline__ void add_values(warp_state& state, const logit_tile& weights,
                                           const unsigned char* values) {
  int lane = threadIdx.x % WARP;
  // Matrices: keys 0-7 and channels 0-7, keys 8-15 and channels 0-7, then the same of channels
  // 8-15.
  const unsigned char* row = values + lane % 16 * ROW_PITCH + lane / 16 * 16;
#pragma unroll
  for (int key = 0; key < KEY_STEPS; key++) {
    unsigned p[ROW_TILES][4];
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) {
#pragma unroll
      for (int part = 0; part < 4; part++) {
        const float* pair = weights[r][2 * key + part / 2] + part % 2 * 2;
        p[r][part] = to_bfloat16_pair(pair[0], pair[1]);
      }
    }
#pragma unroll
    for (int step = 0; step < CHANNEL_STEPS; step++) {
      unsigned words[4];
      load_matrices_transposed(words, row + key * 16 * ROW_PITCH + step * 32);
      unsigned first[2] = {words[0], words[1]};
      unsigned second[2] = {words[2], words[3]};
#pragma unroll
      for (int r = 0; r < ROW_TILES; r++) {
        multiply_add(state.sum[r][2 * step], p[r], first);
        if (2 * step + 1 < CHANNEL_TILES) {
          multiply_add(state.sum[r][2 * step + 1], p[r], second);
        }
      }
    }
  }
}

__device__ __forceinline__ void write_output(warp_state& state, const head_rows& rows,
                                             int first_query) {
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float denominator = state.denominator[r][half];
      denominator += __shfl_xor_sync(ALL_LANES, denominator, 1);
      denominator += __shfl_xor_sync(ALL_LANES, denominator, 2);
      float scale = 1 / denominator;
      int query = first_query + 16 * r + 8 * half + threadIdx.x % WARP / 4;
      if (query < rows.length) {
        activation_t* target = rows.output + query * rows.stride + threadIdx.x % 4 * 2;
#pragma unroll
        for (int tile = 0; tile < CHANNEL_TILES; tile++) {
          const float* pair = state.sum[r][tile] + 2 * half;
          *reinterpret_cast<unsigned*>(target + 8 * tile) =
              to_bfloat16_pair(pair[0] * scale, pair[1] * scale);
        }
      }
    }
  }
}

// The queries from first_query on.
__device__ __forceinline__ void attend(const head_rows& rows, int first_query) {
  // [2] buffers of keys and values.
  alignas(16) __shared__ unsigned char keys[2 * KEY_TILE_BYTES];
  alignas(16) __shared__ unsigned char values[2 * KEY_TILE_BYTES];

  if (CHANNEL_TILES % 2 != 0) {
    // The last step over the channels is half beyond the head: zeros, for both operands. Of the
    // values' rows that half is read and not multiplied.
    for (int row = threadIdx.x; row < 2 * KEY_TILE; row += THREADS) {
      *reinterpret_cast<uint4*>(keys + row * ROW_PITCH + ROW_COPIES * 16) = make_uint4(0, 0, 0, 0);
    }
  }
  copy_rows<KEY_TILE>(keys, rows.k, rows.stride, rows.length);
  copy_rows<KEY_TILE>(values, rows.v, rows.stride, rows.length);
  copy_async_commit();

  first_query += threadIdx.x / WARP * WARP_QUERIES;
  bool has_queries = first_query < rows.length;
  query_operand q;
  load_queries(q, rows, first_query);
  warp_state state;
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      state.max[r][half] = MINUS_INFINITY;
      state.denominator[r][half] = 0;
    }
#pragma unroll
    for (int tile = 0; tile < CHANNEL_TILES; tile++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        state.sum[r][tile][i] = 0;
      }
    }
  }

  int buffer = 0;
  for (int first_key = 0; first_key < rows.length; first_key += KEY_TILE) {
    copy_async_wait<0>();
    __syncthreads();  // this tile is here, and all are done with the one before
    int next_key = first_key + KEY_TILE;
    if (next_key < rows.length) {
      int other = (buffer ^ 1) * KEY_TILE_BYTES;
      copy_rows<KEY_TILE>(keys + other, rows.k + next_key * rows.stride, rows.stride,
                          rows.length - next_key);
      copy_rows<KEY_TILE>(values + other, rows.v + next_key * rows.stride, rows.stride,
                          rows.length - next_key);
      copy_async_commit();
    }
    if (has_queries) {
      logit_tile logits;
      multiply_keys(logits, q, keys + buffer * KEY_TILE_BYTES);
      if (next_key > rows.length) {
        mask_keys(logits, rows.length - first_key);
      }
      raise_max(state, logits);
      add_values(state, logits, values + buffer * KEY_TILE_BYTES);
    }
    buffer ^= 1;
  }
  if (has_queries) {
    write_output(state, rows, first_query);
  }
}

#endif

// q (scaled by head_dim^-0.5), k, v, output: [tokens, heads, HEAD_DIM]; output may not overlap
// them. cu_seqlens: [sequences + 1]; every sequence has a token. tiles: [grid.x], a sequence and
// the first of the QUERY_TILE queries within it; together all queries, the longest sequences first,
// so that the last blocks to start are short.
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_PER_SM)
    prefill_attention(const activation_t* q, const activation_t* k, const activation_t* v,
                      const int* cu_seqlens, const int2* tiles, int heads, activation_t* output) {
  int2 tile = tiles[blockIdx.x];
  int first_token = cu_seqlens[tile.x];
  head_rows rows;
  rows.stride = static_cast<long long>(heads) * HEAD_DIM;
  rows.length = cu_seqlens[tile.x + 1] - first_token;
  long long offset = first_token * rows.stride + blockIdx.y * HEAD_DIM;
  rows.q = q + offset;
  rows.k = k + offset;
  rows.v = v + offset;
  rows.output = output + offset;
  attend(rows, tile.y);
}
