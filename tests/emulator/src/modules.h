// Modules: shared objects that the emulated NVRTC has compiled.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "contexts.h"
#include "device_types.h"

namespace turboesm_emulator {

struct Module {
  Context* context;
  // The file of the image: open as long as the image is loaded, since the loader knows it by name.
  int file = -1;
  void* library = nullptr;
  const ModuleEntry* entry = nullptr;
  // The block of thread-local memory that holds the module's shared arrays, of this size.
  size_t shared_segment_bytes = 0;
  size_t static_shared_bytes = 0;
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<void*> variables;

  ~Module();
};

struct Function {
  Module* module;
  const KernelEntry* kernel;
  int max_dynamic_shared_bytes;
};

bool is_function(CUfunction function);
void unload_modules_of(Context& context);

}  // namespace turboesm_emulator
