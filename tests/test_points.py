"""Points in the plane: what the distributions promise, and their scores on known sets."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.data import Points, from_points
from pygan.metrics import captured_modes, swd_points


@pytest.mark.parametrize(("make", "modes"), [(pg.data.ring, 8), (pg.data.grid, 25)])
def test_mixtures_have_their_centres_shares_and_deviation(make, modes: int) -> None:
    data = make(20_000, seed=3)
    for points in (data.points, data.held_out):
        distance = np.linalg.norm(points[:, None] - data.centres, axis=-1)
        nearest = distance.argmin(axis=1)
        shares = np.bincount(nearest, minlength=modes) / len(points)
        assert np.abs(shares * modes - 1).max() < 0.25
        off = points - data.centres[nearest]
        assert off.std(axis=0) == pytest.approx([data.sigma] * 2, rel=0.03)
        assert np.abs(off.mean(axis=0)).max() < 0.002
        assert abs(np.corrcoef(off.T)[0, 1]) < 0.03
    assert len(data) == 20_000
    assert len(data.held_out) == 10_000
    assert data.sample_shape == (2,)
    # as independent draws have it: no training point is held out as well
    assert not set(map(bytes, data.points)) & set(map(bytes, data.held_out))


def test_centres_are_those_of_the_papers() -> None:
    ring, grid = pg.data.ring(10), pg.data.grid(10)
    assert np.hypot(*ring.centres.T) == pytest.approx([2.0] * 8)
    steps = np.linalg.norm(ring.centres - np.roll(ring.centres, 1, axis=0), axis=1)
    assert steps == pytest.approx([4 * np.sin(np.pi / 8)] * 8)
    assert {tuple(c) for c in grid.centres} == {
        (x, y) for x in range(-4, 5, 2) for y in (-4, -2, 0, 2, 4)
    }
    assert grid.sigma == ring.sigma == 0.05
    assert pg.data.ring(10, sigma=0.02).sigma == 0.02


def test_swiss_roll_is_a_spiral() -> None:
    data = pg.data.swiss_roll(5_000, noise=0.0)
    x = data.points.astype(np.float64) * 7.5
    t = np.hypot(*x.T)  # without noise the radius is the angle
    assert 1.5 * np.pi <= t.min() < 1.52 * np.pi
    assert 4.48 * np.pi < t.max() < 4.5 * np.pi
    assert np.abs(x / t[:, None] - np.stack([np.cos(t), np.sin(t)], 1)).max() < 1e-5
    noisy = pg.data.swiss_roll(5_000)
    assert (noisy.points - data.points).std(axis=0) == pytest.approx([0.25 / 7.5] * 2, rel=0.03)
    assert noisy.centres is None
    assert noisy.sigma is None


@pytest.mark.parametrize("name", list(pg.data.POINTS))
def test_points_depend_on_the_seed_alone(name: str) -> None:
    make = pg.data.POINTS[name]
    data = make(500, seed=1)
    assert data.points.dtype == data.held_out.dtype == np.float32
    np.testing.assert_array_equal(make(500, seed=1).points, data.points)
    np.testing.assert_array_equal(make(40, seed=1).points, data.points[:40])
    assert not np.array_equal(make(500, seed=2).points, data.points)


def test_points_of_ones_own_are_split() -> None:
    own = np.random.default_rng(0).standard_normal((30, 2))
    data = from_points(own, centres=np.zeros((1, 2)), sigma=1.0)
    assert data.points.shape == (27, 2)
    assert data.held_out.shape == (3, 2)
    together = np.concatenate([data.points, data.held_out])
    assert {*map(tuple, together)} == {*map(tuple, own.astype(np.float32))}


GOOD = np.zeros((4, 2), np.float32)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pg.data.ring(0), pg.ConfigError, "ring: n must be a whole number >= 1, got 0"),
        (lambda: pg.data.ring(9, modes=0), pg.ConfigError, "ring: modes must be"),
        (lambda: pg.data.ring(9, radius=0.0), pg.ConfigError, "radius must be a positive"),
        (lambda: pg.data.grid(9, sigma=0.0), pg.ConfigError, "grid: sigma must be a positive"),
        (lambda: pg.data.grid(9, spacing=np.inf), pg.ConfigError, "spacing must be"),
        (lambda: pg.data.grid(9, seed=-1), pg.ConfigError, "seed must be in"),
        (lambda: pg.data.swiss_roll(9, noise=-1.0), pg.ConfigError, "noise must be a number >= 0"),
        (lambda: pg.data.swiss_roll(9, held_out=0), pg.ConfigError, "held_out must be"),
        (lambda: from_points(GOOD[:, :1]), pg.ShapeError, r"\(N, 2\)"),
        (lambda: from_points(GOOD.astype(int)), pg.DTypeError, "float32 or float64, got int64"),
        (lambda: from_points(GOOD[:1]), pg.DataError, "at least 2 points"),
        (lambda: from_points(GOOD * np.nan), pg.NonFiniteError, "8 values not finite"),
        (lambda: from_points(np.full((4, 2), 1e39)), pg.NonFiniteError, "range of float32"),
        (lambda: from_points(GOOD, sigma=1.0), pg.DataError, "go together"),
        (lambda: Points(GOOD, GOOD, GOOD, 1.0), pg.DTypeError, "centres must be float64"),
        (lambda: captured_modes(GOOD, GOOD[:, :1], 1.0), pg.ShapeError, "centres must be"),
        (lambda: captured_modes(GOOD, GOOD, -1.0), pg.ConfigError, "sigma must be"),
        (lambda: swd_points(GOOD, GOOD[:0]), pg.ShapeError, "b must be"),
        (lambda: swd_points(GOOD.astype(int), GOOD), pg.DTypeError, "a must be"),
    ],
)
def test_what_cannot_work_is_refused(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# --- scores ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "modes"), [(pg.data.ring, 8), (pg.data.grid, 25)])
def test_real_points_score_high_and_one_mode_scores_one(make, modes: int) -> None:
    data = make(2_500, seed=5)
    found, quality = captured_modes(data.points, data.centres, data.sigma)
    assert found == modes
    assert quality == pytest.approx(1 - np.exp(-4.5), abs=0.008)
    one = np.random.default_rng(0).standard_normal((500, 2)) * 0.01 + data.centres[3]
    assert captured_modes(one, data.centres, data.sigma) == (1, 1.0)
    between = (data.centres[:1] + data.centres[1:2]) / 2
    assert captured_modes(between, data.centres, data.sigma) == (0, 0.0)


def test_three_sigma_is_the_limit() -> None:
    centres = np.array([[0.0, 0.0], [10.0, 0.0]])
    samples = np.array([[0.0, 2.99], [0.0, 3.01], [10.0, 3.01], [7.5, 0.0]])
    assert captured_modes(samples, centres, 1.0) == (2, 0.5)


def test_swd_of_points_is_a_distance() -> None:
    a, b = pg.data.swiss_roll(2_000).points, pg.data.swiss_roll(3_000, seed=9).points
    assert swd_points(a, a[::-1]) == 0.0
    assert swd_points(a, b) == swd_points(b, a)
    moved = a.astype(np.float64) + np.array([0.3, 0.4])
    assert swd_points(a.astype(np.float64), moved) == pytest.approx(
        1000 * 0.5 * 2 / np.pi, rel=1e-3
    )
    assert swd_points(a, b) < 40 < 200 < swd_points(a, 0 * b)
    # each point twice is the same distribution
    assert swd_points(np.repeat(a, 2, axis=0), a) == pytest.approx(0.0, abs=1e-9)
