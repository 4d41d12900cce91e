"""Binary cross-entropy with logits, and against one constant target."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_stable_at_any_size_of_the_logit(dtype: str) -> None:
    x = np.array([1e4, -1e4, 90, -90, 0], dtype)
    t = np.array([1, 0, 0, 1, 0.5], dtype)
    logits = pg.tensor(x, requires_grad=True)
    y = pg.ops.bce_with_logits(logits, pg.tensor(t))
    np.testing.assert_allclose(y.numpy(), [0, 0, 90, 90, np.log(2)], rtol=1e-6)
    (dx,) = pg.grad(y, [logits], [pg.ones((5,), dtype)])
    np.testing.assert_allclose(dx.numpy(), [0, 0, 1, -1, 0], atol=1e-7)


def test_is_the_textbook_formula() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.uniform(-5, 5, 50), rng.uniform(0, 1, 50)
    p = 1 / (1 + np.exp(-x))
    expected = -t * np.log(p) - (1 - t) * np.log(1 - p)
    np.testing.assert_allclose(
        pg.ops.bce_with_logits(pg.tensor(x), pg.tensor(t)).numpy(), expected, rtol=1e-12
    )
    f = pg.ops.binary_cross_entropy_with_logits
    for reduction, value in (("mean", expected.mean()), ("sum", expected.sum())):
        assert f(pg.tensor(x), pg.tensor(t), reduction=reduction).item() == pytest.approx(value)
    assert f(pg.tensor(x), pg.tensor(t), reduction="none").shape == (50,)


def test_errors() -> None:
    with pytest.raises(pg.ShapeError, match=r"\(4, 1\).*\(4,\)"):
        pg.ops.bce_with_logits(pg.zeros((4, 1)), pg.zeros((4,)))
    with pytest.raises(pg.DTypeError, match="bce_with_logits"):
        pg.ops.bce_with_logits(pg.zeros((4,)), pg.zeros((4,), "float64"))
    with pytest.raises(pg.ConfigError, match="reduction"):
        pg.ops.binary_cross_entropy_with_logits(pg.zeros(4), pg.zeros(4), reduction="average")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", [0.0, 1.0, 0.9])
def test_one_target_is_the_mean_of_a_constant(dtype: str, target: float) -> None:
    rng = np.random.default_rng(0)
    for shape in ((1,), (64, 1), (5, 30, 30, 1), (3, 4097)):
        x = rng.uniform(-8, 8, shape).astype(dtype)
        a, b = (pg.tensor(x, requires_grad=True) for _ in range(2))
        y = pg.ops.logistic_loss(a, target)
        z = pg.ops.binary_cross_entropy_with_logits(b, pg.full(shape, target, dtype))
        tolerance = 4 * float(np.finfo(dtype).eps)
        assert y.item() == pytest.approx(z.item(), rel=tolerance)
        (da,), (db,) = pg.grad(y, [a]), pg.grad(z, [b])
        np.testing.assert_allclose(da.numpy(), db.numpy(), rtol=tolerance, atol=tolerance / x.size)


def test_one_target_keeps_small_slopes() -> None:
    """sigmoid(x) - 1 would be 0 beyond x = 17 in float32, and G would stop learning there."""
    x = pg.tensor(np.array([30.0, -30.0, 1e4, -1e4], np.float32), requires_grad=True)
    (dx,) = pg.grad(pg.ops.logistic_loss(x, 1.0), [x])
    np.testing.assert_allclose(dx.numpy()[:2], [-np.exp(-30) / 4, -0.25], rtol=1e-6)
    assert dx.numpy()[2] == 0
    assert dx.numpy()[3] == -0.25
    (dx,) = pg.grad(pg.ops.logistic_loss(x, 0.0), [x])
    np.testing.assert_allclose(dx.numpy()[:2], [0.25, np.exp(-30) / 4], rtol=1e-6)
    assert pg.ops.logistic_loss(pg.tensor([1e4], "float32"), 0.0).item() == 1e4


def test_one_target_of_infinite_and_missing_logits() -> None:
    def loss(x: float, target: float) -> float:
        return pg.ops.logistic_loss(pg.tensor([x, 0.0], "float32"), target).item()

    half = pytest.approx(np.log(2) / 2, rel=1e-6)
    assert loss(np.inf, 1.0) == half
    assert loss(-np.inf, 0.0) == half
    assert loss(np.inf, 0.0) == loss(-np.inf, 1.0) == loss(np.inf, 0.9) == np.inf
    assert np.isnan(loss(np.nan, 1.0))


def test_one_target_does_not_depend_on_the_threads() -> None:
    x = pg.tensor(np.random.default_rng(0).standard_normal(100_000).astype(np.float32))
    before, results = pg.get_num_threads(), set()
    try:
        for threads in (1, 2, 3):
            pg.set_num_threads(threads)
            results.add(pg.ops.logistic_loss(x, 1.0).item())
    finally:
        pg.set_num_threads(before)
    assert len(results) == 1


def test_errors_of_one_target() -> None:
    with pytest.raises(pg.ShapeError, match=r"logistic_loss: logits \(0, 3\) are none"):
        pg.ops.logistic_loss(pg.zeros((0, 3)), 1.0)
    with pytest.raises(pg.DTypeError, match="logistic_loss"):
        pg.ops.logistic_loss(pg.tensor([1, 2]), 1.0)
    with pytest.raises(pg.ConfigError, match="target must be finite"):
        pg.ops.logistic_loss(pg.zeros(3), float("nan"))
    with pytest.raises(pg.ConfigError, match="finite in the logits' dtype, got 1e"):
        pg.ops.logistic_loss(pg.zeros(3), 1e39)
    with pytest.raises(pg.ShapeError, match=r"dy must be a scalar, got \(3,\)"):
        pg.ops.logistic_loss_grad(pg.zeros(3), pg.zeros(3), 1.0)
