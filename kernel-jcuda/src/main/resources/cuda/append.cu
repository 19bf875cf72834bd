// Decode's step before attention: finishes the query, key and value of one new token a sequence and
// puts key and value into its cache. Options: -DPRECISION, -DHEAD_DIM, -DTOKENS_A_LOOK.
//
// append_qkv maps a query and a key by a matrix each, so the maps, 8 * HEAD_DIM^2 bytes a head, are
// what it reads: a thread block takes APPEND_ROWS rows of one head, and loads each map once for
// them. To hide the latency of a step this short, all of a block's map is in flight at once: a
// thread has four neighbouring rows of one of the two maps, and every eighth column, in registers
// before the products arrive. Eight lanes' partial sums are added by shuffles, in an order that
// does not depend on the other rows.
//
// A row is a token of sequence sequences[row], or padding where that is -1, which changes nothing.
// Its position is kv_lens[sequence], the tokens in the cache before it. Token t of a sequence lies
// in lane t % 32 of slot first_slots[sequence] + t / 32.
#include "packing.cuh"
#include "projections.cuh"
#include "range.cuh"

#define APPEND_ROWS 4
#define COLUMN_PARTS 8
#define APPEND_THREADS (4 * HEAD_DIM)
#define FULL_THREADS 128

constexpr int APPEND_WARPS = APPEND_THREADS / WARP;
constexpr int PART_COLUMNS = HEAD_DIM / COLUMN_PARTS;
constexpr int HEAD_PLANES = 2 * HEAD_DIM * MAX_BITS;

// The rows of a thread block, as far as one head knows them.
struct append_rows {
  int sequence[APPEND_ROWS];
  int length[APPEND_ROWS];
  // Channels: queries, keys and values. Keys and values are rounded to activations; keys give way
  // to what the map makes of them.
  float x[APPEND_ROWS][3][HEAD_DIM];
};

// Finishes the rows' channels into shared memory; a barrier must follow.
__device__ __forceinline__ void finish_rows(append_rows& rows, const projections& p, int first_row,
                                            int head) {
#pragma unroll
  for (int item = threadIdx.x; item < APPEND_ROWS * 3 * HALF_DIM; item += APPEND_THREADS) {
    int r = item / (3 * HALF_DIM);
    int part = item / HALF_DIM % 3;
    int i = item % HALF_DIM;
    float2 pair = make_float2(0.0f, 0.0f);
    if (rows.sequence[r] >= 0) {
      pair = finish_pair(p, first_row + r, rows.length[r], part, head, i);
      if (part != QUERY) {
        pair.x = to_float(to_activation(pair.x));
        pair.y = to_float(to_activation(pair.y));
      }
    }
    rows.x[r][part][i] = pair.x;
    rows.x[r][part][i + HALF_DIM] = pair.y;
  }
}

// The largest magnitude of a row's values; one warp.
__device__ __forceinline__ unsigned largest_value(const float* values) {
  unsigned largest = 0;
  for (int c = threadIdx.x % WARP; c < HEAD_DIM; c += WARP) {
    largest = max(largest, magnitude_of(values[c]));
  }
#pragma unroll
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    largest = max(largest, __shfl_xor_sync(ALL_LANES, largest, distance));
  }
  return largest;
}

// Packs a full tail into a slot; the whole thread block. The tail was written before a barrier.
__device__ __forceinline__ void pack_tail(const activation_t* tail, const head_layout& layout,
                                          const channel_code* codes, const float* thresholds,
                                          unsigned* slot_words, bfloat16* slot_scales,
                                          unsigned (*staged_words)[UNIT_WORDS]) {
  int lane = threadIdx.x % WARP;
  int warp = threadIdx.x / WARP;
  const activation_t* tail_values = tail + HEAD_DIM * BLOCK_TOKENS;
  float divisor = 1;
  if (layout.token_scaled_values) {
    unsigned largest = 0;
#pragma unroll 8
    for (int c = 0; c < HEAD_DIM; c++) {
      largest = max(largest, magnitude_of(to_float(tail_values[c * BLOCK_TOKENS + lane])));
    }
    bfloat16 scale = scale_of(largest);
    divisor = divisor_of(scale);
    if (warp == 0) {
      slot_scales[lane] = scale;
    }
  }
#pragma unroll 1
  for (int task = warp; task < 2 * UNITS; task += APPEND_WARPS) {
    bool is_key = task < UNITS;
    int unit = is_key ? task : task - UNITS;
    int first = unit * UNIT_CHANNELS + (is_key ? 0 : HEAD_DIM);
    pack_unit(slot_words, codes + first, channels_of_unit(unit), thresholds,
              tail + first * BLOCK_TOKENS + lane, BLOCK_TOKENS, is_key ? 1.0f : divisor, true,
              staged_words[warp]);
  }
}

