"""The losses of every game, their slopes and their optima, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pygan as pg

Array = np.ndarray


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0, -x))


def logistic(real: Array, fake: Array, t: float = 1.0, s: float = 0.0) -> float:
    def cross_entropy(x: Array, t: float) -> float:
        return float((t * softplus(-x) + (1 - t) * softplus(x)).mean())

    return cross_entropy(real, t) + cross_entropy(fake, s)


def critic(real: Array, fake: Array) -> float:
    return float(fake.mean() - real.mean())


Losses = tuple[
    Callable[[Array, Array], float], Callable[[Array], float], Callable[[Array], Array], float
]
#: name, settings: D's loss, G's loss, N times G's slope in each output, the largest logit to try
FORMULAS: dict[str, tuple[str, dict[str, Any], Losses]] = {
    "non-saturating": (
        "non-saturating",
        {},
        (logistic, lambda f: softplus(-f).mean(), lambda f: -sigmoid(-f), 1e5),
    ),
    "one-sided": (
        "non-saturating",
        {"real_label": 0.9},
        (
            lambda r, f: logistic(r, f, 0.9),
            lambda f: softplus(-f).mean(),
            lambda f: -sigmoid(-f),
            1e5,
        ),
    ),
    "two-sided": (
        "minimax",
        {"real_label": 0.8, "fake_label": 0.1, "smooth_fakes": True},
        (
            lambda r, f: logistic(r, f, 0.8, 0.1),
            lambda f: -softplus(f).mean(),
            lambda f: -sigmoid(f),
            1e5,
        ),
    ),
    "minimax": (
        "minimax",
        {},
        (logistic, lambda f: -softplus(f).mean(), lambda f: -sigmoid(f), 1e5),
    ),
    # exp overflows by nature; up to there it must not
    "maximum-likelihood": (
        "maximum-likelihood",
        {},
        (logistic, lambda f: -np.exp(f).mean() / 2, lambda f: -np.exp(f) / 2, 80.0),
    ),
    "least-squares": (
        "least-squares",
        {},
        (
            lambda r, f: ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2,
            lambda f: ((f - 1) ** 2).mean() / 2,
            lambda f: f - 1,
            1e5,
        ),
    ),
    "pearson": (
        "least-squares",
        {"a": -1, "b": 1, "c": 0},
        (
            lambda r, f: ((r - 1) ** 2).mean() / 2 + ((f + 1) ** 2).mean() / 2,
            lambda f: (f**2).mean() / 2,
            lambda f: f,
            1e5,
        ),
    ),
    "hinge": (
        "hinge",
        {},
        (
            lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
            lambda f: -f.mean(),
            lambda f: -np.ones_like(f),
            1e3,
        ),
    ),
    "wgan": ("wgan", {}, (critic, lambda f: -f.mean(), lambda f: -np.ones_like(f), 1e3)),
    "wgan-gp": ("wgan-gp", {}, (critic, lambda f: -f.mean(), lambda f: -np.ones_like(f), 1e3)),
}


def outputs(shape: tuple[int, ...], seed: int, largest: float, dtype: str) -> Array:
    x = np.random.default_rng(seed).standard_normal(shape) * 3
    x.flat[:4] = [-largest, largest, -40, 40]
    return x.astype(dtype)


def test_every_game_is_here() -> None:
    assert {name for name, _, _ in FORMULAS.values()} == set(pg.games.names())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("which", FORMULAS)
def test_losses_and_their_slopes(which: str, dtype: str) -> None:
    name, settings, (d_formula, g_formula, slope, largest) = FORMULAS[which]
    game = pg.games.get(name, **settings)
    real, fake = outputs((5, 1), 0, largest, dtype), outputs((7, 2, 3), 1, largest, dtype)
    r, f = real.astype("float64"), fake.astype("float64")
    rtol = 1e-12 if dtype == "float64" else 2e-6
    d_real, d_fake = (pg.tensor(x, requires_grad=True) for x in (real, fake))
    d, g = game.d_loss(d_real, d_fake), game.g_loss(d_fake)
    assert d.shape == g.shape == ()
    assert d.dtype == g.dtype == dtype
    # Of a mean of large terms of both signs few digits are left; its scale is that of the terms.
    scale = 4 * np.finfo(dtype).eps * largest if which in ("wgan", "wgan-gp", "hinge") else 0.0
    np.testing.assert_allclose(d.item(), d_formula(r, f), rtol=rtol, atol=scale)
    np.testing.assert_allclose(g.item(), g_formula(f), rtol=rtol, atol=scale)
    (dg,) = pg.grad(g, [d_fake])
    np.testing.assert_allclose(
        dg.numpy() * f.size, slope(f), rtol=10 * rtol, atol=rtol / 10
    )  # sigmoid - 1 rounds to eps
    # Slopes of D's loss from its differences: they are sums of terms of one output each.
    grads = pg.grad(d, [d_real, d_fake])
    for k, x in enumerate((r, f)):
        for i in range(x.size):
            ends = []
            h = 1e-4 * max(1.0, abs(x.flat[i]))
            for sign in (1, -1):
                moved = [r.copy(), f.copy()]
                moved[k].flat[i] += sign * h
                # the other outputs stay out of it: at 1e5 they would cost all digits
                one = [moved[0].reshape(-1), moved[1].reshape(-1)]
                one[k] = one[k][i : i + 1]
                one[1 - k] = np.zeros(1)
                ends.append(d_formula(*one))
            difference = (ends[0] - ends[1]) / (2 * h)
            got = grads[k].numpy().astype("float64").flat[i] * x.size
            np.testing.assert_allclose(got, difference, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("which", FORMULAS)
def test_second_derivatives(which: str) -> None:
    name, settings, _ = FORMULAS[which]
    game = pg.games.get(name, **settings)
    rng = np.random.default_rng(2)
    real, fake = rng.standard_normal((3, 1)), rng.standard_normal((4, 1))
    pg.testing.check_grads(game.d_loss, [real, fake], order=2)
    pg.testing.check_grads(game.g_loss, [fake], order=2)


def slope_at(game: str, logit: float) -> float:
    x = pg.tensor(np.array([[logit]]), requires_grad=True)
    return pg.grad(pg.games.get(game).g_loss(x), [x])[0].item()


def test_where_the_costs_of_g_are_flat() -> None:
    """At an obvious fake (D near 0) minimax and maximum likelihood are flat, non-saturating not.

    And no cost blows up there: log(1 - D) is near 0 where D is.
    """
    obvious, convincing = -30.0, 3.0
    for flat in ("minimax", "maximum-likelihood"):
        assert abs(slope_at(flat, obvious)) < 1e-12
        assert abs(slope_at(flat, convincing)) > 0.9
    assert slope_at("non-saturating", obvious) == pytest.approx(-1, rel=1e-12)
    assert abs(slope_at("non-saturating", convincing)) < 0.05
    for name in pg.games.names():
        cost = [pg.games.get(name).g_loss(pg.full((1, 1), v, "float64")).item() for v in (-30, 0.5)]
        assert cost[1] < cost[0], name  # G minimises its cost: the better fake is the cheaper one
    poor = pg.games.get("minimax").g_loss(pg.full((1, 1), -200.0, "float64")).item()
    assert abs(poor) < 1e-80


def test_the_maximum_likelihood_cost_is_an_exponential() -> None:
    """-1/2 mean exp(sigmoid^-1(D)): not the logarithm of the odds, which would be the logit."""
    logits = np.array([[0.5], [-2.0], [3.0]])
    d = sigmoid(logits)
    cost = pg.games.get("maximum-likelihood").g_loss(pg.tensor(logits)).item()
    assert cost == pytest.approx(-0.5 * np.exp(np.log(d / (1 - d))).mean(), rel=1e-12)
    assert cost != pytest.approx(-0.5 * np.log(d / (1 - d)).mean(), rel=0.1)


def test_its_gradient_is_that_of_maximum_likelihood() -> None:
    """For D = p/(p+q) and G a table q = softmax(a): E_q[r d log q] = -d KL(p||q), r = p/q."""
    p = np.array([0.5, 0.3, 0.2])
    a = pg.tensor(np.array([0.1, -0.4, 0.9]), requires_grad=True)
    e = pg.ops.exp(a)
    q = e / e.sum()
    ratio = pg.tensor(np.log(p) - np.log(q.numpy()))  # the optimal logit, held
    (d_cost,) = pg.grad((pg.ops.exp(ratio) * q).sum() * -0.5, [a])
    e = pg.ops.exp(a)
    q = e / e.sum()
    (d_likelihood,) = pg.grad((pg.tensor(p) * pg.ops.log(q)).sum(), [a])
    np.testing.assert_allclose(d_cost.numpy(), -0.5 * d_likelihood.numpy(), rtol=1e-12)
    game = pg.games.get("maximum-likelihood")
    values = [game.g_loss(pg.full((1, 1), x, "float64")).item() for x in ratio.numpy()]
    np.testing.assert_allclose(values, -0.5 * np.exp(ratio.numpy()), rtol=1e-12)


@pytest.mark.parametrize(("real", "fake"), [(1.0, 0.0), (0.9, 0.0), (0.8, 0.1)])
@pytest.mark.parametrize("name", ["non-saturating", "minimax", "maximum-likelihood"])
def test_the_optimal_discriminator(name: str, real: float, fake: float) -> None:
    """(a p + b q) / (p + q), which is p / (p + q) for labels 1 and 0; there d_loss is smallest."""
    game = pg.games.get(name, real_label=real, fake_label=fake, smooth_fakes=True)
    p, q = np.array([8, 3, 1]), np.array([2, 3, 7])  # how often each of three points appears
    optimal = (real * p + fake * q) / (p + q)

    def loss(d: Array) -> tuple[pg.Tensor, pg.Tensor]:
        table = pg.tensor(np.log(d / (1 - d)), requires_grad=True)

        def at(counts: Array) -> pg.Tensor:
            rows = np.eye(3)[np.repeat(np.arange(3), counts)]
            return pg.tensor(rows) @ table.reshape(3, 1)

        return game.d_loss(at(p), at(q)), table

    value, table = loss(optimal)
    (slope,) = pg.grad(value, [table])
    np.testing.assert_allclose(slope.numpy(), 0, atol=1e-14)
    for direction in np.eye(3):
        assert loss(optimal - 0.02 * direction)[0].item() > value.item()
        assert loss(optimal + 0.02 * direction)[0].item() > value.item()
    if (real, fake) == (1.0, 0.0):
        # -V of the paper at its optimum: ln 4 - 2 JSD, without a factor 1/2 before it
        r, f = p / p.sum(), q / q.sum()
        m = (r + f) / 2
        jsd = ((r * np.log(r / m)).sum() + (f * np.log(f / m)).sum()) / 2
        assert value.item() == pytest.approx(np.log(4) - 2 * jsd, rel=1e-12)


def test_smoothing_fakes_moves_the_optimum_to_the_fakes() -> None:
    """Why it is refused: far from all data (p << q) D would answer b and not 0."""
    p, q = 1e-6, 1.0
    assert 0.9 * p / (p + q) < 1e-5
    assert (0.9 * p + 0.1 * q) / (p + q) > 0.09
    with pytest.raises(pg.ConfigError, match=r"rewards G for the fakes .*Salimans.*3\.4") as caught:
        pg.games.get("non-saturating", fake_label=0.1)
    assert "\n" not in str(caught.value)
    assert "smooth_fakes=true" in str(caught.value)
    assert pg.games.get("non-saturating", fake_label=0.1, smooth_fakes=True).fake_label == 0.1
