#!/usr/bin/env bash
# Checks the CUDA engine on this machine and measures it:
#   run.sh [--out FOLDER] [--parts PART,...] [--small] [--emulated]
#
# Needs an NVIDIA GPU of sm_80 or newer, its driver, CUDA 12's or 13's NVRTC and cuBLAS (a toolkit's, or those of Python's
# packages), and tests/device/bundle/, which bundle.sh makes elsewhere. Takes no more than nine minutes. FOLDER (or $OUT)
# gets table.md, results.json, the logs and the rows of each part; the table is printed whatever fails, and failures are
# named in it. --small takes tiny sizes and one class of tests, to check that all works; --emulated does so on the emulated
# GPU.
#
# Where libraries lie that are not found: TURBOESM_CUDA_LIBRARIES, CUDA 12's, and TURBOESM_CUDA13_LIBRARIES, CUDA 13's, the
# bridge to which is then taken whatever else is there; both are folders with colons between.
#
# Parts: tests, demo, rates, decode-attention, prefill, encode, decode-step, peers, sanitizer.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bundle=$here/bundle
seconds_in_all=530

die() { echo "run.sh: $*" >&2; exit 1; }

out=${OUT:-$here/results}
emulated='' small=''
all_parts=(tests demo rates decode-attention prefill encode decode-step peers sanitizer)
parts=("${all_parts[@]}")
while [[ $# -gt 0 ]]; do
  case "$1" in
    --out) [[ $# -ge 2 ]] || die "--out needs a folder"; out=$2; shift 2 ;;
    --emulated) emulated=1 small=--small; shift ;;
    --small) small=--small; shift ;;
    --parts)
      [[ $# -ge 2 ]] || die "--parts needs names with commas between"
      IFS=, read -r -a parts <<<"$2"
      for part in "${parts[@]}"; do
        [[ " ${all_parts[*]} " == *" $part "* ]] || die "no part is named '$part'; the parts are ${all_parts[*]}"
      done
      shift 2
      ;;
    *) echo "usage: run.sh [--out FOLDER] [--parts PART,...] [--small] [--emulated]" >&2; exit 2 ;;
  esac
done

[[ -f $bundle/runtime.tar.gz ]] || die "$bundle is missing: make it with tests/device/bundle.sh where the project builds"
mkdir -p "$out" || die "$out cannot be made; name another folder with --out"
out=$(cd "$out" && pwd)
rm -f "$out"/*.jsonl "$out"/*.log "$out/table.md" "$out/results.json"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
started=$SECONDS
tar -xzf "$bundle/runtime.tar.gz" -C "$work" || die "$bundle/runtime.tar.gz cannot be unpacked; make it anew with bundle.sh"

# Where a part's rows go: the table has files in the order of their names.
rows_of() { # PART [CLASS]
  local index
  for index in "${!all_parts[@]}"; do
    if [[ ${all_parts[index]} == "$1" ]]; then printf '%s/%d-%s.jsonl' "$out" "$index" "$1${2:+-$2}"; fi
  done
}

# A row that says what a part's own rows cannot; in the text, what JSON would have escaped becomes a blank.
row() { # PART SUBJECT FAILED NOTE
  printf '{"part":"%s","subject":"%s","who":"turboesm","note":"%s","failed":%s}\n' "$1" "$2" \
    "$(printf '%s' "$4" | tr '\000-\037"\\|' ' ')" "$3" >>"$(rows_of "$1")"
}

# The line of a log that says what went wrong.
complaint() { # LOG
  { grep -m 1 -E '(Exception|Error)\b' "$1" || tail -n 1 "$1"; } | cut -c1-300
}

# Folders in which the driver, NVRTC and cuBLAS may lie.
library_folders() {
  local folder
  for folder in "${CUDA_HOME:-}" "${CUDA_PATH:-}"; do [[ -z $folder ]] || echo "$folder/lib64"; done
  printf '%s\n' /usr/local/cuda/lib64 /usr/local/cuda-1[23]*/lib64 /usr/local/nvidia/lib64
  { ldconfig -p 2>/dev/null || true; } | sed -n 's|.* => \(.*\)/lib\(cuda\.so\.1\|nvrtc\.so.*\|cublas\.so.*\)$|\1|p'
  # Python's packages: nvidia/cublas/lib of CUDA 12's, nvidia/cu13/lib of 13's, beside torch.
  if command -v python3 >/dev/null; then
    python3 - <<'PYTHON'
import glob, site, sys
for folder in dict.fromkeys(sys.path + site.getsitepackages() + [site.getusersitepackages()]):
    for found in sorted(glob.glob(folder + "/nvidia/*/lib") + glob.glob(folder + "/torch/lib")):
        print(found)
PYTHON
  fi
}

