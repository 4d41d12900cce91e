"""Random numbers: the reference's bits at any size and thread count; streams."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.reference import random as reference

KEY = np.array([2**62 + 12345, reference.stream_id("test"), 77], np.int64)


@pytest.mark.parametrize("name", ["uniform", "normal"])
@pytest.mark.parametrize("size", [0, 1, 4, 5, 1023, 300_007])
def test_bits_of_the_reference(name: str, size: int) -> None:
    before = pg.get_num_threads()
    expected = getattr(reference, name)(KEY, (size,))
    try:
        for threads in (1, 4):
            pg.set_num_threads(threads)
            y = getattr(pg.ops, name)(pg.tensor(KEY), (size,)).numpy()
            assert y.tobytes() == expected.tobytes()
    finally:
        pg.set_num_threads(before)
    wide = getattr(pg.ops, name)(pg.tensor(KEY), (size,), "float64").numpy()
    np.testing.assert_array_equal(wide, expected.astype(np.float64))


def test_normals_are_finite_over_every_first_uniform() -> None:
    """1 - u1 in (0, 1]: the logarithm is finite, and 0 only at u1 = 0"""
    z = pg.ops.normal(pg.tensor(KEY), (1_000_000,)).numpy()
    assert np.isfinite(z).all()
    assert np.abs(z).max() < 5.8


def test_streams() -> None:
    a, b = pg.random.Stream(5, "a"), pg.random.Stream(5, "b")
    first = a.normal((3,)).numpy()
    np.testing.assert_array_equal(
        first, reference.normal(np.array([5, reference.stream_id("a"), 0]), (3,))
    )
    state = a.state_dict()
    second = a.uniform((3,)).numpy()
    assert not np.array_equal(second, b.uniform((3,)).numpy())
    again = pg.random.Stream(0, "a")
    again.load_state_dict(state)
    np.testing.assert_array_equal(again.uniform((3,)).numpy(), second)
    assert pg.random.stream_id("a") == reference.stream_id("a")


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (np.zeros(3, np.float32), pg.DTypeError),
        (np.zeros(2, np.int64), pg.ShapeError),
        (np.array([0, -1, 0]), pg.ConfigError),
        (np.array([0, 0, 2**32]), pg.ConfigError),
    ],
)
def test_errors(key: np.ndarray, error: type) -> None:
    with pytest.raises(error, match="uniform"):
        pg.ops.uniform(pg.tensor(key), (2,))
    with pytest.raises(pg.DTypeError, match="normal"):
        pg.ops.normal(pg.tensor(KEY), (2,), "int64")
