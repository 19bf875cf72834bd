// The run-time compiler's API.
#include <cstring>
#include <exception>
#include <string>

#include "compiler.h"
#include "driver_api.h"
#include "planned_failures.h"

namespace {

enum nvrtcResult {
  NVRTC_SUCCESS = 0,
  NVRTC_ERROR_OUT_OF_MEMORY = 1,
  NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
  NVRTC_ERROR_INVALID_INPUT = 3,
  NVRTC_ERROR_INVALID_PROGRAM = 4,
  NVRTC_ERROR_INVALID_OPTION = 5,
  NVRTC_ERROR_COMPILATION = 6,
  NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7,
  NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION = 8,
  NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION = 9,
  NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID = 10,
  NVRTC_ERROR_INTERNAL_ERROR = 11,
};

struct Program {
  turboesm_emulator::CompilerInput input;
  turboesm_emulator::Compilation output;
};

constexpr int ARCHITECTURES[] = {50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90};

// Options without a meaning for g++ here; those that end in = take a value.
const char* const IGNORED_OPTIONS[] = {"--std=",
                                       "-std=",
                                       "--ptxas-options=",
                                       "-Xptxas=",
                                       "--use_fast_math",
                                       "-use_fast_math",
                                       "--fmad=",
                                       "-fmad=",
                                       "--ftz=",
                                       "-ftz=",
                                       "--prec-div=",
                                       "-prec-div=",
                                       "--prec-sqrt=",
                                       "-prec-sqrt=",
                                       "--maxrregcount=",
                                       "-maxrregcount=",
                                       "--generate-line-info",
                                       "-lineinfo",
                                       "--device-debug",
                                       "-G",
                                       "--restrict",
                                       "-restrict",
                                       "--disable-warnings",
                                       "-w",
                                       "--extra-device-vectorization",
                                       "--default-device",
                                       "-default-device",
                                       "--minimal",
                                       "--diag-suppress=",
                                       "--display-error-number",
                                       "--no-source-include"};

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

bool is_ignored(const std::string& option) {
  for (const char* ignored : IGNORED_OPTIONS) {
    std::string name = ignored;
    if (name.back() == '=' ? starts_with(option, name) : option == name) {
      return true;
    }
  }
  return false;
}

// What follows the option's name, in the same argument or in the next.
bool value_of(const std::string& option, const char* name, int& at, int count,
              const char* const* options, std::string& value) {
  if (option == name) {
    if (at + 1 == count) {
      return false;
    }
    value = options[++at];
    return true;
  }
  std::string prefix = std::string(name) + (starts_with(name, "--") || strlen(name) > 2 ? "=" : "");
  if (!starts_with(option, prefix)) {
    return false;
  }
  value = option.substr(prefix.size());
  return true;
}

nvrtcResult read_options(Program& program, int count, const char* const* options) {
  program.input.options.clear();
  program.input.architecture = "compute_52";
  for (int i = 0; i < count; i++) {
    std::string option = options[i];
    std::string value;
    if (value_of(option, "--gpu-architecture", i, count, options, value) ||
        value_of(option, "-arch", i, count, options, value)) {
      program.input.architecture = value;
    } else if (value_of(option, "--define-macro", i, count, options, value) ||
               value_of(option, "-D", i, count, options, value)) {
      program.input.options.push_back("-D" + value);
    } else if (value_of(option, "--include-path", i, count, options, value) ||
               value_of(option, "-I", i, count, options, value)) {
      program.input.options.push_back("-I" + value);
    } else if (!is_ignored(option)) {
      program.output.log = "nvrtc: error: invalid value or unrecognized option '" + option + "'\n";
      return NVRTC_ERROR_INVALID_OPTION;
    }
  }
  for (int architecture : ARCHITECTURES) {
    if (program.input.architecture == "sm_" + std::to_string(architecture) ||
        program.input.architecture == "sm_" + std::to_string(architecture) + "a" ||
        program.input.architecture == "compute_" + std::to_string(architecture)) {
      return NVRTC_SUCCESS;
    }
  }
  program.output.log =
      "nvrtc: error: invalid value for --gpu-architecture: '" + program.input.architecture + "'\n";
  return NVRTC_ERROR_INVALID_OPTION;
}

// Sizes count the closing zero of texts.
nvrtcResult size_of_text(const std::string& text, size_t* size) {
  *size = text.size() + 1;
  return NVRTC_SUCCESS;
}

nvrtcResult copy_text(const std::string& text, char* target) {
  memcpy(target, text.c_str(), text.size() + 1);
  return NVRTC_SUCCESS;
}

nvrtcResult planned(const char* function) {
  return static_cast<nvrtcResult>(turboesm_emulator::turboesm_emulator_planned_failure(function));
}

}  // namespace

