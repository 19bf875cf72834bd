#include "modules.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "capture.h"
#include "devices.h"
#include "handles.h"
#include "memory.h"
#include "report.h"
#include "settings.h"
#include "streams.h"

namespace turboesm_emulator {

namespace {

Handles<Module>& modules() {
  static auto* instance = new Handles<Module>();
  return *instance;
}

std::mutex functions_mutex;

std::set<Function*>& functions() {
  static auto* instance = new std::set<Function*>();
  return *instance;
}

// The length of an ELF file, which ends with its section headers; 0 if it is none.
size_t elf_bytes(const void* image) {
  const auto* header = static_cast<const Elf64_Ehdr*>(image);
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_type != ET_DYN) {
    return 0;
  }
  return header->e_shoff + size_t{header->e_shnum} * header->e_shentsize;
}

size_t thread_local_bytes(const void* image) {
  const auto* header = static_cast<const Elf64_Ehdr*>(image);
  const auto* segments =
      reinterpret_cast<const Elf64_Phdr*>(static_cast<const char*>(image) + header->e_phoff);
  for (int i = 0; i < header->e_phnum; i++) {
    if (segments[i].p_type == PT_TLS) {
      return segments[i].p_memsz;
    }
  }
  return 0;
}

bool write_all(int file, const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    ssize_t written = write(file, next, bytes);
    if (written <= 0) {
      return false;
    }
    next += written;
    bytes -= static_cast<size_t>(written);
  }
  return true;
}

// Binaries run on devices of the same major version and the same or a newer minor version.
bool runs_here(const char* architecture) {
  int number = 0;
  if (sscanf(architecture, "sm_%d", &number) != 1) {
    return false;
  }
  return number / 10 == settings().compute_capability_major &&
         number % 10 <= settings().compute_capability_minor;
}

