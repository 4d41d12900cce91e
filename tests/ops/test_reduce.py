"""Reductions: ties, zeros, NaN, rounding over long axes."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg


def test_norm_at_zero_is_flat_to_every_order() -> None:
    x = pg.tensor(np.zeros((2, 3)), requires_grad=True)
    y = pg.ops.norm(x, axis=1)
    for _ in range(3):
        np.testing.assert_array_equal(y.numpy(), np.zeros_like(y.numpy()))
        (y,) = pg.grad(y.sum(), [x], create_graph=True)
    np.testing.assert_array_equal(y.numpy(), 0)


def test_ties_go_to_the_first() -> None:
    x = pg.tensor(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), requires_grad=True)
    values, index = pg.ops.max_with_indices(x, axis=1)
    np.testing.assert_array_equal(index.numpy(), [1, 0])
    (dx,) = pg.grad(values.sum(), [x])
    np.testing.assert_array_equal(dx.numpy(), [[0, 1, 0], [1, 0, 0]])
    long = np.zeros(100_000)
    long[[70_000, 40_000]] = 1
    assert pg.ops.max_with_indices(pg.tensor(long))[1].item() == 40_000


def test_max_of_nan_is_nan_at_its_first() -> None:
    x = np.array([1.0, np.nan, 5.0, np.nan])
    value, index = pg.ops.max_with_indices(pg.tensor(x))
    assert np.isnan(value.item())
    assert index.item() == 1
    assert pg.ops.max(pg.tensor(np.full(40, -np.inf))).item() == -np.inf


@pytest.mark.parametrize("shape", [(9,), (33, 200), (200, 33), (70_001,), (40_000, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_places_are_numpys(shape: tuple, dtype: str) -> None:
    """Ties, infinities and NaN, in short and long rows and in columns of several pieces."""
    rng = np.random.default_rng(len(shape))
    x = rng.integers(-40, 40, shape).astype(dtype)
    sprinkled = x.copy()
    sprinkled.flat[rng.integers(0, x.size, 5)] = [np.nan, np.inf, -np.inf, np.nan, -np.inf]
    for a in (x, sprinkled):
        t = pg.tensor(a)
        for axis in (None, *range(a.ndim)):
            np.testing.assert_array_equal(t.argmax(axis).numpy(), a.argmax(axis))
            np.testing.assert_array_equal(
                t.argmin(axis, True).numpy(), a.argmin(axis, keepdims=True)
            )
            np.testing.assert_array_equal(t.min(axis).numpy(), a.min(axis))


def test_sum_over_a_long_axis_does_not_lose_digits() -> None:
    x = np.random.default_rng(0).uniform(0, 1, 10_000_001).astype(np.float32)
    exact = x.astype(np.float64).sum()
    assert abs(pg.tensor(x).sum().item() / exact - 1) < 1e-6
    columns = x[:-1].reshape(-1, 10)
    error = pg.tensor(columns).sum(axis=0).numpy() / columns.astype(np.float64).sum(axis=0) - 1
    assert np.abs(error).max() < 2e-6


def test_small_integers_sum_exactly() -> None:
    x = np.random.default_rng(0).integers(-8, 9, (37, 501, 11)).astype(np.float32)
    for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
        np.testing.assert_array_equal(pg.tensor(x).sum(axis=axis).numpy(), x.sum(axis=axis))


def test_empty_reductions() -> None:
    x = pg.tensor(np.zeros((0, 3), np.float32))
    np.testing.assert_array_equal(x.sum(axis=0).numpy(), np.zeros(3))
    assert x.sum(axis=1).shape == (0,)
    with pytest.raises(pg.ShapeError, match="max"):
        x.max(axis=0)
    with pytest.raises(pg.ShapeError, match=r"argmin.* no minimum"):
        x.argmin(axis=0)


@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, -2), ()])
def test_axes_that_cannot_be(axis: object) -> None:
    with pytest.raises(pg.ShapeError, match="sum"):
        pg.zeros((2, 3)).sum(axis=axis)


def test_indices_are_checked() -> None:
    x = pg.zeros((2, 3))
    with pytest.raises(pg.Error, match="take_reduced"):
        pg.ops.take_reduced(x, pg.tensor([0, 3]), axis=1)
    with pytest.raises(pg.Error, match="take_reduced"):
        pg.ops.take_reduced(x, pg.tensor([0, 1, 2]), axis=1)
    with pytest.raises(pg.DTypeError, match="take_reduced"):
        pg.ops.take_reduced(x, pg.zeros((2,)), axis=1)


def test_logsumexp_at_infinities_and_far_from_zero() -> None:
    inf = np.inf
    rows = np.array([[-inf, -inf], [inf, 0.0], [1000.0, 1000.0], [-1000.0, -inf]])
    x = pg.tensor(rows, requires_grad=True)
    y = pg.ops.logsumexp(x, axis=1)
    expected = [-inf, inf, 1000.0 + np.log(2.0), -1000.0]
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-15)
    (dx,) = pg.grad(y, [x], [pg.ones(4, "float64")])
    shares = [[0, 0], [0.5, 0.5], [1, 0]]
    np.testing.assert_allclose(dx.numpy()[[0, 2, 3]], shares, rtol=1e-12)
    with pytest.raises(pg.ShapeError, match=r"logsumexp: .* empty"):
        pg.ops.logsumexp(pg.zeros((2, 0)), axis=1)
