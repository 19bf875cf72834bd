// What TURBOESM_EMULATOR_* variables of the environment choose; read once a process. A value that
// cannot be understood ends the process with a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace turboesm_emulator {

// Which of several threads that can run is next.
enum class ThreadOrder { FORWARD, REVERSED, SEEDED };

// When work in a stream runs: when it is submitted, or only when something waits for it.
enum class StreamTiming { EAGER, LATE };

struct Settings {
  ThreadOrder thread_order = ThreadOrder::FORWARD;
  uint64_t thread_order_seed = 1;
  StreamTiming stream_timing = StreamTiming::EAGER;
  int compute_capability_major = 8;
  int compute_capability_minor = 0;
  int devices = 1;
  int driver_version = 12060;
  size_t memory_bytes = size_t{2} << 30;
};

const Settings& settings();

}  // namespace turboesm_emulator
