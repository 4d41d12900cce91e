"""What a run's samples are scored by, and what real images score beside them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.data import Dataset
from pygan.data.fashion import NAME as EMBEDDED
from pygan.data.order import permutation
from pygan.errors import ConfigError
from pygan.metrics import (
    FeatureNetwork,
    class_histogram,
    embedded_classifier,
    fd,
    fd_real,
    nearest_images,
    precision_recall,
    precision_recall_real,
    swd,
    swd_real,
)
from pygan.metrics.precision_recall import NEIGHBOURS

__all__ = ["COMPARED", "FEW", "KEYS", "ImageScores", "Neighbours"]

#: Every key that a scored line of metrics.jsonl may have beyond those of any line.
KEYS = frozenset(
    {
        "swd",
        "swd_real",
        "fd",
        "fd_real",
        "class_histogram",
        "precision",
        "precision_real",
        "recall",
        "recall_real",
    }
)

FEW = 100  # held-out images below which scores say little
_SMALLEST = 7  # side of the patches that swd looks at
COMPARED = 64  # samples whose nearest training images are looked for


@dataclass(frozen=True)
class Neighbours:
    """Samples beside their nearest training images, and held-out images beside theirs.

    ``samples`` and ``held_out`` uint8 ``(N, H, W, C)``, ``*_nearest`` the training images,
    ``*_distances`` float64 ``(N,)`` in root mean squared grey levels; the smallest comes first.
    """

    step: int
    samples: NDArray[np.uint8]
    samples_nearest: NDArray[np.uint8]
    samples_distances: NDArray[np.float64]
    held_out: NDArray[np.uint8]
    held_out_nearest: NDArray[np.uint8]
    held_out_distances: NDArray[np.float64]


class ImageScores:
    """Scores of generated images, all against the held-out ones.

    ``swd`` always (but for images below 7x7); ``fd``, ``precision`` and ``recall`` in the features
    of a network, which is the user's own, or for the embedded images the classifier that comes with
    pygan; ``class_histogram`` where that network ends in logits.

    Attributes:
        count: samples a score is computed from.
        known: what :meth:`real` has found, or None; it goes into checkpoints, so that a resumed
            run does not compute it again.
        network: the feature network, or None.
    """

    count = 1000

    def __init__(self, data: Dataset, network: FeatureNetwork | None = None) -> None:
        self.data = data
        self.known: dict[str, Any] | None = None
        if network is None and data.name == EMBEDDED:
            network = embedded_classifier()
        if network is not None and min(len(data), len(data.held_out)) <= NEIGHBOURS:
            raise ConfigError(
                f"features need at least {NEIGHBOURS + 1} held-out images, "
                f"these data have {len(data.held_out)}; leave them out or take more images"
            )
        self.network = network
        self.seen: Neighbours | None = None  # the last that `look` found
        self._held_out: tuple[NDArray[Any], NDArray[Any] | None] | None = None
        self._held_out_pairs: tuple[NDArray[Any], ...] | None = None

    @property
    def digest(self) -> str | None:
        """What identifies the feature network: real scores of another one do not count."""
        return None if self.network is None else self.network.digest

    def real(self) -> dict[str, Any]:
        """What training images score against the held-out ones; computed once."""
        if self.known is None:
            known: dict[str, Any] = {}
            if self._large_enough():
                known["swd_real"] = swd_real(self.data.images, self.data.held_out)
            if self.network is not None:
                features, _ = self.network(self.data.images)
                held_out = self._of_held_out()[0]
                known["fd_real"] = fd_real(features, held_out)
                precision, recall = precision_recall_real(features, held_out)
                known |= {"precision_real": precision, "recall_real": recall}
            self.known = known
        return copy.deepcopy(self.known)

    def score(self, samples: NDArray[np.uint8]) -> dict[str, Any]:
        """The scores of ``samples`` ``(count, H, W, C)``, with those of real images beside them."""
        row: dict[str, Any] = {}
        if self._large_enough():
            row["swd"] = swd(samples, self.data.held_out)
        if self.network is not None:
            features, logits = self.network(samples)
            held_out = self._of_held_out()[0]
            row["fd"] = fd(features, held_out)
            row["precision"], row["recall"] = precision_recall(features, held_out)
            if logits is not None:
                row["class_histogram"] = class_histogram(logits)
        return {**row, **self.real()} if row else {}

    def notes(self) -> list[str]:
        """What a reader of these scores must know."""
        count = len(self.data.held_out)
        if count >= FEW:
            return []
        images = "image" if count == 1 else "images"
        return [f"only {count} held-out {images} to compare with: the scores say little"]

    def real_shares(self) -> list[float] | None:
        """``class_histogram`` of the held-out images, or None."""
        if self.network is None or not self.network.classes:
            return None
        logits = self._of_held_out()[1]
        assert logits is not None
        return class_histogram(logits)

    def look(self, samples: NDArray[np.uint8], step: int) -> Neighbours:
        """The training image nearest to each of the first samples, beside the same of real ones."""
        training, held_out = self.data.images, self.data.held_out
        if self._held_out_pairs is None:
            chosen = permutation(len(held_out), 0, 0, "trainer.neighbours")[:COMPARED]
            self._held_out_pairs = _pairs(held_out[chosen], training)
        self.seen = Neighbours(step, *_pairs(samples[:COMPARED], training), *self._held_out_pairs)
        return self.seen

    def _large_enough(self) -> bool:
        return min(self.data.image_shape[:2]) >= _SMALLEST

    def _of_held_out(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Features and logits of the held-out images; computed once."""
        if self._held_out is None:
            assert self.network is not None
            self._held_out = self.network(self.data.held_out)
        return self._held_out


def _pairs(images: NDArray[Any], training: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Images, their nearest training images and the distances, the smallest first."""
    index, distances = nearest_images(images, training)
    order = np.argsort(distances, kind="stable")
    return images[order], training[index[order]], distances[order]
