#include "report.h"

#include <cstdarg>
#include <cstdio>

namespace turboesm_emulator {

void report(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  // One write a message, so that those of several threads do not mix.
  fprintf(stderr, "emulator: %s\n", text);
}

}  // namespace turboesm_emulator
