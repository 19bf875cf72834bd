// The packed cache read back as activations, and maps of whole sequences: what attention over
// quantized tokens needs besides prefill's kernels. Options: -DPRECISION, -DHEAD_DIM.
//
// Both kernels take 32 tokens of one head to a thread block of BLOCK_THREADS and units of 16
// channels to a warp, as packing does. unpack_blocks reads about a tenth of what it writes; a lane
// is a token while codes become centroids, then rows leave through a tile in shared memory in
// vectors of 16 bytes. map_heads reads and writes an activation a channel and does 2 * HEAD_DIM
// flops for it.
#include "packing.cuh"

#define BLOCK_THREADS 128

constexpr int BLOCK_WARPS = BLOCK_THREADS / WARP;

// Channels of a row that a thread moves at once, 16 bytes.
constexpr int ROW_VECTOR = 16 / sizeof(activation_t);
constexpr int ROW_VECTORS = HEAD_DIM / ROW_VECTOR;

__device__ __forceinline__ long long head_of_row(int row, int heads, int head) {
  return (static_cast<long long>(row) * heads + head) * HEAD_DIM;
}

// Moves up to 32 rows of one head, [rows, heads, HEAD_DIM] from their first on, into a tile; absent
// tokens are zeros. The whole thread block.
__device__ __forceinline__ void load_rows(activation_t* tile, const activation_t* rows, int tokens,
                                          int heads) {
#pragma unroll 2
  for (int item = threadIdx.x; item < BLOCK_TOKENS * ROW_VECTORS; item += BLOCK_THREADS) {
    int token = item / ROW_VECTORS;
    int channel = item % ROW_VECTORS * ROW_VECTOR;
    float x[ROW_VECTOR] = {};
    if (token < tokens) {
      load_piece(rows + head_of_row(token, heads, 0) + channel, x);
    }
    put_channels(tile, token, channel, x);
  }
}

// The way back.
__device__ __forceinline__ void store_rows(activation_t* rows, const activation_t* tile, int tokens,
                                           int heads) {
#pragma unroll 2
  for (int item = threadIdx.x; item < tokens * ROW_VECTORS; item += BLOCK_THREADS) {
    int token = item / ROW_VECTORS;
    int channel = item % ROW_VECTORS * ROW_VECTOR;
    float x[ROW_VECTOR];
#pragma unroll
    for (int i = 0; i < ROW_VECTOR; i++) {
      x[i] = to_float(tile[tile_index(channel + i, token)]);
    }
    store_piece(rows + head_of_row(token, heads, 0) + channel, x);
  }
}

// Reads one unit of channels back into a tile: the centroids of its codes, times the token's scale.
// One warp, a lane a token. centroids: of the layer. staged: [UNIT_WORDS] shared words of the warp.
__device__ __forceinline__ void unpack_unit(activation_t* tile, int first_channel, int channels,
                                            const unsigned* slot_words, const channel_code* codes,
                                            const float* centroids, float scale, unsigned* staged) {
  int lane = threadIdx.x % WARP;
  int first_plane = codes[0].plane;
  int planes = codes[channels - 1].plane + codes[channels - 1].bits - first_plane;
  for (int plane = lane; plane < planes; plane += WARP) {
    staged[plane] = slot_words[first_plane + plane];
  }
  __syncwarp();
  const unsigned* channel_words = staged;
  for (int c = 0; c < channels; c++) {
    int4 channel = *reinterpret_cast<const int4*>(codes + c);
    unsigned code = 0;
    for (int plane = channel.y - 1; plane >= 0; plane--) {
      code = __funnelshift_l(channel_words[plane] << (WARP - 1 - lane), code, 1);
    }
    float centroid = centroids[channel.z + static_cast<int>(code)];
    store(&tile[tile_index(first_channel + c, lane)], centroid * scale);
    channel_words += channel.y;
  }
  __syncwarp();
}

// Grid (token blocks, heads), blocks of BLOCK_THREADS.
//
// words: [slots, words_per_slot]
// value_scales: [slots, heads, 32], or null where no head scales its values by token
// layouts: [heads]
// codes: [heads, 2, HEAD_DIM]
// centroids: of the layer
// blocks: [grid.x] of (first row, tokens from 1 to 32, slot, unused)
// keys, values: [rows, heads, HEAD_DIM], in the cache's coordinates
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS)
    unpack_blocks(const unsigned* __restrict__ words, const bfloat16* __restrict__ value_scales,
                  const head_layout* __restrict__ layouts, const channel_code* __restrict__ codes,
                  const float* __restrict__ centroids, const int4* __restrict__ blocks, int heads,
                  int words_per_slot, activation_t* __restrict__ keys,
                  activation_t* __restrict__ values) {
  alignas(16) __shared__ activation_t key_tile[TILE_ELEMENTS];
  alignas(16) __shared__ activation_t value_tile[TILE_ELEMENTS];
  __shared__ unsigned staged_words[BLOCK_WARPS][UNIT_WORDS];
  int4 block = blocks[blockIdx.x];
  int head = blockIdx.y;
  int lane = threadIdx.x % WARP;
  int warp = threadIdx.x / WARP;
  head_layout layout = layouts[head];
  const unsigned* slot_words =
      words + static_cast<long long>(block.z) * words_per_slot + layout.first_word;
  float scale = 1;
  if (layout.token_scaled_values) {
    scale = to_float(scales_of(value_scales, block.z, heads, head)[lane]);
  }
  const channel_code* key_codes = codes + head * 2 * HEAD_DIM;
  for (int task = warp; task < 2 * UNITS; task += BLOCK_WARPS) {
    bool is_key = task < UNITS;
    int unit = is_key ? task : task - UNITS;
    int first = unit * UNIT_CHANNELS;
    unpack_unit(is_key ? key_tile : value_tile, first, channels_of_unit(unit), slot_words,
                key_codes + (is_key ? first : HEAD_DIM + first), centroids, is_key ? 1.0f : scale,
                staged_words[warp]);
  }
  __syncthreads();
  long long target = head_of_row(block.x, heads, head);
  store_rows(keys + target, key_tile, block.y, heads);
  store_rows(values + target, value_tile, block.y, heads);
}

