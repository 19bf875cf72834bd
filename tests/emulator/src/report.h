// Messages on standard error.
#pragma once

namespace turboesm_emulator {

__attribute__((format(printf, 1, 2))) void report(const char* format, ...);

}  // namespace turboesm_emulator
