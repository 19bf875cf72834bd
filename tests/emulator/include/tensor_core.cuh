// The kernels' tensor_core.cuh for the emulator: the same functions; the last lane to arrive does
// the work of the warp, in collectives.cpp.
#pragma once

inline void multiply_add(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                         TURBOESM_EMULATOR_PLACE) {
  MultiplyAddOperands operands = {c, a, b};
  turboesm_emulator_collective(MULTIPLY_ADD, &operands, "multiply_add", file, line);
}

inline void load_matrices(unsigned (&words)[4], const void* row, TURBOESM_EMULATOR_PLACE) {
  LoadMatricesOperands operands = {words, row};
  turboesm_emulator_collective(LOAD_MATRICES, &operands, "load_matrices", file, line);
}

inline void load_matrices_transposed(unsigned (&words)[4], const void* row,
                                     TURBOESM_EMULATOR_PLACE) {
  LoadMatricesOperands operands = {words, row};
  turboesm_emulator_collective(LOAD_MATRICES_TRANSPOSED, &operands, "load_matrices_transposed",
                               file, line);
}
