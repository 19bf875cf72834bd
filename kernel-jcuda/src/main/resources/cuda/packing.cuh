// One head's 32 tokens in shared memory: mapped, coded and stored as plane words.
//
// A tile is [PADDED_DIM, 32] activations, channel by channel, so that a warp reads a channel with a
// lane a token: a plane word is then one ballot. A map or a coding is cut into units of 16
// channels, one for a warp at a time; head dimension 24 has a last unit of 8.
//
// With bfloat16 activations a map is two tensor-core products, by the upper and the lower half of
// its floats as bfloat16 (16 bits of precision; the vectors are bfloat16 already), whose fragments
// arrange_maps lays out once. In float it is plain multiply-adds.
#pragma once

#include "kv_cache.cuh"
#include "memory.cuh"
#include "pieces.cuh"
#include "precision.cuh"
#include "tensor_core.cuh"
#include "warp.cuh"

#define UNIT_CHANNELS 16

constexpr int UNITS = (HEAD_DIM + UNIT_CHANNELS - 1) / UNIT_CHANNELS;
constexpr int PADDED_DIM = UNITS * UNIT_CHANNELS;

#if PRECISION == PRECISION_F32
// One more than the lanes: neither a channel's tokens nor a token's channels share a bank.
constexpr int TILE_STRIDE = BLOCK_TOKENS + 1;
#else
// 80 bytes: eight channels' 16 bytes of a matrix load lie in different banks.
constexpr int TILE_STRIDE = BLOCK_TOKENS + 8;
#endif
constexpr int TILE_ELEMENTS = PADDED_DIM * TILE_STRIDE;

// A unit as it is coded, [16, 32] floats of one warp: keys after their map, and values over their
// divisors, so that one piece of code packs both. The padding keeps the stores of mma's pairs out
// of each other's banks.
constexpr int MAPPED_STRIDE = BLOCK_TOKENS + 8;
constexpr int MAPPED_ELEMENTS = UNIT_CHANNELS * MAPPED_STRIDE;

// Words of a unit at the greatest width.
constexpr int UNIT_WORDS = UNIT_CHANNELS * MAX_BITS;

// Four-byte elements of one head's arranged map.
constexpr int MAP_ELEMENTS = PADDED_DIM * PADDED_DIM;

__device__ __forceinline__ int channels_of_unit(int unit) {
  return min(UNIT_CHANNELS, HEAD_DIM - unit * UNIT_CHANNELS);
}

// Where a token's channel lies in a tile. Sixteen-byte groups of eight bfloat16 tokens stay whole,
// and change places with the channel, so that chunks of neighbouring channels are stored to
// different banks.
__device__ __forceinline__ int tile_index(int channel, int token) {
#if PRECISION == PRECISION_F32
  return channel * TILE_STRIDE + token;
#else
  return channel * TILE_STRIDE + ((token / 8 ^ channel / 8 % 4) * 8 | token % 8);
#endif
}

// Puts one token's neighbouring channels into a tile.
template <int N>
__device__ __forceinline__ void put_channels(activation_t* tile, int token, int channel,
                                             const float (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) {
    store(&tile[tile_index(channel + i, token)], x[i]);
  }
}

// Zeros the channels between HEAD_DIM and PADDED_DIM, which the map's products read.
__device__ __forceinline__ void clear_padding(activation_t* tile) {
  constexpr int PADDING = (PADDED_DIM - HEAD_DIM) * BLOCK_TOKENS;
  if constexpr (PADDING > 0) {
    for (int i = threadIdx.x; i < PADDING; i += blockDim.x) {
      store(&tile[tile_index(HEAD_DIM + i / BLOCK_TOKENS, i % BLOCK_TOKENS)], 0.0f);
    }
  }
}

