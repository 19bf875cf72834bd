// Decode attention over the packed cache: one query a row, split over the cache's length.
//
// A decode step reads every cached word once and computes little with it, so the floor is the
// words' bytes over the memory's bandwidth. What stands against it is turning bits into numbers. A
// word is one plane of one channel, its bits 32 tokens; a lane has a channel:
//
//   Codes. A lane transposes its own channel's planes, byte by byte, to the codes of its 32 tokens:
//   48 operations for the widest codes, and nothing from other lanes.
//
//   Tables lie in columns: row by row the entries of one code, a lane a bank. Look-ups never
//   collide, whatever the codes, and an address is the bytes of code and lane side by side: one
//   byte permute. A key's entry is q_c * centroid_c[code], so that a logit is a sum of entries; a
//   value's is the centroid.
//
//   Sums. Values add up over tokens, within a lane. Logits add up over channels, across lanes, for
//   32 tokens: the lanes halve the tokens that they have in hand with each exchange, 31 shuffles in
//   all, and end with one each.
//
// Channels are taken in sets of 32, the widest codes first, two sets at a time. Of each a lane
// reads as many planes as the set's widest has; a narrower channel's entries repeat, so that bits
// beside its own do not count.
//
// Grid (splits, heads, rows); a warp takes every WARPS-th block of its split. It stages the words
// of as many of its blocks as have room by asynchronous copies: keys, and when the logits are
// there, values. Logits and states are in base 2. Shared: sharedBytes of PackedDecodePlan.java.
//
// Cost a block of 32 tokens: its words' bytes from memory; for each 32 channels of keys and of
// values 18 to 48 integer operations and, a token, one, a load from shared memory and an addition
// or a multiply-add; 31 shuffles. Instructions and shared memory bound it, not memory
// (ROOFLINE.md).

#include "kv_cache.cuh"
#include "memory.cuh"
#include "warp.cuh"

#define WARPS 4
#define THREADS (WARPS * WARP)
#define BLOCKS_PER_SPLIT 32
#define MAX_STAGED_BLOCKS 4
// Of a multiprocessor, at least: it keeps the registers at 80 at most.
#define RESIDENT_BLOCKS 6
#define LOG2_E 1.4426950408889634f

// Two sets' tables at a time: their rows, of 64 floats, are 256 bytes, so that a code is an
// address's second byte.
constexpr int SETS_AT_ONCE = HEAD_DIM <= WARP ? 1 : 2;
constexpr int SETS = (HEAD_DIM + SETS_AT_ONCE * WARP - 1) / (SETS_AT_ONCE * WARP) * SETS_AT_ONCE;
constexpr int MAX_SETS = 4;
constexpr int ROW_FLOATS = 2 * WARP;

// Of a table's rows a thread takes every ROWS-th, and of each row four floats.
constexpr int ROW_PARTS = WARP / 4;
constexpr int ROWS = THREADS / ROW_PARTS;

// Codes of 32 tokens: byte k of word r is that of token 8 * k + r.
constexpr int CODE_WORDS = BLOCK_TOKENS / 4;

extern __shared__ __align__(128) unsigned char smem_raw[];

// 32 channels; PackedDecodePlan.java writes this and the next.
struct channel_set {
  int bits;   // the widest of its codes
  int table;  // where its 2^bits rows of 32 centroids start, in floats
};

struct head_plan {
  channel_set keys[MAX_SETS];
  channel_set values[MAX_SETS];
};

// A lane of a set.
struct lane_channel {
  short channel;  // -1 for none
  short plane;    // the first that it reads, among the head's key planes or its value planes
};

// An entry of a table in shared memory, by its offset in bytes.
__device__ __forceinline__ float entry_at(unsigned offset) {
  return *reinterpret_cast<const float*>(smem_raw + offset);
}

// The words of a warp's blocks, keys or values, of which some are in shared memory at a time.
struct staged_words {
  unsigned* stage;  // of the first block that is staged
  int stage_stride;
  int capacity;
  const unsigned* words;  // of the first block
  int words_stride;
  int blocks;
  int begin;  // where the keys or the values start in a block, rounded down to a multiple of four
  int count;  // of their words, with what is rounded
  int next;   // the first block that has not been staged

  // Both are rounded outwards to multiples of four; the layout keeps a head's words at such.
  __device__ __forceinline__ void select(int first, int number) {
    begin = first & ~3;
    count = ((first + number + 3) & ~3) - begin;
  }

