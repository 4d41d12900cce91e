"""Winograd's convolutions: their errors, adjoints, edges, and where they are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pygan as pg
from pygan.testing.strategies import seeds

EPS = float(np.finfo("float32").eps)
# (tile, kernel): largest error over eps times the largest result of absolute values; the relative
# error in L2. The direct products stay below 2 and 3e-7.
BOUND = {(2, 4): (8, 1e-6), (4, 4): (40, 5e-6), (2, 3): (8, 1e-6), (4, 3): (60, 8e-6)}
SCHEMES = list(BOUND)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    pg.set_conv_algorithm("auto")
    pg._core.set_winograd_tile(0)


def passes(x: np.ndarray, w: np.ndarray, y: np.ndarray, pad: int) -> list[np.ndarray]:
    tx, tw, ty = (pg.tensor(a) for a in (x, w, y))
    kernel = w.shape[0]
    how = {"stride": 2 if kernel == 4 else 1, "padding": pad}
    return [
        pg.ops.conv2d(tx, tw, **how).numpy(),
        pg.ops.conv_transpose2d(ty, tw, **how).numpy(),
        pg.ops.conv2d_weight_grad(tx, ty, kernel, **how).numpy(),
    ]


def by_winograd(m: int, *args: object) -> list[np.ndarray]:
    pg.set_conv_algorithm("winograd")
    pg._core.set_winograd_tile(m)
    try:
        return passes(*args)
    finally:
        pg.set_conv_algorithm("direct")


@st.composite
def shapes(draw: Callable, kernel: int) -> tuple[tuple, tuple, tuple, int]:
    """Of x, w and y, and the padding."""
    stride = 2 if kernel == 4 else 1
    n, pad = draw(st.integers(1, 5)), draw(st.integers(0, 1 if kernel == 4 else 2))
    least = max(1, 2 * pad - kernel + 2)  # the input has a pixel
    h, v = draw(st.integers(least, 11)), draw(st.integers(least, 11))
    c, k = (draw(st.sampled_from((16, 32, 48, 80))) for _ in "ck")
    x = (n, *(stride * (size - 1) + kernel - 2 * pad for size in (h, v)), c)
    return x, (kernel, kernel, c, k), (n, h, v, k), pad


@pytest.mark.parametrize(("m", "kernel"), SCHEMES)
@given(data=st.data(), seed=seeds)
@settings(max_examples=40)
def test_error_is_bounded(m: int, kernel: int, data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    *sizes, pad = data.draw(shapes(kernel))
    xwy = [rng.standard_normal(s, dtype=np.float32) for s in sizes]
    wide = [a.astype("float64") for a in xwy]
    largest, relative = BOUND[m, kernel]
    truth, scale = passes(*wide, pad), passes(*(np.abs(a) for a in wide), pad)
    for got, t, s in zip(by_winograd(m, *xwy, pad), truth, scale, strict=True):
        assert got.dtype == np.float32
        assert np.abs(got - t).max() <= largest * EPS * s.max()
        assert np.linalg.norm(got - t) <= relative * max(np.linalg.norm(t), np.linalg.norm(s) / 9)


@pytest.mark.parametrize(("m", "kernel"), SCHEMES)
@pytest.mark.parametrize("data", ["positive", "far from 0", "heavy tails"])
def test_relative_error_of_other_data(m: int, kernel: int, data: str) -> None:
    """The error in L2 is bounded whatever the numbers; the largest error, of normal data."""
    rng = np.random.default_rng(m)
    y = (2, 16, 16, 64) if kernel == 4 else (2, 32, 32, 64)
    xwy = [
        rng.standard_normal(s, dtype=np.float32)
        for s in ((2, 32, 32, 64), (kernel, kernel, 64, 64), y)
    ]
    change = {
        "positive": np.abs,
        "far from 0": lambda a: 1 + a / 1000,
        "heavy tails": lambda a: a**7,
    }
    xwy = [change[data](a) for a in xwy]
    wide = [a.astype("float64") for a in xwy]
    for got, t in zip(by_winograd(m, *xwy, 1), passes(*wide, 1), strict=True):
        assert np.linalg.norm(got - t) <= BOUND[m, kernel][1] * np.linalg.norm(t)


@pytest.mark.parametrize(("m", "kernel"), SCHEMES)
def test_filters_larger_than_a_cache(m: int, kernel: int) -> None:
    """Some columns of them at a time: 256 -> 496 channels, 8 to 51 MB."""
    rng = np.random.default_rng(m)
    y = (3, 4, 3, 496) if kernel == 4 else (3, 8, 6, 496)
    sizes = ((3, 8, 6, 256), (kernel, kernel, 256, 496), y)
    xwy = [rng.standard_normal(s, dtype=np.float32) for s in sizes]
    wide = [a.astype("float64") for a in xwy]
    for got, t in zip(by_winograd(m, *xwy, 1), passes(*wide, 1), strict=True):
        assert np.linalg.norm(got - t) <= BOUND[m, kernel][1] * np.linalg.norm(t)


@pytest.mark.parametrize("kernel", [3, 4])
@given(data=st.data(), seed=seeds)
@settings(max_examples=40)
def test_two_by_two_tiles_are_exact_on_small_integers(
    kernel: int, data: st.DataObject, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    *sizes, pad = data.draw(shapes(kernel))
    xwy = [rng.integers(-3, 4, s).astype("float32") for s in sizes]
    pg.set_conv_algorithm("direct")
    direct = passes(*xwy, pad)
    for got, expected in zip(by_winograd(2, *xwy, pad), direct, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("m", "kernel"), SCHEMES)
def test_adjoints_of_one_another(m: int, kernel: int) -> None:
    """<conv2d(x, w), y> = <x, conv_transpose2d(y, w)> = <w, conv2d_weight_grad(x, y)>"""
    rng = np.random.default_rng(m)
    y = (3, 10, 6, 48) if kernel == 4 else (3, 20, 12, 48)
    xwy = [
        rng.standard_normal(s, dtype=np.float32)
        for s in ((3, 20, 12, 32), (kernel, kernel, 32, 48), y)
    ]
    y, x, w = by_winograd(m, *xwy, 1)
    products = [np.vdot(a.astype("float64"), b) for a, b in ((xwy[2], y), (xwy[0], x), (xwy[1], w))]
    size = np.linalg.norm(xwy[2]) * np.linalg.norm(y)
    assert np.ptp(products) <= 1e-6 * size


@pytest.mark.parametrize(("m", "kernel"), SCHEMES)
def test_bits_do_not_depend_on_the_threads(m: int, kernel: int) -> None:
    """Several blocks of tiles, of several images; a thread's own, or, of 16, all threads'."""
    rng = np.random.default_rng(0)
    y = (9, 16, 16, 128) if kernel == 4 else (9, 32, 32, 128)
    shape = ((9, 32, 32, 64), (kernel, kernel, 64, 128), y)
    xwy = [rng.standard_normal(s, dtype=np.float32) for s in shape]
    before, results = pg.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 16):
            pg.set_num_threads(threads)
            results.append([a.tobytes() for a in by_winograd(m, *xwy, 1)])
    finally:
        pg.set_num_threads(before)
    assert all(r == results[0] for r in results)


def bits_by(algorithm: str, *args: object) -> list[bytes]:
    pg.set_conv_algorithm(algorithm)
    return [a.tobytes() for a in passes(*args)]


def test_auto_takes_it_where_it_pays() -> None:
    def by(algorithm: str, kernel: int, n: int, size: int, c: int, k: int) -> list[bytes]:
        rng = np.random.default_rng(0)
        small = size // 2 if kernel == 4 else size
        shape = ((n, size, size, c), (kernel, kernel, c, k), (n, small, small, k))
        return bits_by(algorithm, *(rng.standard_normal(s, dtype=np.float32) for s in shape), 1)

    for large in ((4, 32, 32, 64, 128), (3, 16, 32, 64, 64)):
        assert by("auto", *large) == by("winograd", *large) != by("direct", *large)
    small = (4, 2, 4, 32, 32)
    assert by("auto", *small) == by("direct", *small) != by("winograd", *small)


@pytest.mark.parametrize(
    ("kernel", "stride", "channels", "dtype"),
    [
        (3, 2, 32, "float32"),
        (3, 1, 24, "float32"),
        (3, 1, 32, "float64"),
        (4, 1, 32, "float32"),
        (4, 2, 24, "float32"),
        (4, 2, 32, "float64"),
    ],
)
def test_others_are_direct(kernel: int, stride: int, channels: int, dtype: str) -> None:
    x = pg.tensor(np.random.default_rng(0).standard_normal((2, 12, 12, channels)).astype(dtype))
    w = pg.tensor(np.ones((kernel, kernel, channels, 32), dtype))
    results = []
    for algorithm in ("winograd", "direct"):
        pg.set_conv_algorithm(algorithm)
        assert pg.get_conv_algorithm() == algorithm
        results.append(pg.ops.conv2d(x, w, stride=stride, padding=1).numpy().tobytes())
    assert results[0] == results[1]


def test_an_unknown_algorithm_is_named() -> None:
    with pytest.raises(pg.ConfigError, match="'fft' is not 'auto', 'direct' or 'winograd'"):
        pg.set_conv_algorithm("fft")
