// Device memory: plain memory of the host that knows its bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "contexts.h"

namespace turboesm_emulator {

// All allocations of the process. Fresh memory is NaN in every float format (bytes 0xFF), and bytes
// before and behind each allocation show whether a kernel has written there.
class DeviceMemory {
 public:
  static DeviceMemory& instance();

  CUresult allocate(const Context& context, size_t bytes, CUdeviceptr* address);
  // Error 700 if bytes around the allocation were written, 1 if there is none.
  CUresult free(const Context& context, CUdeviceptr address);
  void free_all_of(const Context& context);

  // Memory of a module's variables, which is addressed as device memory too.
  void add_variable(const Context& context, void* address, size_t bytes);
  void remove_variable(void* address);

  // Whether all the bytes lie in one allocation of the context's device.
  bool contains(const Context& context, CUdeviceptr address, size_t bytes);
  // The allocation that holds the address: false if there is none.
  bool find(CUdeviceptr address, CUdeviceptr* base, size_t* bytes, int* device);
  // What was written around an allocation, or "".
  std::string find_overrun();

  size_t free_bytes(int device);

 private:
  struct Allocation {
    size_t bytes;
    const Context* context;
    bool variable;
  };

  static std::string overrun_of(uintptr_t base, size_t bytes);
  void release(std::map<uintptr_t, Allocation>::iterator allocation);
  // The allocation at or below the address, or the end.
  std::map<uintptr_t, Allocation>::iterator at_or_below(uintptr_t address);

  std::mutex mutex_;
  std::map<uintptr_t, Allocation> allocations_;
  std::map<int, size_t> used_;
};

// Memory of the host that the driver knows: allocated by it or registered with it.
class PinnedMemory {
 public:
  static PinnedMemory& instance();

  void* allocate(size_t bytes);
  bool free(void* address);
  bool add(void* address, size_t bytes);
  bool remove(void* address);
  bool contains(const void* address, size_t bytes);

 private:
  struct Range {
    size_t bytes;
    bool owned;
  };

  std::mutex mutex_;
  std::map<uintptr_t, Range> ranges_;
};

}  // namespace turboesm_emulator
