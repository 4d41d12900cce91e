"""The kink, NaN and infinity of the rectifiers."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

X = np.array([np.nan, 0.0, -0.0, 1.0, -1.0, np.inf])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kink_and_nan(dtype: str) -> None:
    x = pg.tensor(X.astype(dtype), requires_grad=True)
    one = pg.ones(X.shape, dtype)
    np.testing.assert_array_equal(pg.ops.relu(x).numpy(), [np.nan, 0, 0, 1, 0, np.inf])
    slope = np.dtype(dtype).type(0.2)
    np.testing.assert_array_equal(
        pg.ops.leaky_relu(x, 0.2).numpy(), [np.nan, 0, 0, 1, -slope, np.inf]
    )
    (dx,) = pg.grad(pg.ops.relu(x), [x], [one])
    np.testing.assert_array_equal(dx.numpy(), [0, 0, 0, 1, 0, 1])
    (dx,) = pg.grad(pg.ops.leaky_relu(x, 0.2), [x], [one])
    np.testing.assert_array_equal(dx.numpy(), [slope, slope, slope, 1, slope, 1])


def test_relu_of_minus_infinity_is_zero() -> None:
    x = pg.tensor(np.array([-np.inf]), requires_grad=True)
    y = pg.ops.relu(x)
    np.testing.assert_array_equal(y.numpy(), [0])
    np.testing.assert_array_equal(pg.grad(y, [x], [pg.ones((1,), "float64")])[0].numpy(), [0])


def test_errors() -> None:
    with pytest.raises(pg.ConfigError, match="negative_slope"):
        pg.ops.leaky_relu(pg.zeros((2,)), float("nan"))
    with pytest.raises(pg.ShapeError, match="leaky_relu_grad"):
        pg.ops.leaky_relu_grad(pg.zeros((2,)), pg.zeros((3,)))
    with pytest.raises(pg.DTypeError, match="relu"):
        pg.ops.relu(pg.tensor([1, 2]))
