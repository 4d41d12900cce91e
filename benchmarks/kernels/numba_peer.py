"""numba's side: the kernels of examples/numba_ops.py, which users may register as operations."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np

from benchmarks.kernels.works import Passes, cotangents
from benchmarks.targets.cases import Part

_PATH = Path(__file__).resolve().parents[2] / "examples" / "numba_ops.py"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("numba_ops", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["numba_ops"] = module
    spec.loader.exec_module(module)
    return module


kernels = _load()
NAME = f"numba {numba.__version__}"


def set_threads(n: int) -> None:
    numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))


def has(name: str) -> bool:
    return name in kernels.KERNELS


def variants(part: Part) -> list[str]:
    return ["njit"]


def make(part: Part, variant: str) -> Compiled:
    return Compiled(part.kind, part.size["pass"])


class Compiled(Passes):
    """The pass by a kernel compiled at its first call, before the clock starts."""

    def __init__(self, name: str, which: str) -> None:
        super().__init__(name, which)
        self._forward, self._backward = kernels.KERNELS[name]
        if which == "backward":
            self.dys = cotangents(name, self.forward())

    def forward(self) -> Sequence[np.ndarray]:
        return [self._forward(*self.example.inputs, **self.example.hyper)]

    def backward(self) -> Sequence[np.ndarray]:
        dx = self._backward(self.dys[0], *self.example.inputs, **self.example.hyper)
        return dx if isinstance(dx, tuple) else (dx,)
