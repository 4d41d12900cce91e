"""Elementwise functions at the ends of their range, and how accurate they are."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

INF, NAN = np.inf, np.nan
LIMITS = {
    "exp": [(INF, INF), (-INF, 0), (1000, INF), (-1000, 0), (0, 1)],
    "log": [(INF, INF), (0, -INF), (-1, NAN), (1, 0)],
    "sqrt": [(INF, INF), (0, 0), (-1, NAN)],
    "tanh": [(INF, 1), (-INF, -1), (1e4, 1), (-1e4, -1), (0, 0)],
    "sigmoid": [(INF, 1), (-INF, 0), (1e4, 1), (-1e4, 0), (0, 0.5)],
    "softplus": [(INF, INF), (-INF, 0), (1e4, 1e4), (-1e4, 0)],
    "square": [(INF, INF), (-INF, INF)],
    "neg": [(INF, -INF), (-INF, INF)],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str, dtype: str) -> None:
    x, y = np.array([*LIMITS[name], (NAN, NAN)], dtype).T
    np.testing.assert_array_equal(getattr(pg.ops, name)(pg.tensor(x.copy())).numpy(), y)


# name -> (lowest, highest, units in the last place)
ACCURACY = {
    "exp": (-80, 80, 1),
    "log": (1e-30, 1e30, 1),
    "tanh": (-12, 12, 2),
    "sigmoid": (-80, 80, 2),
    "softplus": (-80, 80, 2),
    "sqrt": (1e-30, 1e30, 0.51),
}


@pytest.mark.parametrize("name", ACCURACY)
def test_accuracy_in_units_of_the_last_place(name: str) -> None:
    low, high, ulps = ACCURACY[name]
    u = np.random.default_rng(0).uniform(0, 1, 200_000)
    x = np.exp(np.log(low) + u * np.log(high / low)) if low > 0 else low + u * (high - low)
    x = np.concatenate([x, x / 1000]).astype(np.float32)
    y = getattr(pg.ops, name)(pg.tensor(x)).numpy()
    truth = getattr(pg.ops, name)(pg.tensor(x.astype(np.float64))).numpy()
    spacing = np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
    assert (np.abs(y - truth) / spacing).max() <= ulps


@pytest.mark.parametrize("name", ["softplus", "sigmoid", "tanh"])
def test_tails_keep_their_relative_accuracy(name: str) -> None:
    x = np.array([-40.0, -20.0, -1e-3, 1e-10])
    from_numpy = {
        "softplus": np.log1p(np.exp(x)),
        "sigmoid": np.exp(x) / (1 + np.exp(x)),
        "tanh": np.tanh(x),
    }[name]
    y = getattr(pg.ops, name)(pg.tensor(x)).numpy()
    np.testing.assert_allclose(y, from_numpy, rtol=1e-14)


def test_vector_bodies_and_tails_agree() -> None:
    """An element's bits do not depend on where it stands: body of a vector loop, or its rest"""
    x = np.random.default_rng(0).uniform(-5, 5, 70).astype(np.float32)
    for name in ("exp", "tanh", "sigmoid", "softplus"):
        f = getattr(pg.ops, name)
        whole = f(pg.tensor(x)).numpy()
        for n in (1, 3, 15, 16, 17, 33):
            np.testing.assert_array_equal(f(pg.tensor(x[:n])).numpy(), whole[:n])
            np.testing.assert_array_equal(f(pg.tensor(x[n:])).numpy(), whole[n:])


def test_divide_no_nan_is_zero_at_zero_to_every_order() -> None:
    a = pg.tensor(np.array([1.0, -2.0, 0.0, 3.0]), requires_grad=True)
    b = pg.tensor(np.array([0.0, 0.0, 0.0, 2.0]), requires_grad=True)
    y = pg.ops.divide_no_nan(a, b)
    np.testing.assert_array_equal(y.numpy(), [0, 0, 0, 1.5])
    for _ in range(3):
        da, db = pg.grad(y.sum(), [a, b], create_graph=True)
        np.testing.assert_array_equal(da.numpy()[:3], 0)
        np.testing.assert_array_equal(db.numpy()[:3], 0)
        y = da + db


def test_astype_between_integers() -> None:
    x = np.array([0, 1, 2, 255], np.int64)
    np.testing.assert_array_equal(pg.tensor(x).astype("uint8").numpy(), x.astype(np.uint8))
    np.testing.assert_array_equal(pg.tensor(x).astype("bool").numpy(), x != 0)
    assert pg.tensor(x).astype("float32").dtype == "float32"
    y = pg.tensor(np.ones(2, np.float32), requires_grad=True)
    assert not y.astype("int64").requires_grad
    assert y.astype("float64").requires_grad


def test_shapes_that_do_not_broadcast_raise() -> None:
    with pytest.raises(pg.ShapeError, match=r"mul.*\(2, 3\).*\(2,\)"):
        pg.ops.mul(pg.zeros((2, 3)), pg.zeros((2,)))


def test_empty_arrays() -> None:
    x = pg.tensor(np.zeros((0, 3)), requires_grad=True)
    y = pg.ops.tanh(x) * 2.0
    assert y.shape == (0, 3)
    assert pg.grad(y, [x], [y])[0].shape == (0, 3)
