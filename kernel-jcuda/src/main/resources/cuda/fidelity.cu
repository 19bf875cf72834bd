// How far the results of two runs are apart, row by row, so that only four or two numbers a row
// cross to the host: 8 bytes an element are read once, memory-bound.
//
// A warp a row. Grid: (rows / rows in a block, rounded up).

#include "warp.cuh"

struct comparison {
  float dot;
  float squared_reference;
  float squared_actual;
  float squared_error;
};

__device__ __forceinline__ void add_pair(comparison& sums, float reference, float actual) {
  float error = actual - reference;
  sums.dot = fmaf(reference, actual, sums.dot);
  sums.squared_reference = fmaf(reference, reference, sums.squared_reference);
  sums.squared_actual = fmaf(actual, actual, sums.squared_actual);
  sums.squared_error = fmaf(error, error, sums.squared_error);
}

// dot, |reference|^2, |actual|^2 and |actual - reference|^2 of each row. reference, actual [rows,
// hidden]; sums [rows, 4].
extern "C" __global__ void compare_rows(const float* __restrict__ reference,
                                        const float* __restrict__ actual, int rows, int hidden,
                                        float* __restrict__ sums) {
  int row = blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= rows) {
    return;
  }
  const float* expected = reference + static_cast<long long>(row) * hidden;
  const float* found = actual + static_cast<long long>(row) * hidden;
  comparison partial[4] = {};
  if (hidden % 4 == 0) {
#pragma unroll 2
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
  float dot = 0;
  float squared_reference = 0;
  float squared_actual = 0;
  float squared_error = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    dot += partial[i].dot;
    squared_reference += partial[i].squared_reference;
    squared_actual += partial[i].squared_actual;
    squared_error += partial[i].squared_error;
  }
  float4 total = make_float4(warp_sum(dot), warp_sum(squared_reference), warp_sum(squared_actual),
                             warp_sum(squared_error));
  if (lane == 0) {
    reinterpret_cast<float4*>(sums)[row] = total;
  }
}

// A row's softmax: a logit's log-probability is logit - max - log_sum.
struct softmax {
  double max;
  double log_sum;
  int likeliest;  // the first of the largest; 0 where a logit is no number
};

__device__ __forceinline__ double warp_sum(double x) {
#pragma unroll
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(ALL_LANES, x, distance);
  }
  return x;
}

__device__ __forceinline__ softmax softmax_of(const float* logits, int vocabulary, int lane) {
  float max = __int_as_float(0xFF800000);  // -infinity
  int likeliest = vocabulary;
  for (int i = lane; i < vocabulary; i += WARP) {
    if (logits[i] > max) {
      max = logits[i];
      likeliest = i;
    }
  }
#pragma unroll
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    float other_max = __shfl_xor_sync(ALL_LANES, max, distance);
    int other_likeliest = __shfl_xor_sync(ALL_LANES, likeliest, distance);
    if (other_max > max || (other_max == max && other_likeliest < likeliest)) {
      max = other_max;
      likeliest = other_likeliest;
    }
  }
  double sum = 0;
  for (int i = lane; i < vocabulary; i += WARP) {
    sum += exp(static_cast<double>(logits[i]) - max);
  }
  sum = warp_sum(sum);
  return {max, log(sum), sum == sum ? likeliest : 0};
}

// KL(softmax(reference) || softmax(actual)) of each row, in nats, and whether both have the same
// likeliest token. In double: a small divergence is the difference of large terms, and a row is
// only a vocabulary wide. reference, actual [rows, vocabulary]; divergences, agreements [rows].
extern "C" __global__ void compare_logits(const float* __restrict__ reference,
                                          const float* __restrict__ actual, int rows,
                                          int vocabulary, float* __restrict__ divergences,
                                          int* __restrict__ agreements) {
  int row = blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= rows) {
    return;
  }
  const float* expected = reference + static_cast<long long>(row) * vocabulary;
  const float* found = actual + static_cast<long long>(row) * vocabulary;
  softmax p = softmax_of(expected, vocabulary, lane);
  softmax q = softmax_of(found, vocabulary, lane);
  double divergence = 0;
  for (int i = lane; i < vocabulary; i += WARP) {
    double log_p = expected[i] - p.max - p.log_sum;
    double log_q = found[i] - q.max - q.log_sum;
    divergence += exp(log_p) * (log_p - log_q);
  }
  divergence = warp_sum(divergence);
  if (lane == 0) {
    divergences[row] = static_cast<float>(divergence);
    agreements[row] = p.likeliest == q.likeliest ? 1 : 0;
  }
}
