#include "driver_api.h"

namespace {

// The name's words are the description: the emulator says more on standard error.
struct Result {
  int number;
  const char* name;
};

constexpr Result RESULTS[] = {
#define RESULT(name, number) {number, #name},
    TURBOESM_EMULATOR_RESULTS(RESULT)
#undef RESULT
};

}  // namespace

TURBOESM_EMULATOR_API CUresult cuGetErrorName(CUresult error, const char** name) {
  *name = nullptr;
  for (const Result& result : RESULTS) {
    if (result.number == error) {
      *name = result.name;
      return CUDA_SUCCESS;
    }
  }
  return CUDA_ERROR_INVALID_VALUE;
}

TURBOESM_EMULATOR_API CUresult cuGetErrorString(CUresult error, const char** text) {
  return cuGetErrorName(error, text);
}
