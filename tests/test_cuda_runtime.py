"""The CUDA runtime's host side against a stand-in for CUDA (tests/cuda_runtime), without a GPU.

What a driver, a GPU or a kernel can do wrong, each with its one message; copies through the pinned
ring while nothing on the stream has run yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CANNOT = "DeviceError: device 'cuda' cannot be used: "

Run = Callable[..., list[str]]


def _headers() -> Path | None:
    """The folder of cuda_runtime.h: of $CUDACXX, nvcc, the usual place, or tools/get_nvcc.sh."""
    nvcc = [Path(p) for p in (os.environ.get("CUDACXX"), shutil.which("nvcc")) if p]
    roots = [p.resolve().parent.parent for p in nvcc]
    roots += [Path("/usr/local/cuda"), ROOT / "build/cuda/nvidia/cu13"]
    return next((r / "include" for r in roots if (r / "include/cuda_runtime.h").exists()), None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    headers, compiler = _headers(), shutil.which("g++") or shutil.which("c++")
    if headers is None or compiler is None:
        pytest.skip("no CUDA headers (tools/get_nvcc.sh fetches them), or no C++ compiler")
    program = tmp_path_factory.mktemp("cuda_runtime") / "scenarios"
    core = [ROOT / "csrc/core" / f"{name}.cpp" for name in ("device", "array", "memory", "heap")]
    sources = [ROOT / "csrc/device" / f"cuda_{name}.cu" for name in ("runtime", "copy")]
    sources += core + sorted((ROOT / "tests/cuda_runtime").glob("*.cpp"))
    command = [compiler, "-std=c++20", "-O0", "-pthread", "-o", str(program)]
    command += [f"-I{ROOT / 'csrc'}", "-isystem", str(headers)]
    command += ['-DPYGAN_CUDA_ARCHITECTURES="75 80"', '-DPYGAN_CUDA_WHY=""', "-x", "c++"]
    subprocess.run([*command, *map(str, sources)], check=True, timeout=300)

    def scenario(name: str, **environment: str) -> list[str]:
        ended = subprocess.run(
            [program, name],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    return scenario


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_driver", "no NVIDIA driver is installed on this machine"),
        (
            "old_driver",
            "the NVIDIA driver is made for CUDA 12.4, this build for CUDA 13.0: update the driver",
        ),
        ("no_gpu", "no GPU is visible (CUDA_VISIBLE_DEVICES=)"),
        (
            "not_built",
            "Fake GPU has architecture 7.0, this build has kernels for 75 80 only: build again "
            "with -DCMAKE_CUDA_ARCHITECTURES=70",
        ),
    ],
)
def test_why_there_is_no_gpu(run: Run, name: str, why: str):
    assert run(name, CUDA_VISIBLE_DEVICES="") == [f"{CANNOT}{why}; see `pygan doctor`"]
    assert run("usable") == ["fine"]


def test_copies_and_constants_survive_a_late_stream(run: Run):
    assert run("copies") == ["same"]
    assert run("constants") == ["good"]


def test_out_of_memory_waits_for_what_was_freed_and_then_says_so(run: Run):
    inner, outer, after, first, second, limited = run("out_of_memory")
    assert inner.startswith("OutOfMemoryError: out of memory: cannot allocate 40265318 bytes for ")
    assert outer == after == first == second == "fine"
    assert limited.startswith("OutOfMemoryError: out of memory: cannot allocate 4000 bytes")


def test_slices_of_one_tensor_are_copied_as_if_at_once(run: Run):
    assert run("overlapping_copies") == ["same"] * 3


def test_memory_that_kernels_cannot_read_is_told_apart(run: Run):
    assert run("foreign_pointers") == ["in no GPU's memory", "''", "on GPU 1, pygan uses GPU 0"]


def test_a_kernel_s_error_ends_the_use_of_the_gpu_only(run: Run):
    first, later, read, on_the_cpu = run("illegal_address")
    assert first == (
        "DeviceError: CUDA error in the work on the GPU: a text (cudaErrorIllegalAddress); the GPU "
        "cannot be used any more in this process: start it again, and resume from the last "
        "checkpoint; PYGAN_SYNC=1 names the op whose kernel fails"
    )
    assert later == read == f"{CANNOT}{first.removeprefix('DeviceError: ')}; see `pygan doctor`"
    assert on_the_cpu == "fine"


def test_an_error_of_a_launch_leaves_everything_as_it_was(run: Run):
    launch, after, shared, too_much = run("bad_launch")
    assert launch == (
        "DeviceError: CUDA error in the launch at relu_cuda.cu:12: a text "
        "(cudaErrorInvalidConfiguration)"
    )
    assert after == shared == "fine"
    assert too_much.endswith("204800 bytes of shared memory a block, this GPU has 101376")


def test_sync_waits_after_a_launch_and_names_it(run: Run):
    assert run("sync") == ["did not wait", "fine"]
    waited, error = run("sync", PYGAN_SYNC="1")
    assert waited == "waited"
    assert error.startswith("DeviceError: CUDA error in the launch at relu_cuda.cu:12: a text")
    assert "PYGAN_SYNC" not in error


def test_a_forked_process_is_told_to_spawn(run: Run):
    child, parent = run("fork")
    assert child.startswith(f"{CANNOT}CUDA was started before this process was forked")
    assert parent == "fine"


def test_streams_and_the_choice_of_a_gpu(run: Run):
    ordered, *others = run("streams")
    assert ordered == "ordered"
    for line in others:
        assert line.startswith("DeviceError: this thread's CUDA device is 1, pygan uses device 0")
