#include <cmath>

#include "harness.h"

namespace selftest {

namespace {

const std::pair<std::string, std::string> REVERSED = {"TURBOESM_EMULATOR_ORDER", "reversed"};
const std::pair<std::string, std::string> SEEDED = {"TURBOESM_EMULATOR_ORDER", "seeded:7"};
constexpr int THREADS = 256;

std::vector<float> ascending(int count) {
  std::vector<float> values;
  for (int i = 0; i < count; i++) {
    values.push_back(static_cast<float>(i));
  }
  return values;
}

// How many of the results of a kernel that reverses x are wrong.
int wrong_after(const char* kernel) {
  Device device;
  std::vector<float> x = ascending(THREADS);
  CUdeviceptr y = device.allocate(4 * THREADS);
  SUCCEED(device.launch(kernel, 1, THREADS, 0, nullptr, device.upload(x), y));
  std::vector<float> result = device.download<float>(y, THREADS);
  int wrong = 0;
  for (int i = 0; i < THREADS; i++) {
    wrong += result[i] == x[THREADS - 1 - i] ? 0 : 1;
  }
  return wrong;
}

void missing_barrier() { expect(wrong_after("missing_barrier") > 0, "all results are right"); }

void with_barrier() { expect_equal(0, wrong_after("with_barrier"), "wrong results"); }

void missing_warp_barrier() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 32);
  SUCCEED(
      device.launch("missing_warp_barrier", 1, 32, 0, nullptr, device.upload(ascending(32)), y));
  std::vector<float> result = device.download<float>(y, 32);
  int wrong = 0;
  for (int i = 0; i < 32; i++) {
    wrong += result[i] == static_cast<float>(i ^ 1) ? 0 : 1;
  }
  expect(wrong > 0, "all results are right");
}

// A launch of one block that ends with the status, which then stays the context's.
template <typename... Arguments>
void expect_failure(int status, const char* kernel, unsigned threads, Arguments... arguments) {
  Device device;
  CUdeviceptr y = device.upload(ascending(THREADS));
  expect_equal(status, device.launch(kernel, 1, threads, 0, nullptr, y, arguments...), kernel);
  expect_equal(status, cuCtxSynchronize(), "cuCtxSynchronize afterwards");
  CUdeviceptr more;
  expect_equal(status, cuMemAlloc_v2(&more, 4), "cuMemAlloc afterwards");
  SUCCEED(cuDevicePrimaryCtxReset_v2(0));
  Device fresh;
  SUCCEED(fresh.launch("fill", 1, 32, 0, nullptr, fresh.allocate(4), 1));
}

void divergent_barrier() { expect_failure(719, "divergent_barrier", 32); }
void barrier_after_exit() { expect_failure(719, "barrier_after_exit", 64, 40); }
void different_barriers() { expect_failure(719, "different_barriers", 64); }
void shuffle_from_exited_lane() { expect_failure(719, "shuffle_from_exited_lane", 32, 20); }
void shuffle_in_a_branch() { expect_failure(719, "shuffle_in_a_branch", 32); }
void shuffle_of_a_partial_warp() { expect_failure(719, "shuffle_of_a_partial_warp", 48); }
void shuffle_outside_of_its_mask() { expect_failure(719, "shuffle_outside_of_its_mask", 32); }
void overrun_by_one() { expect_failure(700, "fill", 32, THREADS + 1); }
void write_before() { expect_failure(700, "write_at", 1, -1LL); }
void wild_address() { expect_failure(700, "write_at", 1, 1LL << 42); }
void overrun_static_shared() { expect_failure(700, "overrun_static_shared", 32, 1); }
void misaligned_vector() { expect_failure(716, "write_vector", 1, 1); }
void misaligned_float() { expect_failure(716, "write_byte_offset", 1, 2); }
void divide_by_zero() { expect_failure(719, "divide", 1, 0); }
void stack_overflow() { expect_failure(700, "recurse", 1, 100000); }

void overrun_dynamic_shared() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 64);
  SUCCEED(device.launch("overrun_dynamic_shared", 1, 64, 64 * 4, nullptr, y, 64));
  expect_equal(719, device.launch("overrun_dynamic_shared", 1, 64, 64 * 4 - 4, nullptr, y, 63),
               "the launch with four bytes less");
}

void uninitialised_memory() {
  Device device;
  CUdeviceptr y = device.allocate(4 * THREADS);
  SUCCEED(device.launch("copy", 1, THREADS, 0, nullptr, device.allocate(4 * THREADS), y, THREADS));
  expect(std::isnan(device.download<float>(y, 1)[0]), "fresh memory is no NaN");
}

