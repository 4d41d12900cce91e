"""Binary cross-entropy with logits."""

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
