// The compiler behind the emulated NVRTC: g++, in a folder of its own for each program.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace turboesm_emulator {

struct Compilation {
  bool succeeded = false;
  std::string log;
  std::string ptx;
  std::string cubin;
};

struct CompilerInput {
  std::string name;
  std::string source;
  std::map<std::string, std::string> headers;
  // -D and -I options, as g++ takes them.
  std::vector<std::string> options;
  // sm_NN, or compute_NN for a program without a CUBIN.
  std::string architecture;
};

Compilation compile(const CompilerInput& input);

}  // namespace turboesm_emulator
