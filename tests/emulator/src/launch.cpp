// Launches: what the driver checks before, what the emulator checks after.
#include <dlfcn.h>

#include <cstring>
#include <vector>

#include "block.h"
#include "capture.h"
#include "contexts.h"
#include "devices.h"
#include "faults.h"
#include "memory.h"
#include "modules.h"
#include "report.h"
#include "streams.h"

namespace turboesm_emulator {

namespace {

constexpr unsigned char FRESH_BYTE = 0xFF;
constexpr unsigned char GUARD_BYTE = 0xCA;
// Behind the dynamic shared array, in the room that nvrtc.cpp gives it.
constexpr size_t GUARD = 128;

struct Launch {
  Context* context;
  Function* function;
  dim3 grid;
  dim3 block;
  unsigned dynamic_shared_bytes;
  // Copies of the arguments, each at its own place.
  std::vector<unsigned char> argument_bytes;
  std::vector<size_t> argument_offsets;
};

// The shared memory of the block that runs on the calling thread of the host.
class SharedMemory {
 public:
  SharedMemory(const Module& module, size_t dynamic_bytes) : dynamic_bytes_(dynamic_bytes) {
    dynamic_ = module.entry->dynamic_shared();
    void* segment = nullptr;
    dlinfo(module.library, RTLD_DI_TLS_DATA, &segment);
    begin_ = static_cast<unsigned char*>(segment);
    end_ = begin_ + module.shared_segment_bytes;
    dynamic_end_ = dynamic_ + module.entry->dynamic_shared_bytes;
  }

  // Nothing is left of an earlier block.
  void fill() {
    memset(begin_, FRESH_BYTE, static_cast<size_t>(dynamic_ - begin_));
    memset(dynamic_, FRESH_BYTE, dynamic_bytes_);
    memset(dynamic_ + dynamic_bytes_, GUARD_BYTE, GUARD);
    memset(dynamic_end_, FRESH_BYTE, static_cast<size_t>(end_ - dynamic_end_));
  }

  bool overrun() const {
    for (size_t i = 0; i < GUARD; i++) {
      if (dynamic_[dynamic_bytes_ + i] != GUARD_BYTE) {
        return true;
      }
    }
    return false;
  }

 private:
  size_t dynamic_bytes_;
  unsigned char* begin_;
  unsigned char* dynamic_;
  unsigned char* dynamic_end_;
  unsigned char* end_;
};

CUresult execute(const Launch& launch) {
  const KernelEntry& kernel = *launch.function->kernel;
  std::vector<void*> arguments;
  for (size_t offset : launch.argument_offsets) {
    arguments.push_back(const_cast<unsigned char*>(launch.argument_bytes.data()) + offset);
  }
  SharedMemory shared(*launch.function->module, launch.dynamic_shared_bytes);
  FaultGuard guard;
  BlockRun& run = BlockRun::of_this_thread();
  for (unsigned z = 0; z < launch.grid.z; z++) {
    for (unsigned y = 0; y < launch.grid.y; y++) {
      for (unsigned x = 0; x < launch.grid.x; x++) {
        shared.fill();
        Failure failure =
            run.run(kernel, arguments.data(), uint3{x, y, z}, launch.block, launch.grid);
        if (failure.status != 0) {
          report("%s (error %d)", failure.message.c_str(), failure.status);
          return static_cast<CUresult>(failure.status);
        }
        if (shared.overrun()) {
          report(
              "kernel %s, block (%u, %u, %u): bytes behind the %u of dynamic shared memory were "
              "written (error 719)",
              kernel.name, x, y, z, launch.dynamic_shared_bytes);
          return CUDA_ERROR_LAUNCH_FAILED;
        }
      }
    }
  }
  std::string overrun = DeviceMemory::instance().find_overrun();
  if (!overrun.empty()) {
    report("after kernel %s: %s (error 700)", kernel.name, overrun.c_str());
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  return CUDA_SUCCESS;
}

CUresult check_shape(const Launch& launch) {
  const Function& function = *launch.function;
  const char* name = function.kernel->name;
  const dim3& grid = launch.grid;
  const dim3& block = launch.block;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 2147483647u || grid.y > 65535 ||
      grid.z > 65535) {
    report("kernel %s: a grid of (%u, %u, %u) blocks", name, grid.x, grid.y, grid.z);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (block.x == 0 || block.y == 0 || block.z == 0 || block.x > 1024 || block.y > 1024 ||
      block.z > 64 || block.x * block.y * block.z > MAX_BLOCK_THREADS) {
    report("kernel %s: a block of (%u, %u, %u) threads", name, block.x, block.y, block.z);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (block.x * block.y * block.z > static_cast<unsigned>(function.kernel->max_threads)) {
    report("kernel %s: a block of %u threads, its __launch_bounds__ allow %d", name,
           block.x * block.y * block.z, function.kernel->max_threads);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (launch.dynamic_shared_bytes > static_cast<unsigned>(function.max_dynamic_shared_bytes)) {
    report(
        "kernel %s: %u bytes of dynamic shared memory, at most %d are allowed (more by "
        "cuFuncSetAttribute)",
        name, launch.dynamic_shared_bytes, function.max_dynamic_shared_bytes);
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

// A pointer is null or points into device memory, or to its end.
CUresult copy_arguments(Launch& launch, void** arguments) {
  const KernelEntry& kernel = *launch.function->kernel;
  if (kernel.parameter_count > 0 && arguments == nullptr) {
    report("kernel %s: no arguments, it has %d parameters", kernel.name, kernel.parameter_count);
    return CUDA_ERROR_INVALID_VALUE;
  }
  size_t end = 0;
  for (int p = 0; p < kernel.parameter_count; p++) {
    const KernelParameter& parameter = kernel.parameters[p];
    size_t offset = (end + parameter.alignment - 1) / parameter.alignment * parameter.alignment;
    end = offset + parameter.bytes;
    launch.argument_bytes.resize(end);
    memcpy(launch.argument_bytes.data() + offset, arguments[p], parameter.bytes);
    launch.argument_offsets.push_back(offset);
    if (parameter.pointer) {
      CUdeviceptr address;
      memcpy(&address, arguments[p], sizeof address);
      if (address != 0 && !DeviceMemory::instance().contains(*launch.context, address, 0)) {
        report("kernel %s: parameter %d is %p, no device memory of this context's device",
               kernel.name, p, reinterpret_cast<void*>(address));
        return CUDA_ERROR_INVALID_VALUE;
      }
    }
  }
  return CUDA_SUCCESS;
}

}  // namespace

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                              unsigned grid_z, unsigned block_x, unsigned block_y,
                                              unsigned block_z, unsigned dynamic_shared_bytes,
                                              CUstream stream, void** arguments, void** extra) {
  Context* context;
  CUresult status = enter("cuLaunchKernel", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!is_function(function)) {
    report("cuLaunchKernel: %p is not a function, or no longer", static_cast<void*>(function));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (extra != nullptr) {
    report("cuLaunchKernel: arguments as `extra` are not emulated");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  Launch launch;
  launch.context = context;
  launch.function = function;
  launch.grid = {grid_x, grid_y, grid_z};
  launch.block = {block_x, block_y, block_z};
  launch.dynamic_shared_bytes = dynamic_shared_bytes;
  status = check_shape(launch);
  if (status == CUDA_SUCCESS) {
    status = copy_arguments(launch, arguments);
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return submit("cuLaunchKernel", *context, stream,
                [launch = std::move(launch)] { return execute(launch); });
}
