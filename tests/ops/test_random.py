"""Random numbers: the reference's bits at any size and thread count; streams."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.data.order import permutation
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


def test_moments_of_bernoulli() -> None:
    for p in (0.0, 2.0**-24, 0.3, 1.0):
        y = pg.ops.bernoulli(pg.tensor(KEY), p, (400_000,)).numpy()
        assert set(np.unique(y)) <= {0.0, 1.0}
        assert abs(y.mean(dtype=np.float64) - p) <= 5 * (p * (1 - p) / 400_000) ** 0.5


@pytest.mark.parametrize("n", [0, 1, 2, 3, 16_385])
def test_permutations_are_those_of_the_data_order(n: int) -> None:
    y = pg.ops.permutation(pg.tensor(KEY), n).numpy()
    np.testing.assert_array_equal(np.sort(y), np.arange(n))
    if n:
        expected = permutation(n, int(KEY[0]), int(KEY[2]), "test")
        np.testing.assert_array_equal(y, expected, strict=True)


def test_all_permutations_are_equally_likely() -> None:
    counts: dict[tuple, int] = {}
    for draw in range(3000):
        order = tuple(pg.ops.permutation(pg.tensor(np.array([1, 2, draw])), 3).numpy())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((c - 500) ** 2 / 500 for c in counts.values()) < 25.7  # chi^2, 5 degrees: 1e-4


def test_dropout_is_its_own_derivative() -> None:
    x = pg.tensor(np.full((40, 50), 3.0), requires_grad=True)
    y = pg.ops.dropout(x, pg.tensor(KEY), 0.2)
    mask = pg.ops.bernoulli(pg.tensor(KEY), 0.2, (40, 50)).numpy()
    np.testing.assert_array_equal(y.numpy(), np.where(mask, 0, 3.75))
    (dx,) = pg.grad(y.sum(), [x])
    np.testing.assert_array_equal(dx.numpy(), np.where(mask, 0, 1.25))
    poisoned = pg.tensor(np.where(mask, np.nan, 1.0))  # what is dropped is gone, NaN too
    assert np.isfinite(pg.ops.dropout(poisoned, pg.tensor(KEY), 0.2).numpy()).all()


def test_draws_of_a_stream_count() -> None:
    a, b = pg.random.Stream(5, "test"), pg.random.Stream(5, "test")
    first, second = a.permutation(9).numpy(), a.bernoulli(0.5, (9,)).numpy()
    assert a.draw == 2
    np.testing.assert_array_equal(b.permutation(9).numpy(), first)
    np.testing.assert_array_equal(b.bernoulli(0.5, (9,)).numpy(), second)


def test_probabilities_are_checked() -> None:
    x, key = pg.zeros((2,)), pg.tensor(KEY)
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(pg.ConfigError, match=r"bernoulli: p must be in \[0, 1\]"):
            pg.ops.bernoulli(key, p, (2,))
    with pytest.raises(pg.ConfigError, match=r"dropout: p must be in \[0, 1\)"):
        pg.ops.dropout(x, key, 1.0)
    with pytest.raises(pg.ShapeError, match="permutation: n must not be negative"):
        pg.ops.permutation(key, -1)
    with pytest.raises(pg.DTypeError, match="dropout: the key must be int64"):
        pg.ops.dropout(x, pg.zeros((3,)))
    with pytest.raises(pg.DTypeError, match="dropout: needs float32 or float64"):
        pg.ops.dropout(key, key)
