"""The order in which training images are drawn: a pure function of a seed and a position."""

from __future__ import annotations

import numpy as np

from pygan.errors import CheckpointError, ConfigError, DataError

STREAM = "data.order"


def permutation(count: int, seed: int, draw: int, stream: str = STREAM) -> np.ndarray:
    """A random order of ``0..count-1``, int64 ``(count,)``, the same on every machine.

    Item j gets the 64-bit sort key ``w[2j] + 2^32 w[2j+1]``, w being the words of Philox4x32-10
    with key ``seed`` and counter (block low, block high, ``draw``, FNV-1a of ``stream``); the order
    is the stable ascending sort of those keys. Sorting random keys is a uniform shuffle as long as
    no two keys are equal, which for a million items has probability below 3e-8.

    Raises:
        ConfigError: ``seed`` is not in [0, 2^64) or ``draw`` not in [0, 2^32).
    """
    from pygan.reference import random

    return random.permutation(stream_key(seed, stream, draw), count)


def stream_key(seed: int, stream: str, draw: int = 0) -> np.ndarray:
    """The key of one draw of a named stream as ``pygan.reference.random`` takes it: int64 ``(3,)``.

    Raises:
        ConfigError: ``seed`` is not in [0, 2^64) or ``draw`` not in [0, 2^32).
    """
    from pygan.reference import random

    if not 0 <= seed < 2**64:
        raise ConfigError(f"seed must be in [0, 2^64), got {seed}")
    if not 0 <= draw < 2**32:
        raise ConfigError(f"draw must be in [0, 2^32), got {draw}")
    # the triple is signed; what counts are the two 32-bit halves of the unsigned seed
    signed = seed - 2**64 if seed >= 2**63 else seed
    return np.array([signed, random.stream_id(stream), draw], np.int64)


class BatchOrder:
    """An endless sequence of indices into ``count`` images, cut into batches.

    Epoch e contributes ``permutation(count, seed, e)``: every image once. The sequence runs on from
    one epoch into the next, so every batch is full and no image is dropped; a batch that crosses
    the seam has the last images of one epoch and the first of the next (and may hold an image
    twice). A batch larger than the set spans several epochs. The sequence does not depend on the
    batch size, only where it is cut.

    Args:
        count: number of training images, at least 1.
        batch_size: images a batch, at least 1.
        seed: 0 <= seed < 2^64.

    Raises:
        DataError: ``count`` < 1.
        ConfigError: ``batch_size`` < 1, or ``seed`` out of range.
    """

    def __init__(self, count: int, batch_size: int, seed: int = 0) -> None:
        if count < 1:
            raise DataError(f"there are no images to draw batches from (count is {count})")
        if batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
        self.count = int(count)
        self.batch_size = int(batch_size)
        self.seed = int(seed)
        self.epoch = 0
        self.cursor = 0  # next position in this epoch's permutation, 0 <= cursor < count
        self._order = permutation(self.count, self.seed, 0)
        self._order_epoch = 0

    def next(self) -> np.ndarray:
        """The next batch: int64 ``(batch_size,)``, indices in [0, count)."""
        parts, missing = [], self.batch_size
        while missing:
            if self._order_epoch != self.epoch:
                self._order = permutation(self.count, self.seed, self.epoch)
                self._order_epoch = self.epoch
            part = self._order[self.cursor : self.cursor + missing]
            parts.append(part)
            missing -= len(part)
            self.cursor += len(part)
            if self.cursor == self.count:
                self.epoch, self.cursor = self.epoch + 1, 0
        return np.concatenate(parts)

    def state_dict(self) -> dict[str, int]:
        """Count, seed, epoch and cursor: JSON-ready, and all that a resume needs."""
        return {
            "count": self.count,
            "seed": self.seed,
            "epoch": self.epoch,
            "cursor": self.cursor,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue where ``state`` was taken: the next batch is the one that came next there.

        Raises:
            CheckpointError: keys are missing or unknown, values are not possible, or the state was
                taken with another number of images. Nothing has changed then.
        """
        expected = self.state_dict()
        if set(state) != set(expected):
            raise CheckpointError(
                f"data order: expected the keys {sorted(expected)}, got {sorted(state)}"
            )
        if any(type(value) is not int for value in state.values()):
            raise CheckpointError(f"data order: expected integers, got {state}")
        if state["count"] != self.count:
            raise CheckpointError(
                f"data order: saved with {state['count']} training images, now there are "
                f"{self.count}; resume with the same data"
            )
        if not (
            0 <= state["cursor"] < self.count
            and 0 <= state["epoch"] < 2**32
            and 0 <= state["seed"] < 2**64
        ):
            raise CheckpointError(f"data order: impossible position {state}")
        self.seed, self.epoch, self.cursor = state["seed"], state["epoch"], state["cursor"]
        self._order_epoch = -1  # the seed may have changed too: draw the permutation anew
