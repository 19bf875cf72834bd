#!/usr/bin/env bash
# Builds libcublas.so.12 and libnvrtc.so.12 that forward to CUDA 13's: build.sh OUTDIR
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# -eq 1 ]] || { echo "usage: build.sh OUTDIR" >&2; exit 2; }
cc=${CC:-gcc}
command -v "$cc" >/dev/null || { echo "bridge/build.sh: $cc is missing: install gcc, or set CC" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

forward() { # NAME UNSUPPORTED FUNCTIONS: lib$NAME.so.12, which forwards to lib$NAME.so.13
  mkdir -p "$work/$1"
  awk 'NF { print "FUNCTION(" NR - 1 ", " $1 ")" }' "$3" >"$work/$1/functions.inc"
  # JCuda's libraries bind to symbols of the version that the real ones have.
  echo "lib$1.so.12 { global: $1*; local: *; };" >"$work/$1/version.map"
  "$cc" -O2 -Wall -Wextra -Werror -fPIC -shared "-I$work/$1" "-DFORWARDED_LIBRARY=\"lib$1.so.13\"" \
    "-DUNSUPPORTED=$2" "-Wl,-soname,lib$1.so.12" "-Wl,--version-script=$work/$1/version.map" \
    -o "$work/lib$1.so.12" "$here/forward.c" -ldl
  mv "$work/lib$1.so.12" "$out/lib$1.so.12"
}

# The statuses are CUBLAS_STATUS_NOT_SUPPORTED and, as NVRTC has none of that name,
# NVRTC_ERROR_BUILTIN_OPERATION_FAILURE.
functions=$here/../../emulator/src
forward cublas 15 "$functions/cublas_functions.txt"
forward nvrtc 7 "$functions/nvrtc_functions.txt"
