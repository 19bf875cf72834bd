// Panels of both operands are converted to rows along k, then multiplied in small tiles that the
// compiler keeps in vector registers.
#include "gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace turboesm_emulator {

namespace {

constexpr int64_t ROWS = 64;     // of op(A) a panel
constexpr int64_t COLUMNS = 64;  // of op(B) a panel
constexpr int64_t DEPTH = 512;   // of k a panel
constexpr int64_t TILE_ROWS = 4;
constexpr int64_t TILE_COLUMNS = 4;

float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

uint32_t to_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

uint16_t to_bfloat16(float x) {
  uint32_t bits = to_bits(x);
  if (x != x) {
    return 0x7FFF;
  }
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// 10 mantissa bits are left, rounded to nearest even; infinities and NaNs stay.
float to_tf32(float x) {
  uint32_t bits = to_bits(x);
  if ((bits & 0x7F800000u) == 0x7F800000u) {
    return x;
  }
  return from_bits((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFFu);
}

struct FloatElement {
  static float read(const void* data, int64_t at) { return static_cast<const float*>(data)[at]; }
};

struct Tf32Element {
  static float read(const void* data, int64_t at) {
    return to_tf32(static_cast<const float*>(data)[at]);
  }
};

struct Bfloat16Element {
  static float read(const void* data, int64_t at) {
    return from_bits(static_cast<uint32_t>(static_cast<const uint16_t*>(data)[at]) << 16);
  }
};

struct Int8Element {
  static int16_t read(const void* data, int64_t at) { return static_cast<const int8_t*>(data)[at]; }
};

// Rows of the panel, each of `depth` elements along k; rows at `stride`, k at `step`.
template <typename Element, typename T>
void pack(T* panel, const void* data, int64_t first, int64_t stride, int64_t step, int64_t rows,
          int64_t depth) {
  for (int64_t r = 0; r < rows; r++) {
    T* row = panel + r * DEPTH;
    int64_t start = first + r * stride;
    if (step == 1) {
      for (int64_t d = 0; d < depth; d++) {
        row[d] = Element::read(data, start + d);
      }
    } else {
      for (int64_t d = 0; d < depth; d++) {
        row[d] = Element::read(data, start + d * step);
      }
    }
  }
}

// sums [COLUMNS, ROWS] += the panels' products; rows beyond the panel's end hold anything.
template <typename T, typename Sum>
void multiply_panels(Sum* sums, const T* a, const T* b, int64_t rows, int64_t columns,
                     int64_t depth) {
  for (int64_t j = 0; j < columns; j += TILE_COLUMNS) {
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
      Sum tile[TILE_ROWS * TILE_COLUMNS] = {};
      const T* a0 = a + i * DEPTH;
      const T* b0 = b + j * DEPTH;
      Sum s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
      Sum s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
      for (int64_t d = 0; d < depth; d++) {
        Sum x0 = a0[d], x1 = a0[DEPTH + d], x2 = a0[2 * DEPTH + d], x3 = a0[3 * DEPTH + d];
        Sum y0 = b0[d], y1 = b0[DEPTH + d], y2 = b0[2 * DEPTH + d], y3 = b0[3 * DEPTH + d];
        s00 += x0 * y0, s10 += x1 * y0, s20 += x2 * y0, s30 += x3 * y0;
        s01 += x0 * y1, s11 += x1 * y1, s21 += x2 * y1, s31 += x3 * y1;
        s02 += x0 * y2, s12 += x1 * y2, s22 += x2 * y2, s32 += x3 * y2;
        s03 += x0 * y3, s13 += x1 * y3, s23 += x2 * y3, s33 += x3 * y3;
      }
      const Sum done[] = {s00, s10, s20, s30, s01, s11, s21, s31,
                          s02, s12, s22, s32, s03, s13, s23, s33};
      memcpy(tile, done, sizeof tile);
      for (int64_t y = 0; y < TILE_COLUMNS; y++) {
        for (int64_t x = 0; x < TILE_ROWS; x++) {
          sums[(j + y) * ROWS + i + x] += tile[y * TILE_ROWS + x];
        }
      }
    }
  }
}

template <typename Scale>
void store(const Gemm& gemm, int64_t at, Scale sum, Scale alpha, Scale beta) {
  Scale value = alpha * sum;
  switch (gemm.output_type) {
    case ElementType::BFLOAT16: {
      auto* c = static_cast<uint16_t*>(gemm.c) + at;
      if (beta != 0) {
        value += beta * static_cast<Scale>(from_bits(static_cast<uint32_t>(*c) << 16));
      }
      *c = to_bfloat16(static_cast<float>(value));
      break;
    }
    case ElementType::FLOAT32: {
      auto* c = static_cast<float*>(gemm.c) + at;
      *c = static_cast<float>(beta == 0 ? value : value + beta * static_cast<Scale>(*c));
      break;
    }
    default: {
      auto* c = static_cast<int32_t*>(gemm.c) + at;
      *c = static_cast<int32_t>(beta == 0 ? value : value + beta * static_cast<Scale>(*c));
      break;
    }
  }
}

template <typename Element, typename T, typename Sum>
void multiply_elements(const Gemm& gemm, Sum alpha, Sum beta) {
  // Strides of op(A)'s rows and of k; op(B)'s columns and of k.
  int64_t a_row = gemm.transpose_a ? gemm.lda : 1;
  int64_t a_step = gemm.transpose_a ? 1 : gemm.lda;
  int64_t b_column = gemm.transpose_b ? 1 : gemm.ldb;
  int64_t b_step = gemm.transpose_b ? gemm.ldb : 1;
  // Room for the last tile's rows beyond the panel.
  std::vector<T> a(ROWS * DEPTH);
  std::vector<T> b(COLUMNS * DEPTH);
  std::vector<Sum> sums(ROWS * COLUMNS);
  for (int64_t j = 0; j < gemm.n; j += COLUMNS) {
    int64_t columns = std::min(COLUMNS, gemm.n - j);
    for (int64_t i = 0; i < gemm.m; i += ROWS) {
      int64_t rows = std::min(ROWS, gemm.m - i);
      std::fill(sums.begin(), sums.end(), Sum{0});
      for (int64_t d = 0; d < gemm.k; d += DEPTH) {
        int64_t depth = std::min(DEPTH, gemm.k - d);
        pack<Element>(a.data(), gemm.a, i * a_row + d * a_step, a_row, a_step, rows, depth);
        pack<Element>(b.data(), gemm.b, j * b_column + d * b_step, b_column, b_step, columns,
                      depth);
        multiply_panels(sums.data(), a.data(), b.data(), rows, columns, depth);
      }
      for (int64_t y = 0; y < columns; y++) {
        for (int64_t x = 0; x < rows; x++) {
          store(gemm, i + x + (j + y) * gemm.ldc, sums[y * ROWS + x], alpha, beta);
        }
      }
    }
  }
}

}  // namespace

int bytes_of(ElementType type) {
  switch (type) {
    case ElementType::FLOAT32:
    case ElementType::INT32:
      return 4;
    case ElementType::BFLOAT16:
      return 2;
    case ElementType::INT8:
      return 1;
  }
  return 0;
}

void multiply(const Gemm& gemm, float alpha, float beta) {
  if (gemm.input_type == ElementType::BFLOAT16) {
    multiply_elements<Bfloat16Element, float>(gemm, alpha, beta);
  } else if (gemm.tf32) {
    multiply_elements<Tf32Element, float>(gemm, alpha, beta);
  } else {
    multiply_elements<FloatElement, float>(gemm, alpha, beta);
  }
}

void multiply(const Gemm& gemm, int alpha, int beta) {
  multiply_elements<Int8Element, int16_t>(gemm, alpha, beta);
}

}  // namespace turboesm_emulator
