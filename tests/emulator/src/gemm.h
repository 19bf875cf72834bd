// Products of column-major matrices with float or int32 sums.
#pragma once

#include <cstdint>

namespace turboesm_emulator {

// As cudaDataType numbers them.
enum class ElementType { FLOAT32 = 0, INT8 = 3, INT32 = 10, BFLOAT16 = 14 };

// Bytes of one element; 0 for a type that is none of ours.
int bytes_of(ElementType type);

// op(A) [m, k], op(B) [k, n], C [m, n].
struct Gemm {
  bool transpose_a;
  bool transpose_b;
  int64_t m;
  int64_t n;
  int64_t k;
  ElementType input_type;
  ElementType output_type;
  // Inputs lose the mantissa bits that TF32 has not.
  bool tf32;
  const void* a;
  int64_t lda;
  const void* b;
  int64_t ldb;
  void* c;
  int64_t ldc;
};

// C = alpha op(A) op(B) + beta C; C is not read if beta is 0. Sums have a fixed order.
void multiply(const Gemm& gemm, float alpha, float beta);
// The same with int8 inputs and int32 output.
void multiply(const Gemm& gemm, int alpha, int beta);

}  // namespace turboesm_emulator