// Maps the tile to one unit of channels: mapped[c][token] = M[channel] . tile[token] +
// bias[channel]. One warp; the result is its lanes' to read. map: of the head, as arrange_maps
// leaves it. bias: [HEAD_DIM].
#if PRECISION == PRECISION_F32
__device__ __forceinline__ void map_unit(float* mapped, const activation_t* tile,
                                         const unsigned* map, const float* bias, int unit) {
  int lane = threadIdx.x % WARP;
  const float* columns = reinterpret_cast<const float*>(map) + unit * UNIT_CHANNELS;
  float sums[UNIT_CHANNELS];
  int channels = channels_of_unit(unit);
#pragma unroll
  for (int c = 0; c < UNIT_CHANNELS; c++) {
    sums[c] = c < channels ? bias[unit * UNIT_CHANNELS + c] : 0.0f;
  }
#pragma unroll 4
  for (int i = 0; i < HEAD_DIM; i++) {
    float x = tile[tile_index(i, lane)];
    float column[UNIT_CHANNELS];
    load_piece(columns + i * PADDED_DIM, column);
#pragma unroll
    for (int c = 0; c < UNIT_CHANNELS; c++) {
      sums[c] = fmaf(column[c], x, sums[c]);
    }
  }
  __syncwarp();
#pragma unroll
  for (int c = 0; c < UNIT_CHANNELS; c++) {
    mapped[c * MAPPED_STRIDE + lane] = sums[c];
  }
  __syncwarp();
}
#else
__device__ __forceinline__ void map_unit(float* mapped, const activation_t* tile,
                                         const unsigned* map, const float* bias, int unit) {
  constexpr int TOKEN_TILES = BLOCK_TOKENS / 8;
  int lane = threadIdx.x % WARP;
  int row = lane / 4;
  int pair = lane % 4;
  int channel = unit * UNIT_CHANNELS + row;
  float upper_bias = bias[channel];
  float lower_bias = channel + 8 < HEAD_DIM ? bias[channel + 8] : 0.0f;
  float sums[TOKEN_TILES][4];
#pragma unroll
  for (int n = 0; n < TOKEN_TILES; n++) {
    sums[n][0] = sums[n][1] = upper_bias;
    sums[n][2] = sums[n][3] = lower_bias;
  }
  // Lane l names row l % 8 of matrix l / 8: channels 0 to 7 and 8 to 15 of eight tokens, then of
  // the next eight.
  int matrix = lane / 8;
  int matrix_channel = matrix % 2 * 8 + lane % 8;
  int matrix_token = matrix / 2 * 8;
  const uint4* fragments = reinterpret_cast<const uint4*>(map) + unit * UNITS * 2 * WARP + lane;
#pragma unroll
  for (int k = 0; k < UNITS; k++) {
    uint4 high = fragments[(k * 2) * WARP];
    uint4 low = fragments[(k * 2 + 1) * WARP];
    const unsigned high_map[4] = {high.x, high.y, high.z, high.w};
    const unsigned low_map[4] = {low.x, low.y, low.z, low.w};
#pragma unroll
    for (int n = 0; n < TOKEN_TILES; n += 2) {
      unsigned vectors[4];
      load_matrices_transposed(
          vectors, &tile[tile_index(k * UNIT_CHANNELS + matrix_channel, n * 8 + matrix_token)]);
      const unsigned first[2] = {vectors[0], vectors[1]};
      const unsigned second[2] = {vectors[2], vectors[3]};
      multiply_add(sums[n], low_map, first);
      multiply_add(sums[n + 1], low_map, second);
      multiply_add(sums[n], high_map, first);
      multiply_add(sums[n + 1], high_map, second);
    }
  }
  __syncwarp();
#pragma unroll
  for (int n = 0; n < TOKEN_TILES; n++) {
    float* target = mapped + row * MAPPED_STRIDE + n * 8 + pair * 2;
    *reinterpret_cast<float2*>(target) = make_float2(sums[n][0], sums[n][1]);
    *reinterpret_cast<float2*>(target + 8 * MAPPED_STRIDE) = make_float2(sums[n][2], sums[n][3]);
  }
  __syncwarp();
}
#endif

