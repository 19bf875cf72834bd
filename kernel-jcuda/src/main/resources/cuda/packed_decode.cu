// Decode attention over the packed cache: one query a row, split over the cache's length.
//
// A decode step reads every cached word once and computes little with it, so the floor is the
// words' bytes over the memory's bandwidth. What stands against it is turning bits into numbers,
// keys and values each in the way that leaves least to add up across lanes:
//
//   Keys, a lane a token. A word is one plane of one channel, its bits the 32 tokens; a lane wants
//   one token's codes. 32 words, a lane a word, are transposed as a matrix of bits in five
//   exchanges; then each lane has 32 bits of its own token, which are several codes one after the
//   other. A code needs no multiplication: T[code] = q_c * centroid_c[code] is tabulated in shared
//   memory once a query. Narrow codes share a table of up to six bits, T the sum over their
//   channels. A window is 32 planes, chosen by the host so that the codes of a table lie side by
//   side in it and none crosses its end.
//
//   Values, a lane a channel. A lane's own words are transposed within it, byte by byte, to the
//   codes of its 32 tokens, and each is looked up and weighted. Tables lie in columns: row by row
//   the centroids of one code, a lane a bank. Look-ups never collide, whatever the codes, and an
//   address is the bytes of code and lane side by side: one byte permute.
//
// Grid (splits, heads, rows); a warp takes every WARPS-th block of its split. It stages the keys of
// as many of its blocks as have room by asynchronous copies, takes each window over all of these,
// so that what a window says is read once, and needs no rescaling in its softmax; then the values
// likewise. Logits and states are in base 2. Shared: sharedBytes of PackedDecodePlan.java.
//
// Cost a block of 32 tokens: its words' bytes from memory; for each window 8 integer operations and
// 5 shuffles, for each look-up of a key's table two integer operations, a load from shared memory
// and an addition; for each 32 value channels 8 to 48 integer operations, and for each of their
// tokens one, a load and a multiply-add. Instructions and shared memory bound it, not memory
// (ROOFLINE.md).

#include "kv_cache.cuh"
#include "memory.cuh"
#include "warp.cuh"

#define WARPS 4
#define THREADS (WARPS * WARP)
#define BLOCKS_PER_SPLIT 32
#define MAX_STAGED_BLOCKS 4
// Of a multiprocessor, at least: it keeps the registers under 80.
#define RESIDENT_BLOCKS 6
#define LOG2_E 1.4426950408889634f

// Value channels are taken in sets of a lane each, and two sets at a time: their tables' rows, of
// 64 floats, are 256 bytes, so that a code is an address's second byte.
constexpr int SETS = (HEAD_DIM + WARP - 1) / WARP;
constexpr int SETS_AT_ONCE = SETS < 2 ? SETS : 2;
constexpr int ROW_FLOATS = 2 * WARP;

// Codes of 32 tokens: byte k of word r is that of token 8 * k + r.
constexpr int CODE_WORDS = BLOCK_TOKENS / 4;

extern __shared__ __align__(128) unsigned char smem_raw[];

// How a head is read; PackedDecodePlan.java writes this and what it names.
struct value_set {
  int bits;   // the widest of its codes
  int table;  // where its 2^bits rows of 32 centroids start, in floats
};

struct head_plan {
  int first_window;
  int windows;
  int first_table;
  int tables;
  value_set sets[4];
};

// A table of the keys: the codes of some channels are its index.
struct key_table {
  unsigned turn;    // of a window's bits to the right, which brings the index to bit 2
  unsigned mask;    // of the index, times four
  unsigned offset;  // where it starts in shared memory, in bytes; a multiple of its size
  unsigned unused;
};

// 32 planes of one head's keys.
struct window {
  unsigned short planes[WARP];  // of each lane among the head's key planes
  unsigned short first_table;   // among the head's
  unsigned short tables;
  int chunk_end;   // of the windows whose tables are in shared memory at a time, among the head's
  int first_part;  // of the chunk's tables, among the layer's
  int end_part;
};

// A lane of a set of value channels.
struct value_lane {
  short channel;  // -1 for none
  short plane;    // its first, among the head's value planes
};

