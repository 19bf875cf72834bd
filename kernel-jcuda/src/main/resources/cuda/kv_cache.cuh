// The packed KV cache on the device: where a head's words, tables and tail lie. The format of a
// block is PackedKvLayout's; this file is its only counterpart on this side.
//
// A slot holds one block of 32 tokens of all heads of one layer: head h's words from
// heads[h].first_word on, its key planes channel by channel, then its value planes. The blocks of
// one sequence are slots in a row. Where values are scaled by token, a slot also has a bfloat16 for
// each head and token, [slots, heads, 32].
//
// A tail, and a block of a full-precision cache, is [2, HEAD_DIM, 32] activations: keys, then
// values, channel by channel, a lane a token; a tail for each [sequences, heads], full blocks for
// each [slots, heads].
#pragma once

#define BLOCK_TOKENS 32
#define MAX_BITS 8
#define BLOCK_ELEMENTS (2 * HEAD_DIM * BLOCK_TOKENS)

// One head of a layer, [heads]; sizes in words.
struct head_layout {
  int first_word;
  int key_planes;
  int value_planes;
  int token_scaled_values;
};

// One channel's code, [heads, 2, HEAD_DIM]: keys, then values.
struct channel_code {
  int plane;  // its first plane, counted from the head's first key plane
  int bits;   // 0 to 8
  int table;  // where its 2^bits entries start in the layer's centroids and trees of thresholds
  int unused;
};

__device__ __forceinline__ int blocks_of(int tokens) {
  return (tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
}

// The number of the channel's thresholds below the value, as Codebook.code. thresholds: of the
// channel, a search tree level by level from entry 1, the middle one: entry i is followed by 2 * i
// for what is not above it and by 2 * i + 1 for what is. A NaN has code 0.
__device__ __forceinline__ int code_of(const float* thresholds, int bits, float value) {
  int node = 1;
  for (int bit = 0; bit < bits; bit++) {
    node = 2 * node + (value > thresholds[node] ? 1 : 0);
  }
  return node - (1 << bits);
}
