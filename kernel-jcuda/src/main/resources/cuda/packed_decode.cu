// Decode attention over the packed cache: one query a row, split over the cache's length.
//
// A decode step reads every cached word once and computes little with it, so the floor is the words'
// bytes over the memory's bandwidth. What stands against it is turning bits into numbers:
//
//   Keys. A word is one plane of one channel, its bits the 32 tokens; a lane wants one token's codes.
//   32 words, a lane a word, are transposed as a matrix of bits in five exchanges; then each lane has
//   32 bits of its own token, which are several codes one after the other. A code needs no
//   multiplication: T[code] = q_c * centroid_c[code] is tabulated in shared memory once a query.
//   Codes of three bits and less share a table of up to six bits, T the sum over their channels. A
//   window is 32 planes, chosen by the host so that codes of equal width lie side by side in it
//   whatever their channels, and no code crosses its end.
//
//   Values. A lane has one channel, so a word's bits are its tokens: the sum of p over the tokens
//   that have a code is a sum over subsets. Sums over all subsets of four tokens are tabulated once
//   a block for all channels, and eight look-ups give the sum over a word. Per block that is eight
//   look-ups for each code but one of a channel, against 32 for a look-up a token: it pays up to
//   three bits. Wider codes are looked up token by token.
//
// Grid (splits, heads, rows), WARPS warps; a warp takes every WARPS-th block of its split. It stages
// the keys of all its blocks by asynchronous copies before the tables are built, takes each window
// over all of them, so that what a window says is read once, and needs no rescaling in its softmax;
// then the values likewise. Logits and states are in base 2. Shared: sharedBytes of
// PackedDecodePlan.java.
//
// Cost a block of 32 tokens: its words' bytes from memory; for each window 8 integer operations and 5
// shuffles, for each look-up, of keys' codes and of four tokens' weights, two integer operations, a
// load from shared memory and an addition. Instructions bound it, not memory (ROOFLINE.md): hence
// addresses are bytes within aligned tables, put together by or.

#include "kv_cache.cuh"
#include "memory.cuh"
#include "warp.cuh"

#define WARPS 4
#define THREADS (WARPS * WARP)
#define BLOCKS_PER_WARP 4
#define LANE_CHANNELS ((HEAD_DIM + WARP - 1) / WARP)
#define MAX_GROUPS 8
#define MAX_GROUP_CHANNELS 6
#define SUBSET_TOKENS 4
#define SUBSETS (1 << SUBSET_TOKENS)
#define MAX_SUBSET_BITS 3
#define SUBSET_FLOATS (BLOCK_TOKENS / SUBSET_TOKENS * SUBSETS)
#define TABLE_ALIGNMENT 1024u
#define NO_PLANE 0xFFFFu
// Of a multiprocessor, at least: it keeps the registers under 80. Where a lane has four value
// channels they are 96, but for sm_100, whose code needs more.
#if HEAD_DIM <= 64
#define RESIDENT_BLOCKS 6
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
#define RESIDENT_BLOCKS 4
#else
#define RESIDENT_BLOCKS 5
#endif
#define LOG2_E 1.4426950408889634f

// 32 planes of one head's keys; PackedDecodePlan.java writes it.
struct window {
  short group_bits;  // width of a table's index, 4 to 8
  short code_bits;   // width of a channel's code
  short groups;      // tables of this window
  short chunk;       // tables of one chunk are in shared memory at a time
  int table;         // where its tables start in shared memory, in floats
  int unused;
  unsigned short planes[WARP];  // of each lane among the head's key planes, or NO_PLANE
  signed char channels[MAX_GROUPS][8];  // of each group, the lowest bits' first; -1 for none
};

// The 32 x 32 bits that the lanes hold, transposed: bytes are exchanged in two steps, bits in three.
// The constants depend on the lane only.
struct bit_transpose {
  unsigned bytes[2];
  unsigned keep[3];
  unsigned turn[3];

