#!/usr/bin/env bash
# Measures all figures of tests/fidelity/RESULTS.md: the embedded model on the embedded proteins.
#
#   tests/fidelity/measure.sh [FOLDER]    default: target/fidelity; about 25 minutes on two cores
#
# Each section of the results is one command, printed above its table. Folders that are complete
# are kept, so that a run that was stopped goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:-target/fidelity}
results=tests/fidelity/RESULTS.md
mkdir -p "$folder"

{
  echo "# Fidelity: results"
  echo
  echo "Written by tests/fidelity/measure.sh on $(date -u +%F) at commit $(git rev-parse --short HEAD)," \
    "on $(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
    "engine and precision auto. All proteins that are measured were left out of calibration."
  echo "NMSE and cosine are those of the attention output of each layer on true inputs, mean over" \
    "layers and proteins; accumulated, hidden, embedding and what follows are of whole runs."
} > "$results"

section() { # title, name, arguments of turboesm fidelity
  local title=$1 name=$2
  shift 2
  if [[ ! -f $folder/$name/manifest.json ]]; then
    bin/turboesm fidelity --output "$folder/$name" --overwrite "$@"
  fi
  {
    echo
    echo "## $title"
    echo
    echo "\`turboesm fidelity $*\`"
    echo
    sed -n '/^|/p;/^All rows/{x;p;x;p}' "$folder/$name/fidelity.md"
  } >> "$results"
}

section "All codecs" codecs --codecs all --bits 1,2,3,4
section "Components of the default" ablation --codecs ablation --bits 2
section "Bits moved further" allotment --codecs default --bits 1,1.5,2,3 --allotment separate,head,layer,model
section "Decode, and how much is prefilled" decode \
  --codecs default,default-without-tail,paper-sign --bits 3 --modes decode --prefill 0.1,0.5,0.9
section "How many proteins calibration needs" calibration --codecs default --bits 2 \
  --calibration-proteins 8,32,128,512
section "Other organisms than calibrated on" organisms --codecs default --bits 1,3 --by-organism

if [[ ! -f $folder/paper.md ]]; then
  bin/turboesm paper > "$folder/paper.part"
  mv "$folder/paper.part" "$folder/paper.md"
fi
{
  echo
  echo "## The paper's table"
  echo
  echo "\`turboesm paper\`"
  cat "$folder/paper.md"
} >> "$results"

cp "$folder/codecs/rate-distortion.png" tests/fidelity/rate-distortion.png
cp "$folder/codecs/heads-default-K3-V3.png" tests/fidelity/heads.png
cp "$folder/decode/positions.png" tests/fidelity/positions.png
cp "$folder/calibration/calibration.png" tests/fidelity/calibration.png
echo "written: $results"
