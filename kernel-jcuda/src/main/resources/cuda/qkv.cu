// Finishes queries, keys and values of whole sequences: bias, scale and rotary embedding, and in
// the same pass writes them to a cache. Options: -DPRECISION, -DHEAD_DIM, -DTOKENS_A_LOOK.
//
// rotate_qkv reads three products and writes three activations a channel and does a few multiplies,
// so it runs at the memory's speed: every thread has six vectors of up to 16 bytes in flight.
//
// rotate_pack_qkv adds the packed cache of the same tokens. Its thread block is one block of 32
// tokens of one head: the rounded keys and values go to shared memory as they go to global memory,
// so what attention sees and what the cache holds are the same numbers, and nothing is read twice.
// A unit of 16 channels is a warp's work: keys are mapped, 2 * 32 * HEAD_DIM^2 flops a block, and
// every channel is coded, some nine instructions a bit for 32 tokens and 16 a channel. The cache
// adds about a tenth to the bytes written. Token blocks run along the grid's x, so blocks that
// share an SM mostly share a head's map and thresholds in L1.
//
// rotate_cache_qkv writes keys and values to a full-precision cache instead.
//
// blocks [grid.x] says where 32 tokens are: (first row, tokens from 1 to 32, slot, tail). A block
// whose tail is 0 or more goes to that sequence's tail, transformed but not coded; otherwise to the
// slot. Rows are tokens of the batch, [rows]; positions are within their sequences.
#include "packing.cuh"
#include "projections.cuh"
#include "range.cuh"

#define ROTATE_THREADS 256
#define BLOCK_THREADS 128
// Of a multiprocessor, at least: 24 warps, 20 in float, whose sums of a map take more registers,
// and 12 where a block has up to 46 KiB of shared memory. Without it the compiler takes more blocks
// for possible, and spills.
#define PACK_RESIDENT_BLOCKS (HEAD_DIM > 64 ? 3 : PRECISION == PRECISION_F32 ? 5 : 6)

constexpr int BLOCK_WARPS = BLOCK_THREADS / WARP;

// Grid: rows * heads * HEAD_DIM / 8 threads in blocks of ROTATE_THREADS.
//
// products: [rows, 3, heads, HEAD_DIM], queries, keys, values, without bias
// row_scales, column_scales: [rows] and [3, heads, HEAD_DIM] for int8, else null
// bias: [3, heads, HEAD_DIM]
// positions: [rows]
// cosines, sines: [positions, HEAD_DIM / 2]
// queries, keys, values: [rows, heads, HEAD_DIM]
extern "C" __global__ void __launch_bounds__(ROTATE_THREADS)
    rotate_qkv(const product_t* __restrict__ products, const float* __restrict__ row_scales,
               const float* __restrict__ column_scales, const float* __restrict__ bias,
               const int* __restrict__ positions, const float* __restrict__ cosines,
               const float* __restrict__ sines, float sm_scale, int rows, int heads,
               activation_t* __restrict__ queries, activation_t* __restrict__ keys,
               activation_t* __restrict__ values) {
  long long thread = static_cast<long long>(blockIdx.x) * ROTATE_THREADS + threadIdx.x;
  int chunks = heads * CHUNKS;
  int row = static_cast<int>(thread / chunks);
  if (row >= rows) {
    return;
  }
  int in_row = static_cast<int>(thread % chunks);
  int head = in_row / CHUNKS;
  int chunk = in_row % CHUNKS;
  projections p = {products, row_scales, column_scales, bias, cosines, sines, sm_scale, heads};
  finished_chunk x;
  finish_chunk(x, p, row, positions[row], head, chunk);
  long long target = head_of_row(row, heads, head);
  store_chunk(queries + target, chunk, x.query_low, x.query_high);
  store_chunk(keys + target, chunk, x.key_low, x.key_high);
  store_chunk(values + target, chunk, x.value_low, x.value_high);
}