  __device__ __forceinline__ explicit bit_transpose(int lane) {
    bytes[0] = opaque((lane & 16) != 0 ? 0x3276u : 0x5410u);
    bytes[1] = opaque((lane & 8) != 0 ? 0x3715u : 0x6240u);
    const unsigned low[3] = {0x0F0F0F0Fu, 0x33333333u, 0x55555555u};
#pragma unroll
    for (int s = 0; s < 3; s++) {
      int distance = 4 >> s;
      bool upper = (lane & distance) != 0;
      keep[s] = opaque(upper ? ~low[s] : low[s]);
      turn[s] = opaque(upper ? WARP - distance : distance);
    }
  }

  __device__ __forceinline__ unsigned apply(unsigned x) const {
    x = __byte_perm(x, __shfl_xor_sync(ALL_LANES, x, 16), bytes[0]);
    x = __byte_perm(x, __shfl_xor_sync(ALL_LANES, x, 8), bytes[1]);
#pragma unroll
    for (int s = 0; s < 3; s++) {
      unsigned y = __shfl_xor_sync(ALL_LANES, x, 4 >> s);
      y = __funnelshift_l(y, y, turn[s]);
      x = (x & keep[s]) | (y & ~keep[s]);
    }
    return x;
  }
};

// Begins to copy words [first, first + count) to a stage; both are rounded outwards to multiples of
// four. The layout keeps a head's words at multiples of four.
__device__ __forceinline__ void stage_words_async(unsigned* stage, const unsigned* words, int first,
                                                  int count, int lane) {
  int begin = first & ~3;
  int end = (first + count + 3) & ~3;
  for (int i = begin + 4 * lane; i < end; i += 4 * WARP) {
    copy_async(stage + i - begin, words + i);
  }
}

// Four times the GROUP_BITS bits from bit first on: an offset in bytes among floats.
template <int GROUP_BITS>
__device__ __forceinline__ unsigned offset_of(unsigned bits, int first) {
  constexpr unsigned MASK = ((1u << GROUP_BITS) - 1) * 4;
  return (first < 2 ? bits << (2 - first) : bits >> (first - 2)) & MASK;
}

// The sum of one token's entries of a window's tables, which start at the address tables, a multiple
// of the size of one.
template <int GROUP_BITS>
__device__ __forceinline__ float look_up(unsigned bits, int groups, unsigned tables) {
  constexpr int GROUPS = WARP / GROUP_BITS;
  float even = 0;
  float odd = 0;
  if (groups == GROUPS) {
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
      unsigned offset = offset_of<GROUP_BITS>(bits, g * GROUP_BITS) | tables;
      float entry = load_shared(offset + (4 << GROUP_BITS) * g);
      if (g % 2 == 0) {
        even += entry;
      } else {
        odd += entry;
      }
    }
  } else {
#pragma unroll 1
    for (int g = 0; g < groups; g++) {
      even += load_shared((offset_of<GROUP_BITS>(bits, 0) | tables) + (4 << GROUP_BITS) * g);
      bits >>= GROUP_BITS;
    }
  }
  return even + odd;
}

// Adds what a window's channels give to the logits of all blocks of the warp.
template <int GROUP_BITS>
__device__ __forceinline__ void add_window(float (&logits)[BLOCKS_PER_WARP], int mine, int groups,
                                           unsigned tables, unsigned plane, const unsigned* stages,
                                           int stage_stride, const bit_transpose& transpose) {
#pragma unroll
  for (int i = 0; i < BLOCKS_PER_WARP; i++) {
    if (i < mine) {
      unsigned word = plane == NO_PLANE ? 0u : stages[i * stage_stride + plane];
      logits[i] += look_up<GROUP_BITS>(transpose.apply(word), groups, tables);
    }
  }
}

