"""What a run's samples are scored by, and what real images score beside them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.data import Dataset
from pygan.metrics import swd, swd_real

__all__ = ["KEYS", "ImageScores"]

#: Every key that a scored line of metrics.jsonl may have beyond those of any line.
KEYS = frozenset({"swd", "swd_real"})

_SMALLEST = 7  # side of the patches that swd looks at


class ImageScores:
    """Scores of generated images, all against the held-out ones.

    Attributes:
        count: samples a score is computed from.
        known: what :meth:`real` has found, or None; it goes into checkpoints, so that a resumed
            run does not compute it again.
    """

    count = 1000

    def __init__(self, data: Dataset) -> None:
        self.data = data
        self.known: dict[str, Any] | None = None

    def real(self) -> dict[str, Any]:
        """What training images score against the held-out ones; computed once."""
        if self.known is None:
            self.known = {"swd_real": swd_real(self.data.images, self.data.held_out)}
        return copy.deepcopy(self.known)

    def score(self, samples: NDArray[np.uint8]) -> dict[str, Any]:
        """The scores of ``samples`` ``(count, H, W, C)``, with those of real images beside them.

        Empty where the images are smaller than the patches that `pygan.metrics.swd` looks at (7x7).
        """
        if min(self.data.image_shape[:2]) < _SMALLEST:
            return {}
        return {"swd": swd(samples, self.data.held_out), **self.real()}
