#!/usr/bin/env bash
# nvcc without a system toolkit, from PyPI: about 90 MB to fetch, 270 MB on the disk.
#
#   tools/get_nvcc.sh [DIR]        leaves the toolkit in DIR (build/cuda) and prints how to build with it
#
# Every part is pinned: pip would pair this compiler with the newest runtime otherwise. Compiling needs no
# GPU and no driver; running does. PYTHON names the interpreter whose pip is used (python3).
set -euo pipefail
cd "$(dirname "$0")/.."
parts=(
  'cuda-toolkit[nvcc,cudart,cccl,crt,nvvm]==13.0.2'
  nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88
  nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
)
mkdir -p "${1:-build/cuda}"
dir=$(cd "${1:-build/cuda}" && pwd)
toolkit=$dir/nvidia/cu13
if [ ! -x "$toolkit/bin/nvcc" ]; then
  "${PYTHON:-python3}" -m pip install --quiet --target "$dir" --no-compile "${parts[@]}" >&2
fi
# What nvcc and CMake look for, and the packages leave out.
ln -sfn lib "$toolkit/lib64"
ln -sfn libcudart.so.13 "$toolkit/lib/libcudart.so"
"$toolkit/bin/nvcc" --version | tail -2 >&2
cat <<TEXT
export CUDACXX=$toolkit/bin/nvcc
# then: pip install . -C cmake.define.PYGAN_CUDA=ON
# or:   cmake -S . -B build -G Ninja -DPYGAN_CUDA=ON && cmake --build build
TEXT
