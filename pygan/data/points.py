"""Points in the plane: the three distributions that GANs are shown on, and points of one's own.

A distribution is a fixed set of points, drawn once, and not an endless source: an epoch, the order
of the data, its fingerprint in a checkpoint and a resume then mean what they mean for images.
50,000 points are so many that the small networks used on them learn none by heart. Scores look at
held-out points, which are draws of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pygan.data.dataset import held_out_indices
from pygan.data.order import stream_key
from pygan.errors import ConfigError, DataError, DTypeError, NonFiniteError, ShapeError

__all__ = ["POINTS", "Points", "from_points", "grid", "ring", "swiss_roll"]

COUNT = 50_000
HELD_OUT = 10_000


@dataclass
class Points:
    """Points in the plane to train on, and others that scores are computed against.

    Attributes:
        points: float32 ``(N, 2)``.
        held_out: float32 ``(M, 2)``.
        centres: float64 ``(K, 2)``, the means of the distribution's K equally likely modes, or None
            where it has no modes or they are not known.
        sigma: standard deviation of a mode in each direction; with ``centres`` only.
        name: what reports call it.

    Raises:
        ShapeError, DTypeError, NonFiniteError, DataError: what is given does not fit these lines.
    """

    points: NDArray[np.float32]
    held_out: NDArray[np.float32]
    centres: NDArray[np.float64] | None = None
    sigma: float | None = None
    name: str = "points"
    skipped: list[tuple[str, str]] = field(default_factory=list)  # as a Dataset's; nothing is

    def __post_init__(self) -> None:
        for name, values in (("points", self.points), ("held_out", self.held_out)):
            if values.dtype != np.float32:
                raise DTypeError(f"{name} must be float32, got {values.dtype}")
            _check_plane(name, values)
        if (self.centres is None) != (self.sigma is None):
            raise DataError("centres and sigma of the modes go together: give both or neither")
        if self.centres is not None and self.sigma is not None:
            if self.centres.dtype != np.float64:
                raise DTypeError(f"centres must be float64, got {self.centres.dtype}")
            _check_plane("centres", self.centres)
            _check_sigma("Points", self.sigma)

    #: What one sample is called, in the plural.
    unit: ClassVar[str] = "points"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """``(2,)``."""
        return self.points.shape[1:]

    @property
    def training(self) -> NDArray[np.float32]:
        """The points to train on."""
        return self.points

    def batch(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The training points ``indices``, which networks see as they are."""
        return self.points[indices]

    def __len__(self) -> int:
        """The number of training points."""
        return len(self.points)


def ring(
    n: int = COUNT,
    seed: int = 0,
    *,
    modes: int = 8,
    radius: float = 2.0,
    sigma: float = 0.05,
    held_out: int = HELD_OUT,
) -> Points:
    """Gaussians on a circle: ``x = radius (cos a, sin a) + sigma e`` with a = 2 pi k / modes.

    k is uniform on 0..modes-1 and e standard normal. Eight on a circle of radius 2 are the mixture
    of Metz, Poole, Pfau and Sohl-Dickstein, "Unrolled generative adversarial networks", ICLR 2017,
    with sigma 0.02 there. Here sigma is 0.05, as in `grid`; ``ring(sigma=0.02)`` is theirs.

    Args:
        n, held_out: number of points to train on and of held-out ones; each at least 1. The first
            k points are the same for every ``n >= k``.
        seed: decides all of them; 0 <= seed < 2^64.
        modes: number of Gaussians. radius: of the circle. sigma: deviation in each direction.

    Raises:
        ConfigError: a number that does not work.
    """
    modes = _count("ring", "modes", modes)
    if not (isinstance(radius, (int, float)) and math.isfinite(radius) and radius > 0):
        raise ConfigError(f"ring: radius must be a positive number, got {radius!r}")
    angle = 2 * np.pi * np.arange(modes) / modes
    centres = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    name = f"ring of {modes} Gaussians"
    return _mixture("ring", centres, sigma, n, held_out, seed, name)


def grid(
    n: int = COUNT,
    seed: int = 0,
    *,
    side: int = 5,
    spacing: float = 2.0,
    sigma: float = 0.05,
    held_out: int = HELD_OUT,
) -> Points:
    """Gaussians on a square grid about 0: side^2 modes, ``spacing`` apart, of deviation ``sigma``.

    The defaults are the 25 modes at -4, -2, 0, 2, 4 with sigma 0.05 of Srivastava, Valkov, Russell,
    Gutmann and Sutton, "VEEGAN: Reducing mode collapse in GANs using implicit variational
    learning", NeurIPS 2017.

    Args:
        n, seed, held_out: as for `ring`.
        side: modes in a row. spacing: between neighbours. sigma: deviation in each direction.

    Raises:
        ConfigError: a number that does not work.
    """
    side = _count("grid", "side", side)
    if not (isinstance(spacing, (int, float)) and math.isfinite(spacing) and spacing > 0):
        raise ConfigError(f"grid: spacing must be a positive number, got {spacing!r}")
    at = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1).reshape(-1, 2)
    name = f"grid of {side}x{side} Gaussians"
    return _mixture("grid", centres, sigma, n, held_out, seed, name)


