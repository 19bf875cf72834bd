#include <cmath>
#include <cstring>

#include "harness.h"

namespace selftest {

namespace {

const std::pair<std::string, std::string> LATE = {"TURBOESM_EMULATOR_STREAMS", "late"};

CUstream new_stream() {
  CUstream stream;
  SUCCEED(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  return stream;
}

CUevent new_event() {
  CUevent event;
  SUCCEED(cuEventCreate(&event, 0));
  return event;
}

void host_pointer_as_argument() {
  Device device;
  std::vector<float> host(32);
  expect_equal(1, device.launch("fill", 1, 32, 0, nullptr, host.data(), 32), "the launch");
  SUCCEED(device.launch("fill", 1, 32, 0, nullptr, device.allocate(4 * 32), 32));
}

void freed_pointer_as_argument() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 32);
  SUCCEED(cuMemFree_v2(y));
  expect_equal(1, device.launch("fill", 1, 32, 0, nullptr, y, 32), "the launch");
}

void pointer_of_another_device() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 32);
  CUcontext other;
  SUCCEED(cuDevicePrimaryCtxRetain(&other, 1));
  SUCCEED(cuCtxSetCurrent(other));
  SUCCEED(cuModuleLoadData(&device.module, compile_file("planted_bugs.cu").cubin.data()));
  expect_equal(1, device.launch("fill", 1, 32, 0, nullptr, y, 32), "the launch");
}

void copy_beyond_the_end() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 32);
  std::vector<float> host(33);
  expect_equal(1, cuMemcpyHtoD_v2(y, host.data(), 4 * 33), "cuMemcpyHtoD");
  expect_equal(1, cuMemsetD8_v2(y + 1, 0, 4 * 32), "cuMemsetD8");
}

void free_twice() {
  Device device;
  CUdeviceptr y = device.allocate(4);
  SUCCEED(cuMemFree_v2(y));
  expect_equal(1, cuMemFree_v2(y), "the second cuMemFree");
}

void memory_limit() {
  Device device;
  size_t free_bytes;
  size_t total;
  SUCCEED(cuMemGetInfo_v2(&free_bytes, &total));
  expect_equal(1000000, static_cast<long long>(total), "total memory");
  CUdeviceptr first = device.allocate(600000);
  CUdeviceptr second;
  expect_equal(2, cuMemAlloc_v2(&second, 400001), "an allocation of one byte too much");
  second = device.allocate(400000);
  SUCCEED(cuMemFree_v2(first));
  device.allocate(600000);
}

void too_many_threads() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 2048);
  expect_equal(1, device.launch("fill", 1, 1025, 0, nullptr, y, 2048), "1025 threads");
  expect_equal(1, device.launch("fill", 0, 32, 0, nullptr, y, 2048), "no block");
}

void more_threads_than_launch_bounds() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 96);
  expect_equal(1, device.launch("bounded", 1, 65, 0, nullptr, y), "65 threads");
  SUCCEED(device.launch("bounded", 1, 64, 0, nullptr, y));
}

void dynamic_shared_without_opt_in() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 32);
  const char* name = "overrun_dynamic_shared";
  expect_equal(1, device.launch(name, 1, 32, 49153, nullptr, y, 32), "49153 bytes");
  expect_equal(1, cuFuncSetAttribute(device.kernel(name), 8, 163841), "164 KiB");
  SUCCEED(cuFuncSetAttribute(device.kernel(name), 8, 100000));
  SUCCEED(device.launch(name, 1, 32, 100000, nullptr, y, 32));
}

void binary_for_another_device() {
  Device device;
  CUmodule module;
  expect_equal(209, cuModuleLoadData(&module, compile_file("results.cu", "sm_90").cubin.data()),
               "cuModuleLoadData");
}

void ptx_as_binary() {
  Device device;
  CUmodule module;
  expect_equal(218, cuModuleLoadData(&module, compile_file("results.cu").ptx.data()),
               "cuModuleLoadData");
}

void missing_kernel() {
  Device device;
  CUfunction function;
  expect_equal(500, cuModuleGetFunction(&function, device.module, "fil"), "cuModuleGetFunction");
}

