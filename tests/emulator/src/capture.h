// Streams whose work is being recorded instead of run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "driver_api.h"

namespace turboesm_emulator {

// Something that a stream does. It owns all that it needs, since it may run later or many times.
using Work = std::function<CUresult()>;

// A recording, begun in one stream and carried to others by events.
struct Capture {
  Stream* origin;
  CUstreamCaptureMode mode;
  std::thread::id owner;
  bool invalid = false;
  std::vector<Work> work;
  // How often each other stream has taken part, and up to where the origin has waited for it.
  struct Branch {
    int operations = 0;
    int joined = 0;
  };
  std::map<Stream*, Branch> branches;
};

// Calls that a capture forbids, in any thread or in the capturing one, by its mode: 900, and the
// captures are void.
CUresult forbid_during_capture(const char* function);
// The same for a call that waits for the context's work or uses its legacy stream.
CUresult forbid_during_any_capture(const Context& context, const char* function, CUresult status);

}  // namespace turboesm_emulator
