// One block of CUDA threads at a time, each thread a fiber: which thread runs next, what threads
// wait for, and what is wrong when none can run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device_types.h"
#include "fibers.h"

namespace turboesm_emulator {

constexpr int WARP_LANES = 32;
constexpr int MAX_BLOCK_THREADS = 1024;

// Where in a kernel's source a thread waits.
struct Place {
  const char* operation;
  const char* file;
  int line;
};

struct AsyncCopy {
  void* shared;
  const void* global;  // null: zeros
  int group;
};

struct Thread : DeviceThread {
  int warp;
  char* stack;  // its top, or null while the thread has not begun
  void* stack_pointer;
  // What the thread has brought to the warp function that it waits in, or takes from it.
  unsigned long long value;
  int source_lane;
  DeviceCollective collective;
  void* payload;
  Place place;
  int copy_group;
  std::vector<AsyncCopy> copies;
};

// What a lane waits for the other lanes of its mask for.
enum class WarpFunction { BALLOT, EXCHANGE, COLLECTIVE };

// Lanes that wait together in a warp function.
struct LaneGroup {
  WarpFunction function;
  unsigned mask;
  unsigned waiting;
  Place place;
};

struct Warp {
  unsigned lanes;    // that the block has
  unsigned ready;    // that can run
  unsigned exited;   // that have left the kernel
  unsigned barrier;  // that wait for the block
  int group_count;
  LaneGroup groups[WARP_LANES];
};

// What ended a block early.
struct Failure {
  int status = 0;  // of CUresult
  std::string message;
};

// Runs blocks on the calling thread of the host; each such thread has one of its own.
class BlockRun : public DeviceBlock {
 public:
  static BlockRun& of_this_thread();
  // The one whose block runs on the calling thread of the host.
  static BlockRun& current();

  // Runs a block to its end. Shared memory is the caller's matter.
  Failure run(const KernelEntry& kernel, void* const* arguments, uint3 block_index, dim3 block_size,
              dim3 grid_size);

  // What threads of the block call, on their fibers.
  void barrier(const Place& place);
  unsigned ballot(unsigned mask, unsigned predicate, const Place& place);
  unsigned long long exchange(unsigned mask, unsigned long long value, int source_lane,
                              const Place& place);
  void collective(DeviceCollective collective, void* payload, const Place& place);
  void copy_async(void* shared, const void* global, const Place& place);
  void copy_async_commit();
  void copy_async_wait(int pending);

  // Ends the block from the running thread.
  [[noreturn]] void fail(int status, const Place& place, const std::string& what);

  // Notes what a signal's handler has seen; the stack on which leave_after_fault may then run.
  void* note_fault(const void* address, const char* what, int status);
  [[noreturn]] static void leave_after_fault();

 private:
  BlockRun();
  static void fiber_main();

  Thread& thread() { return *static_cast<Thread*>(turboesm_emulator_thread); }
  Thread& thread_at(int warp, int lane) { return threads_[warp * WARP_LANES + lane]; }
  void prepare(dim3 block_size);
  unsigned pick(unsigned mask);
  Thread* next();
  void suspend(Thread& from);
  // Continues the thread, which begins if it has not.
  void switch_to(void** saved_stack_pointer, Thread& to);
  void run_threads_from(Thread& first);
  void exit_thread(Thread& self);
  void release_block();
  void wait_for_lanes(Thread& self, WarpFunction function, unsigned mask, const Place& place);
  LaneGroup& join(Thread& self, WarpFunction function, unsigned mask, const Place& place);
  // Gives the group's lanes their results, and lets them run.
  void finish(Warp& warp, LaneGroup& group);
  void finish_exchange(int warp, const LaneGroup& group);
  [[noreturn]] void fail(int status, const Thread& thread, const Place& place,
                         const std::string& what);
  [[noreturn]] void fail_stuck();
  [[noreturn]] void leave();
  std::string where(const Thread& thread) const;

  const KernelEntry* kernel_ = nullptr;
  void* const* arguments_ = nullptr;
  int thread_count_ = 0;
  int exited_ = 0;
  int at_barrier_ = 0;
  int warp_ = 0;          // the warp that runs
  unsigned ready_warps_;  // warps that may have ready lanes
  uint64_t random_ = 0;
  bool copies_used_ = false;
  Place barrier_place_ = {};
  void* main_stack_pointer_ = nullptr;
  // The caller's stack, for AddressSanitizer.
  const void* main_stack_bottom_ = nullptr;
  size_t main_stack_bytes_ = 0;
  Failure failure_;
  Warp warps_[MAX_BLOCK_THREADS / WARP_LANES];
  std::vector<Thread> threads_;
  StackPool stacks_;
};

std::string text_of(const Place& place);
bool same_place(const Place& a, const Place& b);

}  // namespace turboesm_emulator
