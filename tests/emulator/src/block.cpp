#include "block.h"

#include <cstdio>
#include <cstring>
#include <memory>

#include "address_sanitizer.h"
#include "collectives.h"
#include "driver_api.h"
#include "settings.h"

TURBOESM_EMULATOR_THREAD_LOCAL turboesm_emulator::DeviceThread* turboesm_emulator_thread = nullptr;
TURBOESM_EMULATOR_THREAD_LOCAL turboesm_emulator::DeviceBlock* turboesm_emulator_block = nullptr;

namespace turboesm_emulator {

std::string text_of(const Place& place) {
  const char* slash = strrchr(place.file, '/');
  return std::string(place.operation) + " at " + (slash == nullptr ? place.file : slash + 1) + ":" +
         std::to_string(place.line);
}

bool same_place(const Place& a, const Place& b) {
  // Equal texts of one module mostly lie at one address.
  return a.line == b.line &&
         (a.operation == b.operation || strcmp(a.operation, b.operation) == 0) &&
         (a.file == b.file || strcmp(a.file, b.file) == 0);
}

BlockRun& BlockRun::of_this_thread() {
  // Elsewhere than in thread-local memory itself, where the loader has little room.
  static thread_local std::unique_ptr<BlockRun> instance(new BlockRun());
  return *instance;
}

BlockRun& BlockRun::current() { return *static_cast<BlockRun*>(turboesm_emulator_block); }

BlockRun::BlockRun() : threads_(MAX_BLOCK_THREADS) {}

void BlockRun::prepare(dim3 size) {
  bool same_shape = thread_count_ != 0 && size.x == block_size.x && size.y == block_size.y &&
                    size.z == block_size.z;
  block_size = size;
  thread_count_ = static_cast<int>(size.x * size.y * size.z);
  int warps = (thread_count_ + WARP_LANES - 1) / WARP_LANES;
  if (!same_shape) {
    for (int t = 0; t < thread_count_; t++) {
      unsigned linear = static_cast<unsigned>(t);
      Thread& thread = threads_[t];
      thread.index = {linear % size.x, linear / size.x % size.y, linear / (size.x * size.y)};
      thread.lane = t % WARP_LANES;
      thread.warp = t / WARP_LANES;
    }
  }
  for (int t = 0; t < thread_count_; t++) {
    threads_[t].stack = nullptr;
    threads_[t].place = {};
  }
  if (copies_used_) {
    for (Thread& thread : threads_) {
      thread.copies.clear();
      thread.copy_group = 0;
    }
    copies_used_ = false;
  }
  for (int w = 0; w < warps; w++) {
    int lanes = thread_count_ - w * WARP_LANES;
    Warp& warp = warps_[w];
    warp.lanes = lanes >= WARP_LANES ? ~0u : (1u << lanes) - 1;
    warp.ready = warp.lanes;
    warp.exited = 0;
    warp.barrier = 0;
    warp.group_count = 0;
  }
  ready_warps_ = warps == WARP_LANES ? ~0u : (1u << warps) - 1;
  exited_ = 0;
  at_barrier_ = 0;
  failure_ = {};
}

Failure BlockRun::run(const KernelEntry& kernel, void* const* arguments, uint3 block_index,
                      dim3 block_size, dim3 grid_size) {
  kernel_ = &kernel;
  arguments_ = arguments;
  index = block_index;
  this->grid_size = grid_size;
  prepare(block_size);
  // Never 0, which xorshift would keep.
  random_ = 1 | (settings().thread_order_seed * 0x9E3779B97F4A7C15u + 2 * uint64_t{block_index.x} +
                 (uint64_t{block_index.y} << 20) + (uint64_t{block_index.z} << 40));
  warp_ = static_cast<int>(pick(ready_warps_));
  main_stack_bottom_ = nullptr;
  turboesm_emulator_block = this;
  switch_to(&main_stack_pointer_, *next());
  turboesm_emulator_block = nullptr;
  if (failure_.status != 0) {
    stacks_.give_back_all();
  }
  return failure_;
}

// ---- which thread runs next ---------------------------------------------------------------------

// One of the mask's bits, by the setting's order.
unsigned BlockRun::pick(unsigned mask) {
  switch (settings().thread_order) {
    case ThreadOrder::FORWARD:
      break;
    case ThreadOrder::REVERSED:
      return 31 - static_cast<unsigned>(__builtin_clz(mask));
    case ThreadOrder::SEEDED: {
      random_ ^= random_ << 13;
      random_ ^= random_ >> 7;
      random_ ^= random_ << 17;
      unsigned turn = static_cast<unsigned>(random_ >> 32) & 31;
      unsigned turned = (mask >> turn) | (turn == 0 ? 0 : mask << (32 - turn));
      return (static_cast<unsigned>(__builtin_ctz(turned)) + turn) & 31;
    }
  }
  return static_cast<unsigned>(__builtin_ctz(mask));
}

// Takes a thread that can run, of the running warp as long as it has one: warps drift apart as far
// as barriers let them, which is what missing barriers do not bear. Null if no thread can run.
Thread* BlockRun::next() {
  while (warps_[warp_].ready == 0) {
    ready_warps_ &= ~(1u << warp_);
    if (ready_warps_ == 0) {
      return nullptr;
    }
    warp_ = static_cast<int>(pick(ready_warps_));
  }
  unsigned lane = pick(warps_[warp_].ready);
  warps_[warp_].ready &= ~(1u << lane);
  return &thread_at(warp_, static_cast<int>(lane));
}

// Lets other threads run until this one is ready and its turn comes.
void BlockRun::suspend(Thread& from) {
  Thread* to = next();
  if (to == nullptr) {
    fail_stuck();
  }
  if (to == &from) {
    return;
  }
  switch_to(&from.stack_pointer, *to);
}

void BlockRun::switch_to(void** saved_stack_pointer, Thread& to) {
  if (to.stack == nullptr) {
    to.stack = stacks_.take();
    to.stack_pointer = prepare_stack(to.stack, fiber_main);
  }
  turboesm_emulator_thread = &to;
  before_switch(StackPool::bottom_of(to.stack), StackPool::STACK_BYTES);
  turboesm_emulator_switch(saved_stack_pointer, to.stack_pointer);
  after_switch(nullptr, nullptr);
}

void BlockRun::fiber_main() {
  BlockRun& run = current();
  const void* left = nullptr;
  size_t left_bytes = 0;
  after_switch(&left, &left_bytes);
  // The block's first fiber comes from the caller's stack.
  if (run.main_stack_bottom_ == nullptr) {
    run.main_stack_bottom_ = left;
    run.main_stack_bytes_ = left_bytes;
  }
  run.run_threads_from(run.thread());
}

// A fiber whose thread has left the kernel goes on with a thread that has not begun: kernels that
// never wait need one stack and no switch.
void BlockRun::run_threads_from(Thread& first) {
  Thread* self = &first;
  for (;;) {
    kernel_->invoke(arguments_);
    exit_thread(*self);
    if (exited_ == thread_count_) {
      stacks_.give_back(self->stack);
      leave();
    }
    Thread* to = next();
    if (to == nullptr) {
      fail_stuck();
    }
    if (to->stack == nullptr) {
      turboesm_emulator_thread = to;
      to->stack = self->stack;
      self = to;
      continue;
    }
    stacks_.give_back(self->stack);
    void* abandoned;
    switch_to(&abandoned, *to);
    __builtin_unreachable();
  }
}

void BlockRun::exit_thread(Thread& self) {
  Warp& warp = warps_[self.warp];
  warp.exited |= 1u << self.lane;
  exited_++;
  // A warp function waits for those lanes of its mask that have not left the kernel.
  for (int g = warp.group_count - 1; g >= 0; g--) {
    if (warp.groups[g].waiting == (warp.groups[g].mask & warp.lanes & ~warp.exited)) {
      finish(warp, warp.groups[g]);
    }
  }
}

void BlockRun::leave() {
  void* abandoned;
  before_switch(main_stack_bottom_, main_stack_bytes_);
  turboesm_emulator_switch(&abandoned, main_stack_pointer_);
  __builtin_unreachable();
}

// ---- what threads wait for ----------------------------------------------------------------------

void BlockRun::barrier(const Place& place) {
  Thread& self = thread();
  if (exited_ != 0) {
    fail(
        CUDA_ERROR_LAUNCH_FAILED, self, place,
        std::to_string(exited_) + " threads of the block have left the kernel before this barrier");
  }
  if (at_barrier_ == 0) {
    barrier_place_ = place;
  } else if (!same_place(barrier_place_, place)) {
    fail(CUDA_ERROR_LAUNCH_FAILED, self, place,
         "other threads of the block wait in " + text_of(barrier_place_));
  }
  self.place = place;
  warps_[self.warp].barrier |= 1u << self.lane;
  at_barrier_++;
  if (at_barrier_ == thread_count_) {
    // The last to arrive has no precedence: it waits for its turn as the others do.
    release_block();
  }
  suspend(self);
}

void BlockRun::release_block() {
  int warps = (thread_count_ + WARP_LANES - 1) / WARP_LANES;
  for (int w = 0; w < warps; w++) {
    warps_[w].ready = warps_[w].barrier;
    warps_[w].barrier = 0;
  }
  ready_warps_ = warps == WARP_LANES ? ~0u : (1u << warps) - 1;
  at_barrier_ = 0;
  warp_ = static_cast<int>(pick(ready_warps_));
}

LaneGroup& BlockRun::join(Thread& self, WarpFunction function, unsigned mask, const Place& place) {
  Warp& warp = warps_[self.warp];
  if ((mask >> self.lane & 1) == 0) {
    fail(CUDA_ERROR_LAUNCH_FAILED, self, place, "the calling lane is not in its mask");
  }
  self.place = place;
  for (int g = 0; g < warp.group_count; g++) {
    LaneGroup& group = warp.groups[g];
    if (group.mask == mask) {
      if (!same_place(group.place, place)) {
        fail(CUDA_ERROR_LAUNCH_FAILED, self, place,
             "other lanes of the warp wait in " + text_of(group.place));
      }
      group.waiting |= 1u << self.lane;
      return group;
    }
  }
  // Every group has a lane that waits in it and nowhere else, so there is room.
  LaneGroup& group = warp.groups[warp.group_count++];
  group = {function, mask, 1u << self.lane, place};
  return group;
}

void BlockRun::wait_for_lanes(Thread& self, WarpFunction function, unsigned mask,
                              const Place& place) {
  Warp& warp = warps_[self.warp];
  LaneGroup& group = join(self, function, mask, place);
  // Lanes that the block does not have count as lanes that have left.
  if (group.waiting != (group.mask & warp.lanes & ~warp.exited)) {
    suspend(self);
    return;
  }
  finish(warp, group);
  // The last to arrive goes on.
  warp.ready &= ~(1u << self.lane);
}

void BlockRun::finish(Warp& warp, LaneGroup& group) {
  int w = static_cast<int>(&warp - warps_);
  switch (group.function) {
    case WarpFunction::BALLOT: {
      unsigned long long predicates = 0;
      for (unsigned lanes = group.waiting; lanes != 0; lanes &= lanes - 1) {
        int lane = __builtin_ctz(lanes);
        predicates |= thread_at(w, lane).value << lane;
      }
      for (unsigned lanes = group.waiting; lanes != 0; lanes &= lanes - 1) {
        thread_at(w, __builtin_ctz(lanes)).value = predicates;
      }
      break;
    }
    case WarpFunction::EXCHANGE:
      finish_exchange(w, group);
      break;
    case WarpFunction::COLLECTIVE: {
      void* payloads[WARP_LANES];
      for (int lane = 0; lane < WARP_LANES; lane++) {
        payloads[lane] = thread_at(w, lane).payload;
      }
      int misaligned = perform(thread_at(w, 0).collective, payloads);
      if (misaligned >= 0) {
        fail(CUDA_ERROR_MISALIGNED_ADDRESS, thread_at(w, misaligned), group.place,
             "the address is no multiple of 16");
      }
      break;
    }
  }
  warp.ready |= group.waiting;
  ready_warps_ |= 1u << w;
  group = warp.groups[--warp.group_count];
}

void BlockRun::finish_exchange(int w, const LaneGroup& group) {
  unsigned long long values[WARP_LANES];
  for (unsigned lanes = group.waiting; lanes != 0; lanes &= lanes - 1) {
    Thread& reader = thread_at(w, __builtin_ctz(lanes));
    if ((group.waiting >> reader.source_lane & 1) == 0) {
      fail(CUDA_ERROR_LAUNCH_FAILED, reader, group.place,
           "reads lane " + std::to_string(reader.source_lane) + ", which has left the kernel");
    }
    values[reader.lane] = thread_at(w, reader.source_lane).value;
  }
  for (unsigned lanes = group.waiting; lanes != 0; lanes &= lanes - 1) {
    int lane = __builtin_ctz(lanes);
    thread_at(w, lane).value = values[lane];
  }
}

unsigned BlockRun::ballot(unsigned mask, unsigned predicate, const Place& place) {
  Thread& self = thread();
  self.value = predicate;
  wait_for_lanes(self, WarpFunction::BALLOT, mask, place);
  return static_cast<unsigned>(self.value);
}

unsigned long long BlockRun::exchange(unsigned mask, unsigned long long value, int source_lane,
                                      const Place& place) {
  Thread& self = thread();
  if (source_lane < 0 || source_lane >= WARP_LANES || (mask >> source_lane & 1) == 0) {
    fail(CUDA_ERROR_LAUNCH_FAILED, self, place,
         "reads lane " + std::to_string(source_lane) + ", which is not in its mask");
  }
  if ((warps_[self.warp].lanes >> source_lane & 1) == 0) {
    fail(CUDA_ERROR_LAUNCH_FAILED, self, place,
         "reads lane " + std::to_string(source_lane) + ", which the block does not have");
  }
  self.value = value;
  self.source_lane = source_lane;
  wait_for_lanes(self, WarpFunction::EXCHANGE, mask, place);
  return self.value;
}

void BlockRun::collective(DeviceCollective collective, void* payload, const Place& place) {
  Thread& self = thread();
  const Warp& warp = warps_[self.warp];
  if (warp.lanes != ~0u || warp.exited != 0) {
    fail(CUDA_ERROR_LAUNCH_FAILED, self, place,
         "all 32 lanes of the warp must be there, some are not");
  }
  self.collective = collective;
  self.payload = payload;
  wait_for_lanes(self, WarpFunction::COLLECTIVE, ~0u, place);
}

// ---- asynchronous copies ------------------------------------------------------------------------

void BlockRun::copy_async(void* shared, const void* global, const Place& place) {
  Thread& self = thread();
  if (reinterpret_cast<uintptr_t>(shared) % 16 != 0 ||
      reinterpret_cast<uintptr_t>(global) % 16 != 0) {
    fail(CUDA_ERROR_MISALIGNED_ADDRESS, self, place, "an address is no multiple of 16");
  }
  copies_used_ = true;
  self.copies.push_back({shared, global, self.copy_group});
}

void BlockRun::copy_async_commit() {
  copies_used_ = true;
  thread().copy_group++;
}

void BlockRun::copy_async_wait(int pending) {
  Thread& self = thread();
  size_t done = 0;
  while (done < self.copies.size() && self.copies[done].group < self.copy_group - pending) {
    const AsyncCopy& copy = self.copies[done++];
    if (copy.global == nullptr) {
      memset(copy.shared, 0, 16);
    } else {
      memcpy(copy.shared, copy.global, 16);
    }
  }
  self.copies.erase(self.copies.begin(), self.copies.begin() + static_cast<ptrdiff_t>(done));
}

// ---- failures -----------------------------------------------------------------------------------

std::string BlockRun::where(const Thread& thread) const {
  char text[160];
  snprintf(text, sizeof text, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u)", kernel_->name,
           index.x, index.y, index.z, thread.index.x, thread.index.y, thread.index.z);
  return text;
}