// Finishes the tokens of one block for one head: to global memory, each where its pointer is not
// null, and keys and values to their tiles. Absent tokens are zeros there. A barrier must follow.
__device__ __forceinline__ void finish_block(const projections& p, const int* positions, int4 block,
                                             int head, activation_t* queries, activation_t* keys,
                                             activation_t* values, activation_t* key_tile,
                                             activation_t* value_tile) {
  for (int item = threadIdx.x; item < BLOCK_TOKENS * CHUNKS; item += BLOCK_THREADS) {
    int token = item / CHUNKS;
    int chunk = item % CHUNKS;
    finished_chunk x = {};
    if (token < block.y) {
      int row = block.x + token;
      finish_chunk(x, p, row, positions[row], head, chunk);
      long long target = head_of_row(row, p.heads, head);
      if (queries != nullptr) {
        store_chunk(queries + target, chunk, x.query_low, x.query_high);
      }
      if (keys != nullptr) {
        store_chunk(keys + target, chunk, x.key_low, x.key_high);
      }
      if (values != nullptr) {
        store_chunk(values + target, chunk, x.value_low, x.value_high);
      }
    }
    put_channels(key_tile, token, chunk * CHUNK, x.key_low);
    put_channels(key_tile, token, chunk * CHUNK + HALF_DIM, x.key_high);
    put_channels(value_tile, token, chunk * CHUNK, x.value_low);
    put_channels(value_tile, token, chunk * CHUNK + HALF_DIM, x.value_high);
  }
}

// The largest magnitude of each lane's token over the tile's channels; the whole thread block,
// which it synchronises. partial: shared, [BLOCK_WARPS][32].
__device__ __forceinline__ unsigned largest_magnitudes(const activation_t* tile,
                                                       unsigned (*partial)[BLOCK_TOKENS]) {
  int lane = threadIdx.x % WARP;
  int warp = threadIdx.x / WARP;
  unsigned largest = 0;
  for (int c = warp; c < HEAD_DIM; c += BLOCK_WARPS) {
    largest = max(largest, magnitude_of(to_float(tile[tile_index(c, lane)])));
  }
  partial[warp][lane] = largest;
  __syncthreads();
#pragma unroll
  for (int w = 0; w < BLOCK_WARPS; w++) {
    largest = max(largest, partial[w][lane]);
  }
  return largest;
}