TURBOESM_EMULATOR_API const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
#define RESULT(name) \
  case name:         \
    return #name
    RESULT(NVRTC_SUCCESS);
    RESULT(NVRTC_ERROR_OUT_OF_MEMORY);
    RESULT(NVRTC_ERROR_PROGRAM_CREATION_FAILURE);
    RESULT(NVRTC_ERROR_INVALID_INPUT);
    RESULT(NVRTC_ERROR_INVALID_PROGRAM);
    RESULT(NVRTC_ERROR_INVALID_OPTION);
    RESULT(NVRTC_ERROR_COMPILATION);
    RESULT(NVRTC_ERROR_BUILTIN_OPERATION_FAILURE);
    RESULT(NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION);
    RESULT(NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION);
    RESULT(NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID);
    RESULT(NVRTC_ERROR_INTERNAL_ERROR);
#undef RESULT
  }
  return "NVRTC_ERROR unknown";
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcVersion(int* major, int* minor) {
  nvrtcResult status = planned("nvrtcVersion");
  *major = 12;
  *minor = 6;
  return status;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  *count = static_cast<int>(std::size(ARCHITECTURES));
  return NVRTC_SUCCESS;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetSupportedArchs(int* architectures) {
  memcpy(architectures, ARCHITECTURES, sizeof ARCHITECTURES);
  return NVRTC_SUCCESS;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcCreateProgram(Program** program, const char* source,
                                                     const char* name, int header_count,
                                                     const char* const* headers,
                                                     const char* const* header_names) {
  nvrtcResult status = planned("nvrtcCreateProgram");
  if (status != NVRTC_SUCCESS) {
    return status;
  }
  if (program == nullptr || source == nullptr || header_count < 0) {
    return NVRTC_ERROR_INVALID_INPUT;
  }
  auto* created = new Program();
  created->input.source = source;
  created->input.name = name == nullptr || *name == '\0' ? "default_program" : name;
  for (int i = 0; i < header_count; i++) {
    created->input.headers[header_names[i]] = headers[i];
  }
  *program = created;
  return NVRTC_SUCCESS;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcDestroyProgram(Program** program) {
  if (program == nullptr || *program == nullptr) {
    return NVRTC_ERROR_INVALID_PROGRAM;
  }
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcCompileProgram(Program* program, int count,
                                                      const char* const* options) {
  nvrtcResult status = planned("nvrtcCompileProgram");
  if (status == NVRTC_SUCCESS) {
    status =
        program == nullptr ? NVRTC_ERROR_INVALID_PROGRAM : read_options(*program, count, options);
  }
  if (status != NVRTC_SUCCESS) {
    return status;
  }
  try {
    program->output = turboesm_emulator::compile(program->input);
  } catch (const std::exception& e) {
    program->output.log = std::string("emulator: ") + e.what() + "\n";
    return NVRTC_ERROR_INTERNAL_ERROR;
  }
  return program->output.succeeded ? NVRTC_SUCCESS : NVRTC_ERROR_COMPILATION;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetPTXSize(Program* program, size_t* size) {
  return size_of_text(program->output.ptx, size);
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetPTX(Program* program, char* ptx) {
  return copy_text(program->output.ptx, ptx);
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetProgramLogSize(Program* program, size_t* size) {
  return size_of_text(program->output.log, size);
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetProgramLog(Program* program, char* log) {
  return copy_text(program->output.log, log);
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetCUBINSize(Program* program, size_t* size) {
  *size = program->output.cubin.size();
  return NVRTC_SUCCESS;
}

TURBOESM_EMULATOR_API nvrtcResult nvrtcGetCUBIN(Program* program, char* cubin) {
  memcpy(cubin, program->output.cubin.data(), program->output.cubin.size());
  return NVRTC_SUCCESS;
}
