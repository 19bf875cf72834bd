#!/usr/bin/env bash
# Builds the emulated CUDA libraries: build.sh [--asan] OUTDIR
#
# OUTDIR then holds libcuda.so.1, libcublas.so.12, libnvrtc.so.12 and include/. Nothing is done if
# they are there and of the same sources. With --asan the libraries, and the kernels that their
# NVRTC compiles, run under AddressSanitizer: give it an OUTDIR of its own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sanitize=()
if [[ ${1:-} == --asan ]]; then
  sanitize=(-fsanitize=address -g -fno-omit-frame-pointer)
  shift
fi
if [[ $# -ne 1 ]]; then
  echo "usage: build.sh [--asan] OUTDIR" >&2
  exit 2
fi
cxx=${CXX:-g++}
if ! command -v "$cxx" > /dev/null; then
  echo "build.sh: $cxx is missing: install g++ 12 or newer, or set CXX" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)

build=$({ cat "$here"/build.sh "$here"/src/* "$here"/include/*; "$cxx" --version; echo "${sanitize[@]}"; } \
  | sha256sum | cut -c1-16)
exec 9> "$out/lock"
flock 9
if [[ -f $out/build && $(< "$out/build") == "$build" ]]; then
  exit 0
fi
rm -rf "$out/build" "$out/compiled-kernels" "$out/include"

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
flags=(-std=c++17 -O2 -g1 -fPIC -fvisibility=hidden -Wall -Wextra -Werror "${sanitize[@]}"
  "-DTURBOESM_EMULATOR_BUILD=\"$build\"" "-DTURBOESM_EMULATOR_CXX=\"$cxx\"")

# Functions that JCuda binds and nothing here defines: they say so and return a status.
stubs() { # STATUS PREFIX... of the names in standard input
  echo '#include <cstdio>'
  echo "#define STUB(name) extern \"C\" __attribute__((weak, visibility(\"default\"))) int name() {" \
    "fprintf(stderr, \"emulator: %s is not emulated\\n\", #name); return $1; }"
  sed 's/.*/STUB(&)/'
}
stubs 801 < "$here/src/driver_functions.txt" > "$objects/driver_stubs.cpp"
stubs 15 < "$here/src/cublas_functions.txt" > "$objects/cublas_stubs.cpp"
# NVRTC_ERROR_BUILTIN_OPERATION_FAILURE: the API has no status for what is not supported.
stubs 7 < "$here/src/nvrtc_functions.txt" > "$objects/nvrtc_stubs.cpp"

compile() { # SOURCE FLAGS...
  local source=$1
  shift
  "$cxx" "${flags[@]}" "$@" -c "$source" -o "$objects/$(basename "$source" .cpp).o"
}
for source in "$here"/src/*.cpp "$objects"/*_stubs.cpp; do
  case $(basename "$source") in
    # Sums over k may be split into vectors' lanes; NaNs and infinities keep their meaning.
    gemm.cpp) compile "$source" -O3 -march=native -fassociative-math -fno-signed-zeros \
      -fno-trapping-math ;;
    collectives.cpp) compile "$source" -O3 -march=native ;;
    *) compile "$source" ;;
  esac
done

library() { # SONAME OBJECT...
  local name=$1
  shift
  # JCuda's libraries bind to symbols of the version that the real ones have.
  echo "$name { global: *; };" > "$objects/$name.map"
  "$cxx" -shared "${sanitize[@]}" "-Wl,-soname,$name" "-Wl,--version-script=$objects/$name.map" \
    '-Wl,-rpath,$ORIGIN' -Wl,-Bsymbolic-functions -Wl,-z,defs -o "$out/$name" "$@"
}
cd "$objects"
driver=()
for object in *.o; do
  case $object in
    cublas*.o | gemm.o | nvrtc*.o | compiler.o | kernel_source.o) ;;
    *) driver+=("$object") ;;
  esac
done
library libcuda.so.1 "${driver[@]}"
library libcublas.so.12 cublas.o gemm.o report.o cublas_stubs.o "$out/libcuda.so.1"
library libnvrtc.so.12 nvrtc.o compiler.o kernel_source.o nvrtc_stubs.o "$out/libcuda.so.1"
cp -r "$here/include" "$out/include"
echo "$build" > "$out/build"