// T of the windows of one chunk, by all threads of the block.
__device__ __forceinline__ void build_tables(const window* windows, int begin, int end,
                                             const float* query, const channel_code* keys,
                                             const float* centroids, float* tables) {
  for (int i = begin; i < end; i++) {
    const window& w = windows[i];
    int entries = w.groups << w.group_bits;
    int code_mask = (1 << w.code_bits) - 1;
    for (int e = threadIdx.x; e < entries; e += THREADS) {
      const signed char* channels = w.channels[e >> w.group_bits];
      int codes = e & ((1 << w.group_bits) - 1);
      float sum = 0;
      for (int k = 0; k < MAX_GROUP_CHANNELS && channels[k] >= 0; k++) {
        int c = channels[k];
        sum = fmaf(query[c], load_cached(centroids + keys[c].table + (codes & code_mask)), sum);
        codes >>= w.code_bits;
      }
      tables[w.table + e] = sum;
    }
  }
}

// Sums of p over the subsets of each four tokens. weights: [32], written by the warp before.
__device__ __forceinline__ void build_subsets(const float* weights, float* subsets, int lane) {
  const float* p = weights + lane / 4 * SUBSET_TOKENS;
  float upper = ((lane & 1) != 0 ? p[2] : 0.0f) + ((lane & 2) != 0 ? p[3] : 0.0f);
  float* own = subsets + lane * 4;
  own[0] = upper;
  own[1] = upper + p[0];
  own[2] = upper + p[1];
  own[3] = upper + (p[0] + p[1]);
}

// The sum of p over the tokens whose bits are set. subsets: an address, a multiple of 64.
__device__ __forceinline__ float subset_sum(unsigned tokens, unsigned subsets) {
  float even = 0;
  float odd = 0;
#pragma unroll
  for (int g = 0; g < BLOCK_TOKENS / SUBSET_TOKENS; g++) {
    unsigned offset = offset_of<SUBSET_TOKENS>(tokens, g * SUBSET_TOKENS) | subsets;
    float entry = load_shared(offset + 4 * SUBSETS * g);
    if (g % 2 == 0) {
      even += entry;
    } else {
      odd += entry;
    }
  }
  return even + odd;
}

// The value channels of a lane: in the order of their widths, so that a warp's lanes have similar
// ones.
struct lane_values {
  int channel[LANE_CHANNELS];  // -1 for none
  int bits[LANE_CHANNELS];
  int plane[LANE_CHANNELS];
  int table[LANE_CHANNELS];
  int widest[LANE_CHANNELS];  // of the warp
  float lowest[LANE_CHANNELS];
  float above[LANE_CHANNELS][(1 << MAX_SUBSET_BITS) - 1];  // centroids less the lowest
  float sum[LANE_CHANNELS];

  __device__ __forceinline__ lane_values(const short* order, const channel_code* values,
                                         const float* centroids, int lane) {
#pragma unroll
    for (int i = 0; i < LANE_CHANNELS; i++) {
      int c = i * WARP + lane < HEAD_DIM ? order[i * WARP + lane] : -1;
      channel[i] = c;
      bits[i] = c < 0 ? 0 : values[c].bits;
      plane[i] = c < 0 ? 0 : values[c].plane;
      table[i] = c < 0 ? 0 : values[c].table;
      widest[i] = __shfl_sync(ALL_LANES, bits[i], 0);
      lowest[i] = c < 0 ? 0.0f : load_cached(centroids + table[i]);
#pragma unroll
      for (int k = 1; k < 1 << MAX_SUBSET_BITS; k++) {
        bool narrow = k < 1 << bits[i] && bits[i] <= MAX_SUBSET_BITS;
        above[i][k - 1] = narrow ? load_cached(centroids + table[i] + k) - lowest[i] : 0.0f;
      }
      sum[i] = 0;
    }
  }

