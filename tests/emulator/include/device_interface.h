// What compiled kernels and the emulated driver share. Both sides are compiled from this header; a
// cubin carries the build's number, so that a stale one is refused when it is loaded.
#pragma once

#ifndef TURBOESM_EMULATOR_DEVICE_CODE
namespace turboesm_emulator {
#endif

// The part of a CUDA thread that its code reads.
struct DeviceThread {
  uint3 index;
  int lane;
};

// The part of a block that its code reads.
struct DeviceBlock {
  uint3 index;
  dim3 block_size;
  dim3 grid_size;
};

// Loads of fragments and products on tensor cores, which all 32 lanes do together.
enum DeviceCollective {
  MULTIPLY_ADD,              // payload: MultiplyAddOperands
  LOAD_MATRICES,             // payload: LoadMatricesOperands
  LOAD_MATRICES_TRANSPOSED,  // payload: LoadMatricesOperands
};

struct MultiplyAddOperands {
  float* c;
  const unsigned* a;
  const unsigned* b;
};

struct LoadMatricesOperands {
  unsigned* words;
  const void* row;
};

// One parameter of a kernel.
struct KernelParameter {
  const char* type;  // as PTX writes it, "" for a structure
  unsigned bytes;
  unsigned alignment;
  bool pointer;
};

// One kernel of a module.
struct KernelEntry {
  const char* name;
  void (*invoke)(void* const* arguments);
  const KernelParameter* parameters;
  int parameter_count;
  int max_threads;  // of __launch_bounds__, or 1024
};

// All that a module says about itself, under the name turboesm_emulator_module.
struct ModuleEntry {
  const char* build;
  const char* architecture;
  const KernelEntry* kernels;
  int kernel_count;
  // The dynamic shared array of the calling thread.
  unsigned char* (*dynamic_shared)();
  unsigned dynamic_shared_bytes;
};

#ifndef TURBOESM_EMULATOR_DEVICE_CODE
}  // namespace turboesm_emulator
#define TURBOESM_EMULATOR_TYPE(name) turboesm_emulator::name
#else
#define TURBOESM_EMULATOR_TYPE(name) name
#endif

#define TURBOESM_EMULATOR_EXPORT extern "C" __attribute__((visibility("default")))
// Two pointers fit the room that the C library keeps for such variables of libraries loaded late.
#define TURBOESM_EMULATOR_THREAD_LOCAL thread_local __attribute__((tls_model("initial-exec")))

TURBOESM_EMULATOR_EXPORT TURBOESM_EMULATOR_THREAD_LOCAL TURBOESM_EMULATOR_TYPE(DeviceThread) *
    turboesm_emulator_thread;
TURBOESM_EMULATOR_EXPORT TURBOESM_EMULATOR_THREAD_LOCAL TURBOESM_EMULATOR_TYPE(DeviceBlock) *
    turboesm_emulator_block;

// Waits for all threads of the block.
TURBOESM_EMULATOR_EXPORT void turboesm_emulator_barrier(const char* operation, const char* file,
                                                        int line);
// Waits for the lanes of the mask; the lanes whose predicate is 1.
TURBOESM_EMULATOR_EXPORT unsigned turboesm_emulator_ballot(unsigned mask, unsigned predicate,
                                                           const char* operation, const char* file,
                                                           int line);
// Waits for the lanes of the mask; the source lane's value.
TURBOESM_EMULATOR_EXPORT unsigned long long turboesm_emulator_exchange(unsigned mask,
                                                                       unsigned long long value,
                                                                       int source_lane,
                                                                       const char* operation,
                                                                       const char* file, int line);
// Waits for all lanes; the last one does the work of all.
TURBOESM_EMULATOR_EXPORT void turboesm_emulator_collective(int collective, void* payload,
                                                           const char* operation, const char* file,
                                                           int line);
// Copies of 16 bytes to shared memory happen as late as the program allows: when they are waited
// for. No source: zeros.
TURBOESM_EMULATOR_EXPORT void turboesm_emulator_copy_async(void* shared, const void* global,
                                                           const char* operation, const char* file,
                                                           int line);
TURBOESM_EMULATOR_EXPORT void turboesm_emulator_copy_async_commit();
TURBOESM_EMULATOR_EXPORT void turboesm_emulator_copy_async_wait(int pending);
