// Mean embeddings: every hidden state is read once, 4 bytes an element, and added: memory-bound.
//
// Block: -DPOOL_WARPS warps. A lane holds 4 neighbouring channels (1, where 4 do not divide the
// hidden size), the warps share the tokens in turn, so that a long protein is no single chain of
// loads. Grid: (sequences, hidden_size / channels in a block, rounded up). A sum's order depends on
// its own sequence's length only: equal whatever else is in the batch.

#include "pieces.cuh"
#include "warp.cuh"

// source: the channel's in the first of the tokens, rows of hidden_size apart.
template <int CHANNELS>
__device__ __forceinline__ void sum_tokens(const float* source, int tokens, int hidden_size,
                                           float (&sum)[CHANNELS]) {
  // Several loads of a thread in flight; enough warps share the tokens for the rest.
#pragma unroll 4
  for (int t = threadIdx.x / WARP; t < tokens; t += POOL_WARPS) {
    float piece[CHANNELS];
    load_piece(source + static_cast<long long>(t) * hidden_size, piece);
#pragma unroll
    for (int c = 0; c < CHANNELS; c++) {
      sum[c] += piece[c];
    }
  }
}

template <int CHANNELS>
__device__ __forceinline__ void pool(const float* hidden, int first, int tokens, int hidden_size,
                                     float* means, float (*sums)[WARP * 4]) {
  int warp = threadIdx.x / WARP;
  int in_block = threadIdx.x % WARP * CHANNELS;
  int channel = blockIdx.y * WARP * CHANNELS + in_block;
  float sum[CHANNELS] = {};
  if (channel < hidden_size) {
    sum_tokens(hidden + static_cast<long long>(first) * hidden_size + channel, tokens, hidden_size,
               sum);
  }
  store_piece(sums[warp] + in_block, sum);
  __syncthreads();
  if (warp > 0 || channel >= hidden_size) {
    return;
  }
  for (int w = 1; w < POOL_WARPS; w++) {
    float other[CHANNELS];
    load_piece(sums[w] + in_block, other);
#pragma unroll
    for (int c = 0; c < CHANNELS; c++) {
      sum[c] += other[c];
    }
  }
#pragma unroll
  for (int c = 0; c < CHANNELS; c++) {
    sum[c] /= tokens;
  }
  store_piece(means + static_cast<long long>(blockIdx.x) * hidden_size + channel, sum);
}

// The mean over each sequence's residues, that is without its first and last token; NaN for a
// sequence of two tokens, which has none. hidden [tokens, hidden_size]; cu_seqlens [sequences + 1];
// means [sequences, hidden_size].
extern "C" __global__ void __launch_bounds__(WARP* POOL_WARPS)
    mean_pool(const float* __restrict__ hidden, const int* __restrict__ cu_seqlens, int hidden_size,
              float* __restrict__ means) {
  __shared__ __align__(16) float sums[POOL_WARPS][WARP * 4];
  int first = cu_seqlens[blockIdx.x] + 1;
  int tokens = cu_seqlens[blockIdx.x + 1] - first - 1;
  if (hidden_size % 4 == 0) {
    pool<4>(hidden, first, tokens, hidden_size, means, sums);
  } else {
    pool<1>(hidden, first, tokens, hidden_size, means, sums);
  }
}
