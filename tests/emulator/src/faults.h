// Faults of the processor in a kernel's code: a status of the launch instead of the process's end.
#pragma once

#include <csignal>
#include <memory>

namespace turboesm_emulator {

// While it lives, faults on the calling thread of the host end the block that runs there; faults
// elsewhere go where they went before.
class FaultGuard {
 public:
  FaultGuard();
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

 private:
  stack_t former_stack_;
};

}  // namespace turboesm_emulator
