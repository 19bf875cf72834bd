#include "fibers.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "address_sanitizer.h"

#if !defined(__x86_64__)
#error "the emulator's fiber switch is written for x86-64"
#endif

// The System V ABI's callee-saved registers; the floating-point control words are the same in all
// fibers.
asm(R"(
.text
.globl turboesm_emulator_switch
.hidden turboesm_emulator_switch
.type turboesm_emulator_switch, @function
turboesm_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size turboesm_emulator_switch, .-turboesm_emulator_switch
)");

namespace turboesm_emulator {

namespace {

constexpr size_t GUARD_BYTES = 4096;

}  // namespace

StackPool::~StackPool() {
  for (char* chunk : chunks_) {
    munmap(chunk, STACKS_A_CHUNK * STACK_BYTES);
  }
}

char* StackPool::top_of(size_t index) const {
  char* stack = chunks_[index / STACKS_A_CHUNK] + (index % STACKS_A_CHUNK) * STACK_BYTES;
  // Tops of equal distance would share the same few sets of the processor's caches.
  return stack + STACK_BYTES - (index % 32) * 448;
}

void StackPool::grow() {
  // One more than needed, so that an aligned chunk lies inside.
  void* mapped = mmap(nullptr, (STACKS_A_CHUNK + 1) * STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::bad_alloc();
  }
  char* start = static_cast<char*>(mapped);
  size_t before = (STACK_BYTES - reinterpret_cast<uintptr_t>(start) % STACK_BYTES) % STACK_BYTES;
  char* chunk = start + before;
  char* end = chunk + STACKS_A_CHUNK * STACK_BYTES;
  if (before > 0) {
    munmap(start, before);
  }
  munmap(end, STACK_BYTES - before);
  chunks_.push_back(chunk);
  for (int i = 0; i < STACKS_A_CHUNK; i++) {
    mprotect(chunk + i * STACK_BYTES, GUARD_BYTES, PROT_NONE);
  }
  for (int i = STACKS_A_CHUNK - 1; i >= 0; i--) {
    free_.push_back(top_of((chunks_.size() - 1) * STACKS_A_CHUNK + i));
  }
}

char* StackPool::take() {
  if (free_.empty()) {
    grow();
  }
  char* top = free_.back();
  free_.pop_back();
  // Frames of functions that never returned may lie there.
  char* bottom = bottom_of(top);
  unpoison(bottom, static_cast<size_t>(top - bottom));
  return top;
}

void StackPool::give_back(char* top) { free_.push_back(top); }

void StackPool::give_back_all() {
  free_.clear();
  for (size_t i = chunks_.size() * STACKS_A_CHUNK; i > 0; i--) {
    free_.push_back(top_of(i - 1));
  }
  for (char* chunk : chunks_) {
    unpoison(chunk, STACKS_A_CHUNK * STACK_BYTES);
  }
}

bool StackPool::is_guard(const void* address) const {
  for (char* chunk : chunks_) {
    ptrdiff_t offset = static_cast<const char*>(address) - chunk;
    if (offset >= 0 && offset < static_cast<ptrdiff_t>(STACKS_A_CHUNK * STACK_BYTES)) {
      return static_cast<size_t>(offset) % STACK_BYTES < GUARD_BYTES;
    }
  }
  return false;
}

char* StackPool::bottom_of(char* top) {
  uintptr_t last = reinterpret_cast<uintptr_t>(top) - 1;
  return reinterpret_cast<char*>(last / STACK_BYTES * STACK_BYTES);
}

void* prepare_stack(char* top, void (*function)()) {
  void** sp = reinterpret_cast<void**>(top);
  // A function is entered with its return address at 8 below a multiple of 16.
  *--sp = nullptr;
  *--sp = reinterpret_cast<void*>(function);
  for (int i = 0; i < 6; i++) {
    *--sp = nullptr;
  }
  return sp;
}

}  // namespace turboesm_emulator
