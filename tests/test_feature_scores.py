"""Scores in a feature space: Fréchet distance, precision and recall, nearest images."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.errors import ConfigError, DTypeError, NonFiniteError, ShapeError
from pygan.metrics import (
    fd,
    fd_real,
    frechet_distance,
    nearest_images,
    precision_recall,
    precision_recall_real,
)


def random_covariance(rng: np.random.Generator, n: int) -> np.ndarray:
    a = rng.normal(size=(n, n))
    return a @ a.T / n + 0.1 * np.eye(n)


def test_equal_gaussians_have_distance_zero():
    # A lecture prints a plus before the root and no square: 4 tr S here instead of 0.
    rng = np.random.default_rng(0)
    s = random_covariance(rng, 12)
    mu = rng.normal(size=12)
    assert frechet_distance(mu, s, mu, s) < 1e-10 * np.trace(s)


def test_diagonal_gaussians_have_the_distance_of_the_formula():
    rng = np.random.default_rng(1)
    mu_x, mu_g = rng.normal(size=(2, 9)) * 3
    x, g = rng.uniform(0.01, 4, (2, 9))  # standard deviations
    # for commuting covariances: |mu_x - mu_g|^2 + |sigma_x - sigma_g|^2
    expected = np.sum((mu_x - mu_g) ** 2) + np.sum((x - g) ** 2)
    found = frechet_distance(mu_x, np.diag(x**2), mu_g, np.diag(g**2))
    assert found == pytest.approx(expected, rel=1e-12)
    # the square: twice the distance of the means is four times the score
    one, two = (frechet_distance(np.zeros(1), np.eye(1), np.full(1, d), np.eye(1)) for d in (1, 2))
    assert (one, two) == (pytest.approx(1), pytest.approx(4))


def test_full_covariances_against_the_root_of_the_product():
    rng = np.random.default_rng(2)
    s_x, s_g = random_covariance(rng, 7), random_covariance(rng, 7)
    values, vectors = np.linalg.eig(s_x @ s_g)  # not symmetric, but similar to what is
    root = (vectors * np.sqrt(values)) @ np.linalg.inv(vectors)
    np.testing.assert_allclose(root @ root, s_x @ s_g, rtol=1e-8, atol=1e-10)
    expected = np.trace(s_x + s_g - 2 * root.real)
    zero = np.zeros(7)
    assert frechet_distance(zero, s_x, zero, s_g) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(zero, s_g, zero, s_x) == pytest.approx(expected, rel=1e-9)


def test_singular_covariances():
    s = np.outer([1.0, 2.0, 0.0], [1.0, 2.0, 0.0])
    zero = np.zeros(3)
    assert frechet_distance(zero, s, zero, s) == pytest.approx(0, abs=1e-7)
    assert frechet_distance(zero, s, zero, np.zeros((3, 3))) == pytest.approx(5)


def test_fd_of_samples():
    rng = np.random.default_rng(3)
    a = rng.normal(size=(4000, 3)).astype(np.float32)
    b = (rng.normal(size=(5000, 3)) * [1, 2, 1] + [0, 0, 3]).astype(np.float32)
    assert fd(a, a) == pytest.approx(0, abs=1e-9)
    assert fd(a, b) == pytest.approx(fd(b, a), rel=1e-9)
    assert fd(a, b) == pytest.approx(9 + 1, rel=0.05)
    covariance = np.cov(a.astype(np.float64), rowvar=False)
    mean = a.astype(np.float64).mean(axis=0)
    reference = frechet_distance(mean, covariance, np.zeros(3), np.eye(3))
    exact = np.concatenate([np.eye(3), -np.eye(3)]) * np.sqrt(2.5)  # mean 0, covariance I
    assert fd(a, exact) == pytest.approx(reference, rel=1e-9)


def test_real_draws_are_means_over_ten():
    rng = np.random.default_rng(4)
    train, held = rng.normal(size=(60, 4)), rng.normal(size=(20, 4))
    # 1,000 are more than there are: every draw is all of them
    assert fd_real(train, held) == pytest.approx(fd(train, held), rel=1e-9)
    found = precision_recall_real(train, held)
    assert found == pytest.approx(precision_recall(train, held), rel=1e-12)


def test_precision_and_recall_on_a_line():
    # With k = 1 the balls of real points 0, 1, 10, 12 reach 1, 1, 2, 2.
    real = np.array([[0.0], [1.0], [10.0], [12.0]])
    generated = np.array([[-1.5], [1.5], [13.5], [20.0]])
    # in the real manifold: 1.5 (by 1) and 13.5 (by 12); balls of generated points reach
    # 3, 3, 6.5, 6.5: 0 and 1 are in those of the first two, 10 and 12 in that of the third
    assert precision_recall(generated, real, k=1) == (0.5, 1.0)


def test_few_kinds_have_precision_without_recall():
    rng = np.random.default_rng(5)
    real = np.concatenate([rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 50])
    one_kind = rng.normal(size=(400, 2))
    precision, recall = precision_recall(one_kind, real)
    assert precision > 0.9
    assert 0.4 < recall <= 0.5
    noise = rng.normal(size=(400, 2)) - 500
    assert precision_recall(noise, real) == (0.0, 0.0)
    assert precision_recall(real, real) == (1.0, 1.0)
    collapsed = np.repeat(real[:1], 400, axis=0)
    assert precision_recall(collapsed, real)[1] <= 1 / 400


def test_nearest_images_by_hand_and_against_every_pair():
    rng = np.random.default_rng(6)
    training = rng.integers(0, 256, (70, 5, 4, 3), np.uint8)
    samples = rng.integers(0, 256, (9, 5, 4, 3), np.uint8)
    samples[4] = training[33]
    samples[5] = training[12]
    samples[5, 0, 0, 0] ^= 1  # one byte off by one
    index, distances = nearest_images(samples, training)
    every = samples[:, None].astype(float) - training[None].astype(float)
    rms = np.sqrt((every**2).mean(axis=(2, 3, 4)))
    np.testing.assert_array_equal(index, rms.argmin(axis=1))
    np.testing.assert_allclose(distances, rms.min(axis=1), rtol=1e-12)
    assert (index[4], distances[4]) == (33, 0.0)
    assert (index[5], distances[5]) == (12, pytest.approx(np.sqrt(1 / 60)))
    twice = np.concatenate([training, training])
    np.testing.assert_array_equal(nearest_images(samples, twice)[0], index)  # the first wins


def test_nearest_images_in_blocks(monkeypatch):
    rng = np.random.default_rng(7)
    training, samples = (rng.integers(0, 256, (n, 4, 4, 1), np.uint8) for n in (50, 7))
    whole = nearest_images(samples, training)
    monkeypatch.setattr("pygan.metrics.neighbours._BLOCK", 48)  # three images at once
    np.testing.assert_array_equal(nearest_images(samples, training), whole)


def test_any_number_of_threads_gives_the_same_scores():
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(2, 700, 64)).astype(np.float32)
    threads, found = pg.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            pg.set_num_threads(count)
            found.append((precision_recall(a, b), round(fd(a, b), 9)))
    finally:
        pg.set_num_threads(threads)
    assert found[0] == found[1] == found[2]


GOOD = np.zeros((6, 3), np.float32)


@pytest.mark.parametrize("score", [fd, fd_real, precision_recall, precision_recall_real])
@pytest.mark.parametrize(
    ("error", "a", "b"),
    [
        (ShapeError, GOOD, GOOD[:, :2]),
        (ShapeError, GOOD[0], GOOD),
        (ShapeError, GOOD[:0], GOOD),
        (ShapeError, GOOD[:1], GOOD),
        (ShapeError, GOOD, GOOD[:1]),
        (DTypeError, GOOD.astype(int), GOOD),
        (NonFiniteError, np.full((6, 3), np.nan), GOOD),
    ],
)
def test_unusable_features(score, error, a, b):
    with pytest.raises(error):
        score(a, b)


def test_unusable_arguments():
    with pytest.raises(ConfigError, match="k must be"):
        precision_recall(GOOD, GOOD, k=0)
    with pytest.raises(ShapeError, match="k=3"):
        precision_recall(GOOD[:3], GOOD)
    with pytest.raises(ShapeError, match="means"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    images = np.zeros((2, 4, 4, 1), np.uint8)
    for error, a, b in (
        (DTypeError, images.astype(float), images),
        (ShapeError, images[:0], images),
        (ShapeError, images, images[:, :3]),
    ):
        with pytest.raises(error):
            nearest_images(a, b)