// Counts the rows that are looked at; the whole thread block. ranges and outside: of the head.
__device__ __forceinline__ void count_rows_outside(const append_rows& rows, const float2* ranges,
                                                   int* outside) {
  for (int r = 0; r < APPEND_ROWS; r++) {
    if (rows.sequence[r] < 0 || !looks_at(rows.length[r])) {
      continue;
    }
    for (int channel = threadIdx.x; channel < 2 * HEAD_DIM; channel += APPEND_THREADS) {
      int part = channel / HEAD_DIM;
      if (lies_outside(ranges[channel], rows.x[r][KEY + part][channel % HEAD_DIM])) {
        atomicAdd(outside + part, 1);
      }
    }
  }
}

// Grid (rows / APPEND_ROWS rounded up, heads), blocks of APPEND_THREADS.
//
// products: [rows, 3, heads, HEAD_DIM], queries, keys, values, without bias
// row_scales, column_scales: [rows] and [3, heads, HEAD_DIM] for int8, else null
// bias: [3, heads, HEAD_DIM]
// cosines, sines: [positions, HEAD_DIM / 2]
// sequences: [rows]; no sequence twice
// kv_lens, first_slots: [sequences]
// query_maps, key_maps: [heads, HEAD_DIM, HEAD_DIM], column by column: maps[head][i][j] is M[j][i]
// query_biases, key_biases: [heads, HEAD_DIM]
// layouts: [heads]
// codes: [heads, 2, HEAD_DIM]
// thresholds: of the layer
// words: [slots, words_per_slot]
// value_scales: [slots, heads, 32], or null where no head scales its values by token
// tails: [sequences, heads, 2, HEAD_DIM, 32], or null: then each token is coded at once. In tails
//     tokens wait as activations, and what is coded when a tail fills is what it holds.
// ranges, outside: as range.cuh says
// queries: [rows, heads, HEAD_DIM], mapped
extern "C" __global__ void __launch_bounds__(APPEND_THREADS, 512 / APPEND_THREADS)
    append_qkv(const product_t* __restrict__ products, const float* __restrict__ row_scales,
               const float* __restrict__ column_scales, const float* __restrict__ bias,
               const float* __restrict__ cosines, const float* __restrict__ sines, float sm_scale,
               int rows, int heads, const int* __restrict__ sequences,
               const int* __restrict__ kv_lens, const int* __restrict__ first_slots,
               const float* __restrict__ query_maps, const float* __restrict__ query_biases,
               const float* __restrict__ key_maps, const float* __restrict__ key_biases,
               const head_layout* __restrict__ layouts, const channel_code* __restrict__ codes,
               const float* __restrict__ thresholds, int words_per_slot, unsigned* words,
               bfloat16* value_scales, activation_t* tails, const float2* __restrict__ ranges,
               int* __restrict__ outside, float* __restrict__ queries) {
  __shared__ append_rows shared_rows;
  __shared__ float divisors[APPEND_ROWS];
  // A token's bit of each plane, or words on their way to a slot: never both in one launch.
  __shared__ union {
    unsigned char bits[APPEND_ROWS][HEAD_PLANES];
    unsigned words[APPEND_WARPS][UNIT_WORDS];
  } staged;
  int head = blockIdx.y;
  int first_row = blockIdx.x * APPEND_ROWS;
  int thread = threadIdx.x;

  // Which map, which four of its rows and which columns are this thread's.
  int column_part = thread % COLUMN_PARTS;
  int quad = thread / COLUMN_PARTS % (HEAD_DIM / 4);
  int part = thread / (2 * HEAD_DIM);
  const float* columns = (part == QUERY ? query_maps : key_maps) +
                         static_cast<long long>(head) * HEAD_DIM * HEAD_DIM + quad * 4;
  float4 map[PART_COLUMNS];
#pragma unroll
  for (int k = 0; k < PART_COLUMNS; k++) {
    int i = k * COLUMN_PARTS + column_part;
    map[k] = *reinterpret_cast<const float4*>(columns + i * HEAD_DIM);
  }
  float4 map_bias = *reinterpret_cast<const float4*>((part == QUERY ? query_biases : key_biases) +
                                                     head * HEAD_DIM + quad * 4);

  if (thread < APPEND_ROWS) {
    int row = first_row + thread;
    int sequence = row < rows ? sequences[row] : -1;
    shared_rows.sequence[thread] = sequence;
    shared_rows.length[thread] = sequence < 0 ? 0 : kv_lens[sequence];
  }
  __syncthreads();
  projections p = {products, row_scales, column_scales, bias, cosines, sines, sm_scale, heads};
  finish_rows(shared_rows, p, first_row, head);
  __syncthreads();

  float4 sums[APPEND_ROWS];
#pragma unroll
  for (int r = 0; r < APPEND_ROWS; r++) {
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
    for (int k = 0; k < PART_COLUMNS; k++) {
      float x = shared_rows.x[r][part][k * COLUMN_PARTS + column_part];
      sum.x = fmaf(map[k].x, x, sum.x);
      sum.y = fmaf(map[k].y, x, sum.y);
      sum.z = fmaf(map[k].z, x, sum.z);
      sum.w = fmaf(map[k].w, x, sum.w);
    }
#pragma unroll
    for (int distance = COLUMN_PARTS / 2; distance > 0; distance /= 2) {
      sum.x += __shfl_xor_sync(ALL_LANES, sum.x, distance);
      sum.y += __shfl_xor_sync(ALL_LANES, sum.y, distance);
      sum.z += __shfl_xor_sync(ALL_LANES, sum.z, distance);
      sum.w += __shfl_xor_sync(ALL_LANES, sum.w, distance);
    }
    sums[r] =
        make_float4(sum.x + map_bias.x, sum.y + map_bias.y, sum.z + map_bias.z, sum.w + map_bias.w);
  }
  __syncthreads();
#pragma unroll
  for (int r = 0; r < APPEND_ROWS; r++) {
    if (column_part == r && shared_rows.sequence[r] >= 0) {
      float* target =
          part == QUERY ? queries + head_of_row(first_row + r, heads, head) : shared_rows.x[r][KEY];
      target[quad * 4] = sums[r].x;
      target[quad * 4 + 1] = sums[r].y;
      target[quad * 4 + 2] = sums[r].z;
      target[quad * 4 + 3] = sums[r].w;
    }
  }
  head_layout layout = layouts[head];
  const channel_code* head_codes = codes + head * 2 * HEAD_DIM;
  int lane = thread % WARP;
  int warp = thread / WARP;
  __syncthreads();

  if (outside != nullptr) {
    count_rows_outside(shared_rows, ranges + head * 2 * HEAD_DIM, outside + head * 2);
  }
  if (tails != nullptr) {
    for (int item = thread; item < APPEND_ROWS * 2 * HEAD_DIM; item += APPEND_THREADS) {
      int r = item / (2 * HEAD_DIM);
      int channel = item % (2 * HEAD_DIM);
      if (shared_rows.sequence[r] >= 0) {
        activation_t* tail = elements_of(tails, shared_rows.sequence[r], heads, head);
        store(&tail[channel * BLOCK_TOKENS + shared_rows.length[r] % BLOCK_TOKENS],
              shared_rows.x[r][KEY + channel / HEAD_DIM][channel % HEAD_DIM]);
      }
    }
    __syncthreads();
    for (int r = 0; r < APPEND_ROWS; r++) {
      int sequence = shared_rows.sequence[r];
      int length = shared_rows.length[r];
      if (sequence >= 0 && length % BLOCK_TOKENS == BLOCK_TOKENS - 1) {
        int slot = first_slots[sequence] + length / BLOCK_TOKENS;
        pack_tail(elements_of(tails, sequence, heads, head), layout, head_codes, thresholds,
                  words_of(words, slot, words_per_slot, layout),
                  scales_of(value_scales, slot, heads, head), staged.words);
      }
    }
    return;
  }

  for (int r = warp; r < APPEND_ROWS; r += APPEND_WARPS) {
    float divisor = 1;
    if (layout.token_scaled_values && shared_rows.sequence[r] >= 0) {
      bfloat16 scale = scale_of(largest_value(shared_rows.x[r][VALUE]));
      divisor = divisor_of(scale);
      int length = shared_rows.length[r];
      int slot = first_slots[shared_rows.sequence[r]] + length / BLOCK_TOKENS;
      if (lane == 0) {
        scales_of(value_scales, slot, heads, head)[length % BLOCK_TOKENS] = scale;
      }
    }
    if (lane == 0) {
      divisors[r] = divisor;
    }
  }
  __syncthreads();
  for (int item = thread; item < APPEND_ROWS * 2 * HEAD_DIM; item += APPEND_THREADS) {
    int r = item / (2 * HEAD_DIM);
    int channel = item % (2 * HEAD_DIM);
    float x = shared_rows.x[r][KEY + channel / HEAD_DIM][channel % HEAD_DIM];
    x = divide(x, channel < HEAD_DIM ? 1.0f : divisors[r]);
    int4 code_of_channel = *reinterpret_cast<const int4*>(head_codes + channel);
    int code = code_of(thresholds + code_of_channel.z, code_of_channel.y, x);
    for (int plane = 0; plane < code_of_channel.y; plane++) {
      staged.bits[r][code_of_channel.x + plane] = static_cast<unsigned char>(code >> plane & 1);
    }
  }
  __syncthreads();
  int planes = layout.key_planes + layout.value_planes;
  for (int r = 0; r < APPEND_ROWS; r++) {
    int sequence = shared_rows.sequence[r];
    if (sequence < 0) {
      continue;
    }
    int length = shared_rows.length[r];
    int token = length % BLOCK_TOKENS;
    int slot = first_slots[sequence] + length / BLOCK_TOKENS;
    unsigned* slot_words = words_of(words, slot, words_per_slot, layout);
    for (int plane = thread; plane < planes; plane += APPEND_THREADS) {
      // A block's first token finds what the slot held before.
      unsigned others = token == 0 ? 0 : slot_words[plane];
      slot_words[plane] = others | static_cast<unsigned>(staged.bits[r][plane]) << token;
    }
  }
}

