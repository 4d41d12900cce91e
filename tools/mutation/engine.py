"""The build that holds all mutants, and the module that it gives."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from mutation.sites import Site, find_sites, instrument, shared_parameters
from mutation.tokens import Source

__all__ = ["Engine", "build", "kernel_sources", "load", "write_copies"]

# csrc/device is CUDA's names and numbers, apart from these
_DEVICE_KERNELS = {"reduce.h"}


def kernel_sources(csrc: Path) -> list[Source]:
    """The .cu files and the headers that hold code of the device."""
    found = []
    for path in sorted([*csrc.rglob("*_cuda.cu"), *csrc.rglob("*.h")]):
        if path.parent == csrc / "device" and path.name not in _DEVICE_KERNELS:
            continue
        source = Source(path.read_text(), path.relative_to(csrc.parent).as_posix())
        if path.suffix == ".cu" or source.functions:
            found.append(source)
    return found


def write_copies(root: Path, folder: Path) -> list[Site]:
    """Writes the instrumented copies of root/csrc's kernels; mutant k + 1 is element k.

    A copy that has not changed keeps its time, so that only what has is compiled again."""
    sources = kernel_sources(root / "csrc")
    parameters = shared_parameters(sources)
    sites: list[Site] = []
    written = set()
    for source in sources:
        text = instrument(source, parameters, len(sites) + 1, str(root / source.path))
        sites += find_sites(source, parameters, len(sites) + 1)
        path = folder / Path(source.path).relative_to("csrc")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        written.add(path)
    for path in folder.rglob("*"):
        if path.is_file() and path not in written:
            path.unlink()
    return sites


def build(root: Path, folder: Path, copies: Path) -> Path:
    """Builds the module in ``folder`` and returns its path. Other objects come from ccache."""
    configure = ["cmake", "-S", str(root), "-B", str(folder), f"-DPYGAN_MUTANTS={copies}"]
    configure += ["-DPYGAN_CUDA=OFF", f"-DPython_EXECUTABLE={sys.executable}"]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    if shutil.which("ccache"):
        configure += ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    for command in (configure, ["cmake", "--build", str(folder), "--parallel"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            errors = [line for line in lines if "error" in line.lower()] or lines[-20:]
            raise SystemExit("the build of the mutants failed:\n" + "\n".join(errors[:20]))
    return next((folder / "pygan").glob("_core.*"))


class Engine:
    """The module's choice of a mutant."""

    def __init__(self, module: Path, mutants: int) -> None:
        self._library = ctypes.CDLL(str(module))
        self._library.pygan_mutant_calls.argtypes = [ctypes.c_uint64]
        self._count = mutants + 1

    def choose(self, mutant: int) -> None:
        self._library.pygan_choose_mutant(mutant)

    def forget_calls(self, limit: int = 0) -> None:
        """Counts from 0; more calls than the limit end a launch (0: any number)."""
        self._library.pygan_mutant_calls(limit)

    def calls(self) -> np.ndarray:
        """How often each mutant was asked for: (mutants + 1,); 0 stands for none."""
        calls = np.zeros(self._count, np.uint64)
        self._library.pygan_mutants_reached(ctypes.c_void_p(calls.ctypes.data), self._count)
        return calls


class _Finder:
    """Makes `import pygan` take this module for pygan._core."""

    def __init__(self, module: Path) -> None:
        self.module = module

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> object:
        if name != "pygan._core":
            return None
        return importlib.util.spec_from_file_location(name, self.module)


def load(module: Path, mutants: int) -> Engine:
    """Imports pygan with this module, its kernels checked."""
    os.environ |= {"PYGAN_EMU_CHECK": "1", "PYGAN_NUM_THREADS": "1", "CI": "true"}
    os.environ.pop("PYGAN_EMU_SCHEDULE", None)
    sys.meta_path.insert(0, _Finder(module))
    import pygan

    assert Path(pygan._core.__file__) == module, pygan._core.__file__
    return Engine(module, mutants)
