// Decode attention over a full-precision cache: one query a sequence against the cached keys and
// values, split over the cache's blocks so that few long sequences fill the device too
// (flash-decoding). Each split writes an attention state; merge_states merges them and divides.
//
// A state is (m, d, o) as AttentionState's, but in base 2: logits are taken times log2(e), m is the
// largest of them, d the sum of 2^(logit - m) and o the sum of 2^(logit - m) * value. A split
// without tokens has m = -infinity, d = 0, o = 0.
//
// It is bound by memory: every cached byte is read once, for one flop a byte in bfloat16. A warp
// takes a block of 32 tokens, and every load is 16 bytes a lane and 512 in a row: a lane holds
// VECTOR tokens of one channel, 32 / VECTOR lanes hold a channel, so that a load spans VECTOR
// channels. A lane's VECTOR partial logits are summed over the channels by halving: half of the
// lanes keep the upper half of the tokens, and so on, until each lane holds the logit of one token.
// Softmax is there a lane a token. For the values each lane takes its VECTOR tokens' weights back
// and sums its channels' products over all its blocks; the lanes of a channel are summed once, at
// the end. The maximum is only looked for when some logit exceeds it, which is rare after a few
// blocks.
//
// Cost: 2 * HEAD_DIM * sizeof(activation) bytes and 4 * HEAD_DIM flops a token and head; shuffles:
// 2 VECTOR - 1 and a vote a block.
//
// Compile with -D PRECISION, HEAD_DIM and DECODE_WARPS, the warps that share a split: with
// blocks_per_split a multiple of it none is idle.

#include "kv_cache.cuh"
#include "memory.cuh"
#include "precision.cuh"
#include "warp.cuh"

#define LOG2_E 1.4426950408889634f
#define MINUS_INFINITY __uint_as_float(0xFF800000u)

#define DECODE_THREADS (DECODE_WARPS * WARP)
#define MERGE_THREADS ((HEAD_DIM + WARP - 1) / WARP * WARP)

// Tokens in 16 bytes of a channel; also the channels that a warp's load spans.
#define VECTOR (16 / static_cast<int>(sizeof(activation_t)))
#define CHANNEL_LANES (BLOCK_TOKENS / VECTOR)
#define CHANNEL_STEPS (HEAD_DIM / VECTOR)
// Values are asked for together with the keys while both fit the registers.
#define VALUES_AHEAD (CHANNEL_STEPS <= 8)

static_assert(HEAD_DIM % VECTOR == 0, "a load spans VECTOR channels");

// One warp's state: m is all lanes', d this lane's tokens', o[i] that of the channel
// i * VECTOR + lane / CHANNEL_LANES over this lane's tokens.
struct lane_state {
  float max;
  float denominator;
  float output[CHANNEL_STEPS];
};

__device__ __forceinline__ void reset(lane_state& state) {
  state.max = MINUS_INFINITY;
  state.denominator = 0;
#pragma unroll
  for (int i = 0; i < CHANNEL_STEPS; i++) {
    state.output[i] = 0;
  }
}

// Sixteen bytes as floats.
__device__ __forceinline__ void unpack(uint4 words, float (&x)[VECTOR]) {
#if PRECISION == PRECISION_F32
  x[0] = __uint_as_float(words.x);
  x[1] = __uint_as_float(words.y);
  x[2] = __uint_as_float(words.z);
  x[3] = __uint_as_float(words.w);
#else
  x[0] = low_of_pair(words.x);
  x[1] = high_of_pair(words.x);
  x[2] = low_of_pair(words.y);
  x[3] = high_of_pair(words.y);
  x[4] = low_of_pair(words.z);
  x[5] = high_of_pair(words.z);
  x[6] = low_of_pair(words.w);
  x[7] = high_of_pair(words.w);
#endif
}

// This lane's channels of a query, times log2(e).
__device__ __forceinline__ void load_query(float (&q)[CHANNEL_STEPS], const float* query) {
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int i = 0; i < CHANNEL_STEPS; i++) {
    q[i] = load_cached(query + i * VECTOR + lane / CHANNEL_LANES) * LOG2_E;
  }
}

// Sums partial logits over the lanes that hold the same tokens. Lane l receives that of the token
// first_token(l) + l / CHANNEL_LANES.
__device__ __forceinline__ float sum_over_channels(float (&logits)[VECTOR]) {
  int distance = WARP / 2;
#pragma unroll
  for (int half = VECTOR / 2; half > 0; half /= 2) {
    bool upper = threadIdx.x & distance;
#pragma unroll
    for (int i = 0; i < half; i++) {
      float sent = upper ? logits[i] : logits[i + half];
      float kept = upper ? logits[i + half] : logits[i];
      logits[i] = kept + __shfl_xor_sync(ALL_LANES, sent, distance);
    }
    distance /= 2;
  }
  return logits[0];
}

// The first of the VECTOR tokens of which this lane holds channels.
__device__ __forceinline__ int first_token() { return threadIdx.x % CHANNEL_LANES * VECTOR; }

