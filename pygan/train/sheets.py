"""What a run shows of its samples: a grid of images, or points in the plane with D's field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import pygan as pg
from pygan.data import Points, permutation
from pygan.train.pictures import grid
from pygan.train.sampling import evaluation

if TYPE_CHECKING:
    from pygan.train.trainer import Trainer

__all__ = ["image_sheet", "point_sheet", "real_sheet", "sample_sheet", "shown_at_once"]

IMAGES, POINTS = 64, 1000  # samples in a picture
CELLS = 128  # of D's field along a side
_CHUNK = 1024  # points given to D at once

Picture = NDArray[np.uint8]


def shown_at_once(trainer: Trainer) -> int:
    """Number of samples in a picture."""
    return POINTS if isinstance(trainer.data, Points) else IMAGES


def sample_sheet(trainer: Trainer) -> Picture:
    """The picture of the present step: uint8 (H, W, 1 or 3).

    Images: a grid of 64. Points: 1,000 samples over 1,000 real points, and in the background D's
    output (a logit or a critic's score, as the game takes it) over the plane.
    """
    samples = trainer.fixed_samples(shown_at_once(trainer))
    if not isinstance(trainer.data, Points):
        return image_sheet(samples)
    from pygan.train.scatter import Window, scatter

    window = Window.around(trainer.data.training)
    field = _field(trainer, window.cells(CELLS)).reshape(CELLS, CELLS)
    title = f"step {trainer.step:,}"
    return scatter(_real(trainer), samples, window, field=field, title=title)


def real_sheet(trainer: Trainer) -> Picture:
    """The picture of real samples that lies beside those of the steps."""
    if not isinstance(trainer.data, Points):
        return image_sheet(_real(trainer))
    from pygan.train.scatter import Window, scatter

    window = Window.around(trainer.data.training)
    return scatter(_real(trainer), None, window, title=trainer.data.name)


def image_sheet(images: Picture) -> Picture:
    """A grid of ``images`` (N, H, W, C); small ones enlarged, to be seen without zooming."""
    scale = max(1, min(4, 64 // max(images.shape[1:3])))
    return grid(images).repeat(scale, axis=0).repeat(scale, axis=1)


def point_sheet(samples: NDArray[Any], data: Points, title: str) -> Picture:
    """``samples`` (N, 2) over as many real points as pictures show."""
    from pygan.train.scatter import Window, scatter

    chosen = permutation(len(data), 0, 0, "trainer.picture")[:POINTS]
    return scatter(data.training[chosen], samples, Window.around(data.training), title=title)


def _real(trainer: Trainer) -> NDArray[Any]:
    """The real samples that pictures show: as many, the same in every run."""
    samples = trainer.data.training
    chosen = permutation(len(samples), 0, 0, "trainer.picture")[: shown_at_once(trainer)]
    return samples[chosen]


def _field(trainer: Trainer, at: NDArray[np.float64]) -> NDArray[Any]:
    """D's output at points (N, 2), averaged where it has several: (N,)."""
    parts = []
    with evaluation(trainer.D), pg.no_grad():
        for i in range(0, len(at), _CHUNK):
            x = pg.tensor(at[i : i + _CHUNK], dtype=trainer.dtype, device=trainer.device)
            parts.append(trainer.D(x).numpy().reshape(len(x), -1).mean(axis=1))
    return np.concatenate(parts)
