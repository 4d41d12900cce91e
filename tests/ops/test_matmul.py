"""Matrix products around the edges of the micro-kernel's tiles and cache blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pygan as pg

rng = np.random.default_rng(0)
EDGES = (1, 2, 7, 13, 14, 15, 31, 32, 33, 65)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposes", list(itertools.product((False, True), repeat=2)), ids=str)
def test_small_integers_are_exact(dtype: str, transposes: tuple) -> None:
    ta, tb = transposes
    for m, k, n in itertools.product(EDGES, (1, 3, 31, 64), EDGES):
        a = rng.integers(-4, 5, (k, m) if ta else (m, k)).astype(dtype)
        b = rng.integers(-4, 5, (n, k) if tb else (k, n)).astype(dtype)
        y = pg.ops.matmul(pg.tensor(a), pg.tensor(b), ta, tb).numpy()
        expected = (a.T if ta else a) @ (b.T if tb else b)
        np.testing.assert_array_equal(y, expected, err_msg=f"{m} x {k} x {n}")


@pytest.mark.parametrize(
    ("m", "k", "n"), [(3, 5000, 4), (1, 257, 1), (600, 3, 2), (2, 3, 900), (97, 769, 129)]
)
def test_long_axes(m: int, k: int, n: int) -> None:
    a = rng.integers(-3, 4, (m, k)).astype(np.float32)
    b = rng.integers(-3, 4, (k, n)).astype(np.float32)
    np.testing.assert_array_equal((pg.tensor(a) @ pg.tensor(b)).numpy(), a @ b)


def test_nothing_to_sum_gives_zeros() -> None:
    y = pg.tensor(np.zeros((2, 0), np.float32)) @ pg.tensor(np.zeros((0, 3), np.float32))
    np.testing.assert_array_equal(y.numpy(), np.zeros((2, 3)))
    assert (pg.zeros((0, 2)) @ pg.zeros((2, 3))).shape == (0, 3)


def test_nan_goes_where_it_must_and_nowhere_else() -> None:
    a = rng.standard_normal((20, 30))
    a[3, 5] = np.nan
    y = (pg.tensor(a) @ pg.tensor(rng.standard_normal((30, 40)))).numpy()
    assert np.isnan(y[3]).all()
    assert np.isfinite(np.delete(y, 3, axis=0)).all()


def test_errors() -> None:
    for a, b in (((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (2, 3)), ((2, 2, 3), (3, 3, 2))):
        with pytest.raises(pg.ShapeError, match="matmul"):
            pg.ops.matmul(pg.zeros(a), pg.zeros(b))
    with pytest.raises(pg.DTypeError, match="matmul"):
        pg.ops.matmul(pg.tensor([[1]]), pg.tensor([[1]]))
