#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

extern "C" {
int nvrtcCreateProgram(void**, const char*, const char*, int, const char* const*,
                       const char* const*);
int nvrtcCompileProgram(void*, int, const char* const*);
int nvrtcGetProgramLogSize(void*, size_t*);
int nvrtcGetProgramLog(void*, char*);
int nvrtcGetPTXSize(void*, size_t*);
int nvrtcGetPTX(void*, char*);
int nvrtcGetCUBINSize(void*, size_t*);
int nvrtcGetCUBIN(void*, char*);
int nvrtcDestroyProgram(void**);
}

namespace selftest {

namespace {

// Folders of the headers and of the planted kernels.
std::string headers_folder;
std::string kernels_folder;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) {
    throw std::runtime_error("cannot read " + path);
  }
  return text;
}

}  // namespace

void expect(bool condition, const std::string& what) {
  if (!condition) {
    throw std::runtime_error(what);
  }
}

void expect_equal(long long expected, long long actual, const std::string& what) {
  expect(expected == actual,
         what + ": expected " + std::to_string(expected) + ", is " + std::to_string(actual));
}

void succeed(CUresult status, const char* call) { expect_equal(CUDA_SUCCESS, status, call); }

Compiled compile(const std::string& source, const std::vector<std::string>& options) {
  const char* const names[] = {"precision.cuh", "bfloat16.cuh",    "warp.cuh",
                               "memory.cuh",    "tensor_core.cuh", "kv_cache.cuh"};
  std::vector<std::string> texts;
  for (const char* name : names) {
    texts.push_back(read_file(headers_folder + "/" + name));
  }
  std::vector<const char*> headers;
  for (const std::string& text : texts) {
    headers.push_back(text.c_str());
  }
  std::vector<const char*> arguments;
  for (const std::string& option : options) {
    arguments.push_back(option.c_str());
  }
  void* program;
  expect_equal(0,
               nvrtcCreateProgram(&program, source.c_str(), "selftest.cu",
                                  static_cast<int>(headers.size()), headers.data(), names),
               "nvrtcCreateProgram");
  Compiled result;
  result.status =
      nvrtcCompileProgram(program, static_cast<int>(arguments.size()), arguments.data());
  size_t size;
  nvrtcGetProgramLogSize(program, &size);
  result.log.resize(size);
  nvrtcGetProgramLog(program, result.log.data());
  nvrtcGetPTXSize(program, &size);
  result.ptx.resize(size);
  nvrtcGetPTX(program, result.ptx.data());
  nvrtcGetCUBINSize(program, &size);
  result.cubin.resize(size);
  nvrtcGetCUBIN(program, result.cubin.data());
  nvrtcDestroyProgram(&program);
  return result;
}

Compiled compile_file(const std::string& file, const std::string& architecture) {
  Compiled compiled = compile(
      read_file(kernels_folder + "/" + file),
      {"--gpu-architecture=" + architecture, "--std=c++17", "-DPRECISION=1", "-DHEAD_DIM=64"});
  expect(compiled.status == 0, file + " does not compile:\n" + compiled.log);
  return compiled;
}

Device::Device(const std::string& file) {
  SUCCEED(cuInit(0));
  SUCCEED(cuDevicePrimaryCtxRetain(&context, 0));
  SUCCEED(cuCtxSetCurrent(context));
  SUCCEED(cuModuleLoadData(&module, compile_file(file).cubin.data()));
}

CUfunction Device::kernel(const char* name) {
  CUfunction function;
  SUCCEED(cuModuleGetFunction(&function, module, name));
  return function;
}

CUdeviceptr Device::allocate(size_t bytes) {
  CUdeviceptr address;
  SUCCEED(cuMemAlloc_v2(&address, bytes));
  return address;
}

void Device::copy_to(CUdeviceptr address, const void* values, size_t bytes) {
  SUCCEED(cuMemcpyHtoD_v2(address, values, bytes));
}

void Device::copy_from(void* values, CUdeviceptr address, size_t bytes) {
  SUCCEED(cuMemcpyDtoH_v2(values, address, bytes));
}

CUresult Device::launch_kernel(CUfunction function, unsigned blocks, unsigned threads,
                               unsigned shared_bytes, CUstream stream, void** arguments) {
  return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, shared_bytes, stream, arguments,
                        nullptr);
}

namespace {

// Runs the case in a child process; what went wrong, or "".
std::string run_apart(const Case& test) {
  int messages[2];
  if (pipe(messages) != 0) {
    return "no pipe";
  }
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(messages[1], 2);
    close(messages[0]);
    close(messages[1]);
    for (const auto& setting : test.environment) {
      setenv(setting.first.c_str(), setting.second.c_str(), 1);
    }
    try {
      test.run();
    } catch (const std::exception& e) {
      printf("    %s: %s\n", test.name, e.what());
      fflush(stdout);
      _exit(1);
    }
    fflush(nullptr);
    _exit(0);
  }
  close(messages[1]);
  std::string text;
  char buffer[4096];
  ssize_t count;
  while ((count = read(messages[0], buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(count));
  }
  close(messages[0]);
  int status = 0;
  waitpid(child, &status, 0);
#ifdef __SANITIZE_ADDRESS__
  // It ends the process at once, so that no status is seen.
  if (test.message[0] != '\0' && text.find("ERROR: AddressSanitizer") != std::string::npos) {
    return "";
  }
#endif
  if (WIFSIGNALED(status)) {
    return "ended by signal " + std::to_string(WTERMSIG(status)) + "\n" + text;
  }
  if (WEXITSTATUS(status) != 0) {
    return "not noticed\n" + text;
  }
  if (test.message[0] == '\0' ? !text.empty() : text.find(test.message) == std::string::npos) {
    return std::string("expected on standard error: ") +
           (test.message[0] == '\0' ? "nothing" : test.message) + "\nbut it was: " + text;
  }
  return "";
}

int run_all(const char* title, const std::vector<Case>& cases) {
  int failed = 0;
  printf("%s\n", title);
  for (const Case& test : cases) {
    std::string wrong = run_apart(test);
    failed += wrong.empty() ? 0 : 1;
    printf("  %s %s%s%s\n", wrong.empty() ? "ok    " : "FAILED", test.name,
           wrong.empty() ? "" : ": ", wrong.c_str());
  }
  return failed;
}

}  // namespace

}  // namespace selftest

int main(int count, char** arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: selftest HEADERS KERNELS (folders)\n");
    return 2;
  }
  using namespace selftest;
  headers_folder = arguments[1];
  kernels_folder = arguments[2];
  int failed = run_all("bugs in kernels, each of which must be noticed:", KERNEL_BUGS) +
               run_all("bugs in host code, each of which must be noticed:", HOST_BUGS) +
               run_all("results:", RESULTS);
  size_t cases = KERNEL_BUGS.size() + HOST_BUGS.size() + RESULTS.size();
  printf("%zu passed, %d failed\n", cases - static_cast<size_t>(failed), failed);
  return failed == 0 ? 0 : 1;
}
