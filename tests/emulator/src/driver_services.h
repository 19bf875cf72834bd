// What the emulated cuBLAS uses of the emulated driver, beyond its API.
#pragma once

#include <functional>

#include "driver_api.h"

// Runs, queues or records the work in the stream, as a launch's.
TURBOESM_EMULATOR_API CUresult turboesm_emulator_submit(const char* function, CUstream stream,
                                                        const std::function<CUresult()>& work);
// Whether the bytes lie in one allocation of the current context's device.
TURBOESM_EMULATOR_API bool turboesm_emulator_holds(CUdeviceptr address, size_t bytes);
