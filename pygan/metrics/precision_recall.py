"""Precision and recall of generated features against real ones.

Kynkäänniemi, Karras, Laine, Lehtinen and Aila 2019, "Improved Precision and Recall Metric for
Assessing Generative Models", section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.errors import ConfigError, ShapeError
from pygan.metrics.distances import checked_pair, real_draws, squared_distances

__all__ = ["precision_recall", "precision_recall_real"]

NEIGHBOURS = 3

Array = NDArray[Any]


def precision_recall(generated: Array, real: Array, k: int = NEIGHBOURS) -> tuple[float, float]:
    """How many samples are like the data, and how much of the data has samples like it.

    A set's manifold is taken to be the union of balls around its points, each reaching to that
    point's k-th nearest neighbour in the set (itself not counted)::

        precision = share of generated points in the manifold of the real ones
        recall    = share of real points in the manifold of the generated ones

    Both lie in [0, 1], more is better; good pictures of a few kinds have precision without recall.

    Args:
        generated, real: floats ``(N, F)`` and ``(M, F)``, N and M above k.
        k: 3 as in the paper.

    Raises:
        ConfigError: k < 1. ShapeError, DTypeError, NonFiniteError: other arrays.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ConfigError(f"precision_recall: k must be a whole number >= 1, not {k!r}")
    generated, real = checked_pair(generated, real)
    return _compare(generated, real, radii(real, k), k)


def precision_recall_real(
    train: Array, held_out: Array, k: int = NEIGHBOURS, seed: int = 0
) -> tuple[float, float]:
    """What real features reach: the means over 10 draws of 1,000 training rows, as for `swd_real`.

    Raises:
        As :func:`precision_recall`.
    """
    train, held_out = checked_pair(train, held_out)
    reach = radii(held_out, k)
    found = [_compare(train[chosen], held_out, reach, k) for chosen in real_draws(len(train), seed)]
    precision, recall = np.mean(found, axis=0)
    return float(precision), float(recall)


def radii(points: Array, k: int) -> Array:
    """Squared distance of each point to its k-th nearest neighbour: float64 ``(N,)``."""
    if len(points) <= k:
        raise ShapeError(f"precision and recall need more than k={k} points, got {points.shape}")
    distances = squared_distances(points, points)
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, k - 1, axis=1)[:, k - 1]


def _compare(generated: Array, real: Array, reach: Array, k: int) -> tuple[float, float]:
    distances = squared_distances(generated, real)
    precision = (distances <= reach[None, :]).any(axis=1).mean()
    recall = (distances <= radii(generated, k)[:, None]).any(axis=0).mean()
    return float(precision), float(recall)
