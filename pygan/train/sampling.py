"""Samples of a generator: the same k first ones, whatever number is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pygan as pg
from pygan.data import to_uint8
from pygan.errors import ConfigError, NonFiniteError
from pygan.nn import Module
from pygan.random import Stream

__all__ = ["evaluation", "generate", "sample"]

_CHUNK = 64  # latents run at once


@contextmanager
def evaluation(*networks: Module) -> Iterator[None]:
    """All layers of ``networks`` in evaluation mode within, and afterwards as they were."""
    modes = [(m, m.training) for network in networks for m in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def sample(G: Module, count: int, seed: int = 0) -> NDArray[Any]:
    """Samples of a generator that knows its ``latent``.

    Images are uint8 ``(count, H, W, C)``, points float32 ``(count, 2)``.

    Raises ConfigError: ``count`` < 1. NonFiniteError: the generator makes NaN.
    """
    return generate(G, Stream(seed, "sample.latent"), count, G.latent)  # type: ignore[attr-defined]


def generate(G: Module, stream: Stream, count: int, latent: int) -> NDArray[Any]:
    """``count`` samples of ``G`` (in evaluation mode) from one draw of ``stream``."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigError(f"the number of samples must be a whole number >= 1, not {count!r}")
    first = G.parameters()[0]
    # Whole chunks: each sample runs in a batch of the same size, so that its bits do not depend on
    # how many others were asked for.
    rows = -(-count // _CHUNK) * _CHUNK
    z = stream.normal((rows, latent), first.dtype).numpy()
    parts = []
    with pg.no_grad():
        for i in range(0, rows, _CHUNK):
            out = G(pg.tensor(z[i : i + _CHUNK], device=first.device)).numpy()
            if not np.isfinite(out).all():
                raise NonFiniteError("the generator makes values that are not finite")
            parts.append(to_uint8(out) if out.ndim == 4 else out.astype(np.float32))
    return np.concatenate(parts)[:count]
