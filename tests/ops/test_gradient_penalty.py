"""interpolate and norm_penalty at sizes around their blocks, and at their special values."""

from __future__ import annotations

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg

ON = ["cpu", *DEVICES]
# Lanes of 32 in runs of 16 on the CPU; chunks of 1024 and blocks of 256 threads in runs of 16
SIZES = (1, 31, 32, 33, 255, 256, 257, 511, 513, 1023, 1024, 1025, 4096, 4097)
COSTS = ("two-sided", "one-sided", "squared")


def numbers(*shape: int, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("device", ON)
@pytest.mark.parametrize("d", SIZES)
def test_interpolate_has_the_bits_of_numpy(device: str, d: int) -> None:
    real, fake, u = numbers(3, d), numbers(3, d, seed=1), numbers(3, seed=2)
    got = pg.ops.interpolate(*(pg.tensor(x, device=device) for x in (real, fake, u)))
    expected = u[:, None] * real + (np.float32(1) - u[:, None]) * fake
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("device", ON)
def test_interpolate_meets_its_ends_and_an_empty_batch(device: str) -> None:
    real, fake = (pg.tensor(numbers(2, 5, seed=s), device=device) for s in (1, 2))
    ends = pg.ops.interpolate(real, fake, pg.tensor(np.array([1, 0], "float32"), device=device))
    np.testing.assert_array_equal(ends.numpy()[0], real.numpy()[0])
    np.testing.assert_array_equal(ends.numpy()[1], fake.numpy()[1])
    for shape in ((0, 3), (2, 0)):
        x = pg.zeros(shape, device=device)
        assert pg.ops.interpolate(x, x, pg.zeros(shape[:1], device=device)).shape == shape


@pytest.mark.parametrize("device", ON)
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("n", [1, 2, 255, 257, 600, 2049])
def test_norm_penalty_of_many_samples(device: str, cost: str, n: int) -> None:
    g = numbers(n, 3)
    value, coefficient = pg.ops.norm_penalty(pg.tensor(g, device=device), cost, 10.0)
    length = np.sqrt((g.astype("float64") ** 2).sum(1))
    above = np.maximum(length - 1, 0) if cost == "one-sided" else length - 1
    slope = 2 * length if cost == "squared" else 2 * above
    costs = length**2 if cost == "squared" else above**2
    np.testing.assert_allclose(value.item(), 10 * costs.mean(), rtol=1e-6)
    np.testing.assert_allclose(coefficient.numpy(), 10 / n * slope / length, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("device", ON)
@pytest.mark.parametrize("d", [*SIZES, 12288])
def test_norms_of_long_samples_lose_nothing(device: str, d: int) -> None:
    """Four samples of one length in float32: within two roundings of float64's."""
    g = numbers(4, d)
    value, _ = pg.ops.norm_penalty(pg.tensor(g, device=device), "squared", 1.0)
    exact = (g.astype("float64") ** 2).sum(1).mean()
    assert value.item() == pytest.approx(exact, rel=2.0**-21)


@pytest.mark.parametrize("device", ON)
@pytest.mark.parametrize("cost", COSTS)
def test_norm_penalty_at_zero_and_not_a_number(device: str, cost: str) -> None:
    g = numbers(3, 4)
    g[1] = 0
    x = pg.tensor(g, device=device)
    value, coefficient = pg.ops.norm_penalty(x, cost, 3.0)
    assert np.isfinite(value.item())
    expected = 2.0 if cost == "squared" else 0.0  # weight / N cost'(n) / n, with 0 for 0 / 0
    assert coefficient.numpy()[1] == expected
    assert not coefficient.requires_grad
    g[2, 1] = np.nan
    value, coefficient = pg.ops.norm_penalty(pg.tensor(g, device=device), cost)
    assert np.isnan(value.item())
    if cost != "squared":
        assert np.isnan(coefficient.numpy()[2])


def test_refusals() -> None:
    x, u = pg.zeros((3, 4)), pg.zeros((3,))
    interpolate, norm_penalty = pg.ops.interpolate, pg.ops.norm_penalty
    with pytest.raises(pg.ShapeError, match=r"real and fake .* \(3, 4\) and \(3, 5\)"):
        interpolate(x, pg.zeros((3, 5)), u)
    with pytest.raises(pg.ShapeError, match=r"u must be \(3,\), one coefficient per sample"):
        interpolate(x, x, pg.zeros((3, 4)))
    with pytest.raises(pg.DTypeError, match="interpolate: mixed dtypes"):
        interpolate(x, x, pg.zeros((3,), "float64"))
    with pytest.raises(pg.ShapeError, match=r"g must be \(N, \.\.\.\) with N >= 1, got \(0, 4\)"):
        norm_penalty(pg.zeros((0, 4)))
    with pytest.raises(pg.DTypeError, match="norm_penalty"):
        norm_penalty(pg.zeros((3, 4), "int64"))
    with pytest.raises(pg.ConfigError, match=r'cost must be "two-sided", .* got "both"'):
        norm_penalty(x, "both")
    with pytest.raises(pg.ConfigError, match="weight must be finite, got inf"):
        norm_penalty(x, "squared", float("inf"))
