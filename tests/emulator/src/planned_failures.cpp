#include "planned_failures.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "report.h"

namespace turboesm_emulator {

bool loses_context(int status) {
  switch (status) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
      return true;
    default:
      return false;
  }
}

namespace {

struct PlannedFailure {
  std::string function;
  int call;
  bool later_too;
  int status;
  int calls_so_far;
};

std::vector<PlannedFailure> read_plan() {
  std::vector<PlannedFailure> plan;
  const char* variable = getenv("TURBOESM_EMULATOR_FAIL");
  std::string rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string entry = rest.substr(0, comma);
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    char function[128];
    int call;
    int status;
    char surplus;
    bool later_too = false;
    if (sscanf(entry.c_str(), "%127[A-Za-z0-9]:%d:%d%c", function, &call, &status, &surplus) != 3) {
      later_too = true;
      if (sscanf(entry.c_str(), "%127[A-Za-z0-9]:%d+:%d%c", function, &call, &status, &surplus) !=
          3) {
        fprintf(stderr,
                "emulator: TURBOESM_EMULATOR_FAIL has '%s', expected FUNCTION:N:STATUS or "
                "FUNCTION:N+:STATUS, such as cuLaunchKernel:17:719\n",
                entry.c_str());
        exit(2);
      }
    }
    plan.push_back({function, call, later_too, status, 0});
  }
  return plan;
}

}  // namespace

int turboesm_emulator_planned_failure(const char* function) {
  static std::vector<PlannedFailure> plan = read_plan();
  if (plan.empty()) {
    return 0;
  }
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  int status = 0;
  for (PlannedFailure& failure : plan) {
    if (failure.function == function) {
      failure.calls_so_far++;
      if (failure.calls_so_far == failure.call ||
          (failure.later_too && failure.calls_so_far > failure.call)) {
        report("%s: call %d returns %d, as TURBOESM_EMULATOR_FAIL says", function,
               failure.calls_so_far, failure.status);
        status = failure.status;
      }
    }
  }
  return status;
}

}  // namespace turboesm_emulator