// Grid (token blocks, heads), blocks of BLOCK_THREADS.
//
// products to sines, sm_scale, heads: as rotate_qkv
// queries, keys, values: as rotate_qkv; null where nothing reads them
// blocks: [grid.x]
// ranges, outside: as range.cuh says
// key_maps: [heads] maps as arrange_maps leaves them
// key_biases: [heads, HEAD_DIM]
// layouts: [heads]
// codes: [heads, 2, HEAD_DIM]
// thresholds: of the layer
// words: [slots, words_per_slot]
// value_scales: [slots, heads, 32], or null where no head scales its values by token
// tails: [sequences, heads, 2, HEAD_DIM, 32], or null where no block goes to a tail
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS, PACK_RESIDENT_BLOCKS)
    rotate_pack_qkv(const product_t* __restrict__ products, const float* __restrict__ row_scales,
                    const float* __restrict__ column_scales, const float* __restrict__ bias,
                    const int* __restrict__ positions, const float* __restrict__ cosines,
                    const float* __restrict__ sines, float sm_scale, int heads,
                    const int4* __restrict__ blocks, const unsigned* __restrict__ key_maps,
                    const float* __restrict__ key_biases, const head_layout* __restrict__ layouts,
                    const channel_code* __restrict__ codes, const float* __restrict__ thresholds,
                    int words_per_slot, unsigned* __restrict__ words,
                    bfloat16* __restrict__ value_scales, activation_t* __restrict__ tails,
                    const float2* __restrict__ ranges, int* __restrict__ outside,
                    activation_t* __restrict__ queries, activation_t* __restrict__ keys,
                    activation_t* __restrict__ values) {
  alignas(16) __shared__ activation_t key_tile[TILE_ELEMENTS];
  alignas(16) __shared__ activation_t value_tile[TILE_ELEMENTS];
  alignas(16) __shared__ float mapped_units[BLOCK_WARPS][MAPPED_ELEMENTS];
  __shared__ unsigned staged_words[BLOCK_WARPS][UNIT_WORDS];
  __shared__ unsigned partial_magnitudes[BLOCK_WARPS][BLOCK_TOKENS];
  int4 block = blocks[blockIdx.x];
  int head = blockIdx.y;
  int lane = threadIdx.x % WARP;
  int warp = threadIdx.x / WARP;
  projections p = {products, row_scales, column_scales, bias, cosines, sines, sm_scale, heads};
  clear_padding(key_tile);
  finish_block(p, positions, block, head, queries, keys, values, key_tile, value_tile);
  __syncthreads();

  bool present = lane < block.y;
  unsigned looked_at = 0;
  if (outside != nullptr) {
    looked_at = __ballot_sync(ALL_LANES, present && looks_at(positions[block.x + lane]));
    for (int unit = warp; unit < UNITS; unit += BLOCK_WARPS) {
      int first = unit * UNIT_CHANNELS;
      tile_channels values_of_unit = {value_tile, first};
      count_outside(outside + head * 2 + 1, ranges + (head * 2 + 1) * HEAD_DIM + first,
                    channels_of_unit(unit), looked_at, values_of_unit);
    }
  }
  bool to_tail = block.w >= 0;
  head_layout layout = layouts[head];
  float divisor = 1;
  activation_t* tail = elements_of(tails, block.w, heads, head);
  if (to_tail) {
    store_tile(tail + HEAD_DIM * BLOCK_TOKENS, value_tile);
  } else if (layout.token_scaled_values) {
    bfloat16 scale = scale_of(largest_magnitudes(value_tile, partial_magnitudes));
    divisor = divisor_of(scale);
    if (warp == 0) {
      scales_of(value_scales, block.z, heads, head)[lane] = scale;
    }
  }
  unsigned* slot_words = words_of(words, block.z, words_per_slot, layout);
  const channel_code* key_codes = codes + head * 2 * HEAD_DIM;
  float* mapped = mapped_units[warp];
  int tasks = to_tail ? UNITS : 2 * UNITS;
#pragma unroll 1
  for (int task = warp; task < tasks; task += BLOCK_WARPS) {
    bool is_key = task < UNITS;
    int unit = is_key ? task : task - UNITS;
    int first = unit * UNIT_CHANNELS;
    int channels = channels_of_unit(unit);
    if (is_key) {
      map_unit(mapped, key_tile, key_maps + static_cast<long long>(head) * MAP_ELEMENTS,
               key_biases + head * HEAD_DIM, unit);
      if (looked_at != 0) {
        mapped_channels keys_of_unit = {mapped};
        count_outside(outside + head * 2, ranges + head * 2 * HEAD_DIM + first, channels, looked_at,
                      keys_of_unit);
      }
    }
    if (to_tail) {
      for (int c = 0; c < channels; c++) {
        store(&tail[(first + c) * BLOCK_TOKENS + lane],
              present ? mapped[c * MAPPED_STRIDE + lane] : 0.0f);
      }
    } else {
      if (!is_key) {
        divide_unit(mapped, value_tile, unit, divisor);
      }
      pack_unit(slot_words, key_codes + (is_key ? first : HEAD_DIM + first), channels, thresholds,
                mapped + lane, MAPPED_STRIDE, 1.0f, present, staged_words[warp]);
    }
  }
}

// Grid (token blocks, heads), blocks of BLOCK_THREADS. cache: [slots, heads, 2, HEAD_DIM, 32]; the
// rest as rotate_pack_qkv. Lanes of absent tokens become zeros.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS)
    rotate_cache_qkv(const product_t* __restrict__ products, const float* __restrict__ row_scales,
                     const float* __restrict__ column_scales, const float* __restrict__ bias,
                     const int* __restrict__ positions, const float* __restrict__ cosines,
                     const float* __restrict__ sines, float sm_scale, int heads,
                     const int4* __restrict__ blocks, activation_t* __restrict__ cache,
                     activation_t* __restrict__ queries, activation_t* __restrict__ keys,
                     activation_t* __restrict__ values) {
  alignas(16) __shared__ activation_t key_tile[TILE_ELEMENTS];
  alignas(16) __shared__ activation_t value_tile[TILE_ELEMENTS];
  int4 block = blocks[blockIdx.x];
  int head = blockIdx.y;
  projections p = {products, row_scales, column_scales, bias, cosines, sines, sm_scale, heads};
  finish_block(p, positions, block, head, queries, keys, values, key_tile, value_tile);
  __syncthreads();
  activation_t* target = elements_of(cache, block.z, heads, head);
  store_tile(target, key_tile);
  store_tile(target + HEAD_DIM * BLOCK_TOKENS, value_tile);
}