// An entry of a table in shared memory, by its offset in bytes.
__device__ __forceinline__ float entry_at(unsigned offset) {
  return *reinterpret_cast<const float*>(smem_raw + offset);
}

// The 32 x 32 bits that the lanes hold, transposed: bytes are exchanged in two steps, bits in
// three. The constants depend on the lane only.
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

// Where the words of a warp's blocks are staged.
struct stages {
  unsigned* first;
  int stride;  // words between two blocks' stages

  // Begins to copy words [begin, begin + count) of the next blocks, each words_stride further; both
  // are rounded outwards to multiples of four. The layout keeps a head's words at multiples of
  // four.
  __device__ __forceinline__ void fill_async(const unsigned* words, int words_stride, int blocks,
                                             int begin, int count, int lane) const {
    int copied = ((begin + count + 3) & ~3) - (begin & ~3);
    const unsigned* source = words + (begin & ~3) + 4 * lane;
    unsigned* target = first + 4 * lane;
#pragma unroll 1
    for (int w = 4 * lane; w < copied; w += 4 * WARP) {
#pragma unroll
      for (int i = 0; i < MAX_STAGED_BLOCKS; i++) {
        if (i < blocks) {
          copy_async(target + i * stride, source + i * words_stride);
        }
      }
      source += 4 * WARP;
      target += 4 * WARP;
    }
    copy_async_commit();
  }
};

// Begins to copy structures of a multiple of 16 bytes; all threads of the block.
template <typename T>
__device__ __forceinline__ void copy_all_async(T* target, const T* source, int count) {
  int copies = count * static_cast<int>(sizeof(T) / 16);
#pragma unroll 1
  for (int i = threadIdx.x; i < copies; i += THREADS) {
    copy_async_cached(reinterpret_cast<int4*>(target) + i,
                      reinterpret_cast<const int4*>(source) + i);
  }
}

// The parts [begin, end) of T, by all threads of the block. A part is four entries of a table:
// where they start in shared memory, in bytes; where the factors of its first channel start, in
// fours, those of others behind them; up to six channels, a byte each; and their number, in the
// upper half of w.
__device__ __forceinline__ void build_tables(const int4* parts, int begin, int end,
                                             const float* query, const float4* factors) {
#pragma unroll 1
  for (int i = begin + threadIdx.x; i < end; i += THREADS) {
    int4 part = load_cached(parts + i);
    const float4* own = factors + part.y;
    unsigned channels = part.z;
    unsigned more = part.w;
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 1
    for (int k = part.w >> 16; k > 0; k--) {
      float component = query[channels & 0xFF];
      channels = __funnelshift_r(channels, more, 8);
      more >>= 8;
      float4 factor = load_cached(own++);
      sum.x = fmaf(component, factor.x, sum.x);
      sum.y = fmaf(component, factor.y, sum.y);
      sum.z = fmaf(component, factor.z, sum.z);
      sum.w = fmaf(component, factor.w, sum.w);
    }
    *reinterpret_cast<float4*>(smem_raw + part.x) = sum;
  }
}

// Adds the entries of one table.
template <int COUNT>
__device__ __forceinline__ void add_table(float (&sums)[COUNT], const unsigned (&bits)[COUNT],
                                          const key_table& table) {
  uint4 words = *reinterpret_cast<const uint4*>(&table);
#pragma unroll
  for (int j = 0; j < COUNT; j++) {
    unsigned offset = (__funnelshift_r(bits[j], bits[j], words.x) & words.y) | words.z;
    sums[j] += entry_at(offset);
  }
}

// Adds what the windows [begin, end) give to the logits of COUNT blocks, whose words are staged.
// logits: [32] of the first block; those of the warp's next are THREADS further.
template <int COUNT>
__device__ __forceinline__ void add_windows(float* logits, const window* windows, int begin,
                                            int end, const key_table* tables, const stages& staged,
                                            const bit_transpose& transpose, int lane) {
  float sums[COUNT] = {};
  for (int i = begin; i < end; i++) {
    const window& own = windows[i];
    const unsigned* words = staged.first + own.planes[lane];
    unsigned bits[COUNT];
#pragma unroll
    for (int j = 0; j < COUNT; j++) {
      bits[j] = transpose.apply(words[j * staged.stride]);
    }
    const key_table* table = tables + own.first_table;
    if (own.tables % 2 != 0) {
      add_table(sums, bits, *table++);
    }
#pragma unroll 1
    for (int pairs = own.tables / 2; pairs > 0; pairs--) {
      add_table(sums, bits, table[0]);
      add_table(sums, bits, table[1]);
      table += 2;
    }
  }
#pragma unroll
  for (int j = 0; j < COUNT; j++) {
    logits[j * THREADS + lane] += sums[j];
  }
}

