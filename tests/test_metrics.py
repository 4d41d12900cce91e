"""pygan.metrics: the sliced Wasserstein distance against a slow version and its properties."""

import numpy as np
import pytest

from pygan import data
from pygan.errors import ConfigError, DTypeError, NonFiniteError, ShapeError
from pygan.metrics import sliced_wasserstein as module
from pygan.metrics import swd, swd_real
from pygan.reference import random


@pytest.fixture(scope="module")
def fashion():
    return data.embedded()


def smooth(rng, n, h=12, w=10, c=1):
    """Random images with correlated neighbours: sums of a few random waves, in [-1, 1]."""
    y, x = np.mgrid[0:h, 0:w]
    out = np.zeros((n, h, w, c))
    for _ in range(4):
        fy, fx = rng.normal(0, 0.5, (2, n, 1, 1, c))
        phase = rng.normal(0, 3, (n, 1, 1, c))
        out += np.cos(fy * y[None, ..., None] + fx * x[None, ..., None] + phase)
    return out / 4


def slow_swd(a, b, seed):
    """The definition with loops, on the positions and directions of the fast version."""

    def patches(images):
        n, h, w, c = images.shape
        count = n * 32
        words = random.words(module.stream_key(seed, "metrics.swd.position"), count)
        words = words.reshape(-1, 2)[:count]
        rows = []
        for i in range(count):
            y = int(words[i, 0]) * (h - 6) // 2**32
            x = int(words[i, 1]) * (w - 6) // 2**32
            rows.append(images[i // 32, y : y + 7, x : x + 7].astype(np.float64))
        rows = np.stack(rows)
        for channel in range(c):
            part = rows[..., channel]
            rows[..., channel] = (part - part.mean()) / part.std()
        return rows.transpose(0, 3, 1, 2).reshape(count, -1)

    pa, pb = patches(a), patches(b)
    total = 0.0
    for direction in module._projections(pa.shape[1], seed).astype(np.float64):
        total += np.mean(np.abs(np.sort(pa @ direction) - np.sort(pb @ direction)))
    return 1000 * total / 512


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_is_its_definition(channels, seed):
    """Catches unsorted values, one normalisation for all channels or both sets, and so on."""
    rng = np.random.default_rng(1)
    a = smooth(rng, 20, c=channels) * 0.3 + 0.2
    b = rng.uniform(-1, 1, a.shape)
    assert swd(a, b, seed) == pytest.approx(slow_swd(a, b, seed), rel=1e-4)


def test_equal_sets_score_zero_and_order_does_not_matter(fashion):
    a, b = fashion.images[:300], fashion.held_out[:300]
    assert swd(a, a.copy()) == 0.0
    assert swd(a, b) == swd(b, a)
    permuted = swd(a, a[::-1])
    assert 0 < permuted < 25  # only the patches' positions differ; unsorted values give hundreds


def test_worse_images_score_higher(fashion):
    """Blur, noise, shuffled pixels and a constant, each far above real against real."""
    real, held = fashion.images[:500], fashion.held_out[:500]
    base = swd(real, held)
    assert base < 25
    rng = np.random.default_rng(0)
    x = data.to_float(real)
    blurred = sum(np.roll(x, (i, j), (1, 2)) for i in range(-1, 2) for j in range(-1, 2)) / 9
    noisy = x + rng.normal(0, 0.2, x.shape).astype(np.float32)
    shuffled = x.reshape(500, -1)[:, rng.permutation(784)].reshape(x.shape)
    scores = [swd(images, held) for images in (noisy, blurred, shuffled, 0 * x)]
    scores.append(swd(np.repeat(real[:1], 500, axis=0), held))  # one image again and again
    # measured: real 21, noise 53, blur 61, shuffled 238, constant 764, one image 190
    floors = (40, 45, 160, 500, 130)
    assert all(score > floor for score, floor in zip(scores, floors, strict=True)), scores


def test_brightness_and_contrast_are_normalised_away_per_channel(fashion):
    a, b = data.to_float(fashion.images[:100]), fashion.held_out[:100]
    assert swd(0.25 * a - 0.5, b) == pytest.approx(swd(a, b), rel=1e-4)
    rgb = np.repeat(a, 3, axis=3)
    scaled = rgb * np.array([0.1, 0.5, 1.0], np.float32) + np.array([0.0, 0.3, 0.0], np.float32)
    reference = np.repeat(data.to_float(b), 3, axis=3)
    assert swd(scaled, reference) == pytest.approx(swd(rgb, reference), rel=1e-4)


def test_dtypes_agree(fashion):
    a, b = fashion.images[:50], fashion.held_out[:50]
    expected = swd(a, b)
    assert swd(data.to_float(a), b) == expected
    assert swd(data.to_float(a).astype(np.float64), b) == expected


def test_the_seed_decides_everything(fashion):
    a, b = fashion.images[:100], fashion.held_out[:100]
    assert swd(a, b, 3) == swd(a, b, 3)
    assert swd(a, b, 3) != swd(a, b, 4)


def test_strided_input_is_taken_as_it_is(fashion):
    a, b = fashion.images[:200:2, ::-1], fashion.held_out[:100]
    assert swd(a, b) == swd(a.copy(), b)


def test_sets_of_different_sizes():
    """Each value twice is the same distribution: exactly the distance of the single ones."""
    rng = np.random.default_rng(2)
    a, b = (np.sort(rng.normal(size=(4, 6)).astype(np.float32), axis=1) for _ in range(2))
    twice = np.repeat(a, 2, axis=1)
    assert module._compare(twice, a) == 0.0
    assert module._compare(twice, b) == pytest.approx(module._compare(a, b), rel=1e-6)
    assert module._compare(b, twice) == module._compare(twice, b)
    # 2 values against 3: quantiles 1/6, 1/2, 5/6 of (0, 1) are 0, 1, 1
    two, three = np.array([[0.0, 1.0]]), np.array([[5.0, 5.0, 5.0]])
    assert module._compare(two, three) == pytest.approx(1000 * (5 + 4 + 4) / 3)


def test_fewer_samples_still_score_low(fashion):
    assert swd(fashion.images[:300], fashion.held_out) < 40


def test_directions_are_uniform_on_the_sphere():
    t = module._projections(49, 0).astype(np.float64)
    assert t.shape == (512, 49)
    np.testing.assert_allclose(np.linalg.norm(t, axis=1), 1, atol=1e-6)
    assert np.abs(t.T @ t * 49 / 512 - np.eye(49)).max() < 0.25
    assert len(np.unique(t[:, 0])) == 512


def test_positions_cover_the_image():
    """Every position of a 9x8 image is used about equally (chi-squared, 5 degrees, p 1e-4)."""
    index = np.arange(72, dtype=np.float32).reshape(1, 9, 8, 1)
    images = np.repeat(index, 60, axis=0)
    patches = module._patches(images, 0)  # normalisation is affine: the smallest value is pixel 0
    corner = np.unique(np.round(patches[:, 0], 4), return_counts=True)[1]
    assert len(corner) == 6
    expected = 60 * 32 / 6
    assert np.sum((corner - expected) ** 2 / expected) < 25.7


def test_real_against_real(fashion):
    """The mean of ten scores, each of other training images."""
    score = swd_real(fashion.images, fashion.held_out)
    assert 5 < score < 20  # measured: 11
    few, held = fashion.images[:60], fashion.held_out[:30]
    draws = []
    for d in range(10):
        chosen = data.permutation(60, 7, d, "metrics.swd_real")
        draws.append(swd(few[chosen], held, seed=7))
    assert len(set(draws)) == 10  # the same images, but each draw meets other positions
    assert swd_real(few, held, seed=7) == pytest.approx(np.mean(draws), rel=1e-12)


def test_real_against_real_of_few_images(fashion):
    score = swd_real(fashion.images[:40], fashion.held_out[:4], seed=2)
    assert np.isfinite(score)
    assert score > 20  # the fewer, the noisier


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        (np.zeros((2, 6, 9, 1)), np.zeros((2, 6, 9, 1)), ShapeError),
        (np.zeros((2, 9, 9)), np.zeros((2, 9, 9)), ShapeError),
        (np.zeros((0, 9, 9, 1)), np.zeros((2, 9, 9, 1)), ShapeError),
        (np.zeros((2, 9, 9, 1)), np.zeros((2, 9, 9, 3)), ShapeError),
        (np.zeros((2, 9, 9, 1), int), np.zeros((2, 9, 9, 1)), DTypeError),
        (np.full((2, 9, 9, 1), np.nan), np.zeros((2, 9, 9, 1)), NonFiniteError),
        (np.zeros((2, 9, 9, 1)), np.full((2, 9, 9, 1), np.inf), NonFiniteError),
    ],
)
def test_refuses_what_it_cannot_compare(a, b, error):
    with pytest.raises(error):
        swd(a, b)
    with pytest.raises(error):
        swd_real(a, b)


def test_refuses_an_impossible_seed():
    with pytest.raises(ConfigError, match="seed"):
        swd(np.zeros((2, 9, 9, 1)), np.zeros((2, 9, 9, 1)), seed=-1)
