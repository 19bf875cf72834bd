// What follows a linear layer's product: its bias, and in the feed-forward the exact GELU, x Phi(x)
// (Hendrycks and Gimpel 2016), rounded or quantized to the next linear layer's input.
//
// bias_gelu moves 4 bytes an element in bfloat16 (8 in float, 5 in int8): an H100 has the time of
// about 34 instructions an element for that, and x / 2 (1 + erff(x / sqrt(2))) takes them all. So
// Phi comes from one polynomial, see gelu below. Rows stay in registers, since int8 needs a row's
// maximum first.
//
// Compiled with -DPRECISION, -DWIDTH (bias_gelu's row), -DPIECE (1, 4, and for bfloat16 8) and
// -DROW_WARPS; bias_gelu's grid and block: rows.cuh.

#include "rows.cuh"

// GELU by the upper tail Q(y) = Phi(-y) of the normal distribution: x Phi(x) = max(x, 0) - |x|
// Q(|x|), which unlike 1 + erf cancels nothing where x is negative. -log2 Q(y) is smooth, 1 at y =
// 0; the polynomial is fitted to it on [0, 6] in the maximum norm, weighted by max(Q, 1e-3): Q is
// off by at most 4e-9, and the whole by 8e-8 |x| in float, beside 2^-22 |x| Q of ex2.approx. Beyond
// 6, Q is below 1e-9 and stands still. NaN is kept by the last product.
__device__ __forceinline__ float gelu(float x) {
  float y = fminf(fabsf(x), 6.0f);
  float bits = 2.649947e-08f;
  bits = fmaf(bits, y, -8.0473234e-07f);
  bits = fmaf(bits, y, 1.044125e-05f);
  bits = fmaf(bits, y, -7.363942e-05f);
  bits = fmaf(bits, y, 0.00027050293f);
  bits = fmaf(bits, y, 1.8598836e-05f);
  bits = fmaf(bits, y, -0.0069698878f);
  bits = fmaf(bits, y, 0.052457333f);
  bits = fmaf(bits, y, 0.4592153f);
  bits = fmaf(bits, y, 1.1511049f);
  bits = fmaf(bits, y, 1.0f);
  return fmaf(-fabsf(x), exp2f(-bits), fmaxf(x, 0.0f));
}

// out = GELU(dequantized product + bias). product [rows, WIDTH]; of it, for int8 only: row_scales
// [rows], column_scales [WIDTH]; bias [WIDTH]; out [rows, WIDTH], may be the product where both are
// of one type; for int8 only: out_scales [rows].
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS_LIMIT, BLOCKS_AN_SM)
    bias_gelu(const product_t* product, const float* __restrict__ row_scales,
              const float* __restrict__ column_scales, const float* __restrict__ bias, int rows,
              linear_input_t* out, float* out_scales) {
  int row = row_of_thread();
  bool in_range = row < rows;
  long long first = static_cast<long long>(row) * WIDTH;
  row_part part = {};
  if (in_range) {
    float row_scale = product_row_scale(row_scales, row);
#pragma unroll
    for (int i = 0; i < THREAD_PIECES; i++) {
      if (holds_piece(i)) {
        int column = piece_column(i);
        load_product(product + first + column, row_scale, column_scales + column, part[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < THREAD_PIECES; i++) {
      if (holds_piece(i)) {
        float b[PIECE];
        load_piece(bias + piece_column(i), b);
#pragma unroll
        for (int e = 0; e < PIECE; e++) {
          part[i][e] = gelu(part[i][e] + b[e]);
        }
      }
    }
  }
#if PRECISION == PRECISION_INT8
  __shared__ unsigned maxima[WARP];
  store_row_quantized(part, in_range, out + first, out_scales + row, maxima);
#else
  if (in_range) {
    store_row(out + first, part);
  }
#endif
}

// out = dequantized product + bias, in float, for rows of any width. product [rows, width]; of it,
// for int8 only: row_scales [rows], column_scales [width]; bias [width]; out [rows, width]. A
// thread an element: rows are as narrow as a vocabulary. Grid: (rows * width / block, rounded up).
extern "C" __global__ void bias_add(const product_t* __restrict__ product,
                                    const float* __restrict__ row_scales,
                                    const float* __restrict__ column_scales,
                                    const float* __restrict__ bias, int rows, int width,
                                    float* __restrict__ out) {
  long long index = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= static_cast<long long>(rows) * width) {
    return;
  }
  int row = static_cast<int>(index / width);
  int column = static_cast<int>(index - static_cast<long long>(row) * width);
  out[index] = dequantize(product, index, row, column, row_scales, column_scales) + bias[column];
}
