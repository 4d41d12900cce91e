"""Batch normalisation: few rows, large means, missing weights, running statistics."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from ops.case import Example
from ops.compare import Orders, engine_orders
from pygan.reference import batch_norm as reference
from pygan.testing import check_grads

rng = np.random.default_rng(0)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_rows(rows: int, dtype: str) -> None:
    """All that is left of the derivatives is what cancelled: bounded by the terms' size."""
    from cases import CASES

    for seed in range(20):
        local = np.random.default_rng(seed)
        x, dy, ddx = (local.standard_normal((rows, 3)).astype(dtype) for _ in range(3))
        w, b, ddw, ddb = (local.standard_normal(3).astype(dtype) for _ in range(4))
        example = Example((x, w, b), {"eps": 1e-3})
        actual = engine_orders(CASES["batch_norm"], example, [dy], [ddx, ddw, ddb])
        orders = Orders(CASES["batch_norm"], example)
        arguments = ((x, w, b), (dy, x, w, b), (ddx, ddw, ddb, dy, x, w, b))
        r = 1 / np.sqrt(x.astype(np.float64).var(0) + 1e-3).min()
        for order, args in enumerate(arguments):
            truth = orders(order, *(a.astype(np.float64) for a in args))
            terms = (1 + r) ** order * np.prod([1 + np.abs(a).max() for a in args])
            for a, t in zip(actual[order], truth, strict=True):
                assert np.abs(a - t).max() <= 4 * np.finfo(dtype).eps * terms


def test_large_mean_keeps_the_variance() -> None:
    x = (1000 + 0.01 * rng.standard_normal((256, 8, 8, 5))).astype(np.float32)
    _, mean, var = pg.ops.batch_norm(pg.tensor(x), pg.ones((5,)), pg.zeros((5,)), 1e-5)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), wide.mean((0, 1, 2)), rtol=2e-7)
    np.testing.assert_allclose(var.numpy(), wide.var((0, 1, 2)), rtol=1e-4)


def test_statistics_carry_no_gradient() -> None:
    x = pg.tensor(rng.standard_normal((5, 3)), requires_grad=True)
    y, mean, var = pg.ops.batch_norm(x, pg.ones((3,), "float64"), pg.zeros((3,), "float64"))
    assert y.requires_grad
    assert not mean.requires_grad
    assert not var.requires_grad


def test_evaluation_with_the_batchs_statistics_is_training() -> None:
    x, w, b = (pg.tensor(rng.standard_normal(s)) for s in ((6, 4, 3), (3,), (3,)))
    y, mean, var = pg.ops.batch_norm(x, w, b, 1e-3)
    z = pg.ops.batch_norm_eval(x, w, b, mean, var, 1e-3)
    np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("has", ["weight", "bias", "neither"])
def test_weight_and_bias_are_optional(has: str) -> None:
    x, v = rng.standard_normal((6, 3)), rng.standard_normal(3)
    weight, bias = (v if has == name else None for name in ("weight", "bias"))

    def f(x, v):
        y = pg.ops.batch_norm(x, v if weight is not None else None, v if bias is not None else None)
        return y[0]

    one, zero = np.ones(3), np.zeros(3)
    expected = reference.batch_norm(x, one if weight is None else v, zero if bias is None else v)[0]
    np.testing.assert_allclose(f(pg.tensor(x), pg.tensor(v)).numpy(), expected, rtol=1e-12)
    check_grads(f, [x, v], order=2)


def test_many_channels_and_blocks() -> None:
    for rows, channels in ((1025, 3), (33, 600), (70, 513)):
        x = rng.standard_normal((rows, channels)).astype(np.float32)
        w, b = (rng.standard_normal(channels).astype(np.float32) for _ in range(2))
        y, mean, var = pg.ops.batch_norm(*(pg.tensor(a) for a in (x, w, b)))
        expected = reference.batch_norm(*(a.astype(np.float64) for a in (x, w, b)))
        for a, e in zip((y, mean, var), expected, strict=True):
            np.testing.assert_allclose(a.numpy(), e, rtol=1e-5, atol=1e-5)


def test_a_small_deviation_survives_a_mean() -> None:
    x = (30 + 0.02 * rng.standard_normal((5000, 33))).astype(np.float32)
    x[2500:] += 1  # the blocks' means differ
    _, mean, var = pg.ops.batch_norm(pg.tensor(x), None, None)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), wide.mean(0), rtol=1e-7)
    np.testing.assert_allclose(var.numpy(), wide.var(0), rtol=1e-6)


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, 1.5])
@pytest.mark.parametrize("affine", [True, False])
def test_leaky_relu_is_of_the_same_bits(slope: float, affine: bool) -> None:
    """So is its mask: bias is minus one of the values, which lands on the kink or beside it."""
    x, dy = (rng.standard_normal((1500, 33)).astype(np.float32) for _ in range(2))
    w = rng.standard_normal(33).astype(np.float32)
    h = pg.ops.batch_norm(pg.tensor(x), pg.tensor(w), None)[0].numpy()
    found = []
    for fused in (True, False):
        xs = [pg.tensor(a, requires_grad=True) for a in (x, w, -h[7])]
        args = xs if affine else [xs[0], None, None]
        if fused:
            y, *rest = pg.ops.batch_norm_leaky_relu(*args, slope)
        else:
            y, *rest = pg.ops.batch_norm(*args)
            y = pg.ops.leaky_relu(y, slope)
        grads = pg.grad(y, xs if affine else xs[:1], [pg.tensor(dy)])
        found.append([t.numpy() for t in (y, *rest, *grads)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("slope", [-0.1, float("nan"), float("inf")])
def test_a_slope_that_hides_the_sign_is_refused(slope: float) -> None:
    with pytest.raises(pg.ConfigError, match="batch_norm_leaky_relu: negative_slope"):
        pg.ops.batch_norm_leaky_relu(pg.zeros((4, 3)), negative_slope=slope)


def test_errors() -> None:
    one = pg.ones((3,))
    with pytest.raises(pg.ShapeError, match="batch_norm"):
        pg.ops.batch_norm(pg.zeros((2, 4)), one, one)
    with pytest.raises(pg.ShapeError, match="batch_norm"):
        pg.ops.batch_norm(pg.zeros((0, 3)), one, one)
    with pytest.raises(pg.ShapeError, match="batch_norm"):
        pg.ops.batch_norm(pg.zeros((3,)), one, one)
    with pytest.raises(pg.DTypeError, match="batch_norm"):
        pg.ops.batch_norm(pg.zeros((2, 3), "float64"), one, one)
