// Kernels whose results selftest.cpp knows.
#include "memory.cuh"
#include "precision.cuh"
#include "tensor_core.cuh"
#include "warp.cuh"

// Sum over the block, in every thread. scratch: shared, [32]; free again after the next barrier.
__device__ __forceinline__ float block_sum(float x, float* scratch) {
  x = warp_sum(x);
  int warps = (blockDim.x + WARP - 1) / WARP;
  __syncthreads();
  if (threadIdx.x % WARP == 0) {
    scratch[threadIdx.x / WARP] = x;
  }
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < warps; w++) {
    sum += scratch[w];
  }
  return sum;
}

__device__ int device_variable[3] = {5, 6, 7};

extern "C" __global__ void add_variable(int* y) {
  y[threadIdx.x] = device_variable[threadIdx.x] + threadIdx.x;
}

// y [10, 32]: what each lane gets of the lanes' numbers.
extern "C" __global__ void shuffles(int* y) {
  int lane = threadIdx.x;
  y[lane] = __shfl_sync(ALL_LANES, lane, 5);
  y[32 + lane] = __shfl_sync(ALL_LANES, lane, lane + 3, 8);
  y[64 + lane] = __shfl_xor_sync(ALL_LANES, lane, 16);
  y[96 + lane] = __shfl_up_sync(ALL_LANES, lane, 2, 16);
  y[128 + lane] = __shfl_down_sync(ALL_LANES, lane, 3);
  y[160 + lane] = static_cast<int>(__ballot_sync(ALL_LANES, lane % 3 == 0));
  y[192 + lane] = __any_sync(ALL_LANES, lane == 7) + 2 * __any_sync(ALL_LANES, lane == 32);
  y[224 + lane] = __all_sync(ALL_LANES, lane < 32) + 2 * __all_sync(ALL_LANES, lane < 31);
  // The two halves of a warp at a different pace.
  int rounds = lane < 16 ? 3 : 7;
  unsigned half = lane < 16 ? 0xFFFFu : 0xFFFF0000u;
  int sum = lane;
  for (int i = 0; i < rounds; i++) {
    sum += __shfl_xor_sync(half, sum, 1);
  }
  y[256 + lane] = sum;
  __syncwarp();
  y[288 + lane] = static_cast<int>(__shfl_xor_sync(ALL_LANES, lane * 1.5, 1) * 2);
}

// y [8]: bits.
extern "C" __global__ void bits(unsigned x, unsigned y_bits, unsigned* y) {
  y[0] = __popc(x);
  y[1] = __ffs(static_cast<int>(x));
  y[2] = __clz(static_cast<int>(x));
  y[3] = __brev(x);
  y[4] = __funnelshift_l(x, y_bits, 5);
  y[5] = __funnelshift_r(x, y_bits, 5);
  y[6] = __byte_perm(x, y_bits, 0x3715);
  y[7] = to_bfloat16_pair(__uint_as_float(x), __uint_as_float(y_bits));
}

// C [16, 8] += A [16, 16] B [16, 8], by one warp; A row-major, B row-major in shared memory.
extern "C" __global__ void tensor_core(const float* a, const float* b, float* c) {
  __shared__ __align__(16) bfloat16 a_tile[16][16];
  __shared__ __align__(16) bfloat16 b_tile[16][8];
  int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32) {
    a_tile[i / 16][i % 16] = to_bfloat16(a[i]);
  }
  for (int i = lane; i < 128; i += 32) {
    b_tile[i / 8][i % 8] = to_bfloat16(b[i]);
  }
  __syncwarp();
  unsigned a_words[4];
  // Matrices: rows 0-7 and 8-15 of columns 0-7, then of columns 8-15.
  load_matrices(a_words, &a_tile[lane % 16][8 * (lane / 16)]);
  unsigned b_words[4];
  load_matrices_transposed(b_words, &b_tile[lane % 16][0]);
  unsigned b_pair[2] = {b_words[0], b_words[1]};
  int row = lane / 4;
  int column = 2 * (lane % 4);
  float sums[4] = {c[row * 8 + column], c[row * 8 + column + 1], c[(row + 8) * 8 + column],
                   c[(row + 8) * 8 + column + 1]};
  multiply_add(sums, a_words, b_pair);
  c[row * 8 + column] = sums[0];
  c[row * 8 + column + 1] = sums[1];
  c[(row + 8) * 8 + column] = sums[2];
  c[(row + 8) * 8 + column + 1] = sums[3];
}

// y [blocks]: sums of the rows of x [blocks, columns], read 16 bytes a time.
extern "C" __global__ void row_sums(const float* x, float* y, int columns) {
  __shared__ float scratch[32];
  const uint4* row =
      reinterpret_cast<const uint4*>(x + static_cast<long long>(blockIdx.x) * columns);
  float sum = 0;
  for (int i = threadIdx.x; i < columns / 4; i += blockDim.x) {
    uint4 words = load_streaming(row + i);
    sum += __uint_as_float(words.x) + __uint_as_float(words.y) + __uint_as_float(words.z) +
           __uint_as_float(words.w);
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) {
    y[blockIdx.x] = sum;
  }
}

// y [blocks, threads]: numbers of threads and blocks of three dimensions.
extern "C" __global__ void indices(int* y) {
  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  int threads = blockDim.x * blockDim.y * blockDim.z;
  y[block * threads + thread] = 1000 * block + thread;
}

extern "C" __global__ void count(int* total, float* float_total, double* double_total,
                                 int* largest) {
  atomicAdd(total, 1);
  atomicAdd(float_total, 0.5f);
  atomicAdd(double_total, 0.25);
  atomicMax(largest, static_cast<int>(threadIdx.x));
}