// The lower of each two fields of a word, of four, two and one bits. They are not const, so that
// the compiler keeps them as operands, and a choice by mask is one instruction.
__constant__ unsigned FIELD_MASKS[3] = {0x0F0F0F0Fu, 0x33333333u, 0x55555555u};

// add_windows for as many blocks as are staged.
__device__ __forceinline__ void add_windows(int count, float* logits, const window* windows,
                                            int begin, int end, const key_table* tables,
                                            const stages& staged, const bit_transpose& transpose,
                                            int lane) {
  switch (count) {
    case 1:
      add_windows<1>(logits, windows, begin, end, tables, staged, transpose, lane);
      break;
    case 2:
      add_windows<2>(logits, windows, begin, end, tables, staged, transpose, lane);
      break;
    case 3:
      add_windows<3>(logits, windows, begin, end, tables, staged, transpose, lane);
      break;
    default:
      add_windows<4>(logits, windows, begin, end, tables, staged, transpose, lane);
      break;
  }
}

// Exchanges bits of two words: afterwards a has both words' bits where mask is set, b's moved up by
// the distance, and b the others, a's moved down.
template <int DISTANCE>
__device__ __forceinline__ void exchange_bits(unsigned& a, unsigned& b, unsigned mask) {
  unsigned low = (a & mask) | ((b << DISTANCE) & ~mask);
  b = ((a >> DISTANCE) & mask) | (b & ~mask);
  a = low;
}

// Cuts the words [0, COUNT) into 8 / COUNT fields of each byte, the lowest first.
template <int COUNT>
__device__ __forceinline__ void spread_fields(unsigned (&words)[CODE_WORDS], unsigned mask) {
#pragma unroll
  for (int i = CODE_WORDS - 1; i >= 0; i--) {
    words[i] = (words[i % COUNT] >> (i / COUNT * COUNT)) & mask;
  }
}

// The codes of one channel from its planes, of which PLANES may be set: bytes of 8 words are
// transposed as matrices of 8 x 8 bits, or in part where there are fewer planes.
template <int PLANES>
__device__ __forceinline__ void transpose_planes(unsigned (&words)[CODE_WORDS]) {
  if (PLANES > 4) {
#pragma unroll
    for (int p = 0; p < 4; p++) {
      exchange_bits<4>(words[p], words[p + 4], FIELD_MASKS[0]);
    }
  }
  if (PLANES > 2) {
#pragma unroll
    for (int p = 0; p < (PLANES > 4 ? 8 : 4); p++) {
      if (p % 4 < 2) {
        exchange_bits<2>(words[p], words[p + 2], FIELD_MASKS[1]);
      }
    }
  }
#pragma unroll
  for (int p = 0; p < PLANES; p += 2) {
    exchange_bits<1>(words[p], words[p + 1], FIELD_MASKS[2]);
  }
  if (PLANES == 2) {
    spread_fields<2>(words, 0x03030303u);
  } else if (PLANES == 4) {
    spread_fields<4>(words, 0x0F0F0F0Fu);
  }
}

// Reads a channel's planes, of which the warp's widest has more than half of PLANES, and makes them
// codes.
template <int PLANES>
__device__ __forceinline__ void load_codes(unsigned (&codes)[CODE_WORDS], const unsigned* planes,
                                           int bits) {
  constexpr int PRESENT = PLANES > 2 ? PLANES / 2 + 1 : 0;
#pragma unroll
  for (int p = 0; p < PLANES; p++) {
    codes[p] = p < PRESENT || p < bits ? planes[p] : 0u;
  }
  transpose_planes<PLANES>(codes);
}

