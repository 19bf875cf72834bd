#include "kernel_source.h"

#include <algorithm>
#include <cctype>

namespace turboesm_emulator {

namespace {

// The largest dynamic array of any device (227 KiB), and the guard behind it that launch.cpp
// writes.
constexpr int DYNAMIC_SHARED_BYTES = 227 * 1024 + 128;

bool is_word(char c) { return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

size_t skip_space(const std::string& text, size_t at) {
  while (at < text.size() && isspace(static_cast<unsigned char>(text[at])) != 0) {
    at++;
  }
  return at;
}

// Behind the closing parenthesis of the one that opens at `at`.
size_t skip_parentheses(const std::string& text, size_t at) {
  int depth = 0;
  for (; at < text.size(); at++) {
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    if (depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

size_t find_word(const std::string& text, const std::string& word, size_t from) {
  for (size_t at = text.find(word, from); at != std::string::npos; at = text.find(word, at + 1)) {
    bool begins = at == 0 || !is_word(text[at - 1]);
    size_t end = at + word.size();
    if (begins && (end == text.size() || !is_word(text[end]))) {
      return at;
    }
  }
  return std::string::npos;
}

// Lines keep their numbers.
void blank(std::string& text, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) {
    if (text[i] != '\n') {
      text[i] = ' ';
    }
  }
}

std::string first_argument(const std::string& list) {
  int depth = 0;
  for (size_t i = 0; i < list.size(); i++) {
    depth += list[i] == '(' ? 1 : list[i] == ')' ? -1 : 0;
    if (depth == 0 && list[i] == ',') {
      return list.substr(0, i);
    }
  }
  return list;
}

bool follows_extern_c(const std::string& text, size_t at) {
  while (at > 0 && isspace(static_cast<unsigned char>(text[at - 1])) != 0) {
    at--;
  }
  const std::string linkage = "extern \"C\"";
  return at >= linkage.size() && text.compare(at - linkage.size(), linkage.size(), linkage) == 0;
}

}  // namespace

std::string take_kernels(const std::string& source, std::vector<KernelDeclaration>& kernels) {
  std::string text = source;
  const std::string global = "__global__";
  const std::string bounds = "__launch_bounds__";
  size_t at = 0;
  while ((at = find_word(text, global, at)) != std::string::npos) {
    bool named = follows_extern_c(text, at);
    blank(text, at, at + global.size());
    KernelDeclaration kernel;
    // Words up to the one before the parameters' parenthesis.
    size_t next = skip_space(text, at);
    while (next < text.size()) {
      size_t end = next;
      while (end < text.size() && is_word(text[end])) {
        end++;
      }
      if (end == next) {
        break;
      }
      std::string word = text.substr(next, end - next);
      size_t open = skip_space(text, end);
      if (open < text.size() && text[open] == '(') {
        size_t close = skip_parentheses(text, open);
        if (word == bounds) {
          kernel.max_threads = first_argument(text.substr(open + 1, close - open - 2));
          blank(text, next, close);
        } else if (word != "__attribute__") {
          kernel.name = word;
          break;
        }
        open = skip_space(text, close);
      }
      next = open;
    }
    bool known = std::any_of(kernels.begin(), kernels.end(), [&](const KernelDeclaration& other) {
      return other.name == kernel.name;
    });
    if (named && !kernel.name.empty() && !known) {
      kernels.push_back(kernel);
    }
  }
  return text;
}

std::string registration_of(const std::vector<KernelDeclaration>& kernels,
                            const std::string& architecture) {
  std::string size = std::to_string(DYNAMIC_SHARED_BYTES);
  std::string text =
      "\n# 1 \"emulator-registration\"\n"
      "extern thread_local unsigned char smem_raw[];\n"
      "alignas(128) thread_local unsigned char smem_raw[" +
      size +
      "];\n"
      "static unsigned char* turboesm_emulator_dynamic_shared() { return smem_raw; }\n"
      "unsigned long long emulator_loaded_bytes = 0;\n"
      "unsigned long long emulator_streamed_bytes = 0;\n"
      "static const KernelEntry turboesm_emulator_kernels[] = {\n";
  for (const KernelDeclaration& kernel : kernels) {
    text += "    turboesm_emulator_binding<&" + kernel.name + ">::entry(\"" + kernel.name + "\", " +
            (kernel.max_threads.empty() ? "1024" : kernel.max_threads) + "),\n";
  }
  text +=
      "    {\"\", nullptr, nullptr, 0, 0}};\n"
      "extern \"C\" {\n"
      "extern const ModuleEntry turboesm_emulator_module;\n"
      "const ModuleEntry turboesm_emulator_module = {\"" TURBOESM_EMULATOR_BUILD "\", \"" +
      architecture + "\", turboesm_emulator_kernels, " + std::to_string(kernels.size()) +
      ", turboesm_emulator_dynamic_shared, " + size + "};\n}\n";
  return text;
}

}  // namespace turboesm_emulator
