#include "settings.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace turboesm_emulator {

namespace {

[[noreturn]] void reject(const char* name, const std::string& value, const char* expected) {
  fprintf(stderr, "emulator: %s is '%s', expected %s\n", name, value.c_str(), expected);
  exit(2);
}

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

uint64_t number(const char* name, const std::string& value, const char* expected) {
  char* end = nullptr;
  errno = 0;
  uint64_t result = strtoull(value.c_str(), &end, 10);
  if (value.empty() || value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0) {
    reject(name, value, expected);
  }
  return result;
}

void read_thread_order(Settings& settings) {
  const char* name = "TURBOESM_EMULATOR_ORDER";
  const char* expected = "forward, reversed, seeded or seeded:NUMBER";
  std::string value = variable(name);
  if (value.empty() || value == "forward") {
    settings.thread_order = ThreadOrder::FORWARD;
  } else if (value == "reversed") {
    settings.thread_order = ThreadOrder::REVERSED;
  } else if (value == "seeded" || value.rfind("seeded:", 0) == 0) {
    settings.thread_order = ThreadOrder::SEEDED;
    if (value != "seeded") {
      settings.thread_order_seed = number(name, value.substr(7), expected);
    }
  } else {
    reject(name, value, expected);
  }
}

void read_stream_timing(Settings& settings) {
  const char* name = "TURBOESM_EMULATOR_STREAMS";
  std::string value = variable(name);
  if (value == "late") {
    settings.stream_timing = StreamTiming::LATE;
  } else if (!value.empty() && value != "eager") {
    reject(name, value, "eager or late");
  }
}

void read_compute_capability(Settings& settings) {
  const char* name = "TURBOESM_EMULATOR_COMPUTE_CAPABILITY";
  std::string value = variable(name);
  if (value.empty()) {
    return;
  }
  char rest = 0;
  if (sscanf(value.c_str(), "%d.%d%c", &settings.compute_capability_major,
             &settings.compute_capability_minor, &rest) != 2) {
    reject(name, value, "MAJOR.MINOR, such as 8.0");
  }
}

Settings read_settings() {
  Settings settings;
  read_thread_order(settings);
  read_stream_timing(settings);
  read_compute_capability(settings);
  std::string devices = variable("TURBOESM_EMULATOR_DEVICES");
  if (!devices.empty()) {
    settings.devices =
        static_cast<int>(number("TURBOESM_EMULATOR_DEVICES", devices, "a number of devices"));
  }
  std::string version = variable("TURBOESM_EMULATOR_DRIVER_VERSION");
  if (!version.empty()) {
    settings.driver_version = static_cast<int>(number("TURBOESM_EMULATOR_DRIVER_VERSION", version,
                                                      "1000 x major + 10 x minor, such as 12060"));
  }
  std::string memory = variable("TURBOESM_EMULATOR_MEMORY");
  if (!memory.empty()) {
    settings.memory_bytes = number("TURBOESM_EMULATOR_MEMORY", memory, "a number of bytes");
  }
  return settings;
}

}  // namespace

const Settings& settings() {
  static const Settings instance = read_settings();
  return instance;
}

}  // namespace turboesm_emulator
