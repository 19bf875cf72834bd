#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>

#include "harness.h"

extern "C" {
int cublasCreate_v2(void**);
int cublasDestroy_v2(void*);
int cublasSetStream_v2(void*, CUstream);
int cublasGemmEx(void*, int, int, int, int, int, const void*, const void*, int, int, const void*,
                 int, int, const void*, void*, int, int, int, int);
int cublasGemmStridedBatchedEx(void*, int, int, int, int, int, const void*, const void*, int, int,
                               long long, const void*, int, int, long long, const void*, void*, int,
                               int, long long, int, int, int);
int cublasSgemm_v2();
}

namespace selftest {

namespace {

constexpr unsigned SEED = 20240611;
const std::pair<std::string, std::string> REVERSED = {"TURBOESM_EMULATOR_ORDER", "reversed"};
const std::pair<std::string, std::string> SEEDED = {"TURBOESM_EMULATOR_ORDER", "seeded:3"};

std::vector<float> random_floats(size_t count, std::mt19937& generator) {
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float& value : values) {
    value = distribution(generator);
  }
  return values;
}

uint16_t to_bfloat16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

float from_bfloat16(uint16_t x) {
  uint32_t bits = static_cast<uint32_t>(x) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void shuffles() {
  Device device("results.cu");
  CUdeviceptr y = device.allocate(4 * 320);
  SUCCEED(device.launch("shuffles", 1, 32, 0, nullptr, y));
  std::vector<int> result = device.download<int>(y, 320);
  for (int lane = 0; lane < 32; lane++) {
    expect_equal(5, result[lane], "__shfl_sync");
    expect_equal(lane / 8 * 8 + (lane + 3) % 8, result[32 + lane], "__shfl_sync of width 8");
    expect_equal(lane ^ 16, result[64 + lane], "__shfl_xor_sync");
    expect_equal(lane % 16 < 2 ? lane : lane - 2, result[96 + lane], "__shfl_up_sync of width 16");
    expect_equal(lane < 29 ? lane + 3 : lane, result[128 + lane], "__shfl_down_sync");
    expect_equal(0x49249249, result[160 + lane], "__ballot_sync");
    expect_equal(1, result[192 + lane], "__any_sync");
    expect_equal(1, result[224 + lane], "__all_sync");
    // Each round doubles a pair's sum, the first makes it.
    int pair = lane + (lane ^ 1);
    expect_equal(lane < 16 ? pair * 4 : pair * 64, result[256 + lane], "half warps");
    expect_equal((lane ^ 1) * 3, result[288 + lane], "__shfl_xor_sync of double");
  }
}

void bits() {
  Device device("results.cu");
  CUdeviceptr y = device.allocate(4 * 8);
  SUCCEED(device.launch("bits", 1, 1, 0, nullptr, 0x3F818010u, 0xC0400001u, y));
  std::vector<unsigned> result = device.download<unsigned>(y, 8);
  expect_equal(10, result[0], "__popc");
  expect_equal(5, result[1], "__ffs");
  expect_equal(2, result[2], "__clz");
  expect_equal(0x080181FC, result[3], "__brev");
  // (y x) << 5, upper half; (y x) >> 5, lower half.
  expect_equal(0x08000027, result[4], "__funnelshift_l");
  expect_equal(0x09FC0C00, result[5], "__funnelshift_r");
  // Bytes of y x from 7 down: C0 40 00 01 3F 81 80 10; taken 3, 7, 1, 5.
  expect_equal(0x3FC08000, result[6], "__byte_perm");
  // A tie of x goes to even, 3F82; y is below half.
  expect_equal(0xC0403F82, result[7], "to_bfloat16_pair");
}

void tensor_core() {
  Device device("results.cu");
  std::mt19937 generator(SEED);
  std::vector<float> a = random_floats(16 * 16, generator);
  std::vector<float> b = random_floats(16 * 8, generator);
  std::vector<float> c = random_floats(16 * 8, generator);
  CUdeviceptr c_device = device.upload(c);
  SUCCEED(device.launch("tensor_core", 1, 32, 0, nullptr, device.upload(a), device.upload(b),
                        c_device));
  std::vector<float> result = device.download<float>(c_device, 16 * 8);
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 8; column++) {
      double sum = c[row * 8 + column];
      for (int k = 0; k < 16; k++) {
        sum += static_cast<double>(from_bfloat16(to_bfloat16(a[row * 16 + k]))) *
               from_bfloat16(to_bfloat16(b[k * 8 + column]));
      }
      // 17 roundings of sums below 17, each off by at most half of 2^-23 of it: 17 * 17 * 2^-24.
      expect(std::fabs(sum - result[row * 8 + column]) < 1.8e-5, "an element of the product");
    }
  }
}