// y = M x + b of every head. Grid (rows / 32 rounded up, heads), blocks of BLOCK_THREADS.
//
// x, y: [rows, heads, HEAD_DIM]; may be the same
// maps: [heads] maps as arrange_maps leaves them
// biases: [heads, HEAD_DIM]
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS)
    map_heads(const activation_t* x, const unsigned* __restrict__ maps,
              const float* __restrict__ biases, int rows, int heads, activation_t* y) {
  alignas(16) __shared__ activation_t tile[TILE_ELEMENTS];
  alignas(16) __shared__ float mapped_units[BLOCK_WARPS][MAPPED_ELEMENTS];
  int first_row = blockIdx.x * BLOCK_TOKENS;
  int head = blockIdx.y;
  int lane = threadIdx.x % WARP;
  int warp = threadIdx.x / WARP;
  int tokens = min(BLOCK_TOKENS, rows - first_row);
  long long start = head_of_row(first_row, heads, head);
  clear_padding(tile);
  load_rows(tile, x + start, tokens, heads);
  __syncthreads();
  float* mapped = mapped_units[warp];
  for (int unit = warp; unit < UNITS; unit += BLOCK_WARPS) {
    map_unit(mapped, tile, maps + static_cast<long long>(head) * MAP_ELEMENTS,
             biases + head * HEAD_DIM, unit);
    int channels = channels_of_unit(unit);
    activation_t* target = y + start + head_of_row(lane, heads, 0) + unit * UNIT_CHANNELS;
    for (int c = 0; c < channels && lane < tokens; c += ROW_VECTOR) {
      float results[ROW_VECTOR];
#pragma unroll
      for (int i = 0; i < ROW_VECTOR; i++) {
        results[i] = mapped[(c + i) * MAPPED_STRIDE + lane];
      }
      store_piece(target + c, results);
    }
    __syncwarp();
  }
}

// Lays maps out for map_unit, once. Float: [HEAD_DIM, PADDED_DIM] columns. Otherwise
// mma fragments, [units, units, 2, 32 lanes, 4 words]: of 16 rows and 16 columns, the upper and
// then the lower bfloat16 of each element; a word is a pair of columns.
//
// Grid (blocks of BLOCK_THREADS over MAP_ELEMENTS, heads).
//
// maps: [heads, HEAD_DIM, HEAD_DIM], column by column: maps[head][i][j] is M[j][i]
// arranged: [heads, PADDED_DIM * PADDED_DIM]
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS)
    arrange_maps(const float* __restrict__ maps, unsigned* __restrict__ arranged) {
  int element = blockIdx.x * BLOCK_THREADS + threadIdx.x;
  int head = blockIdx.y;
  if (element >= MAP_ELEMENTS) {
    return;
  }
  const float* columns = maps + static_cast<long long>(head) * HEAD_DIM * HEAD_DIM;
  unsigned* target = arranged + static_cast<long long>(head) * MAP_ELEMENTS + element;
#if PRECISION == PRECISION_F32
  int i = element / PADDED_DIM;
  int j = element % PADDED_DIM;
  float x = i < HEAD_DIM && j < HEAD_DIM ? columns[i * HEAD_DIM + j] : 0.0f;
  *target = __float_as_uint(x);
#else
  int word = element % 4;
  int lane = element / 4 % WARP;
  int part = element / (4 * WARP) % 2;
  int k = element / (4 * WARP * 2) % UNITS;
  int unit = element / (4 * WARP * 2 * UNITS);
  int j = unit * UNIT_CHANNELS + word % 2 * 8 + lane / 4;
  int i = k * UNIT_CHANNELS + word / 2 * 8 + lane % 4 * 2;
  float pair[2];
#pragma unroll
  for (int e = 0; e < 2; e++) {
    float x = i + e < HEAD_DIM && j < HEAD_DIM ? columns[(i + e) * HEAD_DIM + j] : 0.0f;
    float high = to_float(to_bfloat16(x));
    pair[e] = part == 0 ? high : x - high;
  }
  *target = to_bfloat16_pair(pair[0], pair[1]);
#endif
}
