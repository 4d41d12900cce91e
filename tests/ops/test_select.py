"""Ties, bounds, NaN and dtypes of what chooses between elements."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

NAN = np.nan


def test_ties_go_to_the_first_operand() -> None:
    a = pg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = pg.tensor([1.0, 3.0, 2.0], requires_grad=True)
    for f, first in ((pg.ops.maximum, [1, 0, 1]), (pg.ops.minimum, [1, 1, 0])):
        da, db = pg.grad(f(a, b).sum(), [a, b])
        np.testing.assert_array_equal(da.numpy(), first)
        np.testing.assert_array_equal(db.numpy(), 1 - np.array(first))


def test_nan_wins() -> None:
    a, b = pg.tensor([NAN, 1.0, NAN]), pg.tensor([1.0, NAN, NAN])
    for f in (pg.ops.maximum, pg.ops.minimum):
        assert np.isnan(f(a, b).numpy()).all()
    np.testing.assert_array_equal(pg.tensor([NAN, 5.0]).clip(0, 1).numpy(), [NAN, 1])


def test_the_gradient_passes_at_the_bounds() -> None:
    x = pg.tensor([-2.0, -1.0, 0.0, 1.0, 2.0, NAN], requires_grad=True)
    for low, high, mask in ((-1, 1, [0, 1, 1, 1, 0, 0]), (None, 0, [1, 1, 1, 0, 0, 0])):
        (dx,) = pg.grad(x.clip(low, high).sum(), [x])
        np.testing.assert_array_equal(dx.numpy(), mask)


def test_operators_compare_and_equality_stays_identity() -> None:
    x, y = pg.tensor([1.0, 2.0, NAN]), pg.tensor([2.0, 2.0, 2.0])
    for z, expected in (
        (x < y, [1, 0, 0]),
        (x <= 2, [1, 1, 0]),
        (x > 1.5, [0, 1, 0]),
        (x >= y, [0, 1, 0]),
    ):
        assert z.dtype == "bool"
        np.testing.assert_array_equal(z.numpy(), np.array(expected, bool))
    assert x == x
    assert x != y
    assert len({x, y, x}) == 2
    np.testing.assert_array_equal(pg.ops.equal(x, y).numpy(), [False, True, False])
    np.testing.assert_array_equal(abs(-y).numpy(), y.numpy())
    assert pg.tensor([3.0]) > 2


def test_numbers_that_an_integer_dtype_does_not_hold_are_refused() -> None:
    x = pg.tensor(np.array([2**53 + 1, 0]))
    np.testing.assert_array_equal(pg.ops.equal(x, 2**53 + 1).numpy(), [True, False])
    np.testing.assert_array_equal((x > 0.0).numpy(), [True, False])
    for number in (0.5, np.inf, NAN, 2**70):
        with pytest.raises(pg.DTypeError, match="less: int64 does not hold"):
            _ = x < number
    with pytest.raises(pg.DTypeError, match="uint8"):
        pg.ops.where(pg.ops.equal(x, 0), pg.tensor(np.zeros(2, np.uint8)), 300)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_where_moves_any_dtype(dtype: str) -> None:
    c = np.array([[True], [False]])
    a, b = np.array([1, 0, 1]).astype(dtype), np.array(0).astype(dtype)
    y = pg.ops.where(pg.tensor(c), pg.tensor(a), pg.tensor(b)).numpy()
    np.testing.assert_array_equal(y, np.where(c, a, b), strict=True)


def test_where_keeps_what_is_not_chosen_out_of_the_gradient() -> None:
    x = pg.tensor([0.0, 4.0], requires_grad=True)
    y = pg.ops.where(x > 0, pg.ops.sqrt(pg.ops.maximum(x, 1.0)), x)
    np.testing.assert_array_equal(pg.grad(y.sum(), [x])[0].numpy(), [1, 0.25])


def test_errors() -> None:
    x = pg.zeros((2, 3))
    with pytest.raises(pg.ConfigError, match="clip: low must not be above high"):
        x.clip(1, 0)
    with pytest.raises(pg.ConfigError, match="clip"):
        x.clip(NAN, 0)
    with pytest.raises(pg.DTypeError, match="where: the condition must be bool"):
        pg.ops.where(x, x, x)
    with pytest.raises(pg.DTypeError, match="logical_and"):
        pg.ops.logical_and(x, x)
    with pytest.raises(pg.ShapeError, match=r"less.*\(2, 3\).*\(2,\)"):
        pg.ops.less(x, pg.zeros((2,)))
    with pytest.raises(pg.DTypeError, match="maximum: mixed dtypes"):
        pg.ops.maximum(x, pg.zeros((2, 3), "float64"))
    with pytest.raises(pg.DTypeError, match="less"):
        _ = x < np.zeros((2, 3))


def test_empty_arrays() -> None:
    x = pg.zeros((0, 3))
    assert (x < x).shape == (0, 3)
    assert pg.ops.where(x < x, x, x).shape == (0, 3)
    assert x.clip(0, 1).shape == (0, 3)