void row_sums() {
  Device device("results.cu");
  constexpr int ROWS = 5;
  for (int columns : {4, 128, 1024}) {
    std::vector<float> x(static_cast<size_t>(ROWS * columns));
    for (size_t i = 0; i < x.size(); i++) {
      x[i] = static_cast<float>(i % 7);
    }
    CUdeviceptr counter;
    size_t counter_bytes;
    SUCCEED(cuModuleGetGlobal_v2(&counter, &counter_bytes, device.module, "emulator_loaded_bytes"));
    expect_equal(8, static_cast<long long>(counter_bytes), "bytes of the counter");
    SUCCEED(cuMemsetD8_v2(counter, 0, 8));
    CUdeviceptr y = device.allocate(4 * ROWS);
    for (unsigned threads : {32u, 48u * 2, 1024u}) {
      SUCCEED(device.launch("row_sums", ROWS, threads, 0, nullptr, device.upload(x), y, columns));
      std::vector<float> result = device.download<float>(y, ROWS);
      for (int row = 0; row < ROWS; row++) {
        float sum = 0;
        for (int i = 0; i < columns; i++) {
          sum += x[static_cast<size_t>(row * columns + i)];
        }
        // Whole numbers below 2^24: exact in any order.
        expect(result[row] == sum, "the sum of a row");
      }
    }
    expect_equal(3LL * ROWS * columns * 4, device.download<long long>(counter, 1)[0],
                 "loaded bytes");
  }
}

void indices() {
  Device device("results.cu");
  CUdeviceptr y = device.allocate(4 * 24 * 30);
  void* arguments[] = {&y};
  SUCCEED(
      cuLaunchKernel(device.kernel("indices"), 2, 3, 4, 5, 3, 2, 0, nullptr, arguments, nullptr));
  std::vector<int> result = device.download<int>(y, 24 * 30);
  for (int i = 0; i < 24 * 30; i++) {
    expect_equal(1000 * (i / 30) + i % 30, result[i], "a thread's number");
  }
}

void atomics() {
  Device device("results.cu");
  CUdeviceptr total = device.upload(std::vector<int>{0});
  CUdeviceptr float_total = device.upload(std::vector<float>{0});
  CUdeviceptr double_total = device.upload(std::vector<double>{0});
  CUdeviceptr largest = device.upload(std::vector<int>{-1});
  SUCCEED(device.launch("count", 3, 100, 0, nullptr, total, float_total, double_total, largest));
  expect_equal(300, device.download<int>(total, 1)[0], "atomicAdd of int");
  expect(device.download<float>(float_total, 1)[0] == 150, "atomicAdd of float");
  expect(device.download<double>(double_total, 1)[0] == 75, "atomicAdd of double");
  expect_equal(99, device.download<int>(largest, 1)[0], "atomicMax");
}

void module_variables() {
  Device device("results.cu");
  CUdeviceptr variable;
  size_t bytes;
  SUCCEED(cuModuleGetGlobal_v2(&variable, &bytes, device.module, "device_variable"));
  expect_equal(12, static_cast<long long>(bytes), "bytes of the variable");
  // Another module of the same source has variables of its own.
  Device other("results.cu");
  std::vector<int> values = {10, 20, 30};
  SUCCEED(cuMemcpyHtoD_v2(variable, values.data(), 12));
  CUdeviceptr y = device.allocate(12);
  SUCCEED(device.launch("add_variable", 1, 3, 0, nullptr, y));
  expect_equal(32, device.download<int>(y, 3)[2], "the changed variable");
  SUCCEED(other.launch("add_variable", 1, 3, 0, nullptr, y));
  expect_equal(9, device.download<int>(y, 3)[2], "the other module's variable");
  SUCCEED(cuModuleUnload(other.module));
}

