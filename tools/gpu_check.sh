#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can show, in stages of under nine minutes each.
#
#   tools/gpu_check.sh STAGE...          tools/gpu_check.sh all          tools/gpu_check.sh list
#   tools/gpu_check.sh --rehearse STAGE...   the same commands on device emu, small, where there is no GPU
#
# A stage that runs out of its time leaves what it has done under build/gpu and exits with 75: run it again
# and it goes on from there. Figures go to benchmarks/results/. PYTHON names the interpreter (python3).
set -euo pipefail
cd "$(dirname "$0")/.."

stages="build test memcheck racecheck synccheck initcheck repeat timing train"
rehearse=
[ "${1:-}" = --rehearse ] && { rehearse=--rehearse; shift; }
case "${1:-list}" in
  list) echo "stages: $stages"; exit 0 ;;
  all) set -- $stages ;;
esac

python=${PYTHON:-python3}
seconds=${PYGAN_GPU_SECONDS:-500}   # of a stage
state=build/gpu
results=benchmarks/results
[ -n "$rehearse" ] && { state=build/gpu-rehearsal; results=$state/results; }
mkdir -p "$state" "$results"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
device=$([ -n "$rehearse" ] && echo emu || echo cuda)

drive() { "$python" -m benchmarks.gpu "$@" $rehearse --seconds "$seconds" --state "$state"; }

sanitizer() {  # compute-sanitizer over every kernel's small examples
  if [ -n "$rehearse" ]; then
    echo "rehearsal: the kernels run without compute-sanitizer"
    drive sweep --name "$1" --json "$results/gpu-$1.json"
    return
  fi
  local extra=()
  [ "$1" = memcheck ] && extra=(--leak-check no)
  PYGAN_SYNC=1 compute-sanitizer --tool "$1" "${extra[@]}" --error-exitcode 9 --print-limit 20 \
    --log-file "$state/$1.log" "$python" -m benchmarks.gpu sweep --name "$1" --seconds "$seconds" \
    --state "$state" --json "$results/gpu-$1.json" || {
    local code=$?
    [ $code = 9 ] && { echo "compute-sanitizer $1 found errors:"; head -60 "$state/$1.log"; }
    return $code
  }
  tail -1 "$state/$1.log"
}

stage() {
  case $1 in
    build)  # the module beside its Python, for this GPU's architecture only
      if [ -n "$rehearse" ]; then "$python" -c "import pygan; print('rehearsal: pygan', pygan.__version__, 'as built')"; return; fi
      cmake -S . -B "$state/cmake" -G Ninja -DPYGAN_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=native \
        -DPYGAN_WERROR=ON -DPython_EXECUTABLE="$(command -v "$python")"
      cmake --build "$state/cmake" -j"$(nproc)"
      "$python" -m pygan doctor
      ;;
    test) timeout $((seconds + 30)) "$python" -m pytest -q -m "$device" -p no:cacheprovider tests ;;
    memcheck | racecheck | synccheck | initcheck) sanitizer "$1" ;;
    repeat) drive repeat --json "$results/gpu-repeat.json" ;;
    timing) drive timing --json "$results/gpu-timing.json" ;;
    train) drive train --json "$results/gpu-train.json" --pictures "$results" ;;
    *) echo "unknown stage '$1'; stages: $stages" >&2; exit 2 ;;
  esac
}

for name in "$@"; do
  echo "== $name"
  start=$(date +%s)
  stage "$name"
  echo "== $name: done in $(($(date +%s) - start)) s"
done
