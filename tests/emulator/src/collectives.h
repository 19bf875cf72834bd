// What the 32 lanes of a warp do together on tensor cores.
#pragma once

#include "device_types.h"

namespace turboesm_emulator {

// payloads [32]: each lane's operands, as DeviceCollective says. The first lane whose address is no
// multiple of 16, or -1.
int perform(DeviceCollective collective, void* const* payloads);

}  // namespace turboesm_emulator
