// Tensor-core products of bfloat16 with float sums, by mma.sync (sm_80 and newer; PTX ISA, "Matrix
// Fragments for mma.m16n8k16"). With g = lane / 4 and i = lane % 4, a lane holds
//
//   A [16, 16] row-major: a[0] = A[g][2i, 2i+1], a[1] = A[g+8][2i, 2i+1],
//                         a[2] = A[g][2i+8, 2i+9], a[3] = A[g+8][2i+8, 2i+9]
//   B [16, 8]:            b[0] = B[2i, 2i+1][g], b[1] = B[2i+8, 2i+9][g]
//   C [16, 8]:            c[0], c[1] = C[g][2i, 2i+1], c[2], c[3] = C[g+8][2i, 2i+1]
//
// pairs with the lower index in a word's lower half.
#pragma once

// C += A B.
__device__ __forceinline__ void multiply_add(float (&c)[4], const unsigned (&a)[4],
                                             const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four matrices of [8, 8] bfloat16 from shared memory: lane l gives the address of row l % 8 of
// matrix l / 8, a multiple of 16, and receives of each matrix m row lane / 4's pair lane % 4 in m's
// word.
__device__ __forceinline__ void load_matrices(unsigned (&words)[4], const void* row) {
  unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(address));
}

// The same, each matrix transposed: the lane receives column lane / 4's pair of rows.
__device__ __forceinline__ void load_matrices_transposed(unsigned (&words)[4], const void* row) {
  unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(address));
}
