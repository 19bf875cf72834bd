// Stacks for CUDA threads, and the switch between them.
#pragma once

#include <cstddef>
#include <vector>

namespace turboesm_emulator {

// Saves the caller's registers on its stack and its stack pointer in *saved, and continues on the
// stack that `target` was saved from. Registers that a call may clobber are not kept.
extern "C" __attribute__((visibility("hidden"))) void turboesm_emulator_switch(void** saved,
                                                                               void* target);

// Stacks of one thread of the host, taken and given back in any order.
class StackPool {
 public:
  static constexpr size_t STACK_BYTES = 64 * 1024;

  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // The top of a free stack.
  char* take();
  void give_back(char* top);
  // Takes all stacks back, whatever runs on them.
  void give_back_all();
  // Whether the address lies in the guard page below one of the stacks.
  bool is_guard(const void* address) const;
  // The lowest byte of the stack with this top.
  static char* bottom_of(char* top);

 private:
  static constexpr int STACKS_A_CHUNK = 64;

  void grow();
  char* top_of(size_t index) const;

  // Aligned to the size of a stack.
  std::vector<char*> chunks_;
  std::vector<char*> free_;
};

// A stack pointer for turboesm_emulator_switch that calls the function, which must not return.
void* prepare_stack(char* top, void (*function)());

}  // namespace turboesm_emulator
