// Kernels for the tests of the device layer: each does something that the host can check.
#include "device_layer.cuh"

// Set by a kernel, read by the host.
__device__ int last_sum;

__device__ float table[4] = {1.0f, 2.0f, 4.0f, 8.0f};

// values [count]: each is scaled and shifted. One thread an element.
extern "C" __global__ void scale_and_shift(float* values, int count, float scale,
                                           unsigned long long shift) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) {
    values[i] = scaled(values[i], scale) + static_cast<float>(shift);
  }
}

// The sum of all values [count], through shared memory of blockDim.x ints; one block.
extern "C" __global__ void sum_through_shared(const int* values, int count, int* sum) {
  extern __shared__ unsigned char smem_raw[];
  int* partial = reinterpret_cast<int*>(smem_raw);
  int mine = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    mine += values[i];
  }
  partial[threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.x == 0) {
    int all = 0;
    for (int i = 0; i < static_cast<int>(blockDim.x); i++) {
      all += partial[i];
    }
    last_sum = all;
    if (sum != nullptr) {
      *sum = all;
    }
  }
}

// Where in a grid of three dimensions each block is: places [blocks], z-major.
extern "C" __global__ void block_places(int* places) {
  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  if (threadIdx.x == 0) {
    places[block] = 10000 * blockIdx.z + 100 * blockIdx.y + blockIdx.x + FIRST;
  }
}

// Writes one element more than the array of count has.
extern "C" __global__ void write_past_the_end(int* values, int count) { values[count] = 1; }
