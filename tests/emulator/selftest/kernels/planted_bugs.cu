// Kernels with a bug each, that the emulator must show.
#include "memory.cuh"
#include "warp.cuh"

// The barrier between the writes and the reads is missing; x and y: [blockDim.x].
extern "C" __global__ void missing_barrier(const float* x, float* y) {
  __shared__ float values[256];
  values[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

// The same with the barrier.
extern "C" __global__ void with_barrier(const float* x, float* y) {
  __shared__ float values[256];
  values[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

// Lanes of one warp write and read without __syncwarp between.
extern "C" __global__ void missing_warp_barrier(const float* x, float* y) {
  __shared__ float values[32];
  values[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = values[threadIdx.x ^ 1];
}

extern "C" __global__ void divergent_barrier(float* y) {
  if (threadIdx.x < 16) {
    __syncthreads();
  }
  y[threadIdx.x] = 1;
}

extern "C" __global__ void barrier_after_exit(float* y, int n) {
  if (threadIdx.x >= n) {
    return;
  }
  __syncthreads();
  y[threadIdx.x] = 1;
}

extern "C" __global__ void different_barriers(float* y) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    y[threadIdx.x] = 0;
    __syncthreads();
  }
}

extern "C" __global__ void shuffle_from_exited_lane(float* y, int n) {
  if (threadIdx.x >= n) {
    return;
  }
  y[threadIdx.x] = __shfl_xor_sync(ALL_LANES, y[threadIdx.x], 16);
}

extern "C" __global__ void shuffle_in_a_branch(float* y) {
  if (threadIdx.x % 2 == 0) {
    y[threadIdx.x] = __shfl_xor_sync(ALL_LANES, y[threadIdx.x], 2);
  }
  __syncthreads();
}

extern "C" __global__ void shuffle_of_a_partial_warp(float* y) {
  y[threadIdx.x] = warp_sum(y[threadIdx.x]);
}

extern "C" __global__ void shuffle_outside_of_its_mask(float* y) {
  if (threadIdx.x < 8) {
    y[threadIdx.x] = __shfl_sync(0xFFu, y[threadIdx.x], 9);
  }
}

extern "C" __global__ void fill(float* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    y[i] = 1;
  }
}

extern "C" __global__ void write_at(float* y, long long index) { y[index] = 1; }

extern "C" __global__ void copy(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    y[i] = x[i];
  }
}

extern "C" __global__ void read_uninitialised_shared(float* y) {
  __shared__ float values[64];
  if (threadIdx.x < 32) {
    values[threadIdx.x] = 1;
  }
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void overrun_dynamic_shared(float* y, int n) {
  extern __shared__ __align__(16) unsigned char smem_raw[];
  float* values = reinterpret_cast<float*>(smem_raw);
  values[threadIdx.x < n ? threadIdx.x : n] = 1;
  __syncthreads();
  y[threadIdx.x] = values[0];
}

extern "C" __global__ void overrun_static_shared(float* y, int n) {
  __shared__ float values[32];
  values[threadIdx.x + n] = 1;
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

// n groups of copies, of which the last `pending` are not waited for; x, y: [4 n].
template <int PENDING>
__device__ void copy_groups(const float* x, float* y, int n) {
  __shared__ __align__(16) float values[64];
  for (int i = 0; i < n; i++) {
    copy_async(values + 4 * i, x + 4 * i);
    copy_async_commit();
  }
  copy_async_wait<PENDING>();
  for (int i = 0; i < 4 * n; i++) {
    y[i] = values[i];
  }
}

extern "C" __global__ void read_before_copy(const float* x, float* y, int n) {
  copy_groups<1>(x, y, n);
}

extern "C" __global__ void read_after_copy(const float* x, float* y, int n) {
  copy_groups<0>(x, y, n);
}

extern "C" __global__ void copy_misaligned(const float* x, float* y) {
  __shared__ __align__(16) float values[64];
  copy_async(values, x + 1);
  copy_async_wait<0>();
  y[0] = values[0];
}

extern "C" __global__ void write_vector(float* y, int offset) {
  *reinterpret_cast<float4*>(y + offset) = make_float4(1, 2, 3, 4);
}

extern "C" __global__ void write_byte_offset(float* y, int offset) {
  *reinterpret_cast<float*>(reinterpret_cast<char*>(y) + offset) = 1;
}

extern "C" __global__ void divide(int* y, int divisor) { y[0] = y[1] / divisor; }

__device__ __noinline__ float descend(float x, int depth) {
  float values[64];
  for (int i = 0; i < 64; i++) {
    values[i] = x + i;
  }
  return depth == 0 ? values[depth] : descend(values[depth % 64], depth - 1) + values[depth % 7];
}

extern "C" __global__ void recurse(float* y, int depth) { y[0] = descend(y[1], depth); }

extern "C" __global__ __launch_bounds__(64) void bounded(float* y) { y[threadIdx.x] = 1; }
