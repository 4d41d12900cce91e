"""Indices and classes that a kernel refuses, wherever the first of them is, and by how little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg
from pygan import ops

pytestmark = pytest.mark.parametrize("device", DEVICES)

N = 300  # more than a block


def refused(f: Callable[[pg.Tensor], pg.Tensor], index: np.ndarray, good: int, bad: int) -> None:
    """f accepts ``good`` at every place, and names the first place where it meets ``bad``."""
    f(np.full_like(index, good))
    for first in (0, N // 2, N - 1):
        index[:first], index[first:] = good, bad
        with pytest.raises(pg.ShapeError, match=rf"\[{first}\]"):
            f(index)


@pytest.mark.parametrize(("good", "bad"), [(4, 5), (-5, -6)])
def test_indices(device: str, good: int, bad: int) -> None:
    x, rows = pg.zeros((5, 3), device=device), pg.zeros((N, 3), device=device)
    index = np.zeros(N, np.int64)
    refused(lambda i: ops.gather(x, pg.tensor(i, device=device)), index, good, bad)
    refused(lambda i: ops.scatter_add(rows, pg.tensor(i, device=device), (5, 3)), index, good, bad)


@pytest.mark.parametrize(("good", "bad"), [(4, 5), (0, -1)])
def test_classes(device: str, good: int, bad: int) -> None:
    logits, index = pg.zeros((N, 5), device=device), np.zeros(N, np.int64)
    refused(lambda i: ops.one_hot(pg.tensor(i, device=device), 5), index, good, bad)
    refused(
        lambda i: ops.cross_entropy_with_logits(logits, pg.tensor(i, device=device)),
        index,
        good,
        bad,
    )


@pytest.mark.parametrize(("good", "bad"), [(4, 5), (0, -1)])
def test_places_within_what_was_reduced(device: str, good: int, bad: int) -> None:
    x, y = pg.zeros((N, 5), device=device), pg.zeros((N,), device=device)
    index = np.zeros(N, np.int64)
    refused(lambda i: ops.take_reduced(x, pg.tensor(i, device=device), [1]), index, good, bad)
    refused(
        lambda i: ops.put_reduced(y, pg.tensor(i, device=device), (N, 5), [1]), index, good, bad
    )
