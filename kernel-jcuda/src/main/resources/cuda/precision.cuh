// The number formats of one engine, chosen by -DPRECISION:
//
//   PRECISION         activation   linear_input  product
//   PRECISION_F32     float        float         float
//   PRECISION_BF16    bfloat16     bfloat16      bfloat16
//   PRECISION_INT8    bfloat16     int8          int32
//
// activation: queries, keys, values and attention outputs. linear_input: what a linear layer
// multiplies; int8 rows carry a float scale each. product: what its GEMM writes, without bias;
// int32 sums are multiplied by the row's scale and the output channel's. The residual stream is
// float.
#pragma once

#include "bfloat16.cuh"

#define PRECISION_F32 0
#define PRECISION_BF16 1
#define PRECISION_INT8 2

#if PRECISION == PRECISION_F32
typedef float activation_t;
typedef float linear_input_t;
typedef float product_t;
#elif PRECISION == PRECISION_BF16
typedef bfloat16 activation_t;
typedef bfloat16 linear_input_t;
typedef bfloat16 product_t;
#elif PRECISION == PRECISION_INT8
typedef bfloat16 activation_t;
typedef signed char linear_input_t;
typedef int product_t;
#else
#error "PRECISION must be PRECISION_F32, PRECISION_BF16 or PRECISION_INT8"
#endif

__device__ __forceinline__ float to_float(float x) { return x; }

__device__ __forceinline__ void store(float* target, float x) { *target = x; }

__device__ __forceinline__ void store(bfloat16* target, float x) { *target = to_bfloat16(x); }

// One element of a GEMM's output, in float. The scales are read for int8 only and may be null
// otherwise: row_scales [rows], column_scales [columns].
__device__ __forceinline__ float dequantize(const product_t* product, long long index, int row,
                                            int column, const float* row_scales,
                                            const float* column_scales) {
#if PRECISION == PRECISION_INT8
  return static_cast<float>(product[index]) * row_scales[row] * column_scales[column];
#else
  return to_float(product[index]);
#endif
}
