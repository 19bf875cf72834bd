// What the compiler's checks in kernels' code end in (-fsanitize=bounds,alignment and so on): these
// take the place of its library, and end the launch with the place in the source. The structures
// are those that the compiler passes.
#include <cstdint>
#include <cstring>
#include <string>

#include "block.h"
#include "driver_api.h"

namespace turboesm_emulator {

namespace {

struct SourceLocation {
  const char* file;
  uint32_t line;
  uint32_t column;
};

struct TypeDescriptor {
  uint16_t kind;
  uint16_t info;
  char name[1];  // and more, up to a zero
};

struct OutOfBounds {
  SourceLocation location;
  const TypeDescriptor* array;
  const TypeDescriptor* index;
};

struct TypeMismatch {
  SourceLocation location;
  const TypeDescriptor* type;
  uint8_t log_alignment;
  uint8_t kind;
};

struct Overflow {
  SourceLocation location;
  const TypeDescriptor* type;
};

[[noreturn]] void fail(int status, const SourceLocation& location, const char* operation,
                       const std::string& what) {
  BlockRun::current().fail(status,
                           {operation, location.file == nullptr ? "unknown" : location.file,
                            static_cast<int>(location.line)},
                           what);
}

}  // namespace

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API void __ubsan_handle_out_of_bounds_abort(const OutOfBounds* data,
                                                              uintptr_t index) {
  fail(CUDA_ERROR_ILLEGAL_ADDRESS, data->location, "index",
       std::to_string(static_cast<intptr_t>(index)) + " is beyond " + data->array->name);
}

TURBOESM_EMULATOR_API void __ubsan_handle_type_mismatch_v1_abort(const TypeMismatch* data,
                                                                 uintptr_t address) {
  fail(CUDA_ERROR_MISALIGNED_ADDRESS, data->location, "access",
       std::string(data->type->name) + " at an address that is no multiple of " +
           std::to_string(1u << data->log_alignment) + ", but of " +
           std::to_string(address & -address));
}

TURBOESM_EMULATOR_API void __ubsan_handle_divrem_overflow_abort(const Overflow* data, uintptr_t,
                                                                uintptr_t) {
  fail(CUDA_ERROR_LAUNCH_FAILED, data->location, "division",
       "by zero (a GPU goes on with some number)");
}
