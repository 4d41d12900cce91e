"""Kernels of pool, pad and resample on devices: the CPU's bits, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg
from pygan import ops

pytestmark = pytest.mark.parametrize("device", DEVICES)


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.asarray(3 * np.random.default_rng(0).standard_normal(shape), dtype)


def same_bits(device: str, f: Callable[[pg.Tensor], pg.Tensor], x: np.ndarray) -> None:
    """Of y and of dx"""
    results = []
    for where in ("cpu", device):
        a = pg.tensor(x, device=where, requires_grad=True)
        y = f(a)
        assert y.device == where
        dy = pg.tensor(numbers(*y.shape), device=where)
        results.append((y.numpy(), pg.grad(y, [a], [dy])[0].numpy()))
    for here, there in zip(*results, strict=True):
        np.testing.assert_array_equal(there, here, strict=True)
        assert here.tobytes() == there.tobytes()


WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (5, 1), "stride": (1, 3), "padding": (2, 0)},
]
IMAGES = [(1, 5, 5, 1), (2, 9, 7, 3), (1, 17, 8, 33), (0, 5, 5, 2), (2, 6, 6, 0)]


@pytest.mark.parametrize("shape", IMAGES)
@pytest.mark.parametrize("windows", WINDOWS)
def test_pools(device: str, windows: dict, shape: tuple[int, ...]) -> None:
    x = numbers(*shape)
    same_bits(device, lambda a: ops.max_pool2d(a, **windows), x)
    same_bits(device, lambda a: ops.avg_pool2d(a, **windows), x)
    same_bits(device, lambda a: ops.avg_pool2d(a, **windows, count_include_pad=False), x)


def test_dilated_windows(device: str) -> None:
    x = numbers(2, 11, 9, 5)
    same_bits(device, lambda a: ops.max_pool2d(a, 3, stride=1, padding=1, dilation=2), x)


def test_ties_and_nan(device: str) -> None:
    """The first of the window, and the first NaN before every number."""
    x = np.round(numbers(2, 9, 8, 3))
    x[0, 3:5, 2:6] = np.nan
    x[1, 4] = np.inf
    x[1, 5] = -np.inf
    results = []
    for where in ("cpu", device):
        y, places = ops.max_pool2d_with_indices(pg.tensor(x, device=where), 3, 1, 1)
        results.append((y.numpy(), places.numpy()))
    for here, there in zip(*results, strict=True):
        np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize("pixels", [1, 15, 16, 17, 63, 64, 65])
def test_many_windows_of_one_pixel(device: str, pixels: int) -> None:
    """put_pixels adds in the windows' order, also across the shares that an image is cut into."""
    rng = np.random.default_rng(pixels)
    y = rng.standard_normal((2, 5, 40, 3)).astype(np.float32)
    indices = rng.integers(0, pixels, y.shape)
    here, there = (
        ops.put_pixels(pg.tensor(y, device=d), pg.tensor(indices, device=d), (1, pixels)).numpy()
        for d in ("cpu", device)
    )
    assert here.tobytes() == there.tobytes()


@pytest.mark.parametrize("at", [[0], [299], [17, 255, 256], [257, 31]])
@pytest.mark.parametrize("value", [-1, 6])
def test_the_first_index_outside_is_named(device: str, at: list[int], value: int) -> None:
    indices = np.full((1, 10, 10, 3), 5, np.int64)
    indices.reshape(-1)[at] = value
    places = pg.tensor(indices, device=device)
    named = rf"indices\[{min(at)}\] \(row-major\) = {value} is not within the 6 pixels"
    with pytest.raises(pg.ShapeError, match=named):
        ops.take_pixels(pg.tensor(numbers(1, 2, 3, 3), device=device), places)
    with pytest.raises(pg.ShapeError, match=named):
        ops.put_pixels(pg.tensor(numbers(1, 10, 10, 3), device=device), places, (2, 3))


@pytest.mark.parametrize("widths", [(0, 0), (1, 0), (0, 1), (3, 4), (4, 3)])
@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_borders(device: str, mode: str, widths: tuple[int, int]) -> None:
    for shape, axis in (((5,), 0), ((3, 5, 7), 1), ((2, 5), 1), ((5, 65), 0), ((0, 5), 1)):
        border = [widths if i == axis else (0, 0) for i in range(len(shape))]
        same_bits(device, lambda a, border=border: ops.pad(a, border, mode), numbers(*shape))


def test_a_border_around_one_element(device: str) -> None:
    same_bits(device, lambda a: ops.pad(a, [(7, 40), (0, 0)], "replicate"), numbers(1, 3))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_borders_of_integers(device: str, dtype: str) -> None:
    x = numbers(4, 9).astype(dtype)
    here, there = (
        ops.pad(pg.tensor(x, device=d), [(2, 1), (3, 0)], "reflect").numpy()
        for d in ("cpu", device)
    )
    np.testing.assert_array_equal(there, here, strict=True)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_sizes(device: str, mode: str) -> None:
    x = numbers(2, 6, 9, 3)
    x[0, 0, 0] = -0.0, np.nan, np.inf
    for size in ((12, 18), (3, 4), (1, 1), (6, 11)):
        same_bits(device, lambda a, size=size: ops.resize(a, size, mode=mode), x)


def test_shrinking_with_antialias(device: str) -> None:
    same_bits(
        device, lambda a: ops.resize(a, (5, 40), "bicubic", antialias=True), numbers(1, 31, 33, 2)
    )


def test_more_elements_than_a_launch_has_threads(device: str) -> None:
    x = numbers(1, 300, 601, 3)  # 2048 blocks of 256 threads
    for f in (
        lambda a: ops.avg_pool2d(a, 2, stride=1),
        lambda a: ops.max_pool2d(a, 2, stride=1),
        lambda a: ops.pad(a, [(0, 0), (1, 2), (0, 0), (0, 0)], "reflect"),
        lambda a: ops.resample(a, 2, 660),
    ):
        same_bits(device, f, x)