void compile_error() {
  Compiled compiled = compile("extern \"C\" __global__ void f(float* x) {\n  x[0] = y;\n}\n",
                              {"--gpu-architecture=sm_80"});
  expect_equal(6, compiled.status, "nvrtcCompileProgram");
  expect(compiled.log.find("selftest.cu:2") != std::string::npos, "the log: " + compiled.log);
  expect_equal(5, compile("", {"--gpu-architecture=sm_80", "--no-such-option"}).status,
               "an option that is none");
}

void synchronise_in_a_capture() {
  Device device;
  CUstream stream = new_stream();
  CUdeviceptr y = device.allocate(4 * 32);
  SUCCEED(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  SUCCEED(device.launch("fill", 1, 32, 0, stream, y, 32));
  expect_equal(900, cuStreamSynchronize(stream), "cuStreamSynchronize");
  expect_equal(901, device.launch("fill", 1, 32, 0, stream, y, 32), "a launch afterwards");
  CUgraph graph;
  expect_equal(901, cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
  SUCCEED(device.launch("fill", 1, 32, 0, stream, y, 32));
}

void allocate_in_a_capture() {
  Device device;
  CUstream stream = new_stream();
  SUCCEED(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUdeviceptr y;
  expect_equal(900, cuMemAlloc_v2(&y, 4), "cuMemAlloc");
  CUgraph graph;
  expect_equal(901, cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
}

void unjoined_capture() {
  Device device;
  CUstream first = new_stream();
  CUstream second = new_stream();
  CUdeviceptr y = device.allocate(4 * 32);
  for (bool join : {true, false}) {
    SUCCEED(cuStreamBeginCapture_v2(first, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CUevent fork = new_event();
    CUevent done = new_event();
    SUCCEED(cuEventRecord(fork, first));
    SUCCEED(cuStreamWaitEvent(second, fork, 0));
    SUCCEED(device.launch("fill", 1, 32, 0, second, y, 32));
    SUCCEED(cuEventRecord(done, second));
    if (join) {
      SUCCEED(cuStreamWaitEvent(first, done, 0));
    }
    CUgraph graph;
    expect_equal(join ? 0 : 904, cuStreamEndCapture(first, &graph), "cuStreamEndCapture");
  }
}

// x is made in one stream and copied to y in another; the number that y then holds.
float copied_across_streams(bool with_event) {
  Device device;
  CUstream first = new_stream();
  CUstream second = new_stream();
  CUdeviceptr x = device.allocate(4 * 32);
  CUdeviceptr y = device.allocate(4 * 32);
  SUCCEED(device.launch("fill", 1, 32, 0, first, x, 32));
  if (with_event) {
    CUevent made = new_event();
    SUCCEED(cuEventRecord(made, first));
    SUCCEED(cuStreamWaitEvent(second, made, 0));
  }
  SUCCEED(device.launch("copy", 1, 32, 0, second, x, y, 32));
  SUCCEED(cuStreamSynchronize(second));
  return device.download<float>(y, 1)[0];
}

void missing_event() {
  expect(copied_across_streams(true) == 1, "with the event the copy is wrong");
  expect(std::isnan(copied_across_streams(false)), "without the event the copy is right");
}

void pinned_memory_reused() {
  Device device;
  CUstream stream = new_stream();
  CUdeviceptr y = device.allocate(4);
  void* pinned;
  SUCCEED(cuMemHostAlloc(&pinned, 4, 0));
  auto* number = static_cast<float*>(pinned);
  *number = 1;
  SUCCEED(cuMemcpyHtoDAsync_v2(y, number, 4, stream));
  *number = 2;
  SUCCEED(cuStreamSynchronize(stream));
  expect(device.download<float>(y, 1)[0] == 2, "memory was read before the copy's turn");
  *number = 3;
  SUCCEED(cuMemcpyDtoHAsync_v2(number, y, 4, stream));
  expect(*number == 3, "memory was written before the copy's turn");
  SUCCEED(cuStreamSynchronize(stream));
  expect(*number == 2, "memory was not written");
}

void failure_shows_later() {
  Device device;
  CUstream stream = new_stream();
  SUCCEED(device.launch("fill", 1, 32, 0, stream, device.allocate(4 * 31), 32));
  expect_equal(700, cuStreamSynchronize(stream), "cuStreamSynchronize");
}

void planned_failure() {
  Device device;
  CUdeviceptr y = device.allocate(4 * 32);
  SUCCEED(device.launch("fill", 1, 32, 0, nullptr, y, 32));
  SUCCEED(device.launch("fill", 1, 32, 0, nullptr, y, 32));
  expect_equal(719, device.launch("fill", 1, 32, 0, nullptr, y, 32), "the third launch");
  expect_equal(719, cuCtxSynchronize(), "cuCtxSynchronize");
  SUCCEED(cuDevicePrimaryCtxReset_v2(0));
}

void planned_lack_of_memory() {
  Device device;
  device.allocate(4);
  CUdeviceptr y;
  expect_equal(2, cuMemAlloc_v2(&y, 4), "the second allocation");
  expect_equal(2, cuMemAlloc_v2(&y, 4), "the third allocation");
  SUCCEED(cuCtxSynchronize());
}

void no_device() { expect_equal(100, cuInit(0), "cuInit"); }

void not_initialised() {
  int count;
  expect_equal(3, cuDeviceGetCount(&count), "cuDeviceGetCount");
}

void no_context() {
  SUCCEED(cuInit(0));
  CUdeviceptr y;
  expect_equal(201, cuMemAlloc_v2(&y, 4), "cuMemAlloc");
}

void not_emulated() {
  Device device;
  expect_equal(801, cuTexObjectCreate(nullptr, nullptr, nullptr, nullptr), "cuTexObjectCreate");
}

}  // namespace

const std::vector<Case> HOST_BUGS = {
    {"a host pointer as a kernel's argument", host_pointer_as_argument, {}, "parameter 0 is"},
    {"freed memory as a kernel's argument", freed_pointer_as_argument, {}, "no device memory"},
    {"another device's memory as a kernel's argument",
     pointer_of_another_device,
     {{"TURBOESM_EMULATOR_DEVICES", "2"}},
     "no device memory of this context's device"},
    {"a copy beyond an allocation's end", copy_beyond_the_end, {}, "132 bytes at"},
    {"memory freed twice", free_twice, {}, "is not the start of an allocation"},
    {"more memory than the device has",
     memory_limit,
     {{"TURBOESM_EMULATOR_MEMORY", "1000000"}},
     ""},
    {"more threads than a block may have", too_many_threads, {}, "(1025, 1, 1) threads"},
    {"more threads than __launch_bounds__ allow", more_threads_than_launch_bounds, {}, "allow 64"},
    {"dynamic shared memory without opting in", dynamic_shared_without_opt_in, {}, "49153 bytes"},
    {"a binary for another device", binary_for_another_device, {}, "sm_90"},
    {"PTX loaded as a binary", ptx_as_binary, {}, "PTX is not emulated"},
    {"a kernel that is not there", missing_kernel, {}, "no kernel 'fil'"},
    {"source that does not compile", compile_error, {}, ""},
    {"a synchronisation in a capture", synchronise_in_a_capture, {}, "error 900"},
    {"an allocation in a capture", allocate_in_a_capture, {}, "cuMemAlloc during"},
    {"a capture that leaves a stream behind", unjoined_capture, {}, "has not waited for"},
    {"a missing event, work run late", missing_event, {LATE}, ""},
    {"pinned memory reused too early, work run late", pinned_memory_reused, {LATE}, ""},
    {"a failing kernel, work run late", failure_shows_later, {LATE}, "error 700"},
    {"a launch planned to fail",
     planned_failure,
     {{"TURBOESM_EMULATOR_FAIL", "cuLaunchKernel:3:719"}},
     "call 3 returns 719"},
    {"allocations planned to fail",
     planned_lack_of_memory,
     {{"TURBOESM_EMULATOR_FAIL", "cuMemAlloc:2+:2"}},
     "call 3 returns 2"},
    {"no device", no_device, {{"TURBOESM_EMULATOR_DEVICES", "0"}}, ""},
    {"a call before cuInit", not_initialised, {}, ""},
    {"a call without a context", no_context, {}, ""},
    {"a function that is not emulated", not_emulated, {}, "cuTexObjectCreate is not emulated"},
};

}  // namespace selftest
