"""What every peer shares: inputs, cotangents, and a work with a forward and a backward pass."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.kernels import sizes
from benchmarks.targets.work import Work

__all__ = ["Passes", "cotangents", "floating"]


def floating(x: Any) -> bool:
    return np.issubdtype(np.asarray(x).dtype, np.floating)


def cotangents(name: str, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Random ones, the same for every peer."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return [rng.standard_normal(y.shape, dtype=np.float32) for y in outputs]


class Passes(Work):
    """One pass of one operation; a peer says how each is computed."""

    def __init__(self, name: str, which: str) -> None:
        self.case, self.example = sizes.CASES[name], sizes.example(name)
        self.name, self.which = name, which

    def forward(self) -> Sequence[Any]:
        """The outputs that carry gradients."""
        raise NotImplementedError

    def backward(self) -> Sequence[Any]:
        """Gradients of the floating inputs, at `cotangents`."""
        raise NotImplementedError

    def array(self, value: Any) -> np.ndarray:
        return np.asarray(value)

    def run(self) -> None:
        self.forward() if self.which == "forward" else self.backward()

    def check(self) -> dict[str, np.ndarray]:
        if self.which == "forward":
            return {f"y{i}": self.array(y) for i, y in enumerate(self.forward())}
        return {f"dx{i}": self.array(dx) for i, dx in enumerate(self.backward())}
