"""Elementwise functions at the ends of their range, and how accurate they are."""

from __future__ import annotations

import math

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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pow_has_the_special_values_of_numpy(dtype: str) -> None:
    tiny, largest = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    x = np.array([0, 1, 2, 0.5, 3, INF, tiny, largest], dtype)
    x = np.concatenate([x, -x, [NAN]]).astype(dtype)
    y = pg.ops.pow(pg.tensor(x[:, None].copy()), pg.tensor(x)).numpy()
    with np.errstate(all="ignore"):
        expected = np.power(x[:, None], x)
    np.testing.assert_array_max_ulp(y, expected, 1)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(expected) & ~np.isnan(y))


def test_powers_that_a_number_holds_are_exact() -> None:
    bases, exponents = np.arange(-30, 31), np.arange(11)
    exact = np.array([[int(b) ** int(e) for e in exponents] for b in bases], object)
    for dtype, limit in (("float32", 2**24), ("float64", 2**53)):
        x, e = bases.astype(dtype)[:, None], exponents.astype(dtype)
        y = pg.ops.pow(pg.tensor(x), pg.tensor(e)).numpy()
        held = np.abs(exact) <= limit
        np.testing.assert_array_equal(y[held], exact[held].astype(dtype))
        for k in (0, 1, 2, 3):  # a number as the exponent
            np.testing.assert_array_equal(
                (pg.tensor(x) ** k).numpy()[:, 0], exact[:, k].astype(dtype)
            )


def test_powers_of_a_number_have_finite_derivatives_at_zero() -> None:
    x = pg.tensor(np.zeros(3), requires_grad=True)
    for k, expected in ((0, (0, 0, 0)), (1, (1, 0, 0)), (2, (0, 2, 0)), (3, (0, 0, 6))):
        y = x**k
        for value in expected:
            (y,) = pg.grad(y.sum(), [x], create_graph=True)
            np.testing.assert_array_equal(y.numpy(), value)
            if not y.requires_grad:
                break


def test_pow_is_flat_in_its_exponent_at_base_zero() -> None:
    a = pg.tensor(np.array([0.0, 0.0, 2.0]), requires_grad=True)
    b = pg.tensor(np.array([0.0, 2.0, 0.0]), requires_grad=True)
    da, db = pg.grad((a**b).sum(), [a, b])
    np.testing.assert_array_equal(da.numpy(), 0)
    np.testing.assert_allclose(db.numpy(), [0, 0, np.log(2)], rtol=1e-15)


@pytest.mark.parametrize("name", ["gelu", "silu", "elu", "erf"])
def test_activations_at_infinity(name: str) -> None:
    y = getattr(pg.ops, name)(pg.tensor([INF, -INF, NAN])).numpy()
    left = {"elu": -1, "erf": -1}.get(name, 0)
    np.testing.assert_array_equal(y, [1 if name == "erf" else INF, left, NAN])


def test_left_tails_of_activations_do_not_cancel() -> None:
    x = np.array([-5.0, -3.0, -1e-6], np.float32)
    wide = x.astype(np.float64)
    cdf = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in wide])
    np.testing.assert_allclose(pg.ops.gelu(pg.tensor(x)).numpy(), wide * cdf, rtol=1e-4)
    np.testing.assert_allclose(pg.ops.elu(pg.tensor(x)).numpy(), np.expm1(wide), rtol=3e-7)


def test_settings_of_activations_are_checked() -> None:
    with pytest.raises(pg.ConfigError, match="approximate"):
        pg.ops.gelu(pg.zeros(2), approximate="erf")
    with pytest.raises(pg.ConfigError, match="alpha"):
        pg.ops.elu(pg.zeros(2), alpha=INF)
