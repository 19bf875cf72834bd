#!/usr/bin/env bash
# Tests the emulator itself: selftest.sh [--asan] OUTDIR. Builds it, then plants bugs and expects each
# to be noticed, and holds results against known ones. Exit status 1 if anything is otherwise.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
headers=$here/../../kernel-jcuda/src/main/resources/cuda
flags=()
arguments=()
if [[ ${1:-} == --asan ]]; then
  flags=(-fsanitize=address)
  arguments=(--asan)
  # The launch's own handler reports faults; fibers leave no frames behind that could be checked.
  export ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:detect_leaks=0:detect_stack_use_after_return=0
  shift
fi
if [[ $# -ne 1 ]]; then
  echo "usage: selftest.sh [--asan] OUTDIR" >&2
  exit 2
fi
"$here/build.sh" "${arguments[@]}" "$1"
out=$(cd "$1" && pwd)

# The emulator's headers must have the functions of those that they replace, and its own counters beside them.
functions() { # PREFIX FILE
  sed -nE "s/^ *$1 [^(]*\b([a-z0-9_]+)\(.*/\1/p" "$2" | sort
}
for header in bfloat16.cuh memory.cuh tensor_core.cuh; do
  if ! diff <(functions '__device__ __forceinline__' "$headers/$header") \
    <(functions inline "$here/include/$header" | grep -v "^emulator_") > "$out/selftest.diff"; then
    echo "$header: the emulator's functions (>) are not the kernels' (<):" >&2
    cat "$out/selftest.diff" >&2
    exit 1
  fi
done

"${CXX:-g++}" -std=c++17 -O1 -g -Wall -Wextra "${flags[@]}" -o "$out/selftest" "$here"/selftest/*.cpp \
  "$out/libcuda.so.1" "$out/libnvrtc.so.12" "$out/libcublas.so.12" -pthread "-Wl,-rpath,$out"
"$out/selftest" "$headers" "$here/selftest/kernels"