  // Adds one block. stage holds the words from plane first_staged on; total is the sum of p.
  __device__ __forceinline__ void add(const unsigned* stage, int first_staged, const float* weights,
                                      unsigned subsets, float total, const float* centroids) {
#pragma unroll
    for (int i = 0; i < LANE_CHANNELS; i++) {
      const unsigned* words = stage + plane[i] - first_staged;
      if (widest[i] <= MAX_SUBSET_BITS) {
        sum[i] = fmaf(lowest[i], total, sum[i]);
        add_subsets(i, words, subsets);
      } else {
        add_tokens(i, words, weights, centroids);
      }
    }
  }

  __device__ __forceinline__ void add_subsets(int i, const unsigned* words, unsigned subsets) {
    unsigned planes[MAX_SUBSET_BITS];
#pragma unroll
    for (int p = 0; p < MAX_SUBSET_BITS; p++) {
      planes[p] = p < bits[i] ? words[p] : 0;
    }
#pragma unroll
    for (int k = 1; k < 1 << MAX_SUBSET_BITS; k++) {
      if (k < 1 << widest[i]) {
        unsigned tokens = ALL_LANES;
#pragma unroll
        for (int p = 0; p < MAX_SUBSET_BITS; p++) {
          tokens &= (k >> p & 1) != 0 ? planes[p] : ~planes[p];
        }
        sum[i] = fmaf(above[i][k - 1], subset_sum(tokens, subsets), sum[i]);
      }
    }
  }

  __device__ __forceinline__ void add_tokens(int i, const unsigned* words, const float* weights,
                                             const float* centroids) {
    if (channel[i] < 0) {
      return;
    }
    unsigned planes[MAX_BITS];
#pragma unroll
    for (int p = 0; p < MAX_BITS; p++) {
      planes[p] = p < bits[i] ? words[p] : 0;
    }
    float even = 0;
    float odd = 0;
    for (int t = 0; t < BLOCK_TOKENS; t += 2) {
      int code0 = 0;
      int code1 = 0;
#pragma unroll
      for (int p = 0; p < MAX_BITS; p++) {
        code0 |= (planes[p] >> t & 1) << p;
        code1 |= (planes[p] >> t >> 1 & 1) << p;
      }
      even = fmaf(weights[t], load_cached(centroids + table[i] + code0), even);
      odd = fmaf(weights[t + 1], load_cached(centroids + table[i] + code1), odd);
    }
    sum[i] += even + odd;
  }
};

