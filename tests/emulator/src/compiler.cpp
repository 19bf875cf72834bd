#include "compiler.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "device_types.h"
#include "kernel_source.h"

extern char** environ;

namespace turboesm_emulator {

namespace {

// Headers of the kernels that have an equal without PTX in the emulator's include folder.
const char* const REPLACED_HEADERS[] = {"bfloat16.cuh", "memory.cuh", "tensor_core.cuh"};

// The folder of this library, where build.sh has put the headers and libcuda.so.1 too.
std::string installation() {
  Dl_info info;
  static const char here = 0;
  if (dladdr(&here, &info) == 0) {
    throw std::runtime_error("the emulator does not find its own library");
  }
  char* path = realpath(info.dli_fname, nullptr);
  std::string folder = path == nullptr ? info.dli_fname : path;
  free(path);
  return folder.substr(0, folder.rfind('/'));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) {
    throw std::runtime_error("cannot write " + path);
  }
}

// A folder that goes when the object goes.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const char* parent = getenv("TMPDIR");
    path_ = std::string(parent == nullptr ? "/tmp" : parent) + "/turboesm-emulator-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) {
      throw std::runtime_error("cannot make the folder " + path_);
    }
  }
  ~TemporaryFolder() {
    for (const std::string& file : files_) {
      unlink(file.c_str());
    }
    rmdir(path_.c_str());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  // Names of headers may have folders; their last part is enough for quotes.
  std::string file(const std::string& name) {
    files_.push_back(path_ + "/" + name.substr(name.rfind('/') + 1));
    return files_.back();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

// Runs the compiler in the folder; false if it fails. Its messages are added to the log.
bool run(const std::vector<std::string>& command, TemporaryFolder& folder, std::string& log) {
  std::vector<std::string> changed = {"env",        "-C", folder.path(),  "-u",
                                      "LD_PRELOAD", "-u", "ASAN_OPTIONS", "LC_ALL=C"};
  changed.insert(changed.end(), command.begin(), command.end());
  std::vector<char*> arguments;
  for (std::string& argument : changed) {
    arguments.push_back(argument.data());
  }
  arguments.push_back(nullptr);
  std::string messages = folder.file("messages");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child;
  int error = posix_spawnp(&child, "env", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    log += "cannot run " + command[0] + ": " + strerror(error) + "\n";
    return false;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  log += read_file(messages);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// 128 bits of FNV-1a.
std::string hash_of(const std::string& text) {
  unsigned __int128 hash =
      (static_cast<unsigned __int128>(0x6c62272e07bb0142u) << 64) | 0x62b821756295c58du;
  const unsigned __int128 prime = (static_cast<unsigned __int128>(1) << 88) | 0x13b;
  for (char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * prime;
  }
  char digits[33];
  snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(hash >> 64),
           static_cast<unsigned long long>(hash));
  return digits;
}

// Lists the kernels' parameters as NVRTC does.
std::string ptx_of(const std::string& library_path, const std::string& architecture,
                   std::string& log) {
  void* library = dlopen(library_path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    log += std::string(dlerror()) + "\n";
    return "";
  }
  const auto& module = *static_cast<const ModuleEntry*>(dlsym(library, "turboesm_emulator_module"));
  std::string target = "sm_" + architecture.substr(architecture.find('_') + 1);
  std::string ptx =
      "// Of the emulated NVRTC: the kernels' parameters, no code.\n\n.version 8.5\n"
      ".target " +
      target + "\n.address_size 64\n\n";
  for (int k = 0; k < module.kernel_count; k++) {
    const KernelEntry& kernel = module.kernels[k];
    ptx += std::string("\t// .globl\t") + kernel.name + "\n\n.visible .entry " + kernel.name + "(";
    for (int p = 0; p < kernel.parameter_count; p++) {
      const KernelParameter& parameter = kernel.parameters[p];
      std::string name = std::string(kernel.name) + "_param_" + std::to_string(p);
      ptx += p == 0 ? "\n\t.param " : ",\n\t.param ";
      if (parameter.type[0] == '\0') {
        ptx += ".align " + std::to_string(parameter.alignment) + " .b8 " + name + "[" +
               std::to_string(parameter.bytes) + "]";
      } else {
        ptx += std::string(parameter.type) + " " + name;
      }
    }
    ptx += "\n)\n{\n\tret;\n}\n\n";
  }
  dlclose(library);
  return ptx;
}

std::vector<std::string> preprocessor_command(const CompilerInput& input, const std::string& home) {
  std::string number = input.architecture.substr(input.architecture.find('_') + 1);
  std::vector<std::string> command = {TURBOESM_EMULATOR_CXX,
                                      "-E",
                                      "-std=c++17",
                                      "-x",
                                      "c++",
                                      "-DTURBOESM_EMULATOR_DEVICE_CODE",
                                      "-D__CUDACC__",
                                      "-D__CUDACC_RTC__",
                                      "-D__CUDA_ARCH__=" + number + "0"};
  command.insert(command.end(), input.options.begin(), input.options.end());
  command.insert(command.end(),
                 {"-I.", "-I" + home + "/include", "-include", home + "/include/device.h"});
  return command;
}

// From the preprocessed source to an object; the result's name is still to be added.
std::vector<std::string> compiler_command() {
  std::vector<std::string> command = {
      TURBOESM_EMULATOR_CXX, "-std=c++17", "-O2", "-march=native", "-fPIC",
      // Every operation rounds once, as in device code compiled without contraction.
      "-ffp-contract=off",
      // Pointers of one array are cast between types as device code does.
      "-fno-strict-aliasing", "-fno-gnu-unique", "-fno-extern-tls-init", "-fno-exceptions",
      // Checks that end in source_checks.cpp.
      "-fsanitize=bounds,alignment,integer-divide-by-zero", "-fno-sanitize-recover=all",
      "-Wno-unknown-pragmas", "-Wno-attributes", "-Wno-psabi", "-c", "preprocessed.ii"};
#ifdef __SANITIZE_ADDRESS__
  command.insert(command.end(), {"-fsanitize=address", "-g", "-fno-omit-frame-pointer"});
#endif
  return command;
}

// Not with the checks' options, which would bring their own library.
std::vector<std::string> linker_command(const std::string& home) {
  std::vector<std::string> command = {TURBOESM_EMULATOR_CXX, "-shared",
                                      "-Wl,-Bsymbolic",      "module.o",
                                      "-L" + home,           "-l:libcuda.so.1"};
#ifdef __SANITIZE_ADDRESS__
  command.push_back("-fsanitize=address");
#endif
  return command;
}

}  // namespace

Compilation compile(const CompilerInput& input) {
  Compilation result;
  std::string home = installation();
  TemporaryFolder folder;
  std::string source = folder.file(input.name);
  std::string source_name = source.substr(source.rfind('/') + 1);
  write_file(source, input.source);
  for (const auto& header : input.headers) {
    bool replaced = std::any_of(std::begin(REPLACED_HEADERS), std::end(REPLACED_HEADERS),
                                [&](const char* name) { return header.first == name; });
    if (!replaced) {
      write_file(folder.file(header.first), header.second);
    }
  }
  std::string preprocessed = folder.file("preprocessed.ii");
  std::vector<std::string> command = preprocessor_command(input, home);
  command.insert(command.end(), {source_name, "-o", preprocessed});
  if (!run(command, folder, result.log)) {
    return result;
  }
  std::vector<KernelDeclaration> kernels;
  std::string text = take_kernels(read_file(preprocessed), kernels);
  text += registration_of(kernels, input.architecture);
  write_file(preprocessed, text);

  command = compiler_command();
  std::string key = text;
  for (const std::string& argument : command) {
    key += '\0' + argument;
  }
  // Compiled once, unless the folder does not let us keep it.
  std::string cache = home + "/compiled-kernels";
  mkdir(cache.c_str(), 0777);
  std::string kept = cache + "/" + hash_of(key) + ".so";
  std::string library = kept;
  if (access(kept.c_str(), R_OK) != 0) {
    library = folder.file("module.so");
    std::string object = folder.file("module.o");
    command.insert(command.end(), {"-o", object});
    std::vector<std::string> link = linker_command(home);
    link.insert(link.end(), {"-o", library});
    if (!run(command, folder, result.log) || !run(link, folder, result.log)) {
      return result;
    }
    std::string fresh = kept + "." + std::to_string(getpid()) + "." +
                        folder.path().substr(folder.path().size() - 6);
    std::ofstream copy(fresh, std::ios::binary);
    copy << read_file(library);
    copy.close();
    if (!copy || rename(fresh.c_str(), kept.c_str()) != 0) {
      unlink(fresh.c_str());
    }
  }
  result.ptx = ptx_of(library, input.architecture, result.log);
  result.succeeded = !result.ptx.empty();
  if (input.architecture.rfind("sm_", 0) == 0) {
    result.cubin = read_file(library);
  }
  return result;
}

}  // namespace turboesm_emulator
