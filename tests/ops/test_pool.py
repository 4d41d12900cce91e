"""Pooling: windows by hand, ties, NaN, padding, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

GRID = np.arange(1.0, 17).reshape(1, 4, 4, 1)  # 1 2 3 4 / 5 6 7 8 / 9 ...


def plane(y: pg.Tensor) -> list:
    return y.numpy()[0, :, :, 0].tolist()


def test_averages_by_hand() -> None:
    x = pg.tensor(GRID)
    assert plane(pg.ops.avg_pool2d(x, 2)) == [[3.5, 5.5], [11.5, 13.5]]
    padded = {"kernel_size": 3, "stride": 3, "padding": 1}
    assert plane(pg.ops.avg_pool2d(x, **padded)) == [[14 / 9, 22 / 9], [46 / 9, 54 / 9]]
    inside = pg.ops.avg_pool2d(x, **padded, count_include_pad=False)
    assert plane(inside) == [[3.5, 5.5], [11.5, 13.5]]
    assert plane(pg.ops.avg_pool2d(x, (1, 4))) == [[2.5], [6.5], [10.5], [14.5]]


def test_maxima_by_hand() -> None:
    x = pg.tensor(GRID)
    y, index = pg.ops.max_pool2d_with_indices(x, 3, stride=1)
    assert plane(y) == [[11, 12], [15, 16]]
    assert plane(index) == [[10, 11], [14, 15]]
    y, index = pg.ops.max_pool2d_with_indices(x, 2, stride=1, dilation=2)
    assert plane(index) == [[10, 11], [14, 15]]


def test_ties_go_to_the_first_of_the_window() -> None:
    x = pg.tensor(np.zeros((1, 3, 3, 1)), requires_grad=True)
    y, index = pg.ops.max_pool2d_with_indices(x, 2, stride=1)
    assert plane(index) == [[0, 1], [3, 4]]
    (dx,) = pg.grad(y.sum(), [x])
    assert plane(dx) == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_overlapping_windows_add_their_gradients() -> None:
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1] = 5
    x = pg.tensor(x, requires_grad=True)
    dy = pg.tensor(np.array([1.0, 10, 100, 1000]).reshape(1, 2, 2, 1))
    (dx,) = pg.grad(pg.ops.max_pool2d(x, 2, stride=1), [x], [dy])
    assert plane(dx) == [[0, 0, 0], [0, 1111, 0], [0, 0, 0]]


@pytest.mark.parametrize("channels", [1, 16, 19])
def test_padding_never_wins_and_nan_does(channels: int) -> None:
    x = np.full((1, 4, 4, channels), -np.inf, np.float32)
    y, index = pg.ops.max_pool2d_with_indices(pg.tensor(x), 3, stride=2, padding=1)
    np.testing.assert_array_equal(y.numpy(), -np.inf)
    np.testing.assert_array_equal(index.numpy()[0, :, :, -1], [[0, 1], [4, 5]])
    x[0, 1, 1], x[0, 1, 2], x[0, 0, 0] = np.nan, np.nan, np.inf
    y, index = pg.ops.max_pool2d_with_indices(pg.tensor(x), 4)
    assert np.isnan(y.numpy()).all()
    np.testing.assert_array_equal(index.numpy(), 5)


def test_unpooling_puts_maxima_back() -> None:
    x = np.random.default_rng(0).standard_normal((2, 6, 4, 3))
    y, index = pg.ops.max_pool2d_with_indices(pg.tensor(x), 2)
    np.testing.assert_array_equal(pg.ops.take_pixels(pg.tensor(x), index).numpy(), y.numpy())
    back = pg.ops.put_pixels(y, index, (6, 4)).numpy()
    np.testing.assert_array_equal(back[back != 0], x[back != 0])
    assert (back != 0).sum() == y.size


def test_empty_batches_pool() -> None:
    x = pg.zeros((0, 4, 4, 3))
    assert pg.ops.avg_pool2d(x, 2).shape == (0, 2, 2, 3)
    assert pg.ops.max_pool2d(x, 2).shape == (0, 2, 2, 3)


INDEX = np.zeros((1, 2, 2, 1), np.int64)
ERRORS = [
    (lambda x: pg.ops.avg_pool2d(x, 5), pg.ShapeError, "avg_pool2d: no window fits"),
    (lambda x: pg.ops.avg_pool2d(x, 0), pg.ShapeError, "avg_pool2d: kernel_size"),
    (lambda x: pg.ops.avg_pool2d(x, 2, stride=0), pg.ShapeError, "stride"),
    (lambda x: pg.ops.avg_pool2d(x, 3, padding=2), pg.ShapeError, "half the kernel"),
    (lambda x: pg.ops.avg_pool2d(x, 3, padding=-1), pg.ShapeError, "padding"),
    (lambda x: pg.ops.avg_pool2d(x[0], 2), pg.ShapeError, "N, H, W, C"),
    (lambda x: pg.ops.avg_pool2d(x.astype("int64"), 2), pg.DTypeError, "avg_pool2d"),
    (lambda x: pg.ops.avg_pool2d(x, (2, 2, 2)), pg.ShapeError, "kernel_size must be"),
    (lambda x: pg.ops.avg_pool2d_grad(x, 7, 2), pg.ShapeError, r"expected \(N, 3, 3, C\)"),
    (lambda x: pg.ops.max_pool2d(x, 2, dilation=4), pg.ShapeError, "no window fits"),
    (lambda x: pg.ops.max_pool2d(x[:, :2], (2, 1), padding=(1, 0), dilation=3), pg.ShapeError,
     "no pixel within the image"),
    (lambda x: pg.ops.take_pixels(x, pg.tensor(INDEX + 16)), pg.ShapeError, "16 is not within"),
    (lambda x: pg.ops.take_pixels(x, pg.tensor(INDEX - 1)), pg.ShapeError, "-1 is not within"),
    (lambda x: pg.ops.take_pixels(x, x), pg.DTypeError, "int64"),
    (lambda x: pg.ops.put_pixels(x, pg.tensor(INDEX), 4), pg.ShapeError, "differ"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    call, error, text = ERRORS[case]
    with pytest.raises(error, match=text):
        call(pg.zeros((1, 4, 4, 1)))