void BlockRun::fail(int status, const Thread& thread, const Place& place, const std::string& what) {
  failure_ = {status, where(thread) + ": " + text_of(place) + ": " + what};
  leave();
}

void BlockRun::fail(int status, const Place& place, const std::string& what) {
  fail(status, thread(), place, what);
}

void BlockRun::fail_stuck() {
  const Thread* first = nullptr;
  for (int t = 0; t < thread_count_ && first == nullptr; t++) {
    const Thread& thread = threads_[t];
    if ((warps_[thread.warp].exited >> thread.lane & 1) == 0) {
      first = &thread;
    }
  }
  // A thread at the barrier tells less than one in a warp function.
  for (int t = 0; t < thread_count_; t++) {
    const Thread& thread = threads_[t];
    const Warp& warp = warps_[thread.warp];
    if (((warp.exited | warp.barrier) >> thread.lane & 1) == 0) {
      first = &thread;
      break;
    }
  }
  fail(CUDA_ERROR_LAUNCH_FAILED, *first, first->place,
       "no thread of the block can run: " + std::to_string(at_barrier_) + " wait at the barrier" +
           (at_barrier_ == 0 ? "" : " (" + text_of(barrier_place_) + ")") + ", " +
           std::to_string(exited_) + " have left the kernel, " +
           std::to_string(thread_count_ - exited_ - at_barrier_) + " wait for lanes of their warp");
}