void ptx_lists_parameters() {
  std::string ptx = compile_file("results.cu").ptx;
  expect(ptx.find(".visible .entry row_sums(\n\t.param .u64 row_sums_param_0,\n\t.param .u64 "
                  "row_sums_param_1,\n\t.param .u32 row_sums_param_2\n)") != std::string::npos,
         "row_sums in " + ptx);
}

void graph() {
  Device device("planted_bugs.cu");
  CUstream stream;
  SUCCEED(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUdeviceptr x = device.upload(std::vector<float>(32, 0.0f));
  CUdeviceptr y = device.upload(std::vector<float>(32, 5.0f));
  SUCCEED(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  SUCCEED(device.launch("fill", 1, 32, 0, stream, x, 16));
  SUCCEED(device.launch("copy", 1, 32, 0, stream, x, y, 32));
  CUgraph graph;
  SUCCEED(cuStreamEndCapture(stream, &graph));
  expect(device.download<float>(y, 1)[0] == 5, "a captured launch has run");
  CUgraphExec executable;
  SUCCEED(cuGraphInstantiateWithFlags(&executable, graph, 0));
  for (int i = 0; i < 2; i++) {
    SUCCEED(cuMemsetD32_v2(y, 0, 32));
    SUCCEED(cuGraphLaunch(executable, stream));
    SUCCEED(cuStreamSynchronize(stream));
    std::vector<float> result = device.download<float>(y, 32);
    expect(result[15] == 1 && result[16] == 0, "a graph's result");
  }
}

void events() {
  Device device("planted_bugs.cu");
  CUstream stream;
  SUCCEED(cuStreamCreate(&stream, 0));
  CUevent start;
  CUevent end;
  SUCCEED(cuEventCreate(&start, 0));
  SUCCEED(cuEventCreate(&end, 0));
  SUCCEED(cuEventRecord(start, stream));
  CUdeviceptr y = device.allocate(4 << 20);
  SUCCEED(device.launch("fill", 1, 256, 0, stream, y, 1 << 20));
  SUCCEED(cuEventRecord(end, stream));
  SUCCEED(cuEventSynchronize(end));
  float milliseconds;
  SUCCEED(cuEventElapsedTime(&milliseconds, start, end));
  // A million numbers, of four bytes, at no more than a terabyte a second.
  expect(milliseconds > 0.004f && milliseconds < 60000, "the time of a launch");
}

void host_threads() {
  Device device("results.cu");
  std::vector<std::thread> threads;
  std::string wrong[4];
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      try {
        SUCCEED(cuCtxSetCurrent(device.context));
        constexpr int COLUMNS = 256;
        CUdeviceptr x = device.upload(std::vector<float>(64 * COLUMNS, static_cast<float>(t + 1)));
        CUdeviceptr y = device.allocate(4 * 64);
        CUstream stream;
        SUCCEED(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
        for (int i = 0; i < 20; i++) {
          SUCCEED(device.launch("row_sums", 64, 128, 0, stream, x, y, COLUMNS));
          SUCCEED(cuStreamSynchronize(stream));
          expect(device.download<float>(y, 64)[63] == COLUMNS * (t + 1), "a thread's sum");
        }
      } catch (const std::exception& e) {
        wrong[t] = e.what();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::string& text : wrong) {
    expect(text.empty(), text);
  }
}

// ---- products -----------------------------------------------------------------------------------

constexpr int FLOAT = 0;
constexpr int INT8 = 3;
constexpr int INT32 = 10;
constexpr int BFLOAT16 = 14;
constexpr int COMPUTE_FLOAT = 68;
constexpr int COMPUTE_INT = 72;

struct Product {
  bool transpose_a;
  bool transpose_b;
  int m;
  int n;
  int k;
};

double element(const std::vector<float>& values, int row, int column, int leading,
               bool transposed) {
  return values[static_cast<size_t>(transposed ? column + row * leading : row + column * leading)];
}

std::vector<uint16_t> as_bfloat16(std::vector<float>& values) {
  std::vector<uint16_t> rounded;
  for (float& value : values) {
    rounded.push_back(to_bfloat16(value));
    value = from_bfloat16(rounded.back());
  }
  return rounded;
}

void check_float_product(Device& device, void* handle, const Product& p, int input, int output) {
  std::mt19937 generator(SEED);
  int lda = (p.transpose_a ? p.k : p.m) + 3;
  int ldb = (p.transpose_b ? p.n : p.k) + 1;
  int ldc = p.m + 2;
  std::vector<float> a =
      random_floats(static_cast<size_t>(lda * (p.transpose_a ? p.m : p.k)), generator);
  std::vector<float> b =
      random_floats(static_cast<size_t>(ldb * (p.transpose_b ? p.k : p.n)), generator);
  std::vector<float> c = random_floats(static_cast<size_t>(ldc * p.n), generator);
  CUdeviceptr a_device;
  CUdeviceptr b_device;
  if (input == BFLOAT16) {
    a_device = device.upload(as_bfloat16(a));
    b_device = device.upload(as_bfloat16(b));
  } else {
    a_device = device.upload(a);
    b_device = device.upload(b);
  }
  CUdeviceptr c_device = output == BFLOAT16 ? device.upload(as_bfloat16(c)) : device.upload(c);
  float alpha = 0.5f;
  float beta = -2.0f;
  expect_equal(0,
               cublasGemmEx(handle, p.transpose_a, p.transpose_b, p.m, p.n, p.k, &alpha,
                            reinterpret_cast<void*>(a_device), input, lda,
                            reinterpret_cast<void*>(b_device), input, ldb, &beta,
                            reinterpret_cast<void*>(c_device), output, ldc, COMPUTE_FLOAT, -1),
               "cublasGemmEx");
  std::vector<float> result;
  if (output == BFLOAT16) {
    for (uint16_t value : device.download<uint16_t>(c_device, c.size())) {
      result.push_back(from_bfloat16(value));
    }
  } else {
    result = device.download<float>(c_device, c.size());
  }
  for (int j = 0; j < p.n; j++) {
    for (int i = 0; i < ldc; i++) {
      size_t at = static_cast<size_t>(i + j * ldc);
      if (i >= p.m) {
        expect(result[at] == c[at], "an element between the columns was written");
        continue;
      }
      double sum = 0;
      for (int d = 0; d < p.k; d++) {
        sum += element(a, i, d, lda, p.transpose_a) * element(b, d, j, ldb, p.transpose_b);
      }
      double expected = 0.5 * sum - 2.0 * c[at];
      // Sums of k products below 1, rounded k times, and two roundings after; bfloat16 rounds once
      // more, by half of 2^-7 of a value below 0.5 k + 2.
      double limit = (p.k + 2) * (0.5 * p.k + 2) * std::ldexp(1.0, -24) +
                     (output == BFLOAT16 ? std::fabs(expected) * std::ldexp(1.0, -8) : 0);
      expect(std::fabs(expected - result[at]) <= limit, "an element of the product");
    }
  }
}

void check_int8_product(Device& device, void* handle, const Product& p) {
  std::mt19937 generator(SEED);
  int lda = (p.transpose_a ? p.k : p.m) + 4;
  int ldb = ((p.transpose_b ? p.n : p.k) + 7) / 4 * 4;
  std::vector<signed char> a(static_cast<size_t>(lda * (p.transpose_a ? p.m : p.k)));
  std::vector<signed char> b(static_cast<size_t>(ldb * (p.transpose_b ? p.k : p.n)));
  for (auto* values : {&a, &b}) {
    for (signed char& value : *values) {
      value = static_cast<signed char>(generator() % 256);
    }
  }
  CUdeviceptr c = device.allocate(static_cast<size_t>(4 * p.m * p.n));
  int alpha = 1;
  int beta = 0;
  expect_equal(0,
               cublasGemmEx(handle, p.transpose_a, p.transpose_b, p.m, p.n, p.k, &alpha,
                            reinterpret_cast<void*>(device.upload(a)), INT8, lda,
                            reinterpret_cast<void*>(device.upload(b)), INT8, ldb, &beta,
                            reinterpret_cast<void*>(c), INT32, p.m, COMPUTE_INT, -1),
               "cublasGemmEx");
  std::vector<int> result = device.download<int>(c, static_cast<size_t>(p.m * p.n));
  for (int j = 0; j < p.n; j++) {
    for (int i = 0; i < p.m; i++) {
      int sum = 0;
      for (int d = 0; d < p.k; d++) {
        sum += a[static_cast<size_t>(p.transpose_a ? d + i * lda : i + d * lda)] *
               b[static_cast<size_t>(p.transpose_b ? j + d * ldb : d + j * ldb)];
      }
      expect_equal(sum, result[static_cast<size_t>(i + j * p.m)], "an element of the product");
    }
  }
}

void products() {
  Device device;
  void* handle;
  expect_equal(0, cublasCreate_v2(&handle), "cublasCreate");
  for (bool transpose_a : {false, true}) {
    for (bool transpose_b : {false, true}) {
      for (int size : {1, 5, 64, 130}) {
        Product p = {transpose_a, transpose_b, size, size / 2 + 1, 4 * size + 1};
        check_float_product(device, handle, p, FLOAT, FLOAT);
        check_float_product(device, handle, p, BFLOAT16, FLOAT);
        check_float_product(device, handle, p, BFLOAT16, BFLOAT16);
        check_int8_product(device, handle, {transpose_a, transpose_b, 4 * size, size, 8 * size});
      }
    }
  }
  expect_equal(0, cublasDestroy_v2(handle), "cublasDestroy");
}

void batched_product() {
  Device device;
  void* handle;
  expect_equal(0, cublasCreate_v2(&handle), "cublasCreate");
  constexpr int SIZE = 8;
  constexpr int BATCHES = 3;
  std::mt19937 generator(SEED);
  std::vector<float> a = random_floats(SIZE * SIZE * BATCHES, generator);
  std::vector<float> identity(SIZE * SIZE);
  for (int i = 0; i < SIZE; i++) {
    identity[static_cast<size_t>(i * SIZE + i)] = 1;
  }
  CUdeviceptr c = device.allocate(4 * a.size());
  float alpha = 1;
  float beta = 0;
  // The identity is the same for all: its stride is 0.
  expect_equal(
      0,
      cublasGemmStridedBatchedEx(
          handle, 0, 0, SIZE, SIZE, SIZE, &alpha, reinterpret_cast<void*>(device.upload(a)), FLOAT,
          SIZE, SIZE * SIZE, reinterpret_cast<void*>(device.upload(identity)), FLOAT, SIZE, 0,
          &beta, reinterpret_cast<void*>(c), FLOAT, SIZE, SIZE * SIZE, BATCHES, COMPUTE_FLOAT, -1),
      "cublasGemmStridedBatchedEx");
  expect(device.download<float>(c, a.size()) == a, "products with the identity");
}

int product_status(int m, int k, int lda, int type, CUdeviceptr a, CUdeviceptr c) {
  void* handle;
  expect_equal(0, cublasCreate_v2(&handle), "cublasCreate");
  float float_scales[] = {1, 0};
  int int_scales[] = {1, 0};
  bool integer = type == INT8;
  const void* alpha = integer ? static_cast<void*>(&int_scales[0]) : &float_scales[0];
  const void* beta = integer ? static_cast<void*>(&int_scales[1]) : &float_scales[1];
  return cublasGemmEx(handle, 1, 0, m, 4, k, alpha, reinterpret_cast<void*>(a), type, lda,
                      reinterpret_cast<void*>(a), type, lda, beta, reinterpret_cast<void*>(c),
                      integer ? INT32 : FLOAT, m, integer ? COMPUTE_INT : COMPUTE_FLOAT, -1);
}

void bad_products() {
  Device device;
  CUdeviceptr a = device.allocate(4 * 64);
  CUdeviceptr c = device.allocate(4 * 64);
  expect_equal(0, product_status(8, 8, 8, INT8, a, c), "a good product");
  expect_equal(15, product_status(6, 8, 8, INT8, a, c), "m is no multiple of 4");
  expect_equal(15, product_status(8, 6, 8, INT8, a, c), "k is no multiple of 4");
  expect_equal(15, product_status(8, 8, 10, INT8, a, c), "lda is no multiple of 4");
  expect_equal(0, product_status(6, 6, 6, FLOAT, a, c), "a good product of floats");
  expect_equal(7, product_status(6, 8, 7, FLOAT, a, c), "lda is less than the rows");
  expect_equal(13, product_status(17, 4, 4, FLOAT, a, c), "A ends behind its allocation");
  expect_equal(15, cublasSgemm_v2(), "a function that is not emulated");
}

void captured_product() {
  Device device;
  void* handle;
  CUstream stream;
  SUCCEED(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  expect_equal(0, cublasCreate_v2(&handle), "cublasCreate");
  expect_equal(0, cublasSetStream_v2(handle, stream), "cublasSetStream");
  CUdeviceptr x = device.upload(std::vector<float>{3});
  CUdeviceptr y = device.upload(std::vector<float>{0});
  auto* x_pointer = reinterpret_cast<void*>(x);
  SUCCEED(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  {
    // The scales are read at the call: they may be gone when the graph runs.
    float scales[] = {1, 1};
    expect_equal(
        0,
        cublasGemmEx(handle, 0, 0, 1, 1, 1, &scales[0], x_pointer, FLOAT, 1, x_pointer, FLOAT, 1,
                     &scales[1], reinterpret_cast<void*>(y), FLOAT, 1, COMPUTE_FLOAT, -1),
        "cublasGemmEx");
    scales[0] = 100;
  }
  CUgraph graph;
  SUCCEED(cuStreamEndCapture(stream, &graph));
  CUgraphExec executable;
  SUCCEED(cuGraphInstantiateWithFlags(&executable, graph, 0));
  SUCCEED(cuGraphLaunch(executable, stream));
  SUCCEED(cuGraphLaunch(executable, stream));
  SUCCEED(cuStreamSynchronize(stream));
  expect(device.download<float>(y, 1)[0] == 18, "two products of 3 and 3, added");
}

}  // namespace

const std::vector<Case> RESULTS = {
    {"warp functions", shuffles, {}, ""},
    {"warp functions, lanes reversed", shuffles, {REVERSED}, ""},
    {"warp functions, lanes shuffled", shuffles, {SEEDED}, ""},
    {"bits", bits, {}, ""},
    {"tensor-core products", tensor_core, {}, ""},
    {"tensor-core products, lanes shuffled", tensor_core, {SEEDED}, ""},
    {"sums over a block, loaded bytes", row_sums, {}, ""},
    {"sums over a block, threads reversed", row_sums, {REVERSED}, ""},
    {"sums over a block, threads shuffled", row_sums, {SEEDED}, ""},
    {"grids and blocks of three dimensions", indices, {}, ""},
    {"atomic functions", atomics, {}, ""},
    {"variables of modules", module_variables, {}, ""},
    {"PTX lists the parameters", ptx_lists_parameters, {}, ""},
    {"a graph", graph, {}, ""},
    {"a graph, work run late", graph, {{"TURBOESM_EMULATOR_STREAMS", "late"}}, ""},
    {"events' times", events, {}, ""},
    {"events' times, work run late", events, {{"TURBOESM_EMULATOR_STREAMS", "late"}}, ""},
    {"several threads of the host", host_threads, {}, ""},
    {"cuBLAS products of all types and transpositions", products, {}, ""},
    {"cuBLAS products in a batch", batched_product, {}, ""},
    {"cuBLAS products that are refused", bad_products, {}, "int8 needs multiples of 4"},
    {"a cuBLAS product in a graph", captured_product, {}, ""},
};

}  // namespace selftest
