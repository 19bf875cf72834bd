#include "faults.h"

#include <ucontext.h>

#include <cstring>
#include <mutex>

#include "block.h"
#include "driver_api.h"

namespace turboesm_emulator {

namespace {

constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr size_t SIGNAL_STACK_BYTES = 64 * 1024;

struct sigaction former_actions[NSIG];

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& former = former_actions[signal];
  if ((former.sa_flags & SA_SIGINFO) != 0) {
    former.sa_sigaction(signal, info, context);
  } else if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
    former.sa_handler(signal);
  } else {
    // The instruction runs again, and ends the process as if there were no emulator.
    sigaction(signal, &former, nullptr);
  }
}

void handle(int signal, siginfo_t* info, void* context) {
  if (turboesm_emulator_block == nullptr) {
    pass_on(signal, info, context);
    return;
  }
  // The processor does not tell an address beyond those that exist at all.
  bool known = info->si_addr != nullptr && info->si_code != SI_KERNEL;
  const char* what = "illegal address";
  int status = CUDA_ERROR_ILLEGAL_ADDRESS;
  if (signal == SIGFPE) {
    what = "integer division overflows, at";
    status = CUDA_ERROR_LAUNCH_FAILED;
  } else if (signal == SIGILL) {
    what = "unreachable code, at instruction";
    status = CUDA_ERROR_ILLEGAL_INSTRUCTION;
  } else if (!known) {
    what = "illegal address, not known which:";
  }
  auto* stack = static_cast<char*>(
      BlockRun::current().note_fault(known ? info->si_addr : nullptr, what, status));
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  // As if the thread's first function called: the stack pointer is 8 below a multiple of 16.
  registers[REG_RSP] = static_cast<greg_t>(reinterpret_cast<uintptr_t>(stack) / 16 * 16 - 8);
  registers[REG_RIP] = reinterpret_cast<greg_t>(&BlockRun::leave_after_fault);
}

void install() {
  for (int signal : SIGNALS) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, &former_actions[signal]);
  }
}

}  // namespace

FaultGuard::FaultGuard() {
  // Once, after the JVM has installed its handlers: these must be able to hand over to them.
  static std::once_flag installed;
  std::call_once(installed, install);
  static thread_local std::unique_ptr<char[]> memory(new char[SIGNAL_STACK_BYTES]);
  stack_t stack;
  stack.ss_sp = memory.get();
  stack.ss_size = SIGNAL_STACK_BYTES;
  stack.ss_flags = 0;
  sigaltstack(&stack, &former_stack_);
}

FaultGuard::~FaultGuard() { sigaltstack(&former_stack_, nullptr); }

}  // namespace turboesm_emulator
