"""What the scores in a feature space share: checks, draws, products and pairwise distances.

Products are `pygan.ops.matmul`'s: the same bits on any number of threads, where NumPy's depend on
how its BLAS cuts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pygan as pg
from pygan.data.order import permutation
from pygan.errors import DTypeError, NonFiniteError, ShapeError

__all__ = ["checked_features", "checked_pair", "product", "real_draws", "squared_distances"]

DRAWS, DRAW_SIZE = 10, 1000

Array = NDArray[Any]


def checked_features(features: Array, name: str) -> Array:
    """float64 ``(N, F)``. Raises ShapeError, DTypeError, NonFiniteError."""
    features = np.asarray(features)
    if features.dtype not in (np.float32, np.float64):
        raise DTypeError(f"{name} must be float32 or float64, got {features.dtype}")
    if features.ndim != 2 or 0 in features.shape:
        raise ShapeError(f"{name} must be (N, F) and not empty, got {features.shape}")
    if not np.isfinite(features).all():
        raise NonFiniteError(f"{name} has {np.sum(~np.isfinite(features))} values not finite")
    return features.astype(np.float64)


def checked_pair(a: Array, b: Array) -> tuple[Array, Array]:
    """Two sets with the same number of features."""
    a, b = checked_features(a, "the first set"), checked_features(b, "the second set")
    if a.shape[1] != b.shape[1]:
        raise ShapeError(f"sets differ in the number of features: {a.shape} and {b.shape}")
    return a, b


def real_draws(count: int, seed: int) -> Iterator[Array]:
    """Which training images stand for a sample: ten draws of at most 1,000 of ``count``."""
    for draw in range(DRAWS):
        yield permutation(count, seed, draw, "metrics.swd_real")[:DRAW_SIZE]


def product(a: Array, b: Array) -> Array:
    """``a @ b`` in float64, by `pygan.ops.matmul`."""
    with pg.no_grad():
        found = pg.ops.matmul(
            pg.tensor(np.ascontiguousarray(a)), pg.tensor(np.ascontiguousarray(b))
        )
    return found.numpy()


def squared_distances(a: Array, b: Array) -> Array:
    """``|a_i - b_j|^2`` as float64 ``(N, M)``, from ``|a|^2 + |b|^2 - 2 a.b``, at least 0.

    Exact where the values are whole numbers below 2^24 or so (bytes, say).
    """
    cross = product(a, b.T)
    found = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2 * cross
    return np.maximum(found, 0.0, out=found)