// A unit that has been mapped.
struct mapped_channels {
  const float* mapped;
  __device__ __forceinline__ float at(int c, int token) const {
    return mapped[c * MAPPED_STRIDE + token];
  }
};

// Most heads do not scale their values, and a division costs more than a bit's coding.
__device__ __forceinline__ float divide(float x, float divisor) {
  return divisor == 1.0f ? x : x / divisor;
}

// A unit of a tile over the tokens' divisors, where map_unit would leave it.
__device__ __forceinline__ void divide_unit(float* mapped, const activation_t* tile, int unit,
                                            float divisor) {
  // Channels of which a tile keeps the tokens in one order.
  constexpr int ALIKE = 8;
  int lane = threadIdx.x % WARP;
  float* target = mapped + lane;
#pragma unroll
  for (int first = 0; first < UNIT_CHANNELS; first += ALIKE) {
    const activation_t* source = tile + tile_index(unit * UNIT_CHANNELS + first, lane);
#pragma unroll
    for (int c = 0; c < ALIKE; c++) {
      target[(first + c) * MAPPED_STRIDE] = to_float(source[c * TILE_STRIDE]);
    }
  }
  if (__any_sync(ALL_LANES, divisor != 1.0f)) {
#pragma unroll 1
    for (int c = 0; c < UNIT_CHANNELS; c++) {
      target[c * MAPPED_STRIDE] /= divisor;
    }
  }
}

// A unit of a tile.
struct tile_channels {
  const activation_t* tile;
  int first;
  __device__ __forceinline__ float at(int c, int token) const {
    return to_float(tile[tile_index(first + c, token)]);
  }
};

// Codes one channel of 32 tokens, a lane each, as code_of would, and leaves its planes at words, an
// address. The comparisons of the search are the code's bits from the highest on, so each is a
// plane as it falls. table: where the channel's thresholds start. This is the innermost loop: there
// is no counter, and indices, and addresses of shared memory, stay in 32 bits.
template <int BITS>
__device__ __forceinline__ void pack_bits(unsigned words, const float* thresholds, int table,
                                          float value) {
  bool first_lane = threadIdx.x % WARP == 0;
  int index = table + 1;
  int below = -table;
  int above = below + 1;
#pragma unroll
  for (int plane = BITS - 1; plane >= 0; plane--) {
    bool higher = value > load_cached(thresholds + index);
    unsigned word = __ballot_sync(ALL_LANES, higher);
    index += index + (higher ? above : below);
    if (first_lane) {
      store_shared(words + plane * 4, word);
    }
  }
}

// The channels of a unit as a warp packs them, a lane a token.
template <typename T>
struct unit_channels {
  int4 code;        // of the lane's channel, a channel_code; no bits in lanes that have none
  const T* values;  // of the lane's token, a channel every stride
  int stride;
  float divisor;  // of the values, before they are coded
  bool present;

  // Packs all channels of one width. words: the address of the planes.
  template <int BITS>
  __device__ __forceinline__ void pack(unsigned words, int first_plane,
                                       const float* thresholds) const {
    unsigned left = __ballot_sync(ALL_LANES, code.y == BITS);
#pragma unroll 1
    while (left != 0) {
      int c = __ffs(left) - 1;
      left &= left - 1;
      int plane = __shfl_sync(ALL_LANES, code.x, c) - first_plane;
      int table = __shfl_sync(ALL_LANES, code.z, c);
      // Not above any threshold, so that the bits of absent tokens are zero.
      float value = present ? divide(to_float(values[c * stride]), divisor) : NEGATIVE_INFINITY;
      pack_bits<BITS>(words + plane * 4, thresholds, table, value);
    }
  }
};