__device__ __forceinline__ void raise_max(lane_state& state, float logit) {
  if (__any_sync(ALL_LANES, logit > state.max)) {
    float max = warp_max(fmaxf(logit, state.max));
    float scale = exp2f(state.max - max);
    state.max = max;
    state.denominator *= scale;
#pragma unroll
    for (int i = 0; i < CHANNEL_STEPS; i++) {
      state.output[i] *= scale;
    }
  }
}

// Adds the first `tokens` of a block, at least one; what the other lanes of the block hold may be
// anything. block: [2, HEAD_DIM, 32].
template <bool FULL>
__device__ __forceinline__ void add_block(lane_state& state, const float (&q)[CHANNEL_STEPS],
                                          const activation_t* block, int tokens) {
  int lane = threadIdx.x % WARP;
  const uint4* keys = reinterpret_cast<const uint4*>(block) + lane;
  const uint4* values = keys + CHANNEL_STEPS * WARP;
  uint4 value_words[CHANNEL_STEPS];
  if (VALUES_AHEAD) {
#pragma unroll
    for (int i = 0; i < CHANNEL_STEPS; i++) {
      value_words[i] = load_streaming(values + i * WARP);
    }
  }

  float logits[VECTOR] = {};
#pragma unroll
  for (int i = 0; i < CHANNEL_STEPS; i++) {
    float k[VECTOR];
    unpack(load_streaming(keys + i * WARP), k);
#pragma unroll
    for (int t = 0; t < VECTOR; t++) {
      logits[t] = fmaf(q[i], k[t], logits[t]);
    }
  }
  float logit = sum_over_channels(logits);
  if (!FULL && first_token() + lane / CHANNEL_LANES >= tokens) {
    logit = MINUS_INFINITY;
  }

  raise_max(state, logit);
  float weight = exp2f(logit - state.max);
  state.denominator += weight;
  float weights[VECTOR];
#pragma unroll
  for (int t = 0; t < VECTOR; t++) {
    weights[t] = __shfl_sync(ALL_LANES, weight, t * CHANNEL_LANES + threadIdx.x % CHANNEL_LANES);
  }
#pragma unroll
  for (int i = 0; i < CHANNEL_STEPS; i++) {
    float v[VECTOR];
    unpack(VALUES_AHEAD ? value_words[i] : load_streaming(values + i * WARP), v);
#pragma unroll
    for (int t = 0; t < VECTOR; t++) {
      if (FULL || first_token() + t < tokens) {
        state.output[i] = fmaf(weights[t], v[t], state.output[i]);
      }
    }
  }
}

__device__ __forceinline__ void add_tokens(lane_state& state, const float (&q)[CHANNEL_STEPS],
                                           const activation_t* block, int tokens) {
  if (tokens >= BLOCK_TOKENS) {
    add_block<true>(state, q, block, BLOCK_TOKENS);
  } else {
    add_block<false>(state, q, block, tokens);
  }
}

// Sums the state over the warp's lanes: d in all lanes, o[i] in all lanes of its channel.
__device__ __forceinline__ void sum_lanes(lane_state& state) {
  state.denominator = warp_sum(state.denominator);
#pragma unroll
  for (int i = 0; i < CHANNEL_STEPS; i++) {
#pragma unroll
    for (int distance = CHANNEL_LANES / 2; distance > 0; distance /= 2) {
      state.output[i] += __shfl_xor_sync(ALL_LANES, state.output[i], distance);
    }
  }
}

// Writes a summed state's o to [HEAD_DIM].
__device__ __forceinline__ void write_output(const lane_state& state, float* output) {
  int lane = threadIdx.x % WARP;
  if (lane % CHANNEL_LANES == 0) {
#pragma unroll
    for (int i = 0; i < CHANNEL_STEPS; i++) {
      output[i * VECTOR + lane / CHANNEL_LANES] = state.output[i];
    }
  }
}

// 2^(max - new_max), and 0 for a state of no tokens, whichever the other.
__device__ __forceinline__ float merge_scale(float max, float new_max) {
  return max == MINUS_INFINITY ? 0.0f : exp2f(max - new_max);
}

