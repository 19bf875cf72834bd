// A header that the tests' kernels include.
#pragma once

__device__ inline float scaled(float value, float scale) { return value * scale; }