// Packs one unit of channels. One warp, a lane a token; bits of tokens that are not present are
// zero. codes: of the unit's channels. thresholds: of the layer. values, stride, divisor: as
// unit_channels. slot_words: of the head's first key plane. staged: [UNIT_WORDS] shared words of
// the warp.
template <typename T>
__device__ __forceinline__ void pack_unit(unsigned* slot_words, const channel_code* codes,
                                          int channels, const float* thresholds, const T* values,
                                          int stride, float divisor, bool present,
                                          unsigned* staged) {
  int lane = threadIdx.x % WARP;
  unit_channels<T> unit = {make_int4(0, 0, 0, 0), values, stride, divisor, present};
  if (lane < channels) {
    unit.code = load_cached(reinterpret_cast<const int4*>(codes + lane));
  }
  int first_plane = __shfl_sync(ALL_LANES, unit.code.x, 0);
  int planes = __shfl_sync(ALL_LANES, unit.code.x + unit.code.y, channels - 1) - first_plane;
  unsigned words = shared_address(staged);
  unit.template pack<1>(words, first_plane, thresholds);
  unit.template pack<2>(words, first_plane, thresholds);
  unit.template pack<3>(words, first_plane, thresholds);
  unit.template pack<4>(words, first_plane, thresholds);
  unit.template pack<5>(words, first_plane, thresholds);
  unit.template pack<6>(words, first_plane, thresholds);
  unit.template pack<7>(words, first_plane, thresholds);
  unit.template pack<8>(words, first_plane, thresholds);
  __syncwarp();
  for (int plane = lane; plane < planes; plane += WARP) {
    slot_words[first_plane + plane] = staged[plane];
  }
  __syncwarp();
}

// Where a head's words of a slot start.
__device__ __forceinline__ unsigned* words_of(unsigned* words, int slot, int words_per_slot,
                                              const head_layout& layout) {
  return words + static_cast<long long>(slot) * words_per_slot + layout.first_word;
}

// Where a head's part of a full-precision cache's slot or of a sequence's tail starts, and its
// scales of a slot.
__device__ __forceinline__ activation_t* elements_of(activation_t* blocks, int block, int heads,
                                                     int head) {
  return blocks + (static_cast<long long>(block) * heads + head) * BLOCK_ELEMENTS;
}

template <typename T>
__device__ __forceinline__ T* scales_of(T* scales, int slot, int heads, int head) {
  return scales + (static_cast<long long>(slot) * heads + head) * BLOCK_TOKENS;
}

// A magnitude as bits, which ascend with it; those of a NaN are the highest.
__device__ __forceinline__ unsigned magnitude_of(float x) {
  return __float_as_uint(x) & 0x7FFFFFFFu;
}

// The scale of a token's values from their largest magnitude, as ValueScales.roundUp: the least
// bfloat16 that is not below it. A NaN stays one.
__device__ __forceinline__ bfloat16 scale_of(unsigned largest_magnitude) {
  bfloat16 scale;
  scale.bits = static_cast<unsigned short>((min(largest_magnitude, 0x7FC00000u) + 0xFFFFu) >> 16);
  return scale;
}

// What values are divided by before they are coded: zeros are coded as they are.
__device__ __forceinline__ float divisor_of(bfloat16 scale) {
  return scale.bits == 0 ? 1.0f : to_float(scale);
}

// Stores a tile as a block in global memory, [HEAD_DIM, 32]; the whole thread block.
__device__ __forceinline__ void store_tile(activation_t* block, const activation_t* tile) {
#if PRECISION == PRECISION_F32
  for (int i = threadIdx.x; i < HEAD_DIM * BLOCK_TOKENS; i += blockDim.x) {
    block[i] = tile[tile_index(i / BLOCK_TOKENS, i % BLOCK_TOKENS)];
  }
#else
  for (int i = threadIdx.x; i < HEAD_DIM * BLOCK_TOKENS / 8; i += blockDim.x) {
    const activation_t* group = &tile[tile_index(i / 4, i % 4 * 8)];
    *reinterpret_cast<uint4*>(block + i * 8) = *reinterpret_cast<const uint4*>(group);
  }
#endif
}