# Sets what the Java side looks for libraries with: CUDA 12's where they are, else the bridge to 13's.
find_libraries() {
  local soname folder folders twelve=${TURBOESM_CUDA_LIBRARIES:-} thirteen=${TURBOESM_CUDA13_LIBRARIES:-} bridged=()
  if [[ -n $emulated ]]; then
    "$root/tests/emulator/build.sh" "$root/target/cuda-emulator" || die "the emulator does not build"
    export LD_LIBRARY_PATH=$root/target/cuda-emulator
    return
  fi
  export CUDA_DEVICE_TESTS=1
  folders=$({ tr : '\n' <<<"$twelve"; library_folders; } | awk 'NF && !seen[$0]++')
  for soname in libnvrtc libcublas; do
    if [[ -n ${TURBOESM_CUDA13_LIBRARIES:-} ]]; then
      bridged+=("$soname.so.12")
    elif folder=$(first_with "$soname.so.12" "$folders"); then
      twelve+=${twelve:+:}$folder
    elif folder=$(first_with "$soname.so.13" "$folders"); then
      thirteen+=${thirteen:+:}$folder
      bridged+=("$soname.so.12")
    else
      die "neither $soname.so.12 nor $soname.so.13 is in any of these: ${folders//$'\n'/, }"
    fi
  done
  if folder=$(first_with libcuda.so.1 "$folders"); then twelve+=${twelve:+:}$folder; fi
  if [[ ${#bridged[@]} -gt 0 ]]; then
    # One that is made here fits this machine's loader for certain.
    local made=$work/bridge-made
    if ! { command -v gcc >/dev/null && "$here/bridge/build.sh" "$made" >"$out/bridge.log" 2>&1; }; then
      made=$bundle/bridge
    fi
    mkdir -p "$work/bridge"
    for soname in "${bridged[@]}"; do cp "$made/$soname" "$work/bridge/"; done
    twelve=$work/bridge${twelve:+:$twelve}
    export TURBOESM_CUDA13_LIBRARIES=$thirteen
  fi
  export TURBOESM_CUDA_LIBRARIES=$twelve
  echo "run.sh: NVRTC and cuBLAS from $twelve${thirteen:+, which forwards to $thirteen}"
}

first_with() { # FILE FOLDERS: the first of the folders that has the file
  local folder
  while IFS= read -r folder; do
    if [[ -e $folder/$1 ]]; then printf '%s' "$folder"; return; fi
  done <<<"$2"
  return 1
}

left() { echo $((seconds_in_all - (SECONDS - started))); }

# Runs a command under the smaller of its limit and what is left; a failure becomes a row.
limited() { # PART SUBJECT LIMIT COMMAND...
  local part=$1 subject=$2 limit=$3 status=0 begun=$SECONDS
  local log=$out/${part}${subject:+-$subject}.log
  shift 3
  subject=${subject:-whole}
  [[ $(left) -ge $limit ]] || limit=$(left)
  if [[ $limit -lt 5 ]]; then
    row "$part" "$subject" true "not run: the time was used up"
    return
  fi
  timeout --kill-after=5 "$limit" "$@" >"$log" 2>&1 || status=$?
  case $status in
    0) ;;
    124 | 137) row "$part" "$subject" true "stopped at its limit of $limit s; see ${log##*/}" ;;
    *) row "$part" "$subject" true "ended with status $status: $(complaint "$log"); see ${log##*/}" ;;
  esac
  echo "run.sh: $part${subject:+, $subject}: $((SECONDS - begun)) s"
  return $status
}

