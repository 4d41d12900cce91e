"""Counter-based random numbers: the same bits for any thread count, device and restart.

A stream is (seed, name); draw k of it is a pure function of (seed, name, k), by Philox4x32-10
(Salmon, Moraes, Dror, Shaw 2011). State is one integer, so that saving and resuming is exact.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from pygan import _core, ops
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.recording import renewed

__all__ = ["Stream", "stream_id"]

_names: dict[int, str] = {}


def stream_id(name: str) -> int:
    """32-bit FNV-1a of a dotted name. Two names with one id raise ConfigError."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    if _names.setdefault(h, name) != name:
        raise ConfigError(
            f"random streams {_names[h]!r} and {name!r} share the id {h:#x}: rename one"
        )
    return h


class Stream:
    """A sequence of draws: `draw` counts them and is the whole state.

    seed: any integer of 64 bits; name: dotted, such as "trainer.latent".
    """

    def __init__(self, seed: int, name: str, draw: int = 0) -> None:
        if not isinstance(name, str):
            raise ConfigError(f"Stream: name must be a string, got {name!r}")
        if not isinstance(draw, int) or draw < 0:
            raise ConfigError(f"Stream: draw must be a whole number >= 0, got {draw!r}")
        if not -(2**63) <= seed < 2**63:
            raise ConfigError(f"seed {seed} does not fit 64 bits")
        self.seed = seed
        self.name = name
        self.draw = draw
        self._id = stream_id(name)

    def key(self, device: str = "cpu") -> Tensor:
        """The next draw's key, int64 (3,): seed, stream id, draw number. It draws on `device`."""
        if self.draw >= 2**32:
            raise ConfigError(f"random stream {self.name!r} is used up after 2^32 draws")
        return renewed(partial(self._next, device), self._back)

    def _next(self, device: str) -> Tensor:
        key = _core.random_key(self.seed, self._id, self.draw, device)
        self.draw += 1
        return key

    def _back(self) -> None:
        self.draw -= 1

    def uniform(
        self, shape: int | Sequence[int], dtype: Any = "float32", device: str = "cpu"
    ) -> Tensor:
        """Uniform numbers in [0, 1), steps of 2^-24."""
        return ops.uniform(self.key(device), shape, dtype)

    def normal(
        self, shape: int | Sequence[int], dtype: Any = "float32", device: str = "cpu"
    ) -> Tensor:
        """Standard normal numbers (Box and Muller 1958)."""
        return ops.normal(self.key(device), shape, dtype)

    def bernoulli(
        self, p: float, shape: int | Sequence[int], dtype: Any = "float32", device: str = "cpu"
    ) -> Tensor:
        """1 with probability p, else 0."""
        return ops.bernoulli(self.key(device), p, shape, dtype)

    def permutation(self, n: int, device: str = "cpu") -> Tensor:
        """0 to n - 1 in random order, int64 (n,)."""
        return ops.permutation(self.key(device), n)

    def state_dict(self) -> dict[str, int]:
        """{"seed", "draw"}."""
        return {"seed": self.seed, "draw": self.draw}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues where `state` was saved."""
        self.seed, self.draw = int(state["seed"]), int(state["draw"])

    def __repr__(self) -> str:
        return f"Stream(seed={self.seed}, name={self.name!r}, draw={self.draw})"
