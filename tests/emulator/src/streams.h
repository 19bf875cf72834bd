// Streams and events. With the setting "eager" work runs when it is submitted, on the calling
// thread; with "late" it runs when something waits for it, so that a missing dependency shows.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>

#include "capture.h"
#include "contexts.h"

namespace turboesm_emulator {

constexpr int LEAST_STREAM_PRIORITY = 0;
constexpr int GREATEST_STREAM_PRIORITY = -5;

struct Stream {
  Context* context;
  unsigned flags;
  int priority;
  std::shared_ptr<Capture> capture;
  std::recursive_mutex running;
  std::deque<Work> queue;
};

// One recording of an event.
struct EventRecord {
  Stream* stream;  // null: the legacy stream
  bool done = false;
  std::chrono::steady_clock::time_point time;
  // Of a captured record: the capture, and how much of the stream's work it follows.
  std::shared_ptr<Capture> capture;
  int operations = 0;
};

struct Event {
  Context* context;
  unsigned flags;
  std::shared_ptr<EventRecord> record;
};

// Runs, queues or records the work, as the stream's state says. Handles of the driver name the
// legacy stream too. Returns what the work returns if it ran.
CUresult submit(const char* function, Context& context, CUstream stream, Work work);
// Runs work that waits for all blocking streams, and is waited for, as the legacy stream's is.
CUresult run_synchronously(const char* function, Context& context, const Work& work);

// Waits for all work of the context.
CUresult synchronize(Context& context);
// Waits for the stream's work.
CUresult synchronize(Context& context, CUstream stream);
bool is_capturing(CUstream stream);
void destroy_streams_of(Context& context);

}  // namespace turboesm_emulator
