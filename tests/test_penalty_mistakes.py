"""The classic mistakes with gradient penalties, by name: each test fails with its mistake.

One coefficient per pixel, and gradients that reach the generator: test_gradient_penalty.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from critics import (
    array,
    assert_same,
    fused,
    gradients_of,
    mlp,
    written_out,
)

import pygan as pg
from pygan import nn

penalty = pg.ops.gradient_penalty


@pytest.fixture
def case() -> tuple[nn.Sequential, pg.Tensor]:
    return mlp(4, 6, 5, 1, act=nn.Tanh), pg.tensor(array(5, 4) * np.arange(1, 6)[:, None])


Case = tuple[nn.Sequential, pg.Tensor]


def test_classic_mistake_norm_over_the_whole_batch(case: Case) -> None:
    """The gradients of a batch are the mean of each sample's own: nothing but a norm couples."""
    D, x = case
    params = D.parameters()
    whole = gradients_of(fused(D, x), params)
    single = [gradients_of(fused(D, x[b : b + 1].detach()), params) for b in range(5)]
    for i, g in enumerate(whole):
        np.testing.assert_allclose(g, np.mean([s[i] for s in single], axis=0), atol=1e-13)


def test_classic_mistake_seed_of_one_over_the_batch_size(case: Case) -> None:
    """With the seed 1/N of a mean loss all lengths would be N times too small."""
    D, x = case
    lengths = np.linalg.norm(
        pg.grad(D(v := x.detach().requires_grad_(True)).sum(), [v])[0].numpy(), axis=1
    )
    assert fused(D, x).item() == pytest.approx(np.mean((lengths - 1) ** 2), rel=1e-12)
    assert fused(D, x).item() != pytest.approx(np.mean((lengths / 5 - 1) ** 2), rel=1e-3)


def test_classic_mistake_gradient_held_constant(case: Case) -> None:
    """Without create_graph the penalty is a number: every weight would get zero."""
    D, x = case
    value = fused(D, x)
    assert value.requires_grad
    weights = [p for p in D.parameters() if p.ndim == 2]
    for g in gradients_of(value, weights):
        assert np.abs(g).max() > 1e-3


def test_classic_mistake_biases_before_a_piecewise_linear_activation_get_gradients() -> None:
    """|dD/dx| of a leaky-ReLU critic does not depend on its biases, but for kinks."""
    D, x = mlp(4, 6, 5, 1), pg.tensor(array(5, 4))
    for name, p in D.named_parameters():
        g = pg.grad(fused(D, x), [p])[0].numpy()
        assert (np.abs(g).max() > 1e-3) == (name.split(".")[-1] == "weight"), name


def test_classic_mistake_smooth_activations_without_their_second_derivative(case: Case) -> None:
    """The first bias of a tanh critic has a gradient, by phi'' alone."""
    D, x = case
    first = dict(D.named_parameters())["0.bias"]
    (g,) = pg.grad(fused(D, x), [first])
    start, step = first.numpy().copy(), 1e-6
    for i in range(first.size):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[i] += sign * step
            first.assign_(moved)
            ends.append(fused(D, x).item())
        first.assign_(start)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert g.numpy()[i] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_classic_mistake_gradients_through_the_points(case: Case) -> None:
    """x^ is a constant: a trained generator or encoder behind it gets nothing."""
    D, x = case
    source = x.detach().requires_grad_(True)
    value = penalty(D, source * 2.0, source * 3.0, fused=True)
    value.backward()
    assert source.grad is None
    assert all(p.grad is not None for p in D.parameters()[:1])


def test_classic_mistake_not_a_number_where_the_gradient_vanishes() -> None:
    """At |g| = 0 the norm has no derivative; 0 is taken, and other samples keep theirs."""
    w = nn.Parameter(array(4, 1))
    x = np.zeros((2, 4))
    x[1] = array(4, seed=1)

    def D(x: pg.Tensor) -> pg.Tensor:  # gradient x w^2
        return (pg.ops.square(x) * pg.ops.square(w).reshape(1, -1)).sum(axis=1) * 0.5

    (g,) = pg.grad(fused(D, pg.tensor(x)), [w])
    (alone,) = pg.grad(fused(D, pg.tensor(x[1:])), [w])
    np.testing.assert_allclose(g.numpy(), alone.numpy() / 2, rtol=1e-12)


def test_classic_mistake_one_tangent_for_two_uses_of_a_weight() -> None:
    """A weight that enters twice has both terms (and one that is a part of another, its own)."""
    w = nn.Parameter(array(3, 3))
    x = pg.tensor(array(4, 3))

    def D(x: pg.Tensor) -> pg.Tensor:
        return pg.ops.matmul(pg.ops.matmul(x, w) * pg.ops.tanh(w[0]), w)

    (g,) = pg.grad(fused(D, x), [w])
    (expected,) = pg.grad(written_out(D, x, "two-sided", 1.0), [w])
    assert_same([g], [expected], "twice")