// The same for a full-precision cache, whose keys and queries are not mapped.
//
// Grid: rows * heads * HEAD_DIM / 2 threads in blocks of FULL_THREADS.
//
// cache: [slots, heads, 2, HEAD_DIM, 32]
// queries: [rows, heads, HEAD_DIM]
extern "C" __global__ void __launch_bounds__(FULL_THREADS)
    append_full_qkv(const product_t* __restrict__ products, const float* __restrict__ row_scales,
                    const float* __restrict__ column_scales, const float* __restrict__ bias,
                    const float* __restrict__ cosines, const float* __restrict__ sines,
                    float sm_scale, int rows, int heads, const int* __restrict__ sequences,
                    const int* __restrict__ kv_lens, const int* __restrict__ first_slots,
                    activation_t* __restrict__ cache, float* __restrict__ queries) {
  int thread = blockIdx.x * FULL_THREADS + threadIdx.x;
  int row = thread / (heads * HALF_DIM);
  int sequence = row < rows ? sequences[row] : -1;
  if (sequence < 0) {
    return;
  }
  int head = thread / HALF_DIM % heads;
  int i = thread % HALF_DIM;
  int length = kv_lens[sequence];
  projections p = {products, row_scales, column_scales, bias, cosines, sines, sm_scale, heads};
  float2 query = finish_pair(p, row, length, QUERY, head, i);
  float2 key = finish_pair(p, row, length, KEY, head, i);
  float2 value = finish_pair(p, row, length, VALUE, head, i);
  float* target = queries + head_of_row(row, heads, head) + i;
  target[0] = query.x;
  target[HALF_DIM] = query.y;
  int slot = first_slots[sequence] + length / BLOCK_TOKENS;
  activation_t* keys =
      elements_of(cache, slot, heads, head) + i * BLOCK_TOKENS + length % BLOCK_TOKENS;
  activation_t* values = keys + HEAD_DIM * BLOCK_TOKENS;
  store(keys, key.x);
  store(keys + HALF_DIM * BLOCK_TOKENS, key.y);
  store(values, value.x);
  store(values + HALF_DIM * BLOCK_TOKENS, value.y);
}

// Counts the step's tokens, after all layers: adds 1 to the length of each row's sequence. Grid:
// rows threads in blocks of FULL_THREADS.
extern "C" __global__ void __launch_bounds__(FULL_THREADS)
    advance(const int* __restrict__ sequences, int rows, int* __restrict__ kv_lens) {
  int row = blockIdx.x * FULL_THREADS + threadIdx.x;
  if (row < rows && sequences[row] >= 0) {
    kv_lens[sequences[row]]++;
  }
}