// queries [rows, heads, HEAD_DIM], scaled and transformed by A^-T
// words [slots, words_per_slot], value_scales [slots, heads, 32]: kv_cache.cuh
// first_slots [sequences]; sequences [rows], -1 for a row that is padding; kv_lens [sequences]: the
// tokens in packed blocks are all of them or, with tail, those of full blocks
// layouts [heads]; channels [heads, 2, HEAD_DIM]; centroids of the layer
// windows: of head h from first_windows[h] to first_windows[h + 1]
// value_order [heads, HEAD_DIM]: channels, the widest codes first
// splits: of partial_outputs and partial_states; blocks_per_split <= WARPS * BLOCKS_PER_WARP
// partial_outputs [rows, heads, splits, HEAD_DIM]; partial_states [rows, heads, splits]: (m, d)
extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT_BLOCKS)
    packed_decode(const float* queries, const unsigned* words, int words_per_slot,
                  const unsigned short* value_scales, const int* first_slots, const int* sequences,
                  const int* kv_lens, const head_layout* layouts, const channel_code* channels,
                  const float* centroids, const window* windows, const int* first_windows,
                  const short* value_order, int heads, int splits, int blocks_per_split, int tail,
                  int table_floats, int max_windows, int stage_words, float* partial_outputs,
                  float2* partial_states) {
  extern __shared__ __align__(128) unsigned char smem_raw[];
  int split = blockIdx.x;
  int head = blockIdx.y;
  int row = blockIdx.z;
  int sequence = sequences[row];
  if (sequence < 0) {
    return;
  }
  // From one lane, so that the compiler takes what depends on it for the same in all.
  int warp = __shfl_sync(ALL_LANES, static_cast<int>(threadIdx.x) / WARP, 0);
  int lane = threadIdx.x % WARP;
  int stage_stride = stage_words + 4;
  // Tables and sums begin at a multiple of the largest table, so that offsets are put in by or.
  unsigned before = -shared_address(smem_raw) & (TABLE_ALIGNMENT - 1);
  float* tables = reinterpret_cast<float*>(smem_raw + before);
  float* subsets = tables + table_floats + warp * SUBSET_FLOATS;
  float* weights = tables + table_floats + WARPS * SUBSET_FLOATS + warp * WARP;
  float* shared_query = tables + table_floats + WARPS * (SUBSET_FLOATS + WARP);
  window* shared_windows = reinterpret_cast<window*>(shared_query + (HEAD_DIM + 3) / 4 * 4);
  unsigned* stages = reinterpret_cast<unsigned*>(shared_windows + max_windows) +
                     warp * BLOCKS_PER_WARP * stage_stride;

  head_layout layout = layouts[head];
  const channel_code* keys = channels + head * 2 * HEAD_DIM;
  const channel_code* values = keys + HEAD_DIM;
  int first_window = first_windows[head];
  int window_count = first_windows[head + 1] - first_window;
  int length = kv_lens[sequence];
  int packed = tail != 0 ? length / BLOCK_TOKENS * BLOCK_TOKENS : length;
  int begin = split * blocks_per_split;
  int end = min(begin + blocks_per_split, blocks_of(packed));
  int mine = end - begin - warp <= 0 ? 0 : (end - begin - warp + WARPS - 1) / WARPS;
  const unsigned* first_words =
      words + static_cast<long long>(first_slots[sequence] + begin + warp) * words_per_slot +
      layout.first_word;
  long long stride = static_cast<long long>(WARPS) * words_per_slot;

  for (int i = 0; i < mine; i++) {
    stage_words_async(stages + i * stage_stride, first_words + i * stride, 0, layout.key_planes,
                      lane);
  }
  copy_async_commit();

  const float* query = queries + (static_cast<long long>(row) * heads + head) * HEAD_DIM;
  for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) {
    shared_query[c] = query[c] * LOG2_E;
  }
  const int* window_words = reinterpret_cast<const int*>(windows + first_window);
  for (int i = threadIdx.x; i < window_count * static_cast<int>(sizeof(window) / 4); i += THREADS) {
    reinterpret_cast<int*>(shared_windows)[i] = load_cached(window_words + i);
  }
  __syncthreads();

  // A channel without bits has one centroid: it adds the same to the logits of all packed tokens, and
  // nothing to those of a tail.
  float constant = 0;
  for (int c = lane; c < HEAD_DIM; c += WARP) {
    if (keys[c].bits == 0) {
      constant = fmaf(shared_query[c], load_cached(centroids + keys[c].table), constant);
    }
  }
  constant = warp_sum(constant);
  float logits[BLOCKS_PER_WARP];