  // Begins to copy as many blocks from block next on as have room, in place of those before.
  __device__ __forceinline__ void stage_async(int lane) {
    int copied = min(blocks - next, capacity);
    const unsigned* source = words + next * words_stride + begin + 4 * lane;
    unsigned* target = stage + 4 * lane;
#pragma unroll 1
    for (int w = 4 * lane; w < count; w += 4 * WARP) {
#pragma unroll
      for (int i = 0; i < MAX_STAGED_BLOCKS; i++) {
        if (i < copied) {
          copy_async(target + i * stage_stride, source + i * words_stride);
        }
      }
      source += 4 * WARP;
      target += 4 * WARP;
    }
    copy_async_commit();
    next += copied;
  }

  // The same from the first block on, unless all are here.
  __device__ __forceinline__ void restart_async(int lane) {
    if (blocks > capacity) {
      next = 0;
      stage_async(lane);
    }
  }

  // Waits for the blocks from block next on.
  __device__ __forceinline__ void advance(int lane) {
    __syncwarp();
    stage_async(lane);
    copy_async_wait<0>();
    __syncwarp();
  }
};

// The lower of each two fields of a word, of four, two and one bits. They are not const, so that
// the compiler keeps them as operands, and most choices by mask are one instruction.
__constant__ unsigned FIELD_MASKS[3] = {0x0F0F0F0Fu, 0x33333333u, 0x55555555u};

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

// The sets of a head's keys or values that are read at a time, as a lane has them.
struct set_lanes {
  int plane[SETS_AT_ONCE];        // its channel's first, among the staged words
  int bits[SETS_AT_ONCE];         // of the set's widest
  unsigned column[SETS_AT_ONCE];  // of its tables, in bytes

  __device__ __forceinline__ set_lanes(const channel_set* sets, const lane_channel* lanes,
                                       int first_plane, int lane) {
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      plane[s] = first_plane + lanes[s * WARP + lane].plane;
      bits[s] = sets[s].bits;
      column[s] = (s * WARP + lane) * 4;
    }
  }

  // Sets that have any codes: the widest come first.
  __device__ __forceinline__ int coded() const {
    int sets = 0;
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      sets += bits[s] > 0 ? 1 : 0;
    }
    return sets;
  }

  template <int CODED>
  __device__ __forceinline__ void load(unsigned (&codes)[CODED][CODE_WORDS],
                                       const unsigned* words) const {
#pragma unroll
    for (int s = 0; s < CODED; s++) {
      if (bits[s] > 4) {
        load_codes<8>(codes[s], words + plane[s], bits[s]);
      } else if (bits[s] > 2) {
        load_codes<4>(codes[s], words + plane[s], bits[s]);
      } else {
        load_codes<2>(codes[s], words + plane[s], bits[s]);
      }
    }
  }

  // Of the code in byte k of a word, selected by selector_of(k): the column's byte, the code's, and
  // two of the column's that are zero.
  __device__ __forceinline__ float look_up(int s, unsigned codes, unsigned selector) const {
    return entry_at(__byte_perm(codes, column[s], selector));
  }
};

__device__ __forceinline__ unsigned selector_of(int k) { return 0x5504u | k << 4; }

// Sums over a set's channels for a block's tokens, a lane a token.
struct token_sums {
  // Of the byte at position i, which a lane exchanges with those 8 * i from it.
  unsigned selectors[4];
  int lane;

  __device__ __forceinline__ explicit token_sums(int lane) : lane(lane) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      selectors[i] = opaque(selector_of(i ^ lane / CODE_WORDS));
    }
  }

  // Each lane keeps the sums of half of its tokens and sends those of the others to the lane that
  // keeps them: first by the upper bits of a token's number, the byte of a word, of which a lane
  // reads its own first; then by the lower, the word.
  template <int CODED>
  __device__ __forceinline__ float add(const set_lanes& sets, const unsigned* words) const {
    unsigned codes[CODED][CODE_WORDS];
    sets.load(codes, words);
    float sums[CODE_WORDS];
#pragma unroll
    for (int r = 0; r < CODE_WORDS; r++) {
      float own[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        own[i] = sets.look_up(0, codes[0][r], selectors[i]);
#pragma unroll
        for (int s = 1; s < CODED; s++) {
          own[i] += sets.look_up(s, codes[s][r], selectors[i]);
        }
      }
      own[0] += __shfl_xor_sync(ALL_LANES, own[2], 16);
      own[1] += __shfl_xor_sync(ALL_LANES, own[3], 16);
      sums[r] = own[0] + __shfl_xor_sync(ALL_LANES, own[1], 8);
    }
#pragma unroll
    for (int distance = CODE_WORDS / 2; distance > 0; distance /= 2) {
      bool upper = (lane & distance) != 0;
#pragma unroll
      for (int r = 0; r < distance; r++) {
        float kept = upper ? sums[r + distance] : sums[r];
        float sent = upper ? sums[r] : sums[r + distance];
        sums[r] = kept + __shfl_xor_sync(ALL_LANES, sent, distance);
      }
    }
    return sums[0];
  }
};