// Grid (splits, heads, rows), block DECODE_THREADS.
//
// queries: [rows, heads, HEAD_DIM], scaled by head_dim^-0.5.
// cache: [slots, heads, 2, HEAD_DIM, 32]; a sequence's blocks are slots in a row.
// first_slot, kv_lens: [sequences]; kv_lens count the tokens to attend to.
// sequences: [rows], the sequence of each row; -1 for padding, of which nothing is written.
// splits, blocks_per_split: split s takes the blocks from s * blocks_per_split on; together they
//     hold the longest sequence.
// partial_outputs: [rows, heads, splits, HEAD_DIM].
// partial_states: [rows, heads, splits] of (m, d).
extern "C" __global__ void __launch_bounds__(DECODE_THREADS)
    full_decode(const float* queries, const activation_t* cache, const int* first_slot,
                const int* sequences, const int* kv_lens, int heads, int splits,
                int blocks_per_split, float* partial_outputs, float2* partial_states) {
  __shared__ float warp_outputs[DECODE_WARPS][HEAD_DIM];
  __shared__ float2 warp_states[DECODE_WARPS];

  int split = blockIdx.x;
  int head = blockIdx.y;
  int row = blockIdx.z;
  int warp = threadIdx.x / WARP;
  int sequence = sequences[row];
  if (sequence < 0) {
    return;
  }
  int kv_len = kv_lens[sequence];
  int end = min((split + 1) * blocks_per_split, blocks_of(kv_len));
  const activation_t* blocks =
      cache + (static_cast<long long>(first_slot[sequence]) * heads + head) * BLOCK_ELEMENTS;
  long long stride = static_cast<long long>(heads) * BLOCK_ELEMENTS;

  float q[CHANNEL_STEPS];
  load_query(q, queries + (static_cast<long long>(row) * heads + head) * HEAD_DIM);
  lane_state state;
  reset(state);
  for (int block = split * blocks_per_split + warp; block < end; block += DECODE_WARPS) {
    add_tokens(state, q, blocks + block * stride, kv_len - block * BLOCK_TOKENS);
  }
  sum_lanes(state);
  write_output(state, warp_outputs[warp]);
  if (threadIdx.x % WARP == 0) {
    warp_states[warp] = make_float2(state.max, state.denominator);
  }
  __syncthreads();

  float max = MINUS_INFINITY;
#pragma unroll
  for (int w = 0; w < DECODE_WARPS; w++) {
    max = fmaxf(max, warp_states[w].x);
  }
  float scales[DECODE_WARPS];
  float denominator = 0;
#pragma unroll
  for (int w = 0; w < DECODE_WARPS; w++) {
    scales[w] = merge_scale(warp_states[w].x, max);
    denominator = fmaf(warp_states[w].y, scales[w], denominator);
  }
  long long part = (static_cast<long long>(row) * heads + head) * splits + split;
  for (int c = threadIdx.x; c < HEAD_DIM; c += DECODE_THREADS) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < DECODE_WARPS; w++) {
      sum = fmaf(warp_outputs[w][c], scales[w], sum);
    }
    partial_outputs[part * HEAD_DIM + c] = sum;
  }
  if (threadIdx.x == 0) {
    partial_states[part] = make_float2(max, denominator);
  }
}

// Attention over the tails of a packed cache, as the last split of the packed blocks' own: the
// kv_len % 32 tokens that fill no block yet. Grid (heads, rows), block one warp.
//
// tails: [sequences, heads, 2, HEAD_DIM, 32]. The rest as full_decode's; the state is written at
// split splits - 1.
extern "C" __global__ void __launch_bounds__(WARP)
    tail_decode(const float* queries, const activation_t* tails, const int* sequences,
                const int* kv_lens, int heads, int splits, float* partial_outputs,
                float2* partial_states) {
  int head = blockIdx.x;
  int row = blockIdx.y;
  int sequence = sequences[row];
  if (sequence < 0) {
    return;
  }
  int tokens = kv_lens[sequence] % BLOCK_TOKENS;
  long long row_head = static_cast<long long>(row) * heads + head;
  lane_state state;
  reset(state);
  if (tokens > 0) {
    float q[CHANNEL_STEPS];
    load_query(q, queries + row_head * HEAD_DIM);
    long long tail = static_cast<long long>(sequence) * heads + head;
    add_block<false>(state, q, tails + tail * BLOCK_ELEMENTS, tokens);
  }
  sum_lanes(state);
  long long part = row_head * splits + splits - 1;
  write_output(state, partial_outputs + part * HEAD_DIM);
  if (threadIdx.x == 0) {
    partial_states[part] = make_float2(state.max, state.denominator);
  }
}

// Merges the splits' states and divides. Grid (heads, rows), block MERGE_THREADS.
//
// partial_outputs, partial_states: as full_decode writes them, here only read; some split of every
// row has a token. sequences: [rows]; -1 for a row of padding, of which nothing is written.
// output: [rows, heads, HEAD_DIM].
extern "C" __global__ void __launch_bounds__(MERGE_THREADS)
    merge_states(const float* partial_outputs, const float2* partial_states, const int* sequences,
                 int heads, int splits, activation_t* output) {
  int head = blockIdx.x;
  int row = blockIdx.y;
  int channel = threadIdx.x;
  if (sequences[row] < 0 || channel >= HEAD_DIM) {
    return;
  }
  long long row_head = static_cast<long long>(row) * heads + head;
  const float2* states = partial_states + row_head * splits;
  const float* outputs = partial_outputs + row_head * splits * HEAD_DIM + channel;
  float max = MINUS_INFINITY;
#pragma unroll 4
  for (int s = 0; s < splits; s++) {
    max = fmaxf(max, states[s].x);
  }
  float denominator = 0;
  float sum = 0;
#pragma unroll 4
  for (int s = 0; s < splits; s++) {
    float2 state = states[s];
    float scale = merge_scale(state.x, max);
    denominator = fmaf(state.y, scale, denominator);
    sum = fmaf(outputs[static_cast<long long>(s) * HEAD_DIM], scale, sum);
  }
  store(output + row_head * HEAD_DIM + channel, sum / denominator);
}
