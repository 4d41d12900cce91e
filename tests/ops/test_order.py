"""Sorting, medians and cumulative sums: NaN, ties, zeros, long lines."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

SPECIAL = np.array([2.0, np.nan, -0.0, np.inf, 0.0, -np.inf, 2.0, np.nan, 5e-324, -1.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ascending_is_numpys_order(dtype: str) -> None:
    x = SPECIAL.astype(dtype)
    values, index = pg.ops.sort(pg.tensor(x))
    np.testing.assert_array_equal(index.numpy(), np.argsort(x, kind="stable"))
    assert values.numpy().tobytes() == np.sort(x, kind="stable").tobytes()  # -0 stays -0
    np.testing.assert_array_equal(pg.ops.argsort(pg.tensor(x)).numpy(), index.numpy())


def test_descending_is_stable_and_has_nan_first() -> None:
    index = pg.ops.argsort(pg.tensor(SPECIAL), descending=True).numpy()
    np.testing.assert_array_equal(index, [1, 7, 3, 0, 6, 8, 2, 4, 9, 5])
    values, index = pg.ops.topk(pg.tensor(SPECIAL), 4)
    np.testing.assert_array_equal(values.numpy(), [np.nan, np.nan, np.inf, 2])
    np.testing.assert_array_equal(index.numpy(), [1, 7, 3, 0])
    value, place = pg.ops.max_with_indices(pg.tensor(SPECIAL))
    assert np.isnan(value.item())
    assert place.item() == index.numpy()[0]


@pytest.mark.parametrize("n", [1, 15, 16, 17, 33, 16384, 16385, 100_003])
def test_long_lines(n: int) -> None:
    """Runs, pieces, and pieces merged: an odd number of them too. Many ties."""
    x = np.random.default_rng(n).integers(-50, 50, (2, n)).astype(np.float32)
    order = np.argsort(x, axis=1, kind="stable")
    values, index = pg.ops.sort(pg.tensor(x))
    np.testing.assert_array_equal(index.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(x, order, 1))
    for k in (1, n // 2 + 1, n):
        top = pg.ops.topk(pg.tensor(x), k, largest=False)[1].numpy()
        np.testing.assert_array_equal(top, order[:, :k])
    np.testing.assert_array_equal(
        pg.ops.median(pg.tensor(x), axis=1).numpy(), np.median(x, axis=1), strict=True
    )


def test_ties_of_topk_go_to_the_first_and_get_the_gradient() -> None:
    x = pg.tensor([1.0, 3.0, 3.0, 3.0], requires_grad=True)
    for largest, expected in ((True, [0, 1, 1, 0]), (False, [1, 1, 0, 0])):
        (dx,) = pg.grad(pg.ops.topk(x, 2, largest=largest)[0].sum(), [x])
        np.testing.assert_array_equal(dx.numpy(), expected)


def test_median_with_nan_is_nan_as_in_numpy() -> None:
    x = np.arange(12.0).reshape(3, 4)
    x[1, 2] = np.nan
    np.testing.assert_array_equal(pg.ops.median(pg.tensor(x), axis=1).numpy(), [1.5, np.nan, 9.5])
    assert pg.tensor([np.inf, np.inf, 1.0]).median().item() == np.inf
    huge = np.float32(3e38)
    assert pg.ops.median(pg.tensor(np.array([huge] * 3))).item() == huge


def test_median_of_nothing_and_other_mistakes() -> None:
    x = pg.zeros((2, 3))
    with pytest.raises(pg.ShapeError, match="median: the reduced axes are empty"):
        pg.ops.median(pg.zeros((2, 0)), axis=1)
    with pytest.raises(pg.ShapeError, match=r"median: axis -1 of .* is named twice"):
        pg.ops.median(x, axis=(1, -1))
    with pytest.raises(pg.ShapeError, match="topk: k must be from 1 to 3"):
        pg.ops.topk(x, 4)
    with pytest.raises(pg.ShapeError, match="topk: k must be from 1 to 3"):
        pg.ops.topk(x, 0)
    for f in (pg.ops.sort, pg.ops.argsort, lambda t, axis: pg.ops.cumsum(t, axis)):
        with pytest.raises(pg.ShapeError, match="axis 2 is out of range"):
            f(x, axis=2)
    with pytest.raises(pg.DTypeError, match="sort: needs float32 or float64"):
        pg.ops.sort(pg.tensor([3, 1, 2]))


def test_nothing_is_in_order() -> None:
    for shape in ((0, 3), (3, 0)):
        x = pg.tensor(np.zeros(shape), requires_grad=True)
        values, index = pg.ops.sort(x, axis=0)
        assert values.shape == index.shape == pg.ops.cumsum(x, axis=0).shape == shape
        (dx,) = pg.grad(values.sum(), [x])
        assert dx.shape == shape


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [4096, 4097, 50_000])
def test_long_cumulative_sums_keep_their_digits(n: int, reverse: bool) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (n, 3)).astype(np.float32)
    step = -1 if reverse else 1
    exact = np.cumsum(x[::step].astype(np.float64), axis=0)[::step]
    y = pg.ops.cumsum(pg.tensor(x), axis=0, reverse=reverse).numpy()
    assert np.abs(y / exact - 1).max() < 2e-5
    whole = np.arange(n) % 7
    y = pg.ops.cumsum(pg.tensor(whole.astype(np.float32)), axis=0, reverse=reverse).numpy()
    np.testing.assert_array_equal(y, np.cumsum(whole[::step])[::step])
