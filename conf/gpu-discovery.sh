#!/usr/bin/env bash
# Tells Spark which GPUs this machine or container has, by the ordinals that CUDA gives them: 0 up to one less than their
# number. For spark.worker.resource.gpu.discoveryScript (standalone) or spark.executor.resource.gpu.discoveryScript (YARN,
# Kubernetes). Prints {"name": "gpu", "addresses": ["0", "1"]}.
#
#   gpu-discovery.sh [FOLDER]   FOLDER instead of /dev has the device files, which are counted where there is no nvidia-smi
#
# With CUDA_VISIBLE_DEVICES set, its devices are counted, for CUDA numbers those alone.
set -euo pipefail

fail() { echo "gpu-discovery.sh: $*" >&2; exit 1; }

devices=${1:-/dev}
if [[ -n ${CUDA_VISIBLE_DEVICES+set} ]]; then
  IFS=, read -r -a visible <<<"$CUDA_VISIBLE_DEVICES" || true
  count=0
  # As CUDA does: what follows the first that is no device is not visible.
  for device in ${visible[@]+"${visible[@]}"}; do
    [[ $device =~ ^([0-9]+|(GPU|MIG)-.+)$ ]] || break
    count=$((count + 1))
  done
  source="CUDA_VISIBLE_DEVICES is \"$CUDA_VISIBLE_DEVICES\""
elif command -v nvidia-smi >/dev/null; then
  indices=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>&1) ||
    fail "nvidia-smi fails, so the driver does not work here: $indices"
  count=$(grep -c '^[0-9]\+$' <<<"$indices" || true)
  source="nvidia-smi names none: $indices"
else
  shopt -s nullglob
  found=("$devices"/nvidia[0-9]*)
  count=${#found[@]}
  source="there is neither nvidia-smi nor a device $devices/nvidia0"
fi
[[ $count -gt 0 ]] ||
  fail "no GPU: $source. Leave spark.worker.resource.gpu.* away on machines without one, and spark.executor.resource.gpu.* for jobs that need none."

addresses=''
for ((ordinal = 0; ordinal < count; ordinal++)); do addresses+=${addresses:+, }\"$ordinal\"; done
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