CUresult load(const void* image, Module& module) {
  size_t bytes = elf_bytes(image);
  if (bytes == 0) {
    if (memcmp(image, "//", 2) == 0 || memcmp(image, ".version", 8) == 0) {
      report("cuModuleLoadData: PTX is not emulated, load the CUBIN of nvrtcGetCUBIN");
      return CUDA_ERROR_INVALID_PTX;
    }
    report("cuModuleLoadData: the image is no CUBIN of the emulated NVRTC");
    return CUDA_ERROR_INVALID_IMAGE;
  }
  module.file = memfd_create("turboesm-emulator-module", MFD_CLOEXEC);
  if (module.file < 0 || !write_all(module.file, image, bytes)) {
    report("cuModuleLoadData: cannot keep the image in memory");
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  std::string path = "/proc/self/fd/" + std::to_string(module.file);
  module.library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module.library == nullptr) {
    report("cuModuleLoadData: %s", dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  module.entry = static_cast<const ModuleEntry*>(dlsym(module.library, "turboesm_emulator_module"));
  if (module.entry == nullptr) {
    report("cuModuleLoadData: the image is no CUBIN of the emulated NVRTC");
    return CUDA_ERROR_INVALID_IMAGE;
  }
  if (strcmp(module.entry->build, TURBOESM_EMULATOR_BUILD) != 0) {
    report("cuModuleLoadData: the CUBIN is of another build of the emulator, compile it again");
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  if (!runs_here(module.entry->architecture)) {
    report("cuModuleLoadData: the CUBIN is for %s, the device is sm_%d%d",
           module.entry->architecture, settings().compute_capability_major,
           settings().compute_capability_minor);
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  module.shared_segment_bytes = thread_local_bytes(image);
  module.static_shared_bytes = module.shared_segment_bytes - module.entry->dynamic_shared_bytes;
  for (int k = 0; k < module.entry->kernel_count; k++) {
    auto function = std::make_unique<Function>();
    function->module = &module;
    function->kernel = &module.entry->kernels[k];
    function->max_dynamic_shared_bytes = static_cast<int>(
        MAX_SHARED_MEMORY - std::min(MAX_SHARED_MEMORY, module.static_shared_bytes));
    module.functions.push_back(std::move(function));
  }
  return CUDA_SUCCESS;
}

CUresult load_module(const char* function, CUmodule* result, const void* image) {
  Context* context;
  CUresult status = enter(function, &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture(function);
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  auto module = std::make_unique<Module>();
  module->context = context;
  status = load(image, *module);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  {
    std::lock_guard<std::mutex> lock(functions_mutex);
    for (auto& loaded : module->functions) {
      functions().insert(loaded.get());
    }
  }
  *result = modules().add(std::move(module));
  return CUDA_SUCCESS;
}

CUresult enter_for_function(const char* name, CUfunction function) {
  Context* context;
  CUresult status = enter(name, &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return is_function(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

Module::~Module() {
  {
    std::lock_guard<std::mutex> lock(functions_mutex);
    for (auto& function : functions) {
      turboesm_emulator::functions().erase(function.get());
    }
  }
  for (void* variable : variables) {
    DeviceMemory::instance().remove_variable(variable);
  }
  if (library != nullptr) {
    dlclose(library);
  }
  if (file >= 0) {
    close(file);
  }
}

bool is_function(CUfunction function) {
  std::lock_guard<std::mutex> lock(functions_mutex);
  return functions().count(function) != 0;
}

void unload_modules_of(Context& context) {
  for (Module* module : modules().select([&](const Module& m) { return m.context == &context; })) {
    modules().remove(module);
  }
}

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return load_module("cuModuleLoadData", module, image);
}

// Options are for the compiler of PTX.
TURBOESM_EMULATOR_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned,
                                                  void*, void**) {
  return load_module("cuModuleLoadDataEx", module, image);
}

TURBOESM_EMULATOR_API CUresult cuModuleLoad(CUmodule* module, const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string image((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || image.size() < sizeof(Elf64_Ehdr)) {
    return CUDA_ERROR_FILE_NOT_FOUND;
  }
  return load_module("cuModuleLoad", module, image.data());
}

TURBOESM_EMULATOR_API CUresult cuModuleUnload(CUmodule module) {
  Context* context;
  CUresult status = enter_to_release("cuModuleUnload", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuModuleUnload");
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!modules().contains(module)) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  status = synchronize(*context);
  modules().remove(module);
  return status;
}

TURBOESM_EMULATOR_API CUresult cuModuleGetFunction(CUfunction* function, CUmodule module,
                                                   const char* name) {
  Context* context;
  CUresult status = enter("cuModuleGetFunction", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!modules().contains(module)) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  for (auto& candidate : module->functions) {
    if (strcmp(candidate->kernel->name, name) == 0) {
      *function = candidate.get();
      return CUDA_SUCCESS;
    }
  }
  report("cuModuleGetFunction: the module has no kernel '%s'", name);
  return CUDA_ERROR_NOT_FOUND;
}

TURBOESM_EMULATOR_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes,
                                                    CUmodule module, const char* name) {
  Context* context;
  CUresult status = enter("cuModuleGetGlobal", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!modules().contains(module)) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  void* variable = dlsym(module->library, name);
  Dl_info info;
  ElfW(Sym)* symbol = nullptr;
  if (variable == nullptr ||
      dladdr1(variable, &info, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) == 0 ||
      symbol == nullptr || ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT) {
    return CUDA_ERROR_NOT_FOUND;
  }
  if (std::find(module->variables.begin(), module->variables.end(), variable) ==
      module->variables.end()) {
    module->variables.push_back(variable);
    DeviceMemory::instance().add_variable(*context, variable, symbol->st_size);
  }
  if (address != nullptr) {
    *address = reinterpret_cast<CUdeviceptr>(variable);
  }
  if (bytes != nullptr) {
    *bytes = symbol->st_size;
  }
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuFuncGetModule(CUmodule* module, CUfunction function) {
  CUresult status = enter_for_function("cuFuncGetModule", function);
  if (status == CUDA_SUCCESS) {
    *module = function->module;
  }
  return status;
}

// Registers and local memory are the real compiler's to tell: here they are 0. Static shared memory
// is that of the whole module.
TURBOESM_EMULATOR_API CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction function) {
  CUresult status = enter_for_function("cuFuncGetAttribute", function);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  int version = 10 * settings().compute_capability_major + settings().compute_capability_minor;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *value = function->kernel->max_threads;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *value = static_cast<int>(function->module->static_shared_bytes);
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
      *value = 0;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      *value = version;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      *value = function->max_dynamic_shared_bytes;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      *value = -1;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

TURBOESM_EMULATOR_API CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  CUresult status = enter_for_function("cuFuncSetAttribute", function);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      if (value < 0 || static_cast<size_t>(value) + function->module->static_shared_bytes >
                           max_shared_memory_with_opt_in()) {
        report(
            "cuFuncSetAttribute: %d bytes of dynamic shared memory, and %zu static ones, are "
            "more than the device's %zu",
            value, function->module->static_shared_bytes, max_shared_memory_with_opt_in());
        return CUDA_ERROR_INVALID_VALUE;
      }
      function->max_dynamic_shared_bytes = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      return value >= -1 && value <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

TURBOESM_EMULATOR_API CUresult cuFuncSetCacheConfig(CUfunction function, int) {
  return enter_for_function("cuFuncSetCacheConfig", function);
}

// By threads and shared memory; registers are unknown here.
TURBOESM_EMULATOR_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int* blocks, CUfunction function, int block_size, size_t dynamic_shared_bytes, unsigned) {
  CUresult status = enter_for_function("cuOccupancyMaxActiveBlocksPerMultiprocessor", function);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (block_size <= 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  size_t shared = dynamic_shared_bytes + function->module->static_shared_bytes;
  if (block_size > function->kernel->max_threads || shared > max_shared_memory_with_opt_in()) {
    *blocks = 0;
    return CUDA_SUCCESS;
  }
  int by_threads = MAX_THREADS_A_MULTIPROCESSOR / ((block_size + 31) / 32 * 32);
  int by_shared = static_cast<int>((max_shared_memory_with_opt_in() + RESERVED_SHARED_MEMORY) /
                                   (shared + RESERVED_SHARED_MEMORY));
  *blocks = std::min({by_threads, by_shared, MAX_BLOCKS_A_MULTIPROCESSOR});
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(
    int* blocks, CUfunction function, int block_size, size_t dynamic_shared_bytes) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, block_size,
                                                              dynamic_shared_bytes, 0);
}
