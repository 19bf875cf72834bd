// How far the rows of two runs are apart, so that two numbers a row cross to the host and not two
// rows: 8 bytes an element are read once, memory-bound.
//
// A warp a row. Grid: (rows / rows in a block, rounded up).

#include "warp.cuh"

struct row_sums {
  float squared_reference;
  float squared_error;
};

__device__ __forceinline__ void add_pair(row_sums& sums, float reference, float actual) {
  float error = actual - reference;
  sums.squared_reference = fmaf(reference, reference, sums.squared_reference);
  sums.squared_error = fmaf(error, error, sums.squared_error);
}

// |reference|^2 and |actual - reference|^2 of each row. reference, actual [rows, hidden]; errors
// [rows, 2].
extern "C" __global__ void row_errors(const float* __restrict__ reference,
                                      const float* __restrict__ actual, int rows, int hidden,
                                      float* __restrict__ errors) {
  int row = blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= rows) {
    return;
  }
  const float* expected = reference + static_cast<long long>(row) * hidden;
  const float* found = actual + static_cast<long long>(row) * hidden;
  row_sums partial[4] = {};
  if (hidden % 4 == 0) {
#pragma unroll 4
    for (int c = lane * 4; c < hidden; c += WARP * 4) {
      float4 a = *reinterpret_cast<const float4*>(expected + c);
      float4 b = *reinterpret_cast<const float4*>(found + c);
      add_pair(partial[0], a.x, b.x);
      add_pair(partial[1], a.y, b.y);
      add_pair(partial[2], a.z, b.z);
      add_pair(partial[3], a.w, b.w);
    }
  } else {
    for (int c = lane; c < hidden; c += WARP) {
      add_pair(partial[0], expected[c], found[c]);
    }
  }
  row_sums sums = {};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    sums.squared_reference += partial[i].squared_reference;
    sums.squared_error += partial[i].squared_error;
  }
  float2 total = make_float2(warp_sum(sums.squared_reference), warp_sum(sums.squared_error));
  if (lane == 0) {
    reinterpret_cast<float2*>(errors)[row] = total;
  }
}
