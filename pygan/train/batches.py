"""Batches of training data on the networks' device.

On another device than the CPU the whole data set is copied there once, pictures as bytes, where it
is no larger than :data:`RESIDENT`; a batch is then gathered there. A larger one is copied batch by
batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import pygan as pg
from pygan import Tensor
from pygan.data import Data

__all__ = ["RESIDENT", "Batches"]

RESIDENT = 4 << 30  # bytes


class Batches:
    """``batches(indices)``: those training samples, as networks see them.

    Pictures are x / 127.5 - 1, as `pygan.data.to_float` has it, and the same bits on every device.
    """

    def __init__(self, data: Data, dtype: Any, device: str) -> None:
        self.data, self.dtype, self.device = data, dtype, device
        samples = data.training
        self.resident: Tensor | None = None
        if device != "cpu" and samples.nbytes <= RESIDENT:
            self.resident = pg.tensor(samples, device=device)

    def __call__(self, indices: NDArray[np.int64]) -> Tensor:
        if self.resident is None:
            return pg.tensor(self.data.batch(indices), dtype=self.dtype, device=self.device)
        rows = pg.tensor(np.asarray(indices, np.int64), device=self.device)
        samples = pg.ops.gather(self.resident, rows)
        if samples.dtype != "uint8":
            return samples if samples.dtype == self.dtype else pg.ops.astype(samples, self.dtype)
        pixels = pg.ops.astype(samples, "float32") / pg.full((), 127.5, device=self.device) - 1.0
        return pixels if self.dtype == "float32" else pg.ops.astype(pixels, self.dtype)