// Adds the values of one block's tokens by their weights: of token 8 * k + r at 4 * r + k.
template <int CODED>
__device__ __forceinline__ void add_values(float (&sums)[SETS_AT_ONCE], const set_lanes& sets,
                                           const unsigned* words, const float* weights) {
  unsigned codes[CODED][CODE_WORDS];
  sets.load(codes, words);
#pragma unroll
  for (int r = 0; r < CODE_WORDS; r++) {
    float4 four = reinterpret_cast<const float4*>(weights)[r];
    const float weight[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
    for (int s = 0; s < CODED; s++) {
#pragma unroll
      for (int k = 0; k < 4; k++) {
        sums[s] = fmaf(weight[k], sets.look_up(s, codes[s][r], selector_of(k)), sums[s]);
      }
    }
  }
}

// The tables of keys, times a query; all threads of the block.
__device__ __forceinline__ void build_key_tables(const channel_set* sets, const lane_channel* lanes,
                                                 const float* query, const float* tables) {
  int row = threadIdx.x / ROW_PARTS;
  int column = threadIdx.x % ROW_PARTS * 4;
#pragma unroll
  for (int s = 0; s < SETS_AT_ONCE; s++) {
    float q[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int channel = lanes[s * WARP + column + i].channel;
      q[i] = channel < 0 ? 0.0f : query[channel] * LOG2_E;
    }
    float* target = reinterpret_cast<float*>(smem_raw) + row * ROW_FLOATS + s * WARP + column;
    const float* source = tables + sets[s].table + row * WARP + column;
#pragma unroll 1
    for (int r = row; r < 1 << sets[s].bits; r += ROWS) {
      float4 x = load_cached(reinterpret_cast<const float4*>(source));
      *reinterpret_cast<float4*>(target) =
          make_float4(q[0] * x.x, q[1] * x.y, q[2] * x.z, q[3] * x.w);
      target += ROWS * ROW_FLOATS;
      source += ROWS * WARP;
    }
  }
}

// Begins to copy the tables of values; all threads of the block.
__device__ __forceinline__ void stage_value_tables_async(const channel_set* sets,
                                                         const float* tables) {
  int row = threadIdx.x / ROW_PARTS;
  int column = threadIdx.x % ROW_PARTS * 4;
#pragma unroll
  for (int s = 0; s < SETS_AT_ONCE; s++) {
    float* target = reinterpret_cast<float*>(smem_raw) + row * ROW_FLOATS + s * WARP + column;
    const float* source = tables + sets[s].table + row * WARP + column;
#pragma unroll 1
    for (int r = row; r < 1 << sets[s].bits; r += ROWS) {
      copy_async_cached(target, source);
      target += ROWS * ROW_FLOATS;
      source += ROWS * WARP;
    }
  }
  copy_async_commit();
}

// The scale of the values of the lane's token.
__device__ __forceinline__ float scale_of_token(const unsigned short* value_scales, int slot,
                                                int heads, int head) {
  long long place = (static_cast<long long>(slot) * heads + head) * BLOCK_TOKENS;
  unsigned scale = load_cached(value_scales + place + threadIdx.x % WARP);
  return __uint_as_float(scale << 16);
}

// Merges the warps' states, in the room of the tables, and stores them. sums: of the lane's
// channels.
__device__ __forceinline__ void merge_warps(const float (&sums)[SETS], const lane_channel* lanes,
                                            float max, float denominator, int warp, int lane,
                                            float* output, float2* state) {
  float* states = reinterpret_cast<float*>(smem_raw);
  float* outputs = states + 2 * WARPS;
  __syncthreads();
  if (lane == 0) {
    states[2 * warp] = max;
    states[2 * warp + 1] = denominator;
  }
#pragma unroll
  for (int s = 0; s < SETS; s++) {
    int channel = lanes[s * WARP + lane].channel;
    if (channel >= 0) {
      outputs[warp * HEAD_DIM + channel] = sums[s];
    }
  }
  __syncthreads();
  float merged_max = NEGATIVE_INFINITY;
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    merged_max = fmaxf(merged_max, states[2 * w]);
  }
  float merged_denominator = 0;
  float sum = 0;
  int channel = threadIdx.x;
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    float scale = states[2 * w] == NEGATIVE_INFINITY ? 0.0f : exp2f(states[2 * w] - merged_max);
    merged_denominator = fmaf(states[2 * w + 1], scale, merged_denominator);
    if (channel < HEAD_DIM) {
      sum = fmaf(outputs[w * HEAD_DIM + channel], scale, sum);
    }
  }
  if (channel == 0) {
    *state = make_float2(merged_max, merged_denominator);
  }
  if (channel < HEAD_DIM) {
    output[channel] = sum;
  }
}