heap=8g
[[ -z $small ]] || heap=1g
# In a file, so that run_class has them too.
printf '"%s"\n' "-Xmx$heap" --add-modules=jdk.incubator.vector "-Djava.io.tmpdir=$work" -cp "$bundle/jars/*" \
  org.turboesm.device.DeviceCheck >"$work/java.arguments"
java=("$work/runtime/bin/java" "@$work/java.arguments")
export TURBOESM_CUBIN_CACHE=${TURBOESM_CUBIN_CACHE:-$work/cubins}

benchmark() { # PART LIMIT
  limited "$1" '' "$2" "${java[@]}" "$1" "$(rows_of "$1")" $small
}

# Contract tests, a class a process: what takes longest is the compiler and the reference, on the processor.
run_tests() {
  local processes classes
  processes=$(nproc)
  [[ $processes -le 8 ]] || processes=8
  if [[ -n $small ]]; then
    classes=org.turboesm.engine.cuda.EmbeddingKernelsTest
  else
    classes=$("${java[@]}" classes 2>"$out/classes.log") || true
    if [[ -z $classes ]]; then
      row tests whole true "no test class was found: $(complaint "$out/classes.log"); see classes.log"
      return
    fi
  fi
  export -f run_class
  export out work
  rows=$(rows_of tests) limited tests '' 170 xargs -P "$processes" -n 1 bash -c 'run_class "$1"' run_class <<<"$classes"
}

# Called by xargs, in a shell of its own.
run_class() {
  local name=${1##*.}
  "$work/runtime/bin/java" "@$work/java.arguments" tests "${rows%.jsonl}-$name.jsonl" "$1" >"$out/tests-$name.log" 2>&1 ||
    printf '{"part":"kernel tests","subject":"%s","who":"turboesm","note":"the process failed; see %s","failed":true}\n' \
      "$name" "tests-$name.log" >>"${rows%.jsonl}-$name.jsonl"
}

# The tools slow kernels down tens of times, so that they see some of the tests: those of the packed cache.
run_sanitizer() {
  local tool sanitizer classes
  if [[ -n $emulated ]]; then
    row sanitizer whole false "not run: the emulator checks accesses itself"
    return
  fi
  if ! sanitizer=$(command -v compute-sanitizer || command -v /usr/local/cuda/bin/compute-sanitizer); then
    row sanitizer whole false "not run: there is no compute-sanitizer here"
    return
  fi
  mapfile -t classes < <("${java[@]}" classes 2>/dev/null | grep -E '[.](PackedDecode|Append|Unpack)KernelsTest$')
  for tool in memcheck racecheck; do
    limited sanitizer "$tool" 60 "$sanitizer" --tool "$tool" --error-exitcode 9 --target-processes all "${java[@]}" tests \
      "$work/sanitized-$tool.rows" "${classes[@]}" &&
      row sanitizer "$tool" false "$(grep -h SUMMARY "$out/sanitizer-$tool.log" | tail -n 1)"
  done
}

run_peers() {
  if [[ -n $small ]] || ! python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    row peers whole false "not run: python3 has no torch with CUDA here"
    return
  fi
  limited peers '' 110 python3 "$here/peers.py" "$(rows_of peers)" "$("${java[@]}" lengths 2>/dev/null)"
}

find_libraries
for part in "${parts[@]}"; do
  case $part in
    tests) run_tests ;;
    demo) benchmark demo $((${#small} ? 240 : 60)) ;;
    rates) benchmark rates 30 ;;
    decode-attention) benchmark decode-attention 60 ;;
    prefill) benchmark prefill 30 ;;
    encode) benchmark encode 120 ;;
    decode-step) benchmark decode-step 60 ;;
    peers) run_peers ;;
    sanitizer) run_sanitizer ;;
  esac
done
"${java[@]}" table "$out" 2>"$out/table.log"
status=$?
echo "run.sh: $((SECONDS - started)) s in all; $out/table.md, $out/results.json"
exit $status
