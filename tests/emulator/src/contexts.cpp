#include "contexts.h"

#include <memory>
#include <mutex>
#include <vector>

#include "handles.h"
#include "memory.h"
#include "modules.h"
#include "planned_failures.h"
#include "settings.h"
#include "streams.h"

namespace turboesm_emulator {

namespace {

std::atomic<bool> initialized{false};

Handles<Context>& contexts() {
  static auto* instance = new Handles<Context>();
  return *instance;
}

struct PrimaryContext {
  Context* context = nullptr;
  int retained = 0;
  unsigned flags = 0;
};

std::mutex primary_mutex;

PrimaryContext& primary(CUdevice device) {
  static auto* instances = new std::vector<PrimaryContext>(settings().devices);
  return (*instances)[device];
}

// The thread's contexts, the current one last; null where a thread has made none current.
std::vector<Context*>& context_stack() {
  static thread_local std::vector<Context*> stack;
  return stack;
}

Context* current() { return context_stack().empty() ? nullptr : context_stack().back(); }

Context* create(CUdevice device, bool is_primary, unsigned flags) {
  auto context = std::make_unique<Context>();
  context->device = device;
  context->primary = is_primary;
  context->flags = flags;
  return contexts().add(std::move(context));
}

void destroy(Context* context) {
  destroy_streams_of(*context);
  unload_modules_of(*context);
  DeviceMemory::instance().free_all_of(*context);
  contexts().remove(context);
}

}  // namespace

bool device_exists(CUdevice device) { return device >= 0 && device < settings().devices; }

CUresult enter(const char* function) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  int planned = turboesm_emulator_planned_failure(function);
  if (planned != 0 && loses_context(planned) && contexts().contains(current())) {
    current()->lost = planned;
  }
  return static_cast<CUresult>(planned);
}

CUresult enter_to_release(const char* function, Context** context) {
  CUresult status = enter(function);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  *context = current();
  if (*context == nullptr) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  return contexts().contains(*context) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult enter(const char* function, Context** context) {
  CUresult status = enter_to_release(function, context);
  return status != CUDA_SUCCESS ? status : static_cast<CUresult>((*context)->lost.load());
}

CUresult conclude(Context& context, CUresult status) {
  if (loses_context(status)) {
    context.lost = status;
  }
  return status;
}

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API CUresult cuInit(unsigned flags) {
  if (flags != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  int planned = turboesm_emulator_planned_failure("cuInit");
  if (planned != 0) {
    return static_cast<CUresult>(planned);
  }
  if (settings().devices == 0) {
    return CUDA_ERROR_NO_DEVICE;
  }
  initialized = true;
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuDevicePrimaryCtxRetain(CUcontext* result, CUdevice device) {
  CUresult status = enter("cuDevicePrimaryCtxRetain");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!device_exists(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  std::lock_guard<std::mutex> lock(primary_mutex);
  PrimaryContext& entry = primary(device);
  if (entry.context == nullptr) {
    entry.context = create(device, true, entry.flags);
  }
  entry.retained++;
  *result = entry.context;
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  CUresult status = enter("cuDevicePrimaryCtxRelease");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!device_exists(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  std::lock_guard<std::mutex> lock(primary_mutex);
  PrimaryContext& entry = primary(device);
  if (entry.retained == 0) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (--entry.retained == 0) {
    destroy(entry.context);
    entry.context = nullptr;
  }
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  CUresult status = enter("cuDevicePrimaryCtxReset");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!device_exists(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  std::lock_guard<std::mutex> lock(primary_mutex);
  PrimaryContext& entry = primary(device);
  if (entry.context != nullptr) {
    destroy(entry.context);
    entry.context = nullptr;
    entry.retained = 0;
  }
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  CUresult status = enter("cuDevicePrimaryCtxSetFlags");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!device_exists(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  std::lock_guard<std::mutex> lock(primary_mutex);
  primary(device).flags = flags;
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags,
                                                          int* active) {
  CUresult status = enter("cuDevicePrimaryCtxGetState");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!device_exists(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  std::lock_guard<std::mutex> lock(primary_mutex);
  *flags = primary(device).flags;
  *active = primary(device).context != nullptr;
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuCtxCreate_v2(CUcontext* result, unsigned flags, CUdevice device) {
  CUresult status = enter("cuCtxCreate");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!device_exists(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  *result = create(device, false, flags);
  context_stack().push_back(*result);
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuCtxDestroy_v2(CUcontext context) {
  CUresult status = enter("cuCtxDestroy");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!contexts().contains(context) || context->primary) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (current() == context) {
    context_stack().pop_back();
  }
  destroy(context);
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuCtxSetCurrent(CUcontext context) {
  CUresult status = enter("cuCtxSetCurrent");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (context != nullptr && !contexts().contains(context)) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (!context_stack().empty()) {
    context_stack().pop_back();
  }
  if (context != nullptr) {
    context_stack().push_back(context);
  }
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuCtxGetCurrent(CUcontext* context) {
  CUresult status = enter("cuCtxGetCurrent");
  if (status == CUDA_SUCCESS) {
    *context = current();
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuCtxPushCurrent_v2(CUcontext context) {
  CUresult status = enter("cuCtxPushCurrent");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!contexts().contains(context)) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  context_stack().push_back(context);
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuCtxPopCurrent_v2(CUcontext* context) {
  CUresult status = enter("cuCtxPopCurrent");
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (context_stack().empty()) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (context != nullptr) {
    *context = current();
  }
  context_stack().pop_back();
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuCtxGetDevice(CUdevice* device) {
  Context* context;
  CUresult status = enter_to_release("cuCtxGetDevice", &context);
  if (status == CUDA_SUCCESS) {
    *device = context->device;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuCtxGetFlags(unsigned* flags) {
  Context* context;
  CUresult status = enter("cuCtxGetFlags", &context);
  if (status == CUDA_SUCCESS) {
    *flags = context->flags;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuCtxGetApiVersion(CUcontext, unsigned* version) {
  CUresult status = enter("cuCtxGetApiVersion");
  if (status == CUDA_SUCCESS) {
    *version = 3020;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  Context* context;
  CUresult status = enter("cuCtxGetStreamPriorityRange", &context);
  if (status == CUDA_SUCCESS) {
    *least = LEAST_STREAM_PRIORITY;
    *greatest = GREATEST_STREAM_PRIORITY;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuCtxSetCacheConfig(int) {
  Context* context;
  return enter("cuCtxSetCacheConfig", &context);
}
