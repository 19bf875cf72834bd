// The attention output as the next linear layer's int8 input. A row is read once and kept in
// registers between its maximum and its bytes: 3 bytes an element, memory-bound.
//
// Compiled with -DPRECISION=2, -DWIDTH (the hidden size), -DPIECE and -DROW_WARPS; grid and
// block: rows.cuh.

#include "precision.cuh"

#if PRECISION != PRECISION_INT8
#error "only int8 linear layers take quantized rows"
#endif

#include "rows.cuh"

// x [rows, WIDTH]; quantized [rows, WIDTH]; scales [rows]: x is about scale * quantized.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS_LIMIT, BLOCKS_AN_SM)
    quantize_rows(const activation_t* __restrict__ x, int rows, signed char* __restrict__ quantized,
                  float* __restrict__ scales) {
  __shared__ unsigned maxima[WARP];
  int row = row_of_thread();
  bool in_range = row < rows;
  long long first = static_cast<long long>(row) * WIDTH;
  row_part part = {};
  if (in_range) {
    load_row(x + first, part);
  }
  store_row_quantized(part, in_range, quantized + first, scales + row, maxima);
}