#pragma unroll
  for (int i = 0; i < BLOCKS_PER_WARP; i++) {
    int token = (begin + warp + i * WARPS) * BLOCK_TOKENS + lane;
    logits[i] = i < mine && token < packed ? constant : NEGATIVE_INFINITY;
  }
  bit_transpose transpose(lane);
  for (int next = 0; next < window_count;) {
    int chunk_begin = next;
    while (next < window_count && shared_windows[next].chunk == shared_windows[chunk_begin].chunk) {
      next++;
    }
    __syncthreads();
    build_tables(shared_windows, chunk_begin, next, shared_query, keys, centroids, tables);
    copy_async_wait<0>();
    __syncthreads();
    unsigned tables_address = shared_address(tables);
    for (int i = chunk_begin; i < next; i++) {
      const window& w = shared_windows[i];
      int groups = w.groups;
      unsigned own = tables_address + w.table * 4;
      unsigned plane = w.planes[lane];
      switch (w.group_bits) {
        case 4:
          add_window<4>(logits, mine, groups, own, plane, stages, stage_stride, transpose);
          break;
        case 5:
          add_window<5>(logits, mine, groups, own, plane, stages, stage_stride, transpose);
          break;
        case 6:
          add_window<6>(logits, mine, groups, own, plane, stages, stage_stride, transpose);
          break;
        case 7:
          add_window<7>(logits, mine, groups, own, plane, stages, stage_stride, transpose);
          break;
        default:
          add_window<8>(logits, mine, groups, own, plane, stages, stage_stride, transpose);
          break;
      }
    }
  }

  copy_async_wait<0>();
  __syncwarp();
  int first_staged = layout.key_planes & ~3;
  for (int i = 0; i < mine; i++) {
    stage_words_async(stages + i * stage_stride, first_words + i * stride, layout.key_planes,
                      layout.value_planes, lane);
  }
  copy_async_commit();
  float max = NEGATIVE_INFINITY;
#pragma unroll
  for (int i = 0; i < BLOCKS_PER_WARP; i++) {
    max = fmaxf(max, logits[i]);
  }
  max = warp_max(max);
  float denominator = 0;
  lane_values output(value_order + head * HEAD_DIM, values, centroids, lane);
  copy_async_wait<0>();
  unsigned subsets_address = shared_address(subsets);
#pragma unroll
  for (int i = 0; i < BLOCKS_PER_WARP; i++) {
    if (i < mine) {
      float weight = exp2f(logits[i] - max);
      denominator += weight;
      if (layout.token_scaled_values != 0 && logits[i] != NEGATIVE_INFINITY) {
        long long slot = first_slots[sequence] + begin + warp + i * WARPS;
        weight *= __uint_as_float(
            static_cast<unsigned>(
                load_cached(value_scales + (slot * heads + head) * BLOCK_TOKENS + lane))
            << 16);
      }
      weights[lane] = weight;
      float total = warp_sum(weight);
      __syncwarp();
      build_subsets(weights, subsets, lane);
      __syncwarp();
      output.add(stages + i * stage_stride, first_staged, weights, subsets_address, total,
                 centroids);
      __syncwarp();
    }
  }
  denominator = warp_sum(denominator);

  // The warps' states merge in the room of the tables.
  __syncthreads();
  float* states = tables;
  float* outputs = states + 2 * WARPS;
  if (lane == 0) {
    states[2 * warp] = max;
    states[2 * warp + 1] = denominator;
  }
#pragma unroll
  for (int i = 0; i < LANE_CHANNELS; i++) {
    if (output.channel[i] >= 0) {
      outputs[warp * HEAD_DIM + output.channel[i]] = output.sum[i];
    }
  }
  __syncthreads();
  float merged_max = NEGATIVE_INFINITY;
  for (int w = 0; w < WARPS; w++) {
    merged_max = fmaxf(merged_max, states[2 * w]);
  }
  float scales[WARPS];
  float merged_denominator = 0;
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    scales[w] = states[2 * w] == NEGATIVE_INFINITY ? 0.0f : exp2f(states[2 * w] - merged_max);
    merged_denominator = fmaf(states[2 * w + 1], scales[w], merged_denominator);
  }
  long long partial = (static_cast<long long>(row) * heads + head) * splits + split;
  if (threadIdx.x == 0) {
    partial_states[partial] = make_float2(merged_max, merged_denominator);
  }
  for (int c = threadIdx.x; c < HEAD_DIM; c += THREADS) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
      sum = fmaf(outputs[w * HEAD_DIM + c], scales[w], sum);
    }
    partial_outputs[partial * HEAD_DIM + c] = sum;
  }
}
