// Contexts: which one a thread of the host uses, and whether it is lost.
#pragma once

#include <atomic>

#include "driver_api.h"

namespace turboesm_emulator {

struct Context {
  int device;
  bool primary;
  unsigned flags;
  // The status that every call returns once a kernel has failed.
  std::atomic<int> lost{0};
};

// What every function of the driver begins with: the status to return at once, or 0. Checks that
// the driver is initialised and that the call is not planned to fail.
CUresult enter(const char* function);
// The same, and the calling thread's context, which must not be lost.
CUresult enter(const char* function, Context** context);
// The same for functions that end things: they work on a lost context too.
CUresult enter_to_release(const char* function, Context** context);

// Notes the status of work in the context: some lose the context. Returns the status.
CUresult conclude(Context& context, CUresult status);

bool device_exists(CUdevice device);

}  // namespace turboesm_emulator
