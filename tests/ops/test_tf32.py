"""Products on tensor cores: the truth is float64 on inputs rounded to TF32."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from devices import DEVICES
from hypothesis import given
from hypothesis import strategies as st

import pygan as pg
from ops.case import Case, Example
from ops.gemm_cases import CASES, draw_conv2d, draw_conv_transpose2d, draw_matmul, draw_weight_grad
from pygan.testing import assert_close, magnitude_scale

on_devices = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(0)
DRAWS = {
    "matmul": draw_matmul,
    "conv2d": draw_conv2d,
    "conv_transpose2d": draw_conv_transpose2d,
    "conv2d_weight_grad": draw_weight_grad,
}
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(autouse=True, scope="module")
def high() -> Iterator[None]:
    before = pg.get_float32_matmul_precision()
    pg.set_float32_matmul_precision("high")
    yield
    pg.set_float32_matmul_precision(before)


def tf32(x: np.ndarray) -> np.ndarray:
    """10 bits of mantissa, halves away from zero"""
    bits = x.view(np.uint32) + np.uint32(0x1000)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32)


def check(case: Case, example: Example, device: str) -> np.ndarray:
    y = case.call(*(pg.tensor(x, device=device) for x in example.inputs), **example.hyper).numpy()
    inputs = [tf32(x) for x in example.inputs]
    wide = [x.astype(np.float64) for x in inputs]

    def forward(*args: np.ndarray) -> tuple[np.ndarray]:
        return (case.reference.forward(*args, **example.hyper),)

    (scale,) = magnitude_scale(forward, wide)
    assert_close(y, *forward(*wide), *forward(*inputs), scale, f"{case.name} {example}")
    return y


@on_devices
@pytest.mark.parametrize("name", DRAWS)
@given(data=st.data())
def test_against_reference(device: str, name: str, data: st.DataObject) -> None:
    example = data.draw(st.composite(DRAWS[name])("float32", 600))
    check(BY_NAME[name], example, device)


@on_devices
@pytest.mark.parametrize("name", DRAWS)
def test_many_tiles(device: str, name: str) -> None:
    """And it is not float32's product: the inputs were rounded."""
    case = BY_NAME[name]
    example = case.big()
    y = check(case, example, device)
    exact = case.call(*(pg.tensor(x) for x in example.inputs), **example.hyper).numpy()
    difference = np.abs(y - exact).max() / np.abs(exact).max()
    assert 1e-5 < difference < 1e-3


@on_devices
@pytest.mark.parametrize("transposes", list(itertools.product((False, True), repeat=2)), ids=str)
def test_small_integers_are_exact(device: str, transposes: tuple) -> None:
    """Up to 2048, which 11 bits hold; K through every turn of the three stages."""
    for m, k, n in itertools.product((1, 33, 65), (0, 1, 16, 17, 32, 33, 48, 80, 700), (8, 65)):
        a, b = (rng.integers(-2048, 2049, s).astype(np.float32) for s in ((m, k), (k, n)))
        b = np.sign(b)
        operands = (x.T if t else x for x, t in zip((a, b), transposes, strict=True))
        there = [pg.tensor(x, device=device) for x in operands]
        y = pg.ops.matmul(*there, *transposes).numpy()
        np.testing.assert_array_equal(y, a @ b, err_msg=f"{m} x {k} x {n}")


@on_devices
def test_nan_and_infinity_stay_what_they_are(device: str) -> None:
    a, b = np.ones((20, 33), np.float32), np.ones((33, 20), np.float32)
    a[2, 5], a[3, 32] = np.uint32(0x7FFFFFFF).view(np.float32), np.inf
    y = (pg.tensor(a, device=device) @ pg.tensor(b, device=device)).numpy()
    assert np.isnan(y[2]).all()
    assert np.isposinf(y[3]).all()
    np.testing.assert_array_equal(np.delete(y, (2, 3), axis=0), 33)


@pytest.mark.emu
def test_float64_and_the_cpu_stay_as_they_are() -> None:
    a, b = rng.standard_normal((2, 30, 30))
    wide = [pg.tensor(x, device="emu") for x in (a, b)]
    np.testing.assert_allclose((wide[0] @ wide[1]).numpy(), a @ b, rtol=1e-13, atol=1e-13)
    narrow = [pg.tensor(x.astype(np.float32)) for x in (a, b)]
    high = (narrow[0] @ narrow[1]).numpy()
    pg.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal((narrow[0] @ narrow[1]).numpy(), high)
    pg.set_float32_matmul_precision("high")


def test_the_setting() -> None:
    assert pg.get_float32_matmul_precision() == "high"
    with pytest.raises(pg.ConfigError, match="'medium' is not 'highest'"):
        pg.set_float32_matmul_precision("medium")
    assert pg.get_float32_matmul_precision() == "high"
