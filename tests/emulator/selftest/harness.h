// A self-test's case and what it needs of CUDA. Every case runs in a process of its own, since it
// may lose the context and has an environment of its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../src/driver_api.h"

namespace selftest {

// Throws unless the condition holds.
void expect(bool condition, const std::string& what);
void expect_equal(long long expected, long long actual, const std::string& what);
// The same for a status of the driver that must be 0.
void succeed(CUresult status, const char* call);
#define SUCCEED(call) selftest::succeed(call, #call)

struct Case {
  const char* name;
  void (*run)();
  // Of the emulator, such as {"TURBOESM_EMULATOR_ORDER", "reversed"}.
  std::vector<std::pair<std::string, std::string>> environment;
  // What the emulator must say on standard error; empty: nothing at all.
  const char* message;
};

struct Compiled {
  int status;
  std::string log;
  std::string ptx;
  std::string cubin;
};

Compiled compile(const std::string& source, const std::vector<std::string>& options);
// A file of selftest/kernels with the kernels' headers, compiled for the device.
Compiled compile_file(const std::string& file, const std::string& architecture = "sm_80");

// A context made current, a module in it and launches of its kernels.
class Device {
 public:
  explicit Device(const std::string& file = "planted_bugs.cu");

  CUfunction kernel(const char* name);
  CUdeviceptr allocate(size_t bytes);
  template <typename T>
  CUdeviceptr upload(const std::vector<T>& values) {
    CUdeviceptr address = allocate(values.size() * sizeof(T));
    copy_to(address, values.data(), values.size() * sizeof(T));
    return address;
  }
  template <typename T>
  std::vector<T> download(CUdeviceptr address, size_t count) {
    std::vector<T> values(count);
    copy_from(values.data(), address, count * sizeof(T));
    return values;
  }

  template <typename... Arguments>
  CUresult launch(const char* name, unsigned blocks, unsigned threads, unsigned shared_bytes,
                  CUstream stream, Arguments... arguments) {
    void* pointers[] = {&arguments..., nullptr};
    return launch_kernel(kernel(name), blocks, threads, shared_bytes, stream, pointers);
  }

  CUmodule module = nullptr;
  CUcontext context = nullptr;

 private:
  void copy_to(CUdeviceptr address, const void* values, size_t bytes);
  void copy_from(void* values, CUdeviceptr address, size_t bytes);
  CUresult launch_kernel(CUfunction function, unsigned blocks, unsigned threads,
                         unsigned shared_bytes, CUstream stream, void** arguments);
};

// The cases of each file.
extern const std::vector<Case> KERNEL_BUGS;
extern const std::vector<Case> HOST_BUGS;
extern const std::vector<Case> RESULTS;

}  // namespace selftest

// The driver's functions that the cases use.
#define DRIVER TURBOESM_EMULATOR_API CUresult
DRIVER cuInit(unsigned);
DRIVER cuDeviceGetCount(int*);
DRIVER cuDeviceGetAttribute(int*, int, CUdevice);
DRIVER cuDevicePrimaryCtxRetain(CUcontext*, CUdevice);
DRIVER cuDevicePrimaryCtxRelease_v2(CUdevice);
DRIVER cuDevicePrimaryCtxReset_v2(CUdevice);
DRIVER cuCtxSetCurrent(CUcontext);
DRIVER cuCtxSynchronize();
DRIVER cuMemAlloc_v2(CUdeviceptr*, size_t);
DRIVER cuMemFree_v2(CUdeviceptr);
DRIVER cuMemGetInfo_v2(size_t*, size_t*);
DRIVER cuMemHostAlloc(void**, size_t, unsigned);
DRIVER cuMemFreeHost(void*);
DRIVER cuMemcpyHtoD_v2(CUdeviceptr, const void*, size_t);
DRIVER cuMemcpyDtoH_v2(void*, CUdeviceptr, size_t);
DRIVER cuMemcpyHtoDAsync_v2(CUdeviceptr, const void*, size_t, CUstream);
DRIVER cuMemcpyDtoHAsync_v2(void*, CUdeviceptr, size_t, CUstream);
DRIVER cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t);
DRIVER cuMemsetD32_v2(CUdeviceptr, unsigned, size_t);
DRIVER cuModuleLoadData(CUmodule*, const void*);
DRIVER cuModuleUnload(CUmodule);
DRIVER cuModuleGetFunction(CUfunction*, CUmodule, const char*);
DRIVER cuModuleGetGlobal_v2(CUdeviceptr*, size_t*, CUmodule, const char*);
DRIVER cuFuncSetAttribute(CUfunction, int, int);
DRIVER cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                      unsigned, CUstream, void**, void**);
DRIVER cuStreamCreate(CUstream*, unsigned);
DRIVER cuStreamDestroy_v2(CUstream);
DRIVER cuStreamSynchronize(CUstream);
DRIVER cuStreamWaitEvent(CUstream, CUevent, unsigned);
DRIVER cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode);
DRIVER cuStreamEndCapture(CUstream, CUgraph*);
DRIVER cuEventCreate(CUevent*, unsigned);
DRIVER cuEventRecord(CUevent, CUstream);
DRIVER cuEventSynchronize(CUevent);
DRIVER cuEventElapsedTime(float*, CUevent, CUevent);
DRIVER cuGraphInstantiateWithFlags(CUgraphExec*, CUgraph, unsigned long long);
DRIVER cuGraphLaunch(CUgraphExec, CUstream);
DRIVER cuTexObjectCreate(void*, const void*, const void*, const void*);
#undef DRIVER
