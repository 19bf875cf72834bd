// The driver's view of device_interface.h.
#pragma once

namespace turboesm_emulator {

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

}  // namespace turboesm_emulator

#include "../include/device_interface.h"
