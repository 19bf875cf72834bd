#include "memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "address_sanitizer.h"
#include "capture.h"
#include "planned_failures.h"
#include "report.h"
#include "settings.h"
#include "streams.h"

namespace turboesm_emulator {

namespace {

// As the driver aligns; also the width of the guards.
constexpr size_t ALIGNMENT = 256;
constexpr size_t GUARD = 256;
constexpr unsigned char GUARD_BYTE = 0xCA;
constexpr unsigned char FRESH_BYTE = 0xFF;

size_t rounded(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

// How many of the bytes from the first on do not hold the guard's byte, up to the last that does
// not.
size_t written(const unsigned char* guard, size_t bytes) {
  static const auto* intact = [] {
    auto* pattern = new unsigned char[GUARD];
    memset(pattern, GUARD_BYTE, GUARD);
    return pattern;
  }();
  if (memcmp(guard, intact, bytes) == 0) {
    return 0;
  }
  while (guard[bytes - 1] == GUARD_BYTE) {
    bytes--;
  }
  return bytes;
}

}  // namespace

DeviceMemory& DeviceMemory::instance() {
  static auto* instance = new DeviceMemory();
  return *instance;
}

CUresult DeviceMemory::allocate(const Context& context, size_t bytes, CUdeviceptr* address) {
  if (bytes == 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  size_t& used = used_[context.device];
  if (bytes > settings().memory_bytes - used) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  char* block = static_cast<char*>(aligned_alloc(ALIGNMENT, GUARD + rounded(bytes) + GUARD));
  if (block == nullptr) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  char* base = block + GUARD;
  memset(block, GUARD_BYTE, GUARD);
  memset(base, FRESH_BYTE, bytes);
  memset(base + bytes, GUARD_BYTE, GUARD);
  poison(block, GUARD);
  poison(base + bytes, rounded(bytes) - bytes + GUARD);
  used += bytes;
  allocations_[reinterpret_cast<uintptr_t>(base)] = {bytes, &context, false};
  *address = reinterpret_cast<CUdeviceptr>(base);
  return CUDA_SUCCESS;
}

std::string DeviceMemory::overrun_of(uintptr_t base, size_t bytes) {
  if (ADDRESS_SANITIZER) {
    return "";
  }
  const auto* start = reinterpret_cast<const unsigned char*>(base);
  char text[160];
  size_t behind = written(start + bytes, GUARD);
  if (behind != 0) {
    snprintf(text, sizeof text, "%zu bytes behind the allocation of %zu bytes at %p were written",
             behind, bytes, static_cast<const void*>(start));
    return text;
  }
  if (written(start - GUARD, GUARD) != 0) {
    snprintf(text, sizeof text, "bytes before the allocation of %zu bytes at %p were written",
             bytes, static_cast<const void*>(start));
    return text;
  }
  return "";
}

std::string DeviceMemory::find_overrun() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& entry : allocations_) {
    if (!entry.second.variable) {
      std::string overrun = overrun_of(entry.first, entry.second.bytes);
      if (!overrun.empty()) {
        return overrun;
      }
    }
  }
  return "";
}

void DeviceMemory::release(std::map<uintptr_t, Allocation>::iterator allocation) {
  if (!allocation->second.variable) {
    used_[allocation->second.context->device] -= allocation->second.bytes;
    char* block = reinterpret_cast<char*>(allocation->first) - GUARD;
    unpoison(block, GUARD + rounded(allocation->second.bytes) + GUARD);
    ::free(block);
  }
  allocations_.erase(allocation);
}

CUresult DeviceMemory::free(const Context& context, CUdeviceptr address) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto allocation = allocations_.find(address);
  if (allocation == allocations_.end() || allocation->second.variable ||
      allocation->second.context->device != context.device) {
    report("cuMemFree: %p is not the start of an allocation", reinterpret_cast<void*>(address));
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::string overrun = overrun_of(allocation->first, allocation->second.bytes);
  release(allocation);
  if (!overrun.empty()) {
    report("cuMemFree: %s", overrun.c_str());
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  return CUDA_SUCCESS;
}

void DeviceMemory::free_all_of(const Context& context) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto entry = allocations_.begin(); entry != allocations_.end();) {
    auto next = std::next(entry);
    if (entry->second.context == &context) {
      release(entry);
    }
    entry = next;
  }
}

void DeviceMemory::add_variable(const Context& context, void* address, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  allocations_[reinterpret_cast<uintptr_t>(address)] = {bytes, &context, true};
}

void DeviceMemory::remove_variable(void* address) {
  std::lock_guard<std::mutex> lock(mutex_);
  allocations_.erase(reinterpret_cast<uintptr_t>(address));
}

std::map<uintptr_t, DeviceMemory::Allocation>::iterator DeviceMemory::at_or_below(
    uintptr_t address) {
  auto above = allocations_.upper_bound(address);
  return above == allocations_.begin() ? allocations_.end() : std::prev(above);
}

bool DeviceMemory::contains(const Context& context, CUdeviceptr address, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto allocation = at_or_below(address);
  if (allocation == allocations_.end() || allocation->second.context->device != context.device) {
    return false;
  }
  size_t offset = address - allocation->first;
  return offset <= allocation->second.bytes && bytes <= allocation->second.bytes - offset;
}

