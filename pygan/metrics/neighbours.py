"""The training image that each sample is nearest to: a copy has one at distance 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.errors import DTypeError, ShapeError
from pygan.metrics.distances import squared_distances

__all__ = ["nearest_images"]

_BLOCK = 1 << 22  # values of training images at once, 32 MiB in float64

Array = NDArray[Any]


def nearest_images(samples: Array, training: Array) -> tuple[Array, Array]:
    """For each sample the nearest training image in pixel values.

    Distance is the root of the mean squared difference of the bytes, so 0 is a copy and 255 the
    difference of black and white; computed exactly, and of equal distances the first image wins.

    Args:
        samples, training: uint8 ``(N, H, W, C)`` and ``(M, H, W, C)``.

    Returns:
        Indices int64 ``(N,)`` into ``training`` and distances float64 ``(N,)``.

    Raises:
        DTypeError, ShapeError: other arrays.
    """
    for name, images in (("samples", samples), ("training", training)):
        if images.dtype != np.uint8:
            raise DTypeError(f"{name} must be uint8, got {images.dtype}")
        if images.ndim != 4 or 0 in images.shape:
            raise ShapeError(f"{name} must be (N, H, W, C) and not empty, got {images.shape}")
    if samples.shape[1:] != training.shape[1:]:
        raise ShapeError(f"image sets differ in shape: {samples.shape} and {training.shape}")
    rows = samples.reshape(len(samples), -1).astype(np.float64)
    best = np.full(len(rows), np.inf)
    index = np.zeros(len(rows), np.int64)
    block = max(1, _BLOCK // rows.shape[1])
    for start in range(0, len(training), block):
        part = training[start : start + block]
        distances = squared_distances(rows, part.reshape(len(part), -1).astype(np.float64))
        at = distances.argmin(axis=1)
        found = distances[np.arange(len(rows)), at]
        better = found < best
        best[better], index[better] = found[better], at[better] + start
    return index, np.sqrt(best / rows.shape[1])
