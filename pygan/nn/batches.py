"""Several batches through a network in one pass: a discriminator's real samples and its fakes.

One pass reads every weight once, and its products are larger. What a layer does across the samples
of a batch still happens for each batch by itself::

    with in_parts(2):
        out = D(pg.ops.concat([real, fake]))    # BatchNorm: two sets of statistics, real's first

A class says that this is so by ``joins_batches = True`` in its own body. It is not inherited: a
subclass may do in its `forward` what it likes, so it says so again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pygan.nn.module import Module

__all__ = ["in_parts", "joins_batches", "parts"]


class _State(threading.local):
    parts: int = 1


_state = _State()


def parts() -> int:
    """How many batches of one size, one after the other, this thread's forwards are given."""
    return _state.parts


@contextmanager
def in_parts(n: int) -> Iterator[None]:
    """A context whose forwards are given ``n`` batches in one."""
    before, _state.parts = _state.parts, n
    try:
        yield
    finally:
        _state.parts = before


def joins_batches(network: Module) -> bool:
    """Whether every layer of ``network`` takes several batches as one.

    A layer that stands in two places does not: it would see each batch twice before the next.
    """
    modules = network.modules()
    places = 1 + sum(len(m.named_children()) for m in modules)
    return places == len(modules) and all(map(_joins, modules))


def _joins(module: Module) -> bool:
    kind = type(module)
    if "joins_batches" not in vars(kind) or not module.joins_batches:
        return False
    return not any(
        callable(getattr(kind, name, None)) for name in vars(module)
    )  # a method replaced