void* BlockRun::note_fault(const void* address, const char* what, int status) {
  const Thread& self = thread();
  bool overflow = stacks_.is_guard(address);
  char text[80];
  snprintf(text, sizeof text, "%s %p", overflow ? "stack overflow at" : what, address);
  std::string before =
      self.place.operation == nullptr ? "" : " (after " + text_of(self.place) + ")";
  failure_ = {status, where(self) + ": " + text + before};
  return self.stack;
}

void BlockRun::leave_after_fault() { current().leave(); }

}  // namespace turboesm_emulator

// ---- what kernels call --------------------------------------------------------------------------

using turboesm_emulator::BlockRun;

void turboesm_emulator_barrier(const char* operation, const char* file, int line) {
  BlockRun::current().barrier({operation, file, line});
}

unsigned turboesm_emulator_ballot(unsigned mask, unsigned predicate, const char* operation,
                                  const char* file, int line) {
  return BlockRun::current().ballot(mask, predicate, {operation, file, line});
}

unsigned long long turboesm_emulator_exchange(unsigned mask, unsigned long long value,
                                              int source_lane, const char* operation,
                                              const char* file, int line) {
  return BlockRun::current().exchange(mask, value, source_lane, {operation, file, line});
}

void turboesm_emulator_collective(int collective, void* payload, const char* operation,
                                  const char* file, int line) {
  BlockRun::current().collective(static_cast<turboesm_emulator::DeviceCollective>(collective),
                                 payload, {operation, file, line});
}

void turboesm_emulator_copy_async(void* shared, const void* global, const char* operation,
                                  const char* file, int line) {
  BlockRun::current().copy_async(shared, global, {operation, file, line});
}

void turboesm_emulator_copy_async_commit() { BlockRun::current().copy_async_commit(); }

void turboesm_emulator_copy_async_wait(int pending) {
  BlockRun::current().copy_async_wait(pending);
}
