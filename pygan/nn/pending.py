"""Running statistics as pending values: an update that fails must not leave traces.

A forward pass in training mode changes running statistics. Written at once, they would survive an
update that turns out to have a NaN in its loss. So a trainer opens a transaction around forward
and backward, and decides at its end::

    with pending.transaction() as values:
        loss = game.d_loss(D(real), D(fake))
        loss.backward()
    if finite:
        values.commit()         # now the buffers change
        optimizer.step()
    # else: drop `values`, and nothing has happened

Within a transaction the second forward of a layer builds on what the first left pending, so the
committed values are those that two plain forwards would have written. Outside a transaction a
forward writes its statistics at its end. Transactions belong to a thread and may be nested: the
inner one reads through to the outer one and commits into it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pygan import _core
from pygan._core import Tensor

__all__ = ["PendingValues", "counted", "current", "increment", "read", "transaction", "write"]


class PendingValues:
    """New values of buffers, in the order in which the buffers were first written."""

    def __init__(self, outer: PendingValues | None = None) -> None:
        self._outer = outer
        # By identity: tensors compare elementwise. The buffer beside the value keeps it alive, so
        # that its id stays its own.
        self._values: dict[int, tuple[Tensor, Tensor]] = {}
        self._counts: dict[int, tuple[Tensor, int]] = {}

    def read(self, buffer: Tensor) -> Tensor:
        """The value that `buffer` will have after a commit."""
        if id(buffer) in self._values:
            return self._values[id(buffer)][1]
        return self._outer.read(buffer) if self._outer is not None else buffer

    def write(self, buffer: Tensor, value: Tensor) -> None:
        """Replaces the pending value of `buffer`."""
        self._values[id(buffer)] = (buffer, value)

    def increment(self, counter: Tensor, by: int) -> None:
        """Adds to what the last element of `counter`, int64, will be counted up by."""
        before = self._counts.get(id(counter), (counter, 0))[1]
        self._counts[id(counter)] = (counter, before + by)

    def counted(self, counter: Tensor) -> int:
        """What `counter` will be counted up by."""
        before = self._outer.counted(counter) if self._outer is not None else 0
        return before + self._counts.get(id(counter), (counter, 0))[1]

    def commit(self) -> None:
        """Writes all values to their buffers (or to the outer transaction) and forgets them."""
        for buffer, value in self._values.values():
            if self._outer is None:
                buffer.assign_(value)
            else:
                self._outer.write(buffer, value)
        for counter, by in self._counts.values():
            if self._outer is None:
                _core.increment_(counter, by)
            else:
                self._outer.increment(counter, by)
        self.drop()

    def drop(self) -> None:
        """Forgets all values."""
        self._values.clear()
        self._counts.clear()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(list(self._values.values()))

    def __len__(self) -> int:
        return len(self._values) + len(self._counts)


class _State(threading.local):
    current: PendingValues | None = None


_state = _State()


def current() -> PendingValues | None:
    """The transaction of this thread, or None."""
    return _state.current


@contextmanager
def transaction() -> Iterator[PendingValues]:
    """Collects what forwards would write; the caller commits, now or later, or drops."""
    outer = _state.current
    _state.current = PendingValues(outer)
    try:
        yield _state.current
    finally:
        _state.current = outer


def read(buffer: Tensor) -> Tensor:
    """What a layer should take as the present value of its buffer."""
    return _state.current.read(buffer) if _state.current is not None else buffer


def write(buffer: Tensor, value: Tensor) -> None:
    """How a layer changes its buffer: pending within a transaction, at once outside."""
    if _state.current is None:
        buffer.assign_(value)
    else:
        _state.current.write(buffer, value)


def increment(counter: Tensor, by: int = 1) -> None:
    """Counts the last element of `counter`, int64, up: pending within a transaction."""
    if _state.current is None:
        _core.increment_(counter, by)
    else:
        _state.current.increment(counter, by)


def counted(counter: Tensor) -> int:
    """What is pending of `increment`."""
    return _state.current.counted(counter) if _state.current is not None else 0
