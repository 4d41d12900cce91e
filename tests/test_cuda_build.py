"""What can be seen of the CUDA build without a GPU: its tools."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

PTXAS = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '{forward}' for 'sm_80'
ptxas info    : Function properties for {forward}
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 26 registers, used 1 barriers, 16896 bytes smem, 380 bytes cmem[0]
ptxas info    : Compile time = 16.544 ms
ptxas info    : Function properties for __internal_trig_reduction_slowpathd
    40 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads
ptxas info    : Compiling entry function '{forward}' for 'sm_90'
ptxas info    : Function properties for {forward}
    96 bytes stack frame, 60 bytes spill stores, 36 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers
"""
FORWARD = (
    "_ZN5pygan12backend_cuda57_GLOBAL__N__519ea5f2_18_leaky_relu_cuda_cu_19ae7718_277237"
    "forwardIfEEvPKT_PS3_lS3_"
)


@pytest.fixture(scope="module")
def registers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reg", ROOT / "tools" / "cuda_registers.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["reg"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_registers_and_spills_are_read(registers: ModuleType):
    first, second = registers.parse(PTXAS.format(forward=FORWARD).splitlines())
    assert (first.architecture, first.registers, first.shared_bytes) == ("80", 26, 16896)
    assert (first.spill_bytes, first.stack_bytes, first.blocks) == (0, 0, 8)
    assert (second.architecture, second.registers, second.shared_bytes) == ("90", 255, 0)
    assert (second.spill_bytes, second.stack_bytes, second.blocks) == (96, 96, 1)


@pytest.mark.skipif(not shutil.which("c++filt"), reason="no c++filt (binutils)")
def test_the_table_names_room_and_kernel(registers: ModuleType):
    kernels = registers.parse(PTXAS.format(forward=FORWARD).splitlines())
    for kernel, name in zip(kernels, registers.readable([FORWARD, FORWARD]), strict=True):
        kernel.name = name
    head, _, row = registers.table(kernels).splitlines()
    assert head.split()[:3] == ["kernel", "sm_80", "sm_90"]
    assert row.split() == ["leaky_relu:", "forward<float>", "26", "255", "96", "96", "16896", "1"]


def test_the_script_for_nvcc_pins_every_part():
    script = (ROOT / "tools" / "get_nvcc.sh").read_text()
    subprocess.run(["bash", "-n", str(ROOT / "tools" / "get_nvcc.sh")], check=True)
    for part in ("nvcc", "crt", "runtime", "cccl"):
        assert f"nvidia-cuda-{part}==13.0." in script
    assert "nvidia-nvvm==13.0." in script