// Begins to copy the tables of the sets from first_set on to the start of shared memory, in rows of
// ROW_FLOATS; all threads of the block.
__device__ __forceinline__ void stage_tables_async(const head_plan& plan, int first_set,
                                                   const float* tables) {
  constexpr int ROW_COPIES = WARP / 4;
  constexpr int ROWS = THREADS / ROW_COPIES;
  int row = threadIdx.x / ROW_COPIES;
  int column = threadIdx.x % ROW_COPIES * 4;
#pragma unroll
  for (int s = 0; s < SETS_AT_ONCE; s++) {
    value_set set = plan.sets[first_set + s];
    float* target = reinterpret_cast<float*>(smem_raw) + row * ROW_FLOATS + s * WARP + column;
    const float* source = tables + set.table + row * WARP + column;
#pragma unroll 1
    for (int r = row; r < 1 << set.bits; r += ROWS) {
      copy_async_cached(target, source);
      target += ROWS * ROW_FLOATS;
      source += ROWS * WARP;
    }
  }
}

// The value channels of a lane in the sets that are read at a time.
struct value_channels {
  int plane[SETS_AT_ONCE];        // its first, among the staged words
  int bits[SETS_AT_ONCE];         // of the warp's widest
  unsigned column[SETS_AT_ONCE];  // of its table, in bytes

  __device__ __forceinline__ value_channels(const head_plan& plan, const value_lane* lanes,
                                            int first_set, int first_plane, int lane) {
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      plane[s] = first_plane + lanes[(first_set + s) * WARP + lane].plane;
      bits[s] = plan.sets[first_set + s].bits;
      column[s] = (s * WARP + lane) * 4;
    }
  }

  // Adds the values of one block's tokens by their weights: of token 8 * k + r at 4 * r + k.
  __device__ __forceinline__ void add(float (&sums)[SETS_AT_ONCE], const unsigned* words,
                                      const float* weights) const {
    unsigned codes[SETS_AT_ONCE][CODE_WORDS];
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      if (bits[s] > 4) {
        load_codes<8>(codes[s], words + plane[s], bits[s]);
      } else if (bits[s] > 2) {
        load_codes<4>(codes[s], words + plane[s], bits[s]);
      } else {
        load_codes<2>(codes[s], words + plane[s], bits[s]);
      }
    }
#pragma unroll
    for (int r = 0; r < CODE_WORDS; r++) {
      float4 four = reinterpret_cast<const float4*>(weights)[r];
      const float weight[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int s = 0; s < SETS_AT_ONCE; s++) {
#pragma unroll
        for (int k = 0; k < 4; k++) {
          // The column's byte, the code's, and two of the column's that are zero.
          unsigned offset = __byte_perm(codes[s][r], column[s], 0x5504u | k << 4);
          sums[s] = fmaf(weight[k], entry_at(offset), sums[s]);
        }
      }
    }
  }
};

// The scale of the values of the lane's token.
__device__ __forceinline__ float scale_of_token(const unsigned short* value_scales, int slot,
                                                int heads, int head) {
  long long place = (static_cast<long long>(slot) * heads + head) * BLOCK_TOKENS;
  unsigned scale = load_cached(value_scales + place + threadIdx.x % WARP);
  return __uint_as_float(scale << 16);
}

