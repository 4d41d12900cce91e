"""Matrix products and convolutions on a device, around the edges of its 64x64x16 tiles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg
from pygan.reference import conv2d as reference

pytestmark = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(0)


def integers(*shape: int, largest: int = 3) -> np.ndarray:
    return rng.integers(-largest, largest + 1, shape).astype(np.float32)


def matmul(a: np.ndarray, b: np.ndarray, device: str, *transposes: bool) -> np.ndarray:
    return pg.ops.matmul(
        pg.tensor(a, device=device), pg.tensor(b, device=device), *transposes
    ).numpy()


@pytest.mark.parametrize("transposes", list(itertools.product((False, True), repeat=2)), ids=str)
def test_edges_of_tiles(device: str, transposes: tuple) -> None:
    ta, tb = transposes
    for m, k, n in itertools.product((1, 63, 64, 65), (1, 15, 16, 17, 33), (1, 64, 130)):
        a, b = integers(m, k), integers(k, n)
        y = matmul(a.T if ta else a, b.T if tb else b, device, *transposes)
        np.testing.assert_array_equal(y, a @ b, err_msg=f"{m} x {k} x {n}")


@pytest.mark.parametrize("k", [511, 512, 513, 769, 5000])
def test_split_k(device: str, k: int) -> None:
    """A long sum over few tiles is cut into parts, from 512 on."""
    for m, n in ((1, 1), (3, 70), (65, 2)):
        a, b = integers(m, k), integers(k, n)
        np.testing.assert_array_equal(matmul(a, b, device), a @ b, err_msg=f"{m} x {k} x {n}")
        np.testing.assert_array_equal(matmul(a.T, b, device, True), a @ b)
    a, b = integers(2, 1, 5, k), integers(3, k, 4)
    np.testing.assert_array_equal(matmul(a, b, device), a @ b)


def test_batches_broadcast(device: str) -> None:
    for batch_a, batch_b in (
        ((3,), (3,)),
        ((2, 1), (4,)),
        ((), (5,)),
        ((5,), ()),
        ((2, 3), (1, 3)),
    ):
        a, b = integers(*batch_a, 7, 17), integers(*batch_b, 17, 9)
        np.testing.assert_array_equal(matmul(a, b, device), a @ b)


def test_nothing_to_sum_gives_zeros(device: str) -> None:
    np.testing.assert_array_equal(matmul(integers(2, 0), integers(0, 3), device), np.zeros((2, 3)))
    np.testing.assert_array_equal(
        matmul(integers(4, 2, 0), integers(0, 3), device), np.zeros((4, 2, 3))
    )
    for m, k, n in ((0, 2, 3), (3, 2, 0), (0, 0, 0)):
        assert matmul(integers(m, k), integers(k, n), device).shape == (m, n)


def test_nan_stays_in_its_row_and_column(device: str) -> None:
    """Of a tile's idle rows, columns and positions of K none reaches a sum."""
    for m, k, n in ((65, 17, 66), (3, 600, 5)):
        a, b = integers(m, k), integers(k, n)
        a[-1, -1] = b[-1, -1] = np.nan
        y = matmul(a, b, device)
        assert np.isnan(y[-1]).all()
        assert np.isnan(y[:, -1]).all()
        assert np.isfinite(y[:-1, :-1]).all()


CONVOLUTIONS = [
    # kernel, settings
    ((4, 4), {"stride": 2, "padding": 1}),
    ((5, 5), {"stride": 1, "padding": 2}),
    ((3, 2), {"stride": (1, 3), "padding": (0, 2)}),
    ((7, 7), {"stride": 3}),
    ((1, 1), {"stride": 2}),  # phases without a tap
    ((3, 3), {"stride": 4, "dilation": 2, "padding": 2}),  # common divisor of stride and dilation
    ((3, 4), {"stride": (6, 2), "dilation": (4, 3), "padding": (1, 4)}),
    ((2, 2), {"stride": 20, "padding": 9}),  # more phases than pixels
    ((3, 3), {"padding": 1, "groups": 3}),
]


@pytest.mark.parametrize("channels", [(3, 66), (48, 3)], ids=str)
@pytest.mark.parametrize(("kernel", "settings"), CONVOLUTIONS, ids=str)
def test_convolutions(device: str, kernel: tuple, settings: dict, channels: tuple) -> None:
    c_in, c_out = channels
    x = integers(3, 11, 14, c_in)
    w = integers(*kernel, c_in // settings.get("groups", 1), c_out, largest=1)
    y = pg.ops.conv2d(pg.tensor(x, device=device), pg.tensor(w, device=device), **settings).numpy()
    np.testing.assert_array_equal(y, reference.conv2d(x, w, **settings))
    dy = integers(*y.shape)
    there = [pg.tensor(a, device=device, requires_grad=True) for a in (x, w)]
    dx, dw = pg.grad(pg.ops.conv2d(*there, **settings), there, [pg.tensor(dy, device=device)])
    here = [pg.tensor(a, requires_grad=True) for a in (x, w)]
    expected = pg.grad(pg.ops.conv2d(*here, **settings), here, [pg.tensor(dy)])
    np.testing.assert_array_equal(dx.numpy(), expected[0].numpy())
    np.testing.assert_array_equal(dw.numpy(), expected[1].numpy())


@pytest.mark.parametrize("groups", [1, 2])
def test_weight_gradient_over_many_pixels(device: str, groups: int) -> None:
    x, dy = integers(5, 12, 13, 2 * groups), integers(5, 12, 13, 3 * groups)
    there = pg.tensor(x, device=device), pg.tensor(dy, device=device)
    dw = pg.ops.conv2d_weight_grad(*there, 3, padding=1, groups=groups).numpy()
    np.testing.assert_array_equal(
        dw, reference.conv2d_weight_grad(x, dy, (3, 3), padding=1, groups=groups)
    )


def test_phases_multiply_no_zeros(device: str) -> None:
    """An infinite weight reaches the pixels of its own phase only: 0 times it would be NaN."""
    y, w = np.ones((1, 4, 5, 2), np.float32), np.ones((3, 3, 1, 2), np.float32)
    w[0, 0] = np.inf
    x = pg.ops.conv_transpose2d(
        pg.tensor(y, device=device), pg.tensor(w, device=device), stride=3
    ).numpy()
    expected = np.full((1, 12, 15, 1), 2, np.float32)
    expected[:, ::3, ::3] = np.inf
    np.testing.assert_array_equal(x, expected)


def test_empty_batches(device: str) -> None:
    w = pg.zeros((3, 3, 2, 4), device=device)
    assert pg.ops.conv2d(pg.zeros((0, 5, 5, 2), device=device), w).shape == (0, 3, 3, 4)
    assert pg.ops.conv_transpose2d(pg.zeros((0, 3, 3, 4), device=device), w).shape == (0, 5, 5, 2)
    x, dy = pg.zeros((0, 5, 5, 2), device=device), pg.zeros((0, 3, 3, 4), device=device)
    dw = pg.ops.conv2d_weight_grad(x, dy, 3).numpy()
    np.testing.assert_array_equal(dw, np.zeros((3, 3, 2, 4)))
