"""The averaged generator: weights and running statistics alike."""

from __future__ import annotations

import numpy as np

from pygan.nn import Module
from pygan.optim import EMA

__all__ = ["AveragedGenerator"]


class AveragedGenerator(EMA):
    """`pygan.optim.EMA` that averages a network's running statistics too, instead of copying them.

    Averaged weights make other activations than the live ones, and the live statistics are noisy
    besides (they follow the last few batches). With copied ones samples of the average score two to
    three times as far from real images as those of the generator that it averages; with averaged
    ones about as near. Counters are still copied.
    """

    def __init__(self, source: Module, decay: float = 0.999) -> None:
        super().__init__(source, decay)
        statistics = [(own, live) for own, live in self._buffers if own.dtype == self._dtype()]
        self._buffers = [pair for pair in self._buffers if pair[0].dtype != self._dtype()]
        self.averages += [own for own, _ in statistics]
        self._params += [live for _, live in statistics]

    def _dtype(self) -> np.dtype:
        return self.averages[0].dtype
