// Fragments as the PTX ISA lays them out for mma.m16n8k16 and ldmatrix; tensor_core.cuh of the
// kernels states the same.
#include "collectives.h"

#include <cstdint>
#include <cstring>

namespace turboesm_emulator {

namespace {

constexpr int LANES = 32;
constexpr int M = 16;
constexpr int N = 8;
constexpr int K = 16;

float low_of(unsigned pair) {
  unsigned bits = pair << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

float high_of(unsigned pair) {
  unsigned bits = pair & 0xFFFF0000u;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

void multiply_add(void* const* payloads) {
  float a[M][K];
  float b[K][N];
  for (int lane = 0; lane < LANES; lane++) {
    const auto& operands = *static_cast<const MultiplyAddOperands*>(payloads[lane]);
    int g = lane / 4;
    int i = lane % 4;
    for (int word = 0; word < 4; word++) {
      int row = g + 8 * (word % 2);
      int column = 2 * i + 8 * (word / 2);
      a[row][column] = low_of(operands.a[word]);
      a[row][column + 1] = high_of(operands.a[word]);
    }
    for (int word = 0; word < 2; word++) {
      int row = 2 * i + 8 * word;
      b[row][g] = low_of(operands.b[word]);
      b[row + 1][g] = high_of(operands.b[word]);
    }
  }
  float c[M][N] = {};
  for (int m = 0; m < M; m++) {
    for (int k = 0; k < K; k++) {
      for (int n = 0; n < N; n++) {
        c[m][n] += a[m][k] * b[k][n];
      }
    }
  }
  for (int lane = 0; lane < LANES; lane++) {
    float* sums = static_cast<const MultiplyAddOperands*>(payloads[lane])->c;
    int g = lane / 4;
    int i = lane % 4;
    sums[0] += c[g][2 * i];
    sums[1] += c[g][2 * i + 1];
    sums[2] += c[g + 8][2 * i];
    sums[3] += c[g + 8][2 * i + 1];
  }
}

int load_matrices(void* const* payloads, bool transposed) {
  unsigned short rows[LANES][8];
  for (int lane = 0; lane < LANES; lane++) {
    const void* row = static_cast<const LoadMatricesOperands*>(payloads[lane])->row;
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
      return lane;
    }
    memcpy(rows[lane], row, sizeof rows[lane]);
  }
  for (int lane = 0; lane < LANES; lane++) {
    unsigned* words = static_cast<const LoadMatricesOperands*>(payloads[lane])->words;
    int line = lane / 4;
    int pair = 2 * (lane % 4);
    for (int matrix = 0; matrix < 4; matrix++) {
      const auto* cells = rows + 8 * matrix;
      unsigned low = transposed ? cells[pair][line] : cells[line][pair];
      unsigned high = transposed ? cells[pair + 1][line] : cells[line][pair + 1];
      words[matrix] = low | (high << 16);
    }
  }
  return -1;
}

}  // namespace

int perform(DeviceCollective collective, void* const* payloads) {
  switch (collective) {
    case MULTIPLY_ADD:
      multiply_add(payloads);
      return -1;
    case LOAD_MATRICES:
      return load_matrices(payloads, false);
    case LOAD_MATRICES_TRANSPOSED:
      return load_matrices(payloads, true);
  }
  return -1;
}

}  // namespace turboesm_emulator
