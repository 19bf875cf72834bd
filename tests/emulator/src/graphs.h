// Recorded work that runs as often as it is launched.
#pragma once

#include <vector>

#include "capture.h"

namespace turboesm_emulator {

CUgraph create_graph(std::vector<Work> work);

}  // namespace turboesm_emulator
