// Calls that a setting lets fail, and what failures do to a context.
#pragma once

#include "driver_api.h"

namespace turboesm_emulator {

// TURBOESM_EMULATOR_FAIL=FUNCTION:N:STATUS[,...]: the N-th call of the function in this process
// returns the status; N+ is the N-th and all later calls. 0 for a call that is not to fail. The
// function's name stands without _v2.
TURBOESM_EMULATOR_API int turboesm_emulator_planned_failure(const char* function);

// Statuses after which a real context answers every call with the same status.
bool loses_context(int status);

}  // namespace turboesm_emulator
