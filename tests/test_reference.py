"""The NumPy reference by itself: published vectors, its own differences, dtypes and kinks."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.case import SMALL
from ops.compare import Orders, floating

from pygan import reference
from pygan.reference import (
    batch_norm,
    conv2d,
    elementwise,
    functions,
    leaky_relu,
    random,
    reduce,
    vecmath,
)
from pygan.testing.strategies import seeds

DIFFERENTIABLE = sorted(name for name, case in CASES.items() if case.differentiable)

# Random123 1.14, tests/kat_vectors: philox4x32 10 rounds; counter, key, words.
PHILOX = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def _hex(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], np.uint32)


@pytest.mark.parametrize(("counter", "key", "expected"), PHILOX)
def test_philox_known_answers(counter: str, key: str, expected: str) -> None:
    np.testing.assert_array_equal(random.philox4x32(_hex(counter), _hex(key)), _hex(expected))


# The FNV authors' test suite.
@pytest.mark.parametrize(
    ("name", "expected"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)]
)
def test_stream_id_known_answers(name: str, expected: int) -> None:
    assert random.stream_id(name) == expected


def test_words_are_philox_blocks_of_the_key() -> None:
    key = np.array([-2, 7, 9], np.int64)  # seed -2 is 2^64 - 2
    expected = random.philox4x32(
        np.array([[0, 0, 9, 7], [1, 0, 9, 7]]), np.array([0xFFFFFFFE, 0xFFFFFFFF])
    )
    np.testing.assert_array_equal(random.words(key, 2), expected)
    u = random.uniform(key, (7,))
    np.testing.assert_array_equal(u, ((expected.reshape(-1)[:7] >> 8) / 2**24).astype(np.float32))


def test_random_moments() -> None:
    key = np.array([3, random.stream_id("test"), 0], np.int64)
    u, z = (f(key, (400_000,)).astype(np.float64) for f in (random.uniform, random.normal))
    deviation = 400_000**-0.5
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 5 * deviation / 12**0.5
    assert abs(z.mean()) < 5 * deviation
    assert abs(z.var() - 1) < 5 * 2**0.5 * deviation
    assert abs((z**4).mean() - 3) < 5 * 96**0.5 * deviation
    assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 5 * (2 / 400_000) ** 0.5


def test_vecmath_is_accurate() -> None:
    u = (np.arange(0, 2**24, 37, dtype=np.int64) * 2.0**-24).astype(np.float32)
    for x, f, truth, ulps in (
        (np.float32(1) - u, vecmath.log, np.log, 0.83),
        (np.float32(2 * np.pi) * u, vecmath.cos, np.cos, 0.81),
    ):
        expected = truth(x.astype(np.float64))
        spacing = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
        assert (np.abs(f(x) - expected) / spacing).max() < ulps


def _direction(rng: np.random.Generator, arrays: list) -> list:
    return [rng.standard_normal(a.shape) if floating(a) else a * 0 for a in arrays]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
@settings(max_examples=max(10, settings.default.max_examples // 20))
def test_derivatives_by_differences(name: str, data: st.DataObject) -> None:
    """``<J^T u, v> = <u, (f(x + h v) - f(x - h v)) / 2h>`` for f of order 0 and 1"""
    case = CASES[name]
    example = data.draw(case.examples("float64", SMALL, smooth=True))
    rng = np.random.default_rng(data.draw(seeds))
    orders = Orders(case, example)
    x = [a.copy() for a in example.inputs]
    dy = [rng.standard_normal(y.shape) for y in orders(0, *x)[: case.outputs]]
    ddx = [rng.standard_normal(a.shape) for a in x if floating(a)]
    h = 1e-6
    for order, at, cotangents in ((0, x, dy), (1, [*dy, *x], ddx)):
        v = _direction(rng, at)
        ahead, behind = (
            orders(
                order, *(a + s * h * d if floating(a) else a for a, d in zip(at, v, strict=True))
            )
            for s in (1, -1)
        )
        pairs = zip(ahead[: len(cotangents)], behind[: len(cotangents)], cotangents, strict=True)
        expected = sum((((a - b) / (2 * h)) * c).sum() for a, b, c in pairs)
        gradients = orders(order + 1, *cotangents, *at)
        directions = [d for d, a in zip(v, at, strict=True) if floating(a)]
        actual = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
        for g, a in zip(gradients, [a for a in at if floating(a)], strict=True):
            assert g.shape == a.shape
        assert abs(actual - expected) <= 1e-6 * max(1, abs(expected)), f"{name} order {order + 1}"


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
@settings(max_examples=10)
def test_arithmetic_stays_in_the_inputs_dtype(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    example = data.draw(case.examples("float32", SMALL, smooth=True))
    if name == "astype":
        return
    orders = Orders(case, example)
    x = list(example.inputs)
    y = orders(0, *x)
    dy, ddx = list(y[: case.outputs]), [a for a in x if floating(a)]
    for results in (y, orders(1, *dy, *x), orders(2, *ddx, *dy, *x)):
        assert all(r.dtype == np.float32 for r in results if floating(r))


def test_it_imports_nothing_but_numpy() -> None:
    for path in Path(reference.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                allowed = ("numpy", "pygan.reference", "__future__", "collections", "typing")
                assert name.startswith((*allowed, "math", "builtins")), f"{path.name}: {name}"


def test_every_function_says_what_it_computes() -> None:
    for room in reference.ROOMS:
        assert room.__doc__
        for name in room.__all__:
            for order in ("", "_vjp", "_vjp2"):
                f = getattr(room, name + order, None)
                assert f is None or f.__doc__, f"{room.__name__}.{name}{order}"


def test_lookup_names_what_is_missing() -> None:
    assert reference.lookup("tanh").forward is functions.tanh
    assert reference.lookup("uniform").vjp is None
    with pytest.raises(KeyError, match="no reference for 'convolution'"):
        reference.lookup("convolution")


def test_kinks_and_ties() -> None:
    x, one = np.array([0.0, -0.0, np.nan, 1.0]), np.ones(4)
    np.testing.assert_array_equal(leaky_relu.relu(x), [0, 0, np.nan, 1])
    np.testing.assert_array_equal(leaky_relu.relu_vjp(one, x)[0], [0, 0, 0, 1])
    np.testing.assert_array_equal(leaky_relu.leaky_relu_vjp(one, x, 0.2)[0], [0.2, 0.2, 0.2, 1])
    value, index = reduce.max(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]), axis=1)
    np.testing.assert_array_equal(value, [3, 2])
    np.testing.assert_array_equal(index, [1, 0])
    zero = np.zeros((2, 3))
    np.testing.assert_array_equal(reduce.norm_vjp(np.ones(2), zero, axis=1)[0], zero)
    for g in reduce.norm_vjp2((np.ones((2, 3)),), np.ones(2), zero, axis=1):
        np.testing.assert_array_equal(g, np.zeros_like(g))
    a, b = np.array([1.0, 2.0]), np.array([0.0, 4.0])
    np.testing.assert_array_equal(elementwise.divide_no_nan(a, b), [0, 0.5])
    np.testing.assert_array_equal(elementwise.divide_no_nan_vjp(a, a, b)[0], [0, 0.5])


def test_conv2d_is_the_sum_it_says() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 5, 6, 4)), rng.standard_normal((3, 2, 2, 6))
    stride, padding, dilation, groups = (2, 1), (1, 2), (1, 3), 2
    y = conv2d.conv2d(x, w, stride, padding, dilation, groups)
    expected = np.zeros_like(y)
    for n, i, j, o in np.ndindex(*y.shape):
        for r, q, c in np.ndindex(*w.shape[:3]):
            h, v = i * 2 + r - 1, j + q * 3 - 2
            if 0 <= h < 5 and 0 <= v < 6:
                expected[n, i, j, o] += x[n, h, v, c + 2 * (o // 3)] * w[r, q, c, o]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_batch_norm_output_is_normal() -> None:
    x = np.random.default_rng(0).normal(30, 0.02, (50, 4, 3))
    y, mean, var = batch_norm.batch_norm(x, np.full(3, 2.0), np.full(3, 5.0), 1e-12)
    np.testing.assert_allclose(y.mean((0, 1)), 5, atol=1e-9)
    np.testing.assert_allclose(y.std((0, 1)), 2, rtol=1e-6)
    np.testing.assert_allclose(mean, x.mean((0, 1)))
    np.testing.assert_allclose(var, x.var((0, 1)))
