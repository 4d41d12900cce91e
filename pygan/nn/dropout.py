"""Dropout, whose random draws are part of a network's state."""

from __future__ import annotations

import numpy as np

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.nn import init, pending
from pygan.nn.module import Buffer, Module
from pygan.random import stream_id
from pygan.recording import renewed

__all__ = ["Dropout"]


class Dropout(Module):
    """Training: each value is 0 with probability p, else x / (1 - p). Evaluation: the identity.

    The buffer ``key``, int64 (3,), holds seed, stream id and number of the next draw; a forward
    draws and moves it on by one. It is saved like any buffer and written through
    `pygan.nn.pending`: a resumed run draws what an undisturbed one would have, and an update that
    is dropped has drawn nothing. (So a discriminator's masks in the generator's update, which
    leaves no trace in it, are drawn again for its own next update.)

    Args:
        p: probability of a 0, in [0, 1).

    Shapes: any, the same out.

    Raises:
        ConfigError: p is not in [0, 1); in training, after 2^32 draws.

    Source: Srivastava et al. 2014, "Dropout"; scaled in training instead of evaluation.
    """

    joins_batches = True

    def __init__(self, p: float = 0.5) -> None:
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0.0 <= p < 1.0:
            raise ConfigError(f"Dropout: p must be in [0, 1), got {p!r}")
        self.p = float(p)
        self.key = Buffer(_key(0))
        init.on_construction(self)

    def reset_parameters(self, stream_of: init.StreamOf) -> None:
        """Nothing is trained here: `reseed`."""
        self.reseed(stream_of)

    def reseed(self, stream_of: init.StreamOf) -> None:
        """A seed of this layer's own, and no draws yet. Every initialiser of networks calls it."""
        high, low = (stream_of("key").uniform((2,), "float64").numpy() * 2**24).astype(np.int64)
        self.key.assign_(_key(int(high) << 24 | int(low)))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        drawn = np.array([0, 0, pending.counted(self.key)])
        # The op keeps a key of its own for the backward pass; the buffer moves on.
        key = renewed(lambda: pg.tensor(self.key.numpy() + drawn, device=x.device))
        y = pg.ops.dropout(x, key, self.p)
        pending.increment(self.key)
        return y

    def extra_repr(self) -> str:
        return f"{self.p:g}"


def _key(seed: int) -> np.ndarray:
    return np.array([seed, stream_id("nn.dropout"), 0], np.int64)
