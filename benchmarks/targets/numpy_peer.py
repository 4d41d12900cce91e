"""NumPy's side: matrix products."""

from __future__ import annotations

import numpy as np

from benchmarks.targets.cases import Part
from benchmarks.targets.work import Function, Work

NAME = f"NumPy {np.__version__}"


def set_threads(n: int) -> None:
    """Set by OPENBLAS_NUM_THREADS and OMP_NUM_THREADS when the process starts."""


def variants(part: Part) -> list[str]:
    return ["default"]


def make(part: Part, variant: str) -> Work:
    data = part.data()
    a, b = data["a"], data["b"]
    out = np.empty((a.shape[0], b.shape[1]), np.float32)
    return Function(lambda: np.matmul(a, b, out=out), lambda y: np.asarray(y))