// queries [rows, heads, HEAD_DIM], scaled and transformed by A^-T
// words [slots, words_per_slot], value_scales [slots, heads, 32]: kv_cache.cuh
// first_slots [sequences]; sequences [rows], -1 for a row that is padding; kv_lens [sequences]: the
// tokens in packed blocks are all of them or, with tail, those of full blocks
// layouts [heads]; plans [heads]; tables: of the layer
// lanes [heads, 2, SETS, 32]: of keys, then of values
// splits: of partial_outputs and partial_states
// table_floats: of the tables that are in shared memory at a time
// stage_words: of a head's keys or values in a block at most, as they are copied
// staged_blocks: of a warp, whose keys or values have room at once; 1 to MAX_STAGED_BLOCKS
// partial_outputs [rows, heads, splits, HEAD_DIM]
// partial_states [rows, heads, splits]: (m, d)
extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT_BLOCKS)
    packed_decode(const float* queries, const unsigned* words, int words_per_slot,
                  const unsigned short* value_scales, const int* first_slots, const int* sequences,
                  const int* kv_lens, const head_layout* layouts, const head_plan* plans,
                  const lane_channel* lanes, const float* tables, int heads, int splits, int tail,
                  int table_floats, int stage_words, int staged_blocks, float* partial_outputs,
                  float2* partial_states) {
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
  head_layout layout = layouts[head];
  const head_plan& plan = plans[head];
  const lane_channel* key_lanes = lanes + head * 2 * SETS * WARP;
  const lane_channel* value_lanes = key_lanes + SETS * WARP;
  int length = kv_lens[sequence];
  int packed = tail != 0 ? length / BLOCK_TOKENS * BLOCK_TOKENS : length;
  int first_block = split * BLOCKS_PER_SPLIT + warp;
  int end_block = min((split + 1) * BLOCKS_PER_SPLIT, blocks_of(packed));
  int first_slot = first_slots[sequence] + first_block;

  staged_words staged;
  staged.stage_stride = stage_words;
  unsigned* stages = reinterpret_cast<unsigned*>(shared_tables + table_floats);
  staged.stage = stages + warp * staged_blocks * stage_words;
  staged.capacity = staged_blocks;
  staged.words = words + static_cast<long long>(first_slot) * words_per_slot + layout.first_word;
  staged.words_stride = WARPS * words_per_slot;
  staged.blocks = max(0, (end_block - first_block + WARPS - 1) / WARPS);
  staged.select(0, layout.key_planes);
  staged.next = 0;
  staged.stage_async(lane);
  // The first block's; of the next, THREADS further.
  float* logits =
      reinterpret_cast<float*>(stages + WARPS * staged_blocks * stage_words) + warp * WARP;

  const float* query = queries + (static_cast<long long>(row) * heads + head) * HEAD_DIM;
  token_sums adder(lane);
  float max = NEGATIVE_INFINITY;
#pragma unroll
  for (int first_set = 0; first_set < SETS; first_set += SETS_AT_ONCE) {
    if (first_set > 0) {
      __syncthreads();
    }
    set_lanes sets(plan.keys + first_set, key_lanes + first_set * WARP, 0, lane);
    int coded = sets.coded();
    if (first_set > 0 && coded > 0) {
      staged.restart_async(lane);
    }
    build_key_tables(plan.keys + first_set, key_lanes + first_set * WARP, query, tables);
    copy_async_wait<0>();
    __syncthreads();
    // Channels without bits have one centroid: they add the same to the logits of all packed
    // tokens, and nothing to those of a tail.
    float constant = 0;
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      if (s >= coded) {
        constant += warp_sum(entry_at(sets.column[s]));
      }
    }
    const unsigned* block_words = staged.stage;
    float* logit_place = logits + lane;
    int tokens = packed - first_block * BLOCK_TOKENS - lane;  // from the lane's on
    max = NEGATIVE_INFINITY;
#pragma unroll 1
    for (int i = 0; i < staged.blocks; i++) {
      if (coded > 0 && i == staged.next) {
        staged.advance(lane);
        block_words = staged.stage;
      }
      float logit = constant;
      if (coded == 2) {
        logit += adder.add<SETS_AT_ONCE>(sets, block_words);
      } else if (coded == 1) {
        logit += adder.add<1>(sets, block_words);
      }
      if (first_set > 0) {
        logit += *logit_place;
      }
      logit = tokens > 0 ? logit : NEGATIVE_INFINITY;
      *logit_place = logit;
      tokens -= THREADS;
      logit_place += THREADS;
      max = fmaxf(max, logit);
      block_words += staged.stage_stride;
    }
  }
  max = warp_max(max);
  __syncthreads();

  stage_value_tables_async(plan.values, tables);
  staged.select(layout.key_planes, layout.value_planes);
  staged.next = 0;
  staged.stage_async(lane);
  // A block's weights take the place of its logits, in the order in which codes are read: of token
  // 8 * k + r at 4 * r + k.
  int weight_place = lane % CODE_WORDS * 4 + lane / CODE_WORDS;
  float* block_logits = logits;
  float denominator = 0;
