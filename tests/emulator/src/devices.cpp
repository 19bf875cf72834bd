#include "devices.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "contexts.h"
#include "memory.h"
#include "planned_failures.h"
#include "settings.h"

namespace turboesm_emulator {

size_t max_shared_memory_with_opt_in() {
  int capability = 10 * settings().compute_capability_major + settings().compute_capability_minor;
  switch (capability) {
    case 70:
    case 72:
      return 96 * 1024;
    case 75:
      return 64 * 1024;
    case 80:
    case 87:
      return 163 * 1024;
    case 86:
    case 89:
      return 99 * 1024;
    default:
      return capability < 70 ? MAX_SHARED_MEMORY : 227 * 1024;
  }
}

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

namespace {

constexpr int NOT_AN_ATTRIBUTE = -1;

// Attributes that are not listed are 0: texture limits and abilities that the emulator lacks.
int attribute_of(CUdevice device, int attribute) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
      return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
      return 64;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
      return 2147483647;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
      return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
      return static_cast<int>(MAX_SHARED_MEMORY);
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      return static_cast<int>(max_shared_memory_with_opt_in());
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      return static_cast<int>(max_shared_memory_with_opt_in() + RESERVED_SHARED_MEMORY);
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
      return static_cast<int>(RESERVED_SHARED_MEMORY);
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
      return 65536;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
      return 2147483647;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      return 65536;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
      return 1410000;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
      return 512;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      return MULTIPROCESSORS;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      return 1215000;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
      return 5120;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
      return 40 << 20;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
      return MAX_THREADS_A_MULTIPROCESSOR;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      return MAX_BLOCKS_A_MULTIPROCESSOR;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
    case CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO:
      return 2;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      return settings().compute_capability_major;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      return settings().compute_capability_minor;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
      return device + 1;
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_ECC_ENABLED:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
      return 1;
    default:
      return attribute > 0 && attribute <= CU_DEVICE_ATTRIBUTE_LAST ? 0 : NOT_AN_ATTRIBUTE;
  }
}

CUresult enter_for_device(const char* function, CUdevice device) {
  CUresult status = enter(function);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return device_exists(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

}  // namespace

TURBOESM_EMULATOR_API CUresult cuDriverGetVersion(int* version) {
  int planned = turboesm_emulator_planned_failure("cuDriverGetVersion");
  *version = settings().driver_version;
  return static_cast<CUresult>(planned);
}

TURBOESM_EMULATOR_API CUresult cuDeviceGetCount(int* count) {
  CUresult status = enter("cuDeviceGetCount");
  if (status == CUDA_SUCCESS) {
    *count = settings().devices;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  CUresult status = enter_for_device("cuDeviceGet", ordinal);
  if (status == CUDA_SUCCESS) {
    *device = ordinal;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  CUresult status = enter_for_device("cuDeviceGetName", device);
  if (status == CUDA_SUCCESS) {
    snprintf(name, static_cast<size_t>(length), "TurboESM CUDA emulator");
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  CUresult status = enter_for_device("cuDeviceGetUuid", device);
  if (status == CUDA_SUCCESS) {
    memcpy(uuid->bytes, "turboesm-emu-000", sizeof uuid->bytes);
    uuid->bytes[15] = static_cast<char>('0' + device);
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  CUresult status = enter_for_device("cuDeviceTotalMem", device);
  if (status == CUDA_SUCCESS) {
    *bytes = settings().memory_bytes;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
  CUresult status = enter_for_device("cuDeviceGetAttribute", device);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  int result = attribute_of(device, attribute);
  if (result == NOT_AN_ATTRIBUTE) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *value = result;
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  CUresult status = enter_for_device("cuDeviceComputeCapability", device);
  if (status == CUDA_SUCCESS) {
    *major = settings().compute_capability_major;
    *minor = settings().compute_capability_minor;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  CUresult status = enter_for_device("cuDeviceGetPCIBusId", device);
  if (status == CUDA_SUCCESS) {
    snprintf(id, static_cast<size_t>(length), "0000:%02X:00.0", device + 1);
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice, CUdevice) {
  CUresult status = enter("cuDeviceCanAccessPeer");
  if (status == CUDA_SUCCESS) {
    *can = 0;
  }
  return status;
}
