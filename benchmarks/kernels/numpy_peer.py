"""NumPy's side: the project's own reference, which is written to be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.kernels import sizes
from benchmarks.kernels.works import Passes, cotangents
from benchmarks.targets.cases import Part

NAME = f"NumPy {np.__version__}"


def set_threads(n: int) -> None:
    """Set by OPENBLAS_NUM_THREADS and OMP_NUM_THREADS when the process starts."""


def has(name: str) -> bool:
    return name in sizes.CASES


def variants(part: Part) -> list[str]:
    return ["default"]


def make(part: Part, variant: str) -> Plain:
    return Plain(part.kind, part.size["pass"])


class Plain(Passes):
    """The pass by `pygan.reference`."""

    def __init__(self, name: str, which: str) -> None:
        super().__init__(name, which)
        self.reference = self.case.reference
        if which == "backward":
            self.dys = cotangents(name, self.forward())

    def forward(self) -> Sequence[np.ndarray]:
        y = self.reference.forward(*self.example.inputs, **self.example.hyper)
        return (list(y) if isinstance(y, (list, tuple)) else [y])[: self.case.outputs]

    def backward(self) -> Sequence[np.ndarray]:
        assert self.reference.vjp is not None
        dy = self.dys[0] if self.case.outputs == 1 else tuple(self.dys)
        return self.reference.vjp(dy, *self.example.inputs, **self.example.hyper)
