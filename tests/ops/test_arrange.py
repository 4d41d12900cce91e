"""Stacks, splits, flips and rolls: what they refuse, and what they do with nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pygan as pg


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: pg.ops.stack([]), "stack: needs at least one tensor"),
        (lambda x: pg.ops.stack([x, x[0]]), r"stack: \(2, 3\) and \(3,\) differ"),
        (lambda x: pg.ops.stack([x], axis=3), "stack: axis 3 is out of range .* 3 axes"),
        (lambda x: pg.ops.expand_dims(x, -4), "expand_dims: axis -4 is out of range"),
        (lambda x: pg.ops.squeeze(x, 1), "squeeze: axis 1 of .* has extent 3, not 1"),
        (lambda x: pg.ops.split(x, 2, axis=1), "split: axis 1 .* into 2 equal parts"),
        (lambda x: pg.ops.split(x, 0), "split: axis 0 .* into 0 equal parts"),
        (lambda x: pg.ops.split(x, [2, 1], axis=1), "split: cuts must ascend"),
        (lambda x: pg.ops.split(x, [4], axis=1), "split: cuts must ascend from 0 to 3"),
        (lambda x: pg.ops.flip(x, 2), "flip: axis 2 is out of range"),
        (lambda x: pg.ops.roll(x, 1, 2), "roll: axis 2 is out of range"),
    ],
)
def test_mistakes_are_named(call: Callable, message: str) -> None:
    with pytest.raises(pg.ShapeError, match=message):
        call(pg.zeros((2, 3)))


def test_empty_tensors() -> None:
    x = np.zeros((0, 3))
    assert pg.ops.flip(pg.tensor(x)).shape == (0, 3)
    assert pg.ops.roll(pg.tensor(x), 5, 0).shape == (0, 3)
    assert pg.ops.stack([pg.tensor(x)] * 2, 1).shape == (0, 2, 3)
    assert [y.shape for y in pg.ops.split(pg.tensor(x), [0], axis=0)] == [(0, 3), (0, 3)]


@pytest.mark.parametrize("shift", [2**63 - 1, -(2**63), 3, 0])
def test_roll_by_any_number(shift: int) -> None:
    x = np.arange(7.0)
    y = pg.ops.roll(pg.tensor(x), shift, 0).numpy()
    np.testing.assert_array_equal(y, np.roll(x, shift % 7))


def test_every_dtype_moves() -> None:
    for dtype in ("int64", "uint8", "bool"):
        x = np.array([[1, 0, 1], [0, 0, 1]], dtype)
        np.testing.assert_array_equal(pg.ops.flip(pg.tensor(x), 1).numpy(), x[:, ::-1], strict=True)
        y = pg.ops.stack([pg.tensor(x), pg.tensor(x)], axis=-1).numpy()
        np.testing.assert_array_equal(y, np.stack([x, x], -1), strict=True)
