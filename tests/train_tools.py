"""Tiny networks and images that the tests of training share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import pygan as pg
from pygan.data import Dataset
from pygan.train import checkpoint, state

SIZE = 16
#: Settings that make the built-in recipes tiny; the images come from `image_folder`.
TINY = [
    f"data.image_size={SIZE}",
    "generator.width=4",
    "generator.latent=8",
    "discriminator.width=4",
    "batch_size=8",
    "log_every=1",
]


def images(count: int = 24, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Bright squares on dark ground, uint8 (count, 16, 16, channels)."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 40, (count, SIZE, SIZE, channels), np.uint8)
    for picture, (y, x) in zip(pictures, rng.integers(0, SIZE - 6, (count, 2)), strict=True):
        picture[y : y + 6, x : x + 6] += 180
    return pictures


def image_folder(path: Path, count: int = 24) -> Path:
    """The same as PNG files in a folder."""
    path.mkdir()
    for i, picture in enumerate(images(count)):
        Image.fromarray(picture[..., 0]).save(path / f"{i:03d}.png")
    return path


def dataset() -> Dataset:
    return pg.data.from_array(images())


def trainer(game: str = "non-saturating", seed: int = 0, **settings: object) -> pg.Trainer:
    """A trainer of tiny networks; every call makes the same one."""
    chosen = pg.games.get(game)
    G = pg.models.DCGANGenerator((SIZE, SIZE, 1), latent=8, width=4, seed=seed)
    D = pg.models.DCGANDiscriminator(
        (SIZE, SIZE, 1), width=4, norm=chosen.default_d_norm, seed=seed
    )
    settings = {"data": dataset(), "batch_size": 8, "seed": seed, **settings}
    return pg.Trainer(G, D, game=chosen, **settings)


def everything(trainer: pg.Trainer) -> bytes:
    """All of a trainer's state, as the bytes of the checkpoint it would write."""
    return b"".join(checkpoint.encode(state.tensors(trainer), state.facts(trainer)))


def command(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """``pygan <arguments>`` in a process of its own."""
    roots = [str(Path(pg.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "pygan", *arguments],
        cwd=cwd,
        # A shell's background job ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tiny_settings(*more: str) -> list[str]:
    """``--set`` arguments of a tiny run."""
    return [part for setting in (*TINY, *more) for part in ("--set", setting)]
