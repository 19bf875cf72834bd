#include "driver_services.h"

#include "contexts.h"
#include "memory.h"
#include "streams.h"

using namespace turboesm_emulator;

CUresult turboesm_emulator_submit(const char* function, CUstream stream,
                                  const std::function<CUresult()>& work) {
  Context* context;
  CUresult status = enter(function, &context);
  return status != CUDA_SUCCESS ? status : submit(function, *context, stream, work);
}

bool turboesm_emulator_holds(CUdeviceptr address, size_t bytes) {
  Context* context;
  return enter("holds", &context) == CUDA_SUCCESS &&
         DeviceMemory::instance().contains(*context, address, bytes);
}