void uninitialised_shared() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 64);
  for (int launch = 0; launch < 2; launch++) {
    SUCCEED(device.launch("with_barrier", 1, 64, 0, nullptr, device.upload(ascending(64)), y));
    SUCCEED(device.launch("read_uninitialised_shared", 2, 64, 0, nullptr, y));
    std::vector<float> result = device.download<float>(y, 64);
    expect(result[31] == 1 && std::isnan(result[32]), "shared memory of a block is no NaN");
  }
}

void read_before_copy() {
  Device device;
  CUdeviceptr x = device.upload(ascending(64));
  CUdeviceptr y = device.allocate(4 * 64);
  SUCCEED(device.launch("read_before_copy", 1, 1, 0, nullptr, x, y, 3));
  std::vector<float> result = device.download<float>(y, 12);
  expect(result[7] == 7 && std::isnan(result[8]), "the last copy was there before its wait");
  SUCCEED(device.launch("read_after_copy", 1, 1, 0, nullptr, x, y, 3));
  expect(device.download<float>(y, 12)[11] == 11, "a copy is not there after its wait");
}

void copy_misaligned() {
  Device device;
  CUdeviceptr x = device.upload(ascending(64));
  expect_equal(716, device.launch("copy_misaligned", 1, 1, 0, nullptr, x, x), "the launch");
}

}  // namespace

const std::vector<Case> KERNEL_BUGS = {
    {"a missing barrier, threads in order", missing_barrier, {}, ""},
    {"a missing barrier, threads reversed", missing_barrier, {REVERSED}, ""},
    {"a missing barrier, threads shuffled", missing_barrier, {SEEDED}, ""},
    {"no missing barrier, threads in order", with_barrier, {}, ""},
    {"no missing barrier, threads reversed", with_barrier, {REVERSED}, ""},
    {"no missing barrier, threads shuffled", with_barrier, {SEEDED}, ""},
    {"a missing barrier within a warp", missing_warp_barrier, {}, ""},
    {"a barrier in a branch",
     divergent_barrier,
     {},
     "kernel divergent_barrier, block (0, 0, 0), thread (0, 0, 0): __syncthreads at selftest.cu:"},
    {"a barrier in a branch, threads reversed",
     divergent_barrier,
     {REVERSED},
     "have left the kernel before this barrier"},
    {"a barrier after threads have returned", barrier_after_exit, {}, "24 have left the kernel"},
    {"two barriers at once", different_barriers, {}, "other threads of the block wait in"},
    {"a shuffle from a lane that has returned",
     shuffle_from_exited_lane,
     {},
     "reads lane 20, which has left the kernel"},
    {"a shuffle in a branch",
     shuffle_in_a_branch,
     {},
     "16 wait at the barrier (__syncthreads at selftest.cu:"},
    {"a shuffle in a warp of 16 lanes",
     shuffle_of_a_partial_warp,
     {},
     "__shfl_xor_sync at warp.cuh:"},
    {"a shuffle from outside of its mask",
     shuffle_outside_of_its_mask,
     {},
     "reads lane 9, which is not in its mask"},
    {"one element behind an allocation",
     overrun_by_one,
     {},
     "after kernel fill: 4 bytes behind the allocation of 1024 bytes"},
    {"one element before an allocation", write_before, {}, "bytes before the allocation"},
    {"a wild address", wild_address, {}, "kernel write_at, block (0, 0, 0)"},
    {"one element behind a static shared array",
     overrun_static_shared,
     {},
     "kernel overrun_static_shared, block (0, 0, 0), thread (31, 0, 0): index at selftest.cu:"},
    {"one element behind dynamic shared memory",
     overrun_dynamic_shared,
     {},
     "bytes behind the 252 of dynamic shared memory"},
    {"a vector at an odd address", misaligned_vector, {}, "no multiple of 16, but of 4"},
    {"a float at an odd address", misaligned_float, {}, "no multiple of 4, but of 2"},
    {"a division by zero", divide_by_zero, {}, "division at selftest.cu:"},
    {"endless recursion", stack_overflow, {}, "stack overflow"},
    {"a read of memory that nobody wrote", uninitialised_memory, {}, ""},
    {"a read of shared memory that nobody wrote", uninitialised_shared, {}, ""},
    {"a read before an asynchronous copy is waited for", read_before_copy, {}, ""},
    {"an asynchronous copy from an odd address", copy_misaligned, {}, "no multiple of 16"},
};

}  // namespace selftest