bool DeviceMemory::find(CUdeviceptr address, CUdeviceptr* base, size_t* bytes, int* device) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto allocation = at_or_below(address);
  if (allocation == allocations_.end() || address - allocation->first >= allocation->second.bytes) {
    return false;
  }
  *base = allocation->first;
  *bytes = allocation->second.bytes;
  *device = allocation->second.context->device;
  return true;
}

size_t DeviceMemory::free_bytes(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  return settings().memory_bytes - used_[device];
}

PinnedMemory& PinnedMemory::instance() {
  static auto* instance = new PinnedMemory();
  return *instance;
}

void* PinnedMemory::allocate(size_t bytes) {
  void* address = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (address != nullptr) {
    std::lock_guard<std::mutex> lock(mutex_);
    ranges_[reinterpret_cast<uintptr_t>(address)] = {bytes, true};
  }
  return address;
}

bool PinnedMemory::free(void* address) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto range = ranges_.find(reinterpret_cast<uintptr_t>(address));
  if (range == ranges_.end() || !range->second.owned) {
    return false;
  }
  ranges_.erase(range);
  ::free(address);
  return true;
}

bool PinnedMemory::add(void* address, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  return ranges_.insert({reinterpret_cast<uintptr_t>(address), {bytes, false}}).second;
}

bool PinnedMemory::remove(void* address) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto range = ranges_.find(reinterpret_cast<uintptr_t>(address));
  if (range == ranges_.end() || range->second.owned) {
    return false;
  }
  ranges_.erase(range);
  return true;
}

bool PinnedMemory::contains(const void* address, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto start = reinterpret_cast<uintptr_t>(address);
  auto above = ranges_.upper_bound(start);
  if (above == ranges_.begin()) {
    return false;
  }
  auto range = std::prev(above);
  size_t offset = start - range->first;
  return offset <= range->second.bytes && bytes <= range->second.bytes - offset;
}

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  Context* context;
  CUresult status = enter("cuMemAlloc", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuMemAlloc");
  }
  return status != CUDA_SUCCESS ? status
                                : DeviceMemory::instance().allocate(*context, bytes, address);
}

TURBOESM_EMULATOR_API CUresult cuMemFree_v2(CUdeviceptr address) {
  Context* context;
  CUresult status = enter_to_release("cuMemFree", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuMemFree");
  }
  if (status != CUDA_SUCCESS || address == 0) {
    return status;
  }
  // As the driver, which waits for work that may use the memory.
  CUresult waited = synchronize(*context);
  CUresult freed = DeviceMemory::instance().free(*context, address);
  return conclude(*context, waited != CUDA_SUCCESS ? waited : freed);
}

TURBOESM_EMULATOR_API CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  Context* context;
  CUresult status = enter("cuMemGetInfo", &context);
  if (status == CUDA_SUCCESS) {
    *free_bytes = DeviceMemory::instance().free_bytes(context->device);
    *total = settings().memory_bytes;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes,
                                                       CUdeviceptr address) {
  Context* context;
  CUresult status = enter("cuMemGetAddressRange", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  CUdeviceptr found_base;
  size_t found_bytes;
  int device;
  if (!DeviceMemory::instance().find(address, &found_base, &found_bytes, &device)) {
    return CUDA_ERROR_NOT_FOUND;
  }
  if (base != nullptr) {
    *base = found_base;
  }
  if (bytes != nullptr) {
    *bytes = found_bytes;
  }
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuPointerGetAttribute(void* data, int attribute,
                                                     CUdeviceptr address) {
  Context* context;
  CUresult status = enter("cuPointerGetAttribute", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  CUdeviceptr base;
  size_t bytes;
  int device;
  if (!DeviceMemory::instance().find(address, &base, &bytes, &device)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *static_cast<unsigned*>(data) = CU_MEMORYTYPE_DEVICE;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      *static_cast<CUdeviceptr*>(data) = address;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *static_cast<int*>(data) = device;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *static_cast<CUdeviceptr*>(data) = base;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *static_cast<size_t*>(data) = bytes;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

TURBOESM_EMULATOR_API CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  Context* context;
  CUresult status = enter("cuMemHostAlloc", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuMemHostAlloc");
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (bytes == 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *address = PinnedMemory::instance().allocate(bytes);
  return *address == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuMemAllocHost_v2(void** address, size_t bytes) {
  int planned = turboesm_emulator_planned_failure("cuMemAllocHost");
  return planned != 0 ? static_cast<CUresult>(planned) : cuMemHostAlloc(address, bytes, 0);
}

TURBOESM_EMULATOR_API CUresult cuMemFreeHost(void* address) {
  Context* context;
  CUresult status = enter_to_release("cuMemFreeHost", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuMemFreeHost");
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  status = synchronize(*context);
  return PinnedMemory::instance().free(address) ? status : CUDA_ERROR_INVALID_VALUE;
}

TURBOESM_EMULATOR_API CUresult cuMemHostRegister_v2(void* address, size_t bytes, unsigned) {
  Context* context;
  CUresult status = enter("cuMemHostRegister", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuMemHostRegister");
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (address == nullptr || bytes == 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return PinnedMemory::instance().add(address, bytes) ? CUDA_SUCCESS
                                                      : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
}

TURBOESM_EMULATOR_API CUresult cuMemHostUnregister(void* address) {
  Context* context;
  CUresult status = enter_to_release("cuMemHostUnregister", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  status = synchronize(*context);
  return PinnedMemory::instance().remove(address) ? status : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}
