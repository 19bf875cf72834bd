// Preprocessed CUDA C++ made into C++ that g++ compiles to a module.
#pragma once

#include <string>
#include <vector>

namespace turboesm_emulator {

struct KernelDeclaration {
  std::string name;
  // The first expression of __launch_bounds__, or "".
  std::string max_threads;
};

// The text without __global__ and __launch_bounds__; notes the kernels that are extern "C", which
// alone have a name by which a module finds them.
std::string take_kernels(const std::string& text, std::vector<KernelDeclaration>& kernels);

// The lines that make the kernels a module.
std::string registration_of(const std::vector<KernelDeclaration>& kernels,
                            const std::string& architecture);

}  // namespace turboesm_emulator
