/*
 * Stands in for a library of CUDA 12 on a machine that has CUDA 13 alone. JCuda 12.6 asks for
 * libcublas.so.12 and libnvrtc.so.12 by name and symbol version. Every function here jumps, with
 * whatever arguments it was called with, to the function of the same name in the library of CUDA
 * 13: of the functions that TurboESM calls, both have the same signatures, structs and enum values.
 * What CUDA 13 no longer has returns UNSUPPORTED.
 *
 * FORWARDED_LIBRARY  the soname that is looked for in TURBOESM_CUDA13_LIBRARIES (folders with
 *                    colons between), then where the loader looks
 * UNSUPPORTED        a status of this library's enum
 * functions.inc      FUNCTION(index, name), a line each, of all functions that JCuda binds
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char* const names[] = {
#define FUNCTION(index, name) #name,
#include "functions.inc"
#undef FUNCTION
};
enum { FUNCTIONS = sizeof(names) / sizeof(names[0]) };

/* Where each function jumps to. Named by the assembly below. */
__attribute__((used, visibility("hidden"))) void* forward_targets[FUNCTIONS];

static int unsupported(void) { return UNSUPPORTED; }

#define FUNCTION(index, name)                                           \
  __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name \
          ":\n"                                                         \
          "  endbr64\n  jmp *forward_targets + 8 * " #index             \
          "(%rip)\n"                                                    \
          ".size " #name ", . - " #name "\n");
#include "functions.inc"
#undef FUNCTION

static void* open_library(void) {
  const char* folders = getenv("TURBOESM_CUDA13_LIBRARIES");
  char path[4096];
  while (folders != NULL && *folders != 0) {
    size_t length = strcspn(folders, ":");
    int written = snprintf(path, sizeof(path), "%.*s/" FORWARDED_LIBRARY, (int)length, folders);
    folders += length + (folders[length] == ':');
    if (length == 0 || written >= (int)sizeof(path)) {
      continue;
    }
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL) {
      return library;
    }
  }
  return dlopen(FORWARDED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

__attribute__((constructor)) static void resolve(void) {
  void* library = open_library();
  if (library == NULL) {
    fprintf(stderr,
            "bridge: %s; name the folder of " FORWARDED_LIBRARY " in TURBOESM_CUDA13_LIBRARIES\n",
            dlerror());
  }
  for (int i = 0; i < FUNCTIONS; i++) {
    void* target = library == NULL ? NULL : dlsym(library, names[i]);
    forward_targets[i] = target == NULL ? (void*)unsupported : target;
  }
}
