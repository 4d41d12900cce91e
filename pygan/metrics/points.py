"""Scores of points in the plane: captured modes, share of good samples, sliced Wasserstein."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.errors import ConfigError, DTypeError, NonFiniteError, ShapeError

__all__ = ["captured_modes", "swd_points"]

REACH = 3.0  # standard deviations within which a sample belongs to a mode
DIRECTIONS = 90
_CHUNK = 1024  # samples whose distances to all centres are held at once


def captured_modes(samples: NDArray[Any], centres: NDArray[Any], sigma: float) -> tuple[int, float]:
    """Number of modes captured, and share of samples of high quality.

    A sample is of high quality if it lies within three standard deviations of the nearest mode's
    centre, and a mode is captured if it is the nearest to at least one such sample. Of a Gaussian's
    own points 1 - exp(-9/2) = 98.9% lie that near, so that is what real points score.

    Args:
        samples: ``(N, 2)``. centres: ``(K, 2)``. sigma: deviation of every mode in each direction.

    Raises:
        ShapeError, DTypeError, NonFiniteError: arrays that are not as above.
        ConfigError: ``sigma`` is not positive.

    Source: Srivastava et al., "VEEGAN", NeurIPS 2017, section 4.1; for 2,500 samples there.
    """
    x, c = _checked(samples, "samples"), _checked(centres, "centres")
    if not (np.isfinite(sigma) and sigma > 0):
        raise ConfigError(f"sigma must be a positive number, got {sigma!r}")
    good = 0
    found = np.zeros(len(c), bool)
    for i in range(0, len(x), _CHUNK):
        distance = np.hypot(*np.moveaxis(x[i : i + _CHUNK, None] - c, -1, 0))  # (chunk, K)
        nearest = distance.argmin(axis=1)
        near = distance.min(axis=1) <= REACH * sigma
        good += int(near.sum())
        found[nearest[near]] = True
    return int(found.sum()), good / len(x)


def swd_points(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Sliced Wasserstein distance of two sets of points, in their own units, times 1,000.

        1000 mean_k W1(t_k . a, t_k . b),  t_k = (cos, sin)(pi (k + 1/2) / 90),  k = 0..89

    W1 of two equally large samples is the mean absolute difference of the sorted values; where the
    sets differ in size their quantiles are compared at the larger set's (i + 1/2)/n. In the plane
    evenly spaced directions do better than random ones, and draw nothing. Moving a set by a
    distance d scores 1000 d 2/pi. 0 for equal sets; ``swd_points(a, b) == swd_points(b, a)``.

    Args:
        a, b: ``(N, 2)`` and ``(M, 2)``, float32 or float64.

    Raises:
        ShapeError, DTypeError, NonFiniteError: sets that are not as above.

    Source: Rabin, Peyre, Delon and Bernot 2011, "Wasserstein barycenter and its application to
    texture mixing".
    """
    x, y = _checked(a, "a"), _checked(b, "b")
    angle = np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    total = 0.0
    for cosine, sine in zip(np.cos(angle), np.sin(angle), strict=True):
        small, large = sorted(
            (
                np.sort(x[:, 0] * cosine + x[:, 1] * sine),
                np.sort(y[:, 0] * cosine + y[:, 1] * sine),
            ),
            key=len,
        )
        n, m = len(small), len(large)
        # quantile (i + 1/2)/m of the small set is its value number floor((i + 1/2) n/m)
        total += float(np.mean(np.abs(small[(2 * np.arange(m) + 1) * n // (2 * m)] - large)))
    return 1000.0 * total / DIRECTIONS


def _checked(points: NDArray[Any], name: str) -> NDArray[np.float64]:
    points = np.asarray(points)
    if points.dtype not in (np.float32, np.float64):
        raise DTypeError(f"{name} must be float32 or float64, got {points.dtype}")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ShapeError(f"{name} must be (N, 2) and not empty, got {points.shape}")
    if not np.isfinite(points).all():
        raise NonFiniteError(f"{name} has {np.sum(~np.isfinite(points))} values not finite")
    return points.astype(np.float64)