// queries [rows, heads, HEAD_DIM], scaled and transformed by A^-T
// words [slots, words_per_slot], value_scales [slots, heads, 32]: kv_cache.cuh
// first_slots [sequences]; sequences [rows], -1 for a row that is padding; kv_lens [sequences]: the
// tokens in packed blocks are all of them or, with tail, those of full blocks
// layouts [heads]; plans [heads]; windows, tables, parts, factors: of the layer
// key_constants [heads, HEAD_DIM]: the centroids of key channels without bits, else zero
// value_lanes [heads, SETS, 32]: the widest codes first; value_tables: of the layer
// splits: of partial_outputs and partial_states
// staged_blocks: blocks of a warp whose keys or values have room at once, 1 to MAX_STAGED_BLOCKS
// partial_outputs [rows, heads, splits, HEAD_DIM]; partial_states [rows, heads, splits]: (m, d)
extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT_BLOCKS)
    packed_decode(const float* queries, const unsigned* words, int words_per_slot,
                  const unsigned short* value_scales, const int* first_slots, const int* sequences,
                  const int* kv_lens, const head_layout* layouts, const head_plan* plans,
                  const window* windows, const key_table* tables, const int4* parts,
                  const float4* factors, const float* key_constants, const value_lane* value_lanes,
                  const float* value_tables, int heads, int splits, int tail, int table_floats,
                  int max_windows, int max_tables, int stage_words, int staged_blocks,
                  float* partial_outputs, float2* partial_states) {
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
  // The tables of the keys, of the values and, last, the warps' outputs take turns.
  float* shared_tables = reinterpret_cast<float*>(smem_raw);
  float* all_logits = shared_tables + table_floats;
  float* shared_query = all_logits + BLOCKS_PER_SPLIT * WARP;
  key_table* shared_key_tables =
      reinterpret_cast<key_table*>(shared_query + (HEAD_DIM + 3) / 4 * 4);
  window* shared_windows = reinterpret_cast<window*>(shared_key_tables + max_tables);
  stages staged;
  staged.stride = stage_words + 4;
  staged.first = reinterpret_cast<unsigned*>(shared_windows + max_windows) +
                 warp * staged_blocks * staged.stride;

  head_layout layout = layouts[head];
  const head_plan& plan = plans[head];
  int window_count = plan.windows;
  int length = kv_lens[sequence];
  int packed = tail != 0 ? length / BLOCK_TOKENS * BLOCK_TOKENS : length;
  int first_block = split * BLOCKS_PER_SPLIT + warp;
  int end_block = min((split + 1) * BLOCKS_PER_SPLIT, blocks_of(packed));
  int mine = max(0, (end_block - first_block + WARPS - 1) / WARPS);
  const unsigned* first_words =
      words + static_cast<long long>(first_slots[sequence] + first_block) * words_per_slot +
      layout.first_word;
  int stride = WARPS * words_per_slot;
  float* logits = all_logits + warp * WARP;

  copy_all_async(shared_windows, windows + plan.first_window, window_count);
  copy_all_async(shared_key_tables, tables + plan.first_table, plan.tables);
  copy_async_commit();
  staged.fill_async(first_words, stride, min(mine, staged_blocks), 0, layout.key_planes, lane);
  const float* query = queries + (static_cast<long long>(row) * heads + head) * HEAD_DIM;
  int channel = threadIdx.x;
  if (channel < HEAD_DIM) {
    shared_query[channel] = query[channel] * LOG2_E;
  }
  copy_async_wait<1>();
  __syncthreads();

  // A channel without bits has one centroid: it adds the same to the logits of all packed tokens,
  // and nothing to those of a tail.
  float constant = 0;
  for (int c = lane; c < HEAD_DIM; c += WARP) {
    constant = fmaf(shared_query[c], load_cached(key_constants + head * HEAD_DIM + c), constant);
  }
  constant = warp_sum(constant);
#pragma unroll 1
  for (int i = 0; i < mine; i++) {
    int token = (first_block + i * WARPS) * BLOCK_TOKENS + lane;
    logits[i * THREADS + lane] = token < packed ? constant : NEGATIVE_INFINITY;
  }
  bit_transpose transpose(lane);
  int first_staged = 0;  // of the blocks whose keys are staged
  int end = 0;
  for (int begin = 0; begin < window_count; begin = end) {
    const window& first = shared_windows[begin];
    end = first.chunk_end;
    if (begin > 0) {
      __syncthreads();
    }
    build_tables(parts, first.first_part, first.end_part, shared_query, factors);
    __syncthreads();
#pragma unroll 1
    for (int i = 0; i < mine; i += staged_blocks) {
      int count = min(staged_blocks, mine - i);
      if (i != first_staged) {
        __syncwarp();
        staged.fill_async(first_words + i * stride, stride, count, 0, layout.key_planes, lane);
        first_staged = i;
      }
      copy_async_wait<0>();
      __syncwarp();
      add_windows(count, logits + i * THREADS, shared_windows, begin, end, shared_key_tables,
                  staged, transpose, lane);
    }
  }
  copy_async_wait<0>();
  __syncthreads();

  stage_tables_async(plan, 0, value_tables);
  staged.fill_async(first_words, stride, min(mine, staged_blocks), layout.key_planes,
                    layout.value_planes, lane);
  // A block's weights take the place of its logits, in the order in which codes are read: of token
  // 8 * k + r at 4 * r + k.
  int weight_place = lane % CODE_WORDS * 4 + lane / CODE_WORDS;
  float max = NEGATIVE_INFINITY;
#pragma unroll 1
  for (int i = 0; i < mine; i++) {
    max = fmaxf(max, logits[i * THREADS + lane]);
  }
  max = warp_max(max);
  float denominator = 0;
#pragma unroll 1
  for (int i = 0; i < mine; i++) {
    float logit = logits[i * THREADS + lane];
    float weight = exp2f(logit - max);
    denominator += weight;
    if (layout.token_scaled_values != 0 && logit != NEGATIVE_INFINITY) {
      int slot = first_slots[sequence] + first_block + i * WARPS;
      weight *= scale_of_token(value_scales, slot, heads, head);
    }
    __syncwarp();
    logits[i * THREADS + weight_place] = weight;
  }
  denominator = warp_sum(denominator);

  const value_lane* lanes = value_lanes + head * SETS * WARP;
  float sums[SETS];
#pragma unroll
  for (int first_set = 0; first_set < SETS; first_set += SETS_AT_ONCE) {
    if (first_set > 0) {
      __syncthreads();
      stage_tables_async(plan, first_set, value_tables);
      copy_async_commit();
    }
    value_channels channels(plan, lanes, first_set, layout.key_planes % 4, lane);
    float set_sums[SETS_AT_ONCE] = {};
    copy_async_wait<0>();
    __syncthreads();
    // All is staged, or the first blocks are, for the first sets, and none, for those after.
    int next_unstaged = mine <= staged_blocks ? mine : first_set == 0 ? staged_blocks : 0;
    const unsigned* block_words = staged.first;
    const float* block_weights = logits;
#pragma unroll 1
    for (int i = 0; i < mine; i++) {
      if (i == next_unstaged) {
        __syncwarp();
        int count = min(mine - i, staged_blocks);
        staged.fill_async(first_words + i * stride, stride, count, layout.key_planes,
                          layout.value_planes, lane);
        copy_async_wait<0>();
        __syncwarp();
        block_words = staged.first;
        next_unstaged += count;
      }
      channels.add(set_sums, block_words, block_weights);
      block_words += staged.stride;
      block_weights += THREADS;
    }
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      sums[first_set + s] = set_sums[s];
    }
  }

  // The warps' states merge in the room of the tables.
  __syncthreads();
  float* states = shared_tables;
  float* outputs = states + 2 * WARPS;
  if (lane == 0) {
    states[2 * warp] = max;
    states[2 * warp + 1] = denominator;
  }
#pragma unroll
  for (int s = 0; s < SETS; s++) {
    int own = lanes[s * WARP + lane].channel;
    if (own >= 0) {
      outputs[warp * HEAD_DIM + own] = sums[s];
    }
  }
  __syncthreads();
  float merged_max = NEGATIVE_INFINITY;
  for (int w = 0; w < WARPS; w++) {
    merged_max = fmaxf(merged_max, states[2 * w]);
  }
  float merged_denominator = 0;
  float sum = 0;
  for (int w = 0; w < WARPS; w++) {
    float scale = states[2 * w] == NEGATIVE_INFINITY ? 0.0f : exp2f(states[2 * w] - merged_max);
    merged_denominator = fmaf(states[2 * w + 1], scale, merged_denominator);
    if (channel < HEAD_DIM) {
      sum = fmaf(outputs[w * HEAD_DIM + channel], scale, sum);
    }
  }
  long long partial = (static_cast<long long>(row) * heads + head) * splits + split;
  if (threadIdx.x == 0) {
    partial_states[partial] = make_float2(merged_max, merged_denominator);
  }
  if (channel < HEAD_DIM) {
    partial_outputs[partial * HEAD_DIM + channel] = sum;
  }
}
