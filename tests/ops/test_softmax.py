"""Softmax and cross-entropy: extreme logits, missing classes, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg

rng = np.random.default_rng(0)
inf, nan = np.inf, np.nan


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_rows(axis: int, dtype: str) -> None:
    rows = np.array(
        [[1e4, 0, -1e4], [-inf, 0, 0], [-inf, -inf, 3], [-inf] * 3, [inf, 0, 0], [0, nan, 0]], dtype
    )
    p = [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1], [nan] * 3, [nan] * 3, [nan] * 3]
    log = [[0, -1e4, -2e4], [-inf, -np.log(2), -np.log(2)], [-inf, -inf, 0], *p[3:]]
    x = pg.tensor(rows if axis else np.ascontiguousarray(rows.T))
    for f, expected in ((pg.ops.softmax, p), (pg.ops.log_softmax, log)):
        y = f(x, axis=axis).numpy()
        np.testing.assert_allclose(y if axis else y.T, expected, rtol=1e-6)


def test_gradient_beside_an_impossible_class() -> None:
    """A logit of -inf is a class with probability 0: no NaN comes of it."""
    x = pg.tensor(np.array([[-inf, 0.0, 1.0], [2.0, -inf, 0.0]]), requires_grad=True)
    p = pg.ops.softmax(x).numpy()
    for targets in (np.array([1, 0]), np.array([[0, 1.0, 0], [1.0, 0, 0]])):
        loss = pg.ops.cross_entropy_with_logits(x, pg.tensor(targets))
        (dx,) = pg.grad(loss, [x])
        t = np.array([[0, 1.0, 0], [1.0, 0, 0]])
        np.testing.assert_allclose(loss.item(), -np.log(p[t == 1]).mean(), rtol=1e-12)
        np.testing.assert_allclose(dx.numpy(), (p - t) / 2, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_logits(dtype: str) -> None:
    x = pg.tensor(np.array([[1e4, 0], [-1e4, 1e4]], dtype), requires_grad=True)
    loss = pg.ops.cross_entropy_with_logits(x, pg.tensor(np.array([1, 1])), reduction="none")
    np.testing.assert_array_equal(loss.numpy(), [1e4, 0])
    (dx,) = pg.grad(loss.sum(), [x])
    np.testing.assert_array_equal(dx.numpy(), [[1, -1], [0, 0]])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("axis", [0, 1])
def test_the_largest_is_found_at_every_place(device: str, axis: int) -> None:
    """Shifted by any other, the exponential would overflow."""
    for n in (1, 2, 33, 70):
        x = np.zeros((n, n), np.float32)
        x[np.arange(n), np.arange(n)[::-1]] = 1e4
        y = pg.ops.softmax(pg.tensor(x, device=device), axis=axis).numpy()
        np.testing.assert_array_equal(y, x / 1e4)


def test_two_classes_are_binary_cross_entropy() -> None:
    x, t = rng.uniform(-9, 9, 50), rng.integers(0, 2, 50)
    logits = pg.tensor(np.stack([np.zeros(50), x], 1))
    both = pg.ops.cross_entropy_with_logits(logits, pg.tensor(t), reduction="none")
    one = pg.ops.bce_with_logits(pg.tensor(x), pg.tensor(t.astype(float)))
    np.testing.assert_allclose(both.numpy(), one.numpy(), rtol=1e-12)


def test_smoothed_classes_are_their_probabilities() -> None:
    x, t = rng.standard_normal((7, 5)), rng.integers(0, 5, 7)
    f, smooth = pg.ops.cross_entropy_with_logits, np.eye(5)[t] * 0.9 + 0.1 / 5
    a = f(pg.tensor(x), pg.tensor(t), label_smoothing=0.1)
    np.testing.assert_allclose(a.item(), f(pg.tensor(x), pg.tensor(smooth)).item(), rtol=1e-12)


def test_one_pass_forward_and_one_backward() -> None:
    x = pg.tensor(rng.standard_normal((7, 5)), requires_grad=True)
    with pg.trace() as events:
        loss = pg.ops.cross_entropy_with_logits(x, pg.tensor(rng.integers(0, 5, 7)), "sum")
        pg.grad(loss, [x])
    ops = [e["op"] for e in events]
    assert [op for op in ops if "softmax" in op] == [
        "softmax_cross_entropy",
        "softmax_cross_entropy_grad",
    ]


def test_errors() -> None:
    x, f = pg.zeros((5, 10)), pg.ops.cross_entropy_with_logits
    for wrong in (10, -1):
        targets = np.array([0, 9, 3, wrong, 99])
        with pytest.raises(pg.ShapeError, match=rf"targets\[3\] is {wrong}, .*0 to 9"):
            f(x, pg.tensor(targets))
    with pytest.raises(pg.ShapeError, match=r"\(5,\), got \(5, 1\)"):
        f(x, pg.tensor(np.zeros((5, 1), np.int64)))
    with pytest.raises(pg.ShapeError, match=r"\(5, 10\), got \(5,\)"):
        f(x, pg.zeros((5,)))
    with pytest.raises(pg.DTypeError, match="int64 classes"):
        f(x, pg.zeros((5, 10), "float64"))
    with pytest.raises(pg.ShapeError, match=r"\(N, K\)"):
        f(pg.zeros((5,)), pg.tensor(np.zeros(5, np.int64)))
    with pytest.raises(pg.ConfigError, match="reduction"):
        f(x, x, reduction="average")
    with pytest.raises(pg.ConfigError, match="label_smoothing"):
        f(x, x, label_smoothing=1.5)
    for op in (pg.ops.softmax, pg.ops.log_softmax):
        with pytest.raises(pg.ShapeError, match="axis 2 is out of range"):
            op(x, axis=2)
        with pytest.raises(pg.DTypeError, match="softmax"):
            op(pg.tensor(np.zeros(3, np.int64)))