def swiss_roll(
    n: int = COUNT, seed: int = 0, *, noise: float = 0.25, held_out: int = HELD_OUT
) -> Points:
    """A spiral of one and a half turns: ``x = (t (cos t, sin t) + noise e) / 7.5``.

    t is uniform on [1.5 pi, 4.5 pi) and e standard normal: the plane of scikit-learn's Swiss roll,
    with the noise and scale that Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville, "Improved
    training of Wasserstein GANs", NeurIPS 2017, train on. It has no modes.

    Args:
        n, seed, held_out: as for `ring`.
        noise: deviation about the curve in each direction, before the division.

    Raises:
        ConfigError: a number that does not work.
    """
    if not (isinstance(noise, (int, float)) and math.isfinite(noise) and noise >= 0):
        raise ConfigError(f"swiss_roll: noise must be a number >= 0, got {noise!r}")

    def draw(count: int, part: str) -> NDArray[np.float32]:
        u, e = _draws("swiss_roll", count, seed, part)
        t = 1.5 * np.pi * (1 + 2 * u[:, None])
        return ((t * np.concatenate([np.cos(t), np.sin(t)], axis=1) + noise * e) / 7.5).astype(
            np.float32
        )

    n, held_out = _count("swiss_roll", "n", n), _count("swiss_roll", "held_out", held_out)
    return Points(draw(n, "train"), draw(held_out, "held_out"), name="Swiss roll")


#: What ``data.name`` may be besides "images".
POINTS: dict[str, Callable[..., Points]] = {"ring": ring, "grid": grid, "swiss-roll": swiss_roll}


def from_points(
    points: NDArray[Any],
    *,
    centres: NDArray[Any] | None = None,
    sigma: float | None = None,
    name: str = "array",
) -> Points:
    """`Points` of an array; a tenth of it is held out (`held_out_indices`).

    Args:
        points: float32 or float64 ``(N, 2)``, N at least 2. Copied, as float32.
        centres, sigma: of the modes, ``(K, 2)`` and a number, where they are known.

    Raises:
        ShapeError, DTypeError, NonFiniteError, DataError: what is given does not fit these lines.
    """
    values = np.asarray(points)
    if values.dtype not in (np.float32, np.float64):
        raise DTypeError(f"points must be float32 or float64, got {values.dtype}")
    _check_plane("points", values)
    if len(values) < 2:
        raise DataError(
            f"at least 2 points are needed (one is held out for scores), got {len(values)}"
        )
    with np.errstate(over="ignore"):  # found below
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise NonFiniteError("points have values beyond the range of float32")
    held = held_out_indices(len(values))
    middle = None if centres is None else np.asarray(centres).astype(np.float64)
    return Points(np.delete(values, held, axis=0), values[held], middle, sigma, name)


def _mixture(
    which: str,
    centres: NDArray[np.float64],
    sigma: float,
    n: int,
    held_out: int,
    seed: int,
    name: str,
) -> Points:
    _check_sigma(which, sigma)

    def draw(count: int, part: str) -> NDArray[np.float32]:
        u, e = _draws(which, count, seed, part)
        mode = (u * len(centres)).astype(np.int64)  # u < 1 in steps of 2^-24: never len(centres)
        return (centres[mode] + sigma * e).astype(np.float32)

    n, held_out = _count(which, "n", n), _count(which, "held_out", held_out)
    return Points(draw(n, "train"), draw(held_out, "held_out"), centres, float(sigma), name)


def _draws(
    which: str, count: int, seed: int, part: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Uniform ``(count,)`` and standard normal ``(count, 2)``, from two Philox streams."""
    from pygan.reference import random

    stream = f"data.{which}.{part}"
    u = random.uniform(stream_key(seed, f"{stream}.place"), (count,), "float64")
    return u, random.normal(stream_key(seed, f"{stream}.noise"), (count, 2), "float64")


def _check_plane(name: str, values: NDArray[Any]) -> None:
    if values.ndim != 2 or values.shape[1] != 2 or len(values) == 0:
        raise ShapeError(f"{name} must be (N, 2) with N at least 1, got {values.shape}")
    if not np.isfinite(values).all():
        raise NonFiniteError(f"{name} has {np.sum(~np.isfinite(values))} values not finite")


def _check_sigma(which: str, sigma: object) -> None:
    if not (isinstance(sigma, (int, float)) and math.isfinite(sigma) and sigma > 0):
        raise ConfigError(f"{which}: sigma must be a positive number, got {sigma!r}")


def _count(which: str, name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{which}: {name} must be a whole number >= 1, got {value!r}")
    return value
