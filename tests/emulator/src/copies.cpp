// Copies and fills. Ranges of device memory must lie in one allocation; a copy that is asynchronous
// for the driver reads and writes pinned host memory when it runs, and other host memory before the
// call returns, as the driver does.
#include <cstring>
#include <vector>

#include "capture.h"
#include "contexts.h"
#include "memory.h"
#include "report.h"
#include "settings.h"
#include "streams.h"

namespace turboesm_emulator {

namespace {

CUresult check(const char* function, const Context& context, CUdeviceptr address, size_t bytes) {
  if (DeviceMemory::instance().contains(context, address, bytes)) {
    return CUDA_SUCCESS;
  }
  report("%s: %zu bytes at %p are not inside of an allocation of this context's device", function,
         bytes, reinterpret_cast<void*>(address));
  return CUDA_ERROR_INVALID_VALUE;
}

Work copy(void* target, const void* source, size_t bytes) {
  return [=] {
    memmove(target, source, bytes);
    return CUDA_SUCCESS;
  };
}

template <typename T>
Work fill(CUdeviceptr address, T value, size_t count) {
  return [=] {
    T* target = reinterpret_cast<T*>(address);
    for (size_t i = 0; i < count; i++) {
      target[i] = value;
    }
    return CUDA_SUCCESS;
  };
}

void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

// Work on device ranges: checked now and again when it runs, since memory may be freed meanwhile.
struct DeviceRange {
  CUdeviceptr address;
  size_t bytes;
};

CUresult run(const char* function, std::vector<DeviceRange> ranges, Work work, bool synchronous,
             CUstream stream) {
  Context* context;
  CUresult status = enter(function, &context);
  auto check_all = [function, context, ranges] {
    for (const DeviceRange& range : ranges) {
      CUresult checked = check(function, *context, range.address, range.bytes);
      if (checked != CUDA_SUCCESS) {
        return checked;
      }
    }
    return CUDA_SUCCESS;
  };
  if (status == CUDA_SUCCESS) {
    status = check_all();
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (synchronous) {
    return run_synchronously(function, *context, work);
  }
  return submit(function, *context, stream, [check_all, work] {
    CUresult checked = check_all();
    return checked != CUDA_SUCCESS ? checked : work();
  });
}

template <typename T>
CUresult run_fill(const char* function, CUdeviceptr address, T value, size_t count,
                  bool synchronous, CUstream stream) {
  if (address % sizeof(T) != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return run(function, {{address, count * sizeof(T)}}, fill(address, value, count), synchronous,
             stream);
}

}  // namespace

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API CUresult cuMemcpyHtoD_v2(CUdeviceptr target, const void* source,
                                               size_t bytes) {
  return run("cuMemcpyHtoD", {{target, bytes}}, copy(pointer(target), source, bytes), true,
             nullptr);
}

TURBOESM_EMULATOR_API CUresult cuMemcpyDtoH_v2(void* target, CUdeviceptr source, size_t bytes) {
  return run("cuMemcpyDtoH", {{source, bytes}}, copy(target, pointer(source), bytes), true,
             nullptr);
}

TURBOESM_EMULATOR_API CUresult cuMemcpyDtoD_v2(CUdeviceptr target, CUdeviceptr source,
                                               size_t bytes) {
  return run("cuMemcpyDtoD", {{target, bytes}, {source, bytes}},
             copy(pointer(target), pointer(source), bytes), true, nullptr);
}

TURBOESM_EMULATOR_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void* source,
                                                    size_t bytes, CUstream stream) {
  Work work = copy(pointer(target), source, bytes);
  if (!PinnedMemory::instance().contains(source, bytes) && !is_capturing(stream) &&
      settings().stream_timing == StreamTiming::LATE) {
    auto staged = std::make_shared<std::vector<char>>(static_cast<const char*>(source),
                                                      static_cast<const char*>(source) + bytes);
    work = [=] {
      memcpy(pointer(target), staged->data(), bytes);
      return CUDA_SUCCESS;
    };
  }
  return run("cuMemcpyHtoDAsync", {{target, bytes}}, work, false, stream);
}

TURBOESM_EMULATOR_API CUresult cuMemcpyDtoHAsync_v2(void* target, CUdeviceptr source, size_t bytes,
                                                    CUstream stream) {
  CUresult status = run("cuMemcpyDtoHAsync", {{source, bytes}},
                        copy(target, pointer(source), bytes), false, stream);
  if (status == CUDA_SUCCESS && !PinnedMemory::instance().contains(target, bytes) &&
      !is_capturing(stream)) {
    Context* context;
    status = enter_to_release("cuMemcpyDtoHAsync, which waits", &context);
    return status != CUDA_SUCCESS ? status : synchronize(*context, stream);
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source,
                                                    size_t bytes, CUstream stream) {
  return run("cuMemcpyDtoDAsync", {{target, bytes}, {source, bytes}},
             copy(pointer(target), pointer(source), bytes), false, stream);
}

TURBOESM_EMULATOR_API CUresult cuMemsetD8_v2(CUdeviceptr address, unsigned char value,
                                             size_t count) {
  return run_fill("cuMemsetD8", address, value, count, true, nullptr);
}

TURBOESM_EMULATOR_API CUresult cuMemsetD16_v2(CUdeviceptr address, unsigned short value,
                                              size_t count) {
  return run_fill("cuMemsetD16", address, value, count, true, nullptr);
}

TURBOESM_EMULATOR_API CUresult cuMemsetD32_v2(CUdeviceptr address, unsigned value, size_t count) {
  return run_fill("cuMemsetD32", address, value, count, true, nullptr);
}

TURBOESM_EMULATOR_API CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value,
                                               size_t count, CUstream stream) {
  return run_fill("cuMemsetD8Async", address, value, count, false, stream);
}

TURBOESM_EMULATOR_API CUresult cuMemsetD16Async(CUdeviceptr address, unsigned short value,
                                                size_t count, CUstream stream) {
  return run_fill("cuMemsetD16Async", address, value, count, false, stream);
}

TURBOESM_EMULATOR_API CUresult cuMemsetD32Async(CUdeviceptr address, unsigned value, size_t count,
                                                CUstream stream) {
  return run_fill("cuMemsetD32Async", address, value, count, false, stream);
}

// Memory in the order of a stream; the address is there at once, as the driver's is.
TURBOESM_EMULATOR_API CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes,
                                               CUstream stream) {
  Context* context;
  CUresult status = enter("cuMemAllocAsync", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (is_capturing(stream)) {
    report("cuMemAllocAsync in a capture is not emulated");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  return DeviceMemory::instance().allocate(*context, bytes, address);
}

TURBOESM_EMULATOR_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  Context* context;
  CUresult status = enter_to_release("cuMemFreeAsync", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (is_capturing(stream)) {
    report("cuMemFreeAsync in a capture is not emulated");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  return submit("cuMemFreeAsync", *context, stream,
                [context, address] { return DeviceMemory::instance().free(*context, address); });
}
