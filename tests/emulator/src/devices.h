// The limits of the emulated device.
#pragma once

#include <cstddef>

namespace turboesm_emulator {

constexpr int MULTIPROCESSORS = 4;
constexpr int MAX_THREADS_A_MULTIPROCESSOR = 2048;
constexpr int MAX_BLOCKS_A_MULTIPROCESSOR = 32;
// Shared memory of a block: without opting in to more, and what the system takes of each block's.
constexpr size_t MAX_SHARED_MEMORY = 48 * 1024;
constexpr size_t RESERVED_SHARED_MEMORY = 1024;

// By compute capability, as the CUDA programming guide's table of technical specifications has it.
size_t max_shared_memory_with_opt_in();

}  // namespace turboesm_emulator
