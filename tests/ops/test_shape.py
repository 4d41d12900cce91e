"""Moving elements: every dtype, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_every_dtype_moves(dtype: str) -> None:
    a = np.random.default_rng(0).integers(0, 2, (4, 5, 3)).astype(dtype)
    x = pg.tensor(a)
    np.testing.assert_array_equal(x.transpose(2, 0, 1).numpy(), a.transpose(2, 0, 1))
    np.testing.assert_array_equal(x.T.numpy(), a.T)
    np.testing.assert_array_equal(x[1:, ::-2, -1].numpy(), a[1:, ::-2, -1])
    np.testing.assert_array_equal(x.reshape(-1, 6).numpy(), a.reshape(-1, 6))
    np.testing.assert_array_equal(
        pg.ops.concat([x, x], axis=-1).numpy(), np.concatenate([a, a], -1)
    )
    np.testing.assert_array_equal(
        pg.ops.broadcast_to(x, (2, 4, 5, 3)).numpy(), np.broadcast_to(a, (2, 4, 5, 3))
    )
    padded = pg.ops.pad(x, ((1, 0), (0, 2), (0, 0))).numpy()
    np.testing.assert_array_equal(padded, np.pad(a, ((1, 0), (0, 2), (0, 0))))
    for y in (x.T, x[0], x.reshape(60)):
        assert y.dtype == dtype


def test_large_transposes() -> None:
    a = np.arange(257 * 129 * 3, dtype=np.float32).reshape(257, 129, 3)
    for axes in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1), (2, 0, 1)):
        np.testing.assert_array_equal(pg.tensor(a).transpose(axes).numpy(), a.transpose(axes))


def test_reshape_aliases() -> None:
    x = pg.zeros((4, 3))
    flat = x.reshape(12)
    x.assign_(np.ones((4, 3), np.float32))
    np.testing.assert_array_equal(flat.numpy(), 1)


CASES = [
    (lambda x: x.reshape(5), pg.ShapeError, "reshape"),
    (lambda x: x.reshape(-1, -1), pg.ShapeError, "reshape"),
    (lambda x: x.reshape(4, -1), pg.ShapeError, "reshape"),
    (lambda x: x.transpose(0, 0), pg.ShapeError, "transpose"),
    (lambda x: x.transpose(0), pg.ShapeError, "transpose"),
    (lambda x: x.transpose(0, 2), pg.ShapeError, "transpose"),
    (lambda x: pg.ops.broadcast_to(x, (2, 4)), pg.ShapeError, "broadcast_to"),
    (lambda x: pg.ops.broadcast_to(x, (3,)), pg.ShapeError, "broadcast_to"),
    (lambda x: pg.ops.sum_to(x, (2, 2)), pg.ShapeError, "sum_to"),
    (lambda x: pg.ops.slice(x, (0, 0), (1, 1), (2, 4)), pg.ShapeError, "slice"),
    (lambda x: pg.ops.slice(x, (0, 0), (1, -1), (2, 2)), pg.ShapeError, "slice"),
    (lambda x: pg.ops.slice(x, (0, 0), (1, 0), (2, 2)), pg.ShapeError, "slice"),
    (lambda x: pg.ops.slice(x, (0,), (1,), (2,)), pg.ShapeError, "slice"),
    (lambda x: pg.ops.unslice(x, (0, 2), (1, 1), (2, 3)), pg.ShapeError, "slice"),
    (lambda x: pg.ops.concat([x, pg.zeros((3, 3))], axis=1), pg.ShapeError, "concat"),
    (lambda x: pg.ops.concat([x, pg.zeros((6,))], axis=0), pg.ShapeError, "concat"),
    (lambda x: pg.ops.concat([x, x], axis=2), pg.ShapeError, "concat"),
    (lambda x: pg.ops.concat([x, pg.zeros((2, 3), "float64")]), pg.DTypeError, "concat"),
    (lambda x: pg.ops.concat([]), pg.Error, "concat"),
    (lambda x: pg.ops.pad(x, ((1, 1),)), pg.ShapeError, "pad"),
    (lambda x: pg.ops.pad(x, ((-1, 1), (0, 0))), pg.ShapeError, "pad"),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_errors(case: int) -> None:
    call, error, name = CASES[case]
    with pytest.raises(error, match=name):
        call(pg.zeros((2, 3)))