#pragma unroll 1
  for (int i = 0; i < staged.blocks; i++) {
    float logit = block_logits[lane];
    float weight = exp2f(logit - max);
    denominator += weight;
    __syncwarp();
    block_logits[weight_place] = weight;
    block_logits += THREADS;
  }
  float total = denominator;  // of the weights as values have them
  if (layout.token_scaled_values != 0) {
    total = 0;
#pragma unroll 1
    for (int i = 0; i < staged.blocks; i++) {
      float* weight = logits + i * THREADS + weight_place;
      // What stands for a token that is not there is nobody's.
      if (*weight != 0) {
        *weight *= scale_of_token(value_scales, first_slot + i * WARPS, heads, head);
      }
      total += *weight;
    }
  }
  denominator = warp_sum(denominator);
  total = warp_sum(total);

  float sums[SETS];
#pragma unroll
  for (int first_set = 0; first_set < SETS; first_set += SETS_AT_ONCE) {
    if (first_set > 0) {
      __syncthreads();
      stage_value_tables_async(plan.values + first_set, tables);
    }
    set_lanes sets(plan.values + first_set, value_lanes + first_set * WARP, layout.key_planes % 4,
                   lane);
    int coded = sets.coded();
    if (first_set > 0 && coded > 0) {
      staged.restart_async(lane);
    }
    copy_async_wait<0>();
    __syncthreads();
    float set_sums[SETS_AT_ONCE] = {};
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      if (s >= coded) {
        set_sums[s] = total * entry_at(sets.column[s]);
      }
    }
    const unsigned* block_words = staged.stage;
    const float* block_weights = logits;
#pragma unroll 1
    for (int i = 0; i < staged.blocks && coded > 0; i++) {
      if (i == staged.next) {
        staged.advance(lane);
        block_words = staged.stage;
      }
      if (coded == 2) {
        add_values<SETS_AT_ONCE>(set_sums, sets, block_words, block_weights);
      } else {
        add_values<1>(set_sums, sets, block_words, block_weights);
      }
      block_words += staged.stage_stride;
      block_weights += THREADS;
    }
#pragma unroll
    for (int s = 0; s < SETS_AT_ONCE; s++) {
      sums[first_set + s] = set_sums[s];
    }
  }

  long long partial = (static_cast<long long>(row) * heads + head) * splits + split;
  merge_warps(sums, value_lanes, max, denominator, warp, lane, partial_outputs + partial * HEAD_DIM,
              partial_states + partial);
}
