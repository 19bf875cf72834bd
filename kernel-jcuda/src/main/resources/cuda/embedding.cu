// Token embeddings, the residual stream's first value. The table of some 33 rows stays in L2, so
// the kernel writes 4 bytes an element and reads next to nothing.
//
// A warp a row. Grid: (rows / rows in a block, rounded up).

#include "warp.cuh"

// x = word_embeddings[token] * scale of the token's sequence; zeros for mask_token, where token
// dropout is on: -1 zeroes none. tokens, sequence_of_token [rows]; sequence_scales [sequences];
// word_embeddings [vocabulary, hidden]; x [rows, hidden].
extern "C" __global__ void embed_tokens(const int* __restrict__ tokens,
                                        const int* __restrict__ sequence_of_token,
                                        const float* __restrict__ sequence_scales,
                                        const float* __restrict__ word_embeddings, int mask_token,
                                        int rows, int hidden, float* __restrict__ x) {
  int row = blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= rows) {
    return;
  }
  int token = tokens[row];
  bool is_zero = token == mask_token;
  float scale = sequence_scales[sequence_of_token[row]];
  const float* source = word_embeddings + static_cast<long long>(token) * hidden;
  float* target = x + static_cast<long long>(row) * hidden;
  if (hidden % 4 == 0) {
#pragma unroll 4
    for (int c = lane * 4; c < hidden; c += WARP * 4) {
      float4 four = *reinterpret_cast<const float4*>(source + c);
      *reinterpret_cast<float4*>(target + c) =
          is_zero ? make_float4(0, 0, 0, 0)
                  : make_float4(four.x * scale, four.y * scale, four.z * scale, four.w * scale);
    }
  } else {
    for (int c = lane; c < hidden; c += WARP) {
      target[c] = is_zero ? 0 : source[c] * scale;
    }
  }
}
