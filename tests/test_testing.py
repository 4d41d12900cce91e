"""The checks themselves: every classic mistake, planted, must be caught; right code must pass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.case import Example
from ops.compare import Table, compare

import pygan as pg
from pygan import reference
from pygan.testing import (
    assert_close,
    check_grads,
    error_ratio,
    magnitude_scale,
    perturbation_scale,
)
from pygan.testing import strategies as s

rng = np.random.default_rng(0)


def planted(value: pg.Tensor, gradient_of: pg.Tensor) -> pg.Tensor:
    """The value of one function with the derivatives of another."""
    return gradient_of + (value - gradient_of).detach()


# Each mistake: the op, its inputs, and what the derivative is taken of instead.


def dropped_term(x):
    return pg.ops.square(x), pg.ops.mul(x, x.detach())


def tap_off_by_one(x, w):
    shifted = pg.ops.concat([w[1:], w[:1]], axis=0)
    return pg.ops.conv2d(x, w, padding=1), pg.ops.conv2d(x, shifted, padding=1)


def transposed_index(a, b):
    return pg.ops.matmul(a, b), pg.ops.matmul(a, b, transpose_b=True)


def missing_scale(x):
    return pg.ops.mean(x, axis=1), pg.ops.sum(x, axis=1)


def missing_mask(x):
    return pg.ops.relu(x), pg.ops.scale(x, 1.0)


def norm_over_the_batch(x):
    """(|x_b| - 1)^2, its derivative with the norm taken over all samples at once"""
    per_sample = pg.ops.square(pg.ops.norm(x, axis=1) - 1.0)
    whole = pg.ops.square(pg.ops.norm(x) - 1.0)
    return per_sample, pg.ops.broadcast_to(whole.reshape(1), per_sample.shape)


def flipped_sign(a, b):
    return pg.ops.sub(a, b), pg.ops.add(a, b)


MISTAKES: dict[Callable, tuple[np.ndarray, ...]] = {
    dropped_term: (rng.standard_normal((3, 4)),),
    tap_off_by_one: (rng.standard_normal((1, 4, 4, 2)), rng.standard_normal((3, 3, 2, 1))),
    transposed_index: (rng.standard_normal((4, 4)), rng.standard_normal((4, 4))),
    missing_scale: (rng.standard_normal((3, 5)),),
    missing_mask: (rng.standard_normal((3, 5)),),
    norm_over_the_batch: (rng.standard_normal((3, 4)),),
    flipped_sign: (rng.standard_normal((3, 1)), rng.standard_normal((1, 4))),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_grads_catches(mistake: Callable) -> None:
    inputs = MISTAKES[mistake]
    check_grads(lambda *x: mistake(*x)[0], inputs, order=2)  # the right one passes
    with pytest.raises(AssertionError, match=r"gradient of order 1 is wrong for input \d"):
        check_grads(lambda *x: planted(*mistake(*x)), inputs, order=1)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_grads_catches_in_one_direction_too(mistake: Callable) -> None:
    with pytest.raises(AssertionError, match="along a random direction"):
        check_grads(lambda *x: planted(*mistake(*x)), MISTAKES[mistake], order=1, full=0)


def half_right(right: Callable, coefficient: Callable) -> Callable:
    """Value and first derivative of ``right``; the second derivative is taken of a constant."""

    def f(x: pg.Tensor) -> pg.Tensor:
        return planted(right(x), pg.ops.mul(coefficient(x.detach()), x))

    return f


SECOND_ORDER = {
    "square": half_right(pg.ops.square, lambda x: pg.ops.scale(x, 2.0)),
    "tanh": half_right(pg.ops.tanh, lambda x: 1.0 - pg.ops.square(pg.ops.tanh(x))),
    "softplus": half_right(pg.ops.softplus, pg.ops.sigmoid),
}


@pytest.mark.parametrize("name", SECOND_ORDER)
@pytest.mark.parametrize("full", [64, 0])
def test_check_grads_catches_what_only_the_second_order_gets_wrong(name: str, full: int) -> None:
    x = rng.standard_normal((3, 4))
    check_grads(SECOND_ORDER[name], [x], order=1, full=full)
    with pytest.raises(AssertionError, match="order 2"):
        check_grads(SECOND_ORDER[name], [x], order=2, full=full)


def test_check_grads_message_says_where() -> None:
    with pytest.raises(AssertionError) as caught:
        check_grads(lambda *x: planted(*tap_off_by_one(*x)), MISTAKES[tap_off_by_one], name="blur")
    text = str(caught.value)
    for part in ("blur", "order 1", "(1, 4, 4, 2), (3, 3, 2, 1)", "by differences", "output 0["):
        assert part in text


def test_check_grads_takes_integers_tuples_and_tensors() -> None:
    def f(x, index):
        return pg.ops.take_reduced(x, index, axis=1), pg.ops.exp(x), index

    check_grads(f, [pg.tensor(rng.standard_normal((3, 4))), np.array([1, 0, 3])], order=3)


def test_check_grads_of_a_constant_is_zero() -> None:
    check_grads(lambda x: pg.ops.exp(x.detach() * 0.0), [rng.standard_normal(3)], order=1)


def test_check_grads_refuses_what_it_cannot_check() -> None:
    with pytest.raises(pg.DTypeError, match="float32, differences need float64"):
        check_grads(pg.ops.exp, [np.ones(3, np.float32)])
    with pytest.raises(pg.ConfigError, match="order"):
        check_grads(pg.ops.exp, [np.ones(3)], order=0)


# The comparison with the reference: the op's case, with a wrong engine.


def wrong_engine(name: str, gradient_of: Callable) -> Callable:
    def engine(*x, **hyper):
        return planted(getattr(pg.ops, name)(*x, **hyper), gradient_of(*x, **hyper))

    return engine


def shifted_conv(x, w, **conv):
    return pg.ops.conv2d(x, pg.ops.concat([w[1:], w[:1]], axis=0), **conv)


def shifted_transpose(x, w, **conv):
    return pg.ops.conv_transpose2d(x, pg.ops.concat([w[:, 1:], w[:, :1]], axis=1), **conv)


def norm_of_all(x, axis=None, keepdims=False):
    y = pg.ops.norm(x, axis, keepdims)
    return pg.ops.broadcast_to(pg.ops.norm(x).reshape(*(1,) * y.ndim), y.shape)


def a(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


WRONG = {
    "dropped term": ("square", lambda x: pg.ops.mul(x, x.detach()), (a(5, 7),), {}),
    "tap off by one": ("conv2d", shifted_conv, (a(2, 6, 5, 3), a(3, 3, 3, 4)), {"padding": 1}),
    "tap off by one, transposed": (
        "conv_transpose2d",
        shifted_transpose,
        (a(2, 3, 4, 4), a(4, 4, 3, 4)),
        {"stride": 2, "padding": 1},
    ),
    "transposed index": (
        "matmul",
        lambda x, y: pg.ops.matmul(x, y, transpose_b=True),
        (a(5, 5), a(5, 5)),
        {},
    ),
    "missing scale": ("mean", pg.ops.sum, (a(6, 7),), {"axis": 0}),
    "missing mask": ("relu", lambda x: pg.ops.scale(x, 1.0), (a(33),), {}),
    "norm over the batch": ("norm", norm_of_all, (a(4, 9),), {"axis": 1}),
    "second order only": (
        "tanh",
        lambda x: pg.ops.mul((1.0 - pg.ops.square(pg.ops.tanh(x))).detach(), x),
        (a(9),),
        {},
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mistake", WRONG)
def test_comparison_with_the_reference_catches(mistake: str, dtype: str) -> None:
    name, gradient_of, inputs, hyper = WRONG[mistake]
    case, table = CASES[name], Table()
    example = Example(tuple(x.astype(dtype) for x in inputs), hyper)
    compare(case, example, 1, table=table)
    wrong = dataclasses.replace(case, engine=wrong_engine(name, gradient_of))
    order = 2 if mistake == "second order only" else 1
    with pytest.raises(AssertionError, match=f"{name} order {order}"):
        compare(wrong, example, 1, table=table)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tanh", lambda x: pg.ops.tanh(x) * (1 + 3e-6)),
        ("matmul", lambda x, y: pg.ops.matmul(x, y * (1 + 1e-5))),
        ("exp", lambda x: pg.ops.exp(x) + 1e-4),
    ],
)
def test_comparison_catches_small_errors_of_the_value(name, wrong, dtype) -> None:
    inputs = (a(6, 6), a(6, 6))[: 2 if name == "matmul" else 1]
    example = Example(tuple(x.astype(dtype) for x in inputs), {})
    case = dataclasses.replace(CASES[name], engine=wrong)
    with pytest.raises(AssertionError, match=f"{name} order 0"):
        compare(case, example, 1, table=Table())


def test_a_wrong_reference_is_caught_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference.functions, "exp_vjp2", lambda ddx, dy, x: (ddx[0], dy))
    with pytest.raises(AssertionError, match="exp order 2"):
        compare(CASES["exp"], Example((a(5),), {}), 1, table=Table())


# assert_close


def test_assert_close_bound() -> None:
    eps = float(np.finfo(np.float32).eps)
    truth = np.array([1.0, 2.0])
    ours = truth.astype(np.float32)
    off = (truth + np.array([0, 3.9 * eps * 2])).astype(np.float32)
    assert assert_close(ours, truth, ours, scale=2.0) == 0
    assert 0.5 < assert_close(off, truth, ours, scale=2.0) <= 1
    assert error_ratio(off, truth, ours, 2.0) < error_ratio(off, truth, ours, 1.9)
    with pytest.raises(AssertionError, match=r"worst at \(1,\)"):
        assert_close(off, truth, ours, scale=1.0, what="y")
    # NumPy's own error widens the bound: 2 * 4 eps + 4 eps * 0.5
    assert_close(off, truth, (truth + np.array([0, 4 * eps])).astype(np.float32), scale=0.5)
    assert_close(truth + 1e-11, truth, truth, scale=1.0)
    with pytest.raises(AssertionError, match="float64"):
        assert_close(truth + 3e-10, truth, truth, scale=1.0)


def test_assert_close_refuses_other_shapes_dtypes_and_stray_nans() -> None:
    one = np.ones(2, np.float32)
    with pytest.raises(AssertionError, match="shape"):
        assert_close(one, np.ones((2, 1)), one)
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(np.ones(2), np.ones(2), one)
    nan = np.array([1, np.nan], np.float32)
    inf = np.array([1, np.inf], np.float32)
    assert assert_close(nan, nan.astype(np.float64), nan) == 0
    assert assert_close(inf, inf.astype(np.float64), inf) == 0
    for wrong in (one, inf, -inf):
        with pytest.raises(AssertionError):
            assert_close(wrong, nan.astype(np.float64), nan)
    with pytest.raises(AssertionError):
        assert_close(inf, -inf.astype(np.float64), inf)
    with pytest.raises(AssertionError):
        assert_close(np.float32([1e-30]), np.zeros(1), np.zeros(1, np.float32), scale=0.0)


def test_scales() -> None:
    x, y = np.array([3.0, -4.0]), np.array([2.0, 5.0])
    assert magnitude_scale(lambda x, y: (x * y).sum(), (x, y)) == [26.0]
    (scale,) = perturbation_scale(lambda x: x - 100.0, (np.array([100.0]),), rng)
    assert scale == pytest.approx(100, rel=1e-6)  # cancellation: rounding the input is all there is
    (scale,) = perturbation_scale(np.cos, (np.array([0.0]),), rng)
    assert scale == 1.0


# strategies


@given(s.conv_geometries())
@settings(max_examples=100)
def test_conv_geometries_fit(g: s.ConvGeometry) -> None:
    x, w = np.zeros(g.x), np.zeros(g.w)
    assert reference.conv2d.conv2d(x, w, **g.settings).shape == g.y
    y = np.zeros(g.y)
    up = reference.conv2d.conv_transpose2d(y, w, output_padding=g.output_padding, **g.settings)
    assert up.shape == g.x
    assert min(*g.x, *g.w, *g.y) >= 1


@given(s.broadcasting_shapes(count=3), st.data())
def test_broadcasting_shapes_broadcast(shapes: tuple, data: st.DataObject) -> None:
    full = np.broadcast_shapes(*shapes)
    axis = data.draw(s.axes(len(full)))
    np.zeros(full).sum(axis)
    assert math.prod(full) <= 1200


@given(s.arrays(s.shapes(), s.float_dtypes, kinks=(0.0, 1.0)))
def test_arrays_keep_off_kinks(x: np.ndarray) -> None:
    assert np.isfinite(x).all()
    assert (np.abs(x) > 0.009).all()
    assert (np.abs(x - 1) > 0.009).all()


def test_layouts_are_views_with_the_same_values() -> None:
    x = rng.standard_normal((3, 4))
    for layout in set(s.LAYOUTS) - {"dense"}:
        view = s.with_layout(rng, x, layout)
        np.testing.assert_array_equal(view, x)
        assert not view.flags.c_contiguous, layout
        np.testing.assert_array_equal(pg.tensor(view).numpy(), x)
