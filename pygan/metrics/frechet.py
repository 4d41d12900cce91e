"""Fréchet distance between two sets of features, taken as Gaussians.

It is FID's formula (Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a
Local Nash Equilibrium", eq. 6; Dowson and Landau 1982) in the features of a network of our own, so
its numbers cannot be compared with any published FID, and it is called ``fd``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.errors import ShapeError
from pygan.metrics.distances import checked_pair, product, real_draws

__all__ = ["fd", "fd_real", "frechet_distance"]

Array = NDArray[Any]


def fd(a: Array, b: Array) -> float:
    """:func:`frechet_distance` of the means and covariances (over N - 1) of two sets of features.

    It is 0 for equal sets, symmetric, and has a bias that falls with the number of samples: compare
    at equal numbers, and read it beside :func:`fd_real`.

    Args:
        a, b: floats ``(N, F)`` and ``(M, F)``, N and M at least 2.

    Raises:
        ShapeError, DTypeError, NonFiniteError: other arrays.
    """
    a, b = checked_pair(a, b)
    return frechet_distance(*_moments(a, "a"), *_moments(b, "b"))


def fd_real(train: Array, held_out: Array, seed: int = 0) -> float:
    """What real features score against real ones: the mean of :func:`fd` over 10 draws of 1,000.

    Draw d takes ``min(1000, N)`` rows of ``train`` without replacement, the images that
    `pygan.metrics.swd_real` takes too.

    Raises:
        As :func:`fd`.
    """
    train, held_out = checked_pair(train, held_out)
    reference = _moments(held_out, "held_out")
    return float(
        np.mean(
            [
                frechet_distance(*_moments(train[chosen], "train"), *reference)
                for chosen in real_draws(len(train), seed)
            ]
        )
    )


def frechet_distance(mu_x: Array, s_x: Array, mu_g: Array, s_g: Array) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians.

    ::

        |mu_x - mu_g|^2 + tr(S_x + S_g - 2 (S_x S_g)^(1/2))

    in float64. The trace of the root is the sum of the roots of the eigenvalues of the symmetric
    S_x^(1/2) S_g S_x^(1/2), which S_x S_g shares; rounding below 0 counts as 0.

    Args:
        mu_x, mu_g: means ``(F,)``. s_x, s_g: covariances ``(F, F)``.

    Raises:
        ShapeError: shapes that do not fit each other.
    """
    mu_x, s_x, mu_g, s_g = (np.asarray(v, np.float64) for v in (mu_x, s_x, mu_g, s_g))
    if mu_x.ndim != 1 or mu_g.shape != mu_x.shape or not s_x.shape == s_g.shape == mu_x.shape * 2:
        raise ShapeError(
            f"means {mu_x.shape}, {mu_g.shape} and covariances {s_x.shape}, {s_g.shape} must be "
            "(F,), (F,), (F, F), (F, F)"
        )
    values, vectors = np.linalg.eigh((s_x + s_x.T) / 2)
    root = product(vectors * np.sqrt(np.maximum(values, 0)), vectors.T)
    inner = product(product(root, s_g), root)
    values = np.linalg.eigvalsh((inner + inner.T) / 2)
    cross = np.sqrt(np.maximum(values, 0)).sum()
    difference = mu_x - mu_g
    distance = (difference * difference).sum() + np.trace(s_x) + np.trace(s_g) - 2 * cross
    return max(0.0, float(distance))


def _moments(features: Array, name: str) -> tuple[Array, Array]:
    """Mean (F,) and covariance (F, F) over N - 1, float64."""
    if len(features) < 2:
        raise ShapeError(f"{name} needs at least 2 rows for a covariance, got {features.shape}")
    mean = features.mean(axis=0)
    centred = features - mean
    return mean, product(np.ascontiguousarray(centred.T), centred) / (len(features) - 1)
