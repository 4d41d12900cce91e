"""The Dirac-GAN of Mescheder et al. 2018: data at 0, fakes at theta, D(x) = psi x.

What games and R1 do near the equilibrium (0, 0) is known in closed form; here the engine computes
the updates' Jacobians and nothing is derived by hand but the expected eigenvalues. For a logistic
game f'(0) = 1/2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pygan as pg
from pygan.games import Game, Penalty

SLOPE = 0.5  # f'(0) of f(t) = -log(1 + exp(-t))
Pair = tuple[pg.Tensor, pg.Tensor]


def gradients(game: Game, theta: pg.Tensor, psi: pg.Tensor) -> Pair:
    """(dL_G/dtheta, dL_D/dpsi), both recorded: partial ones, even where theta came from psi."""
    theta, psi = theta * 1.0, psi * 1.0

    def D(x: pg.Tensor) -> pg.Tensor:
        return x * psi

    real = pg.zeros((1, 1), "float64")
    fake = theta.reshape(1, 1)
    loss = game.d_loss(D(real), D(fake))
    for penalty in game.penalties:
        loss = loss + penalty(D, real, fake)
    (d_psi,) = pg.grad(loss, [psi], create_graph=True)
    (d_theta,) = pg.grad(game.g_loss(D(fake)), [theta], create_graph=True)
    return d_theta, d_psi


def simultaneous(game: Game, theta: pg.Tensor, psi: pg.Tensor, h: float) -> Pair:
    d_theta, d_psi = gradients(game, theta, psi)
    return theta - d_theta * h, psi - d_psi * h


def alternating(game: Game, theta: pg.Tensor, psi: pg.Tensor, h: float) -> Pair:
    theta = theta - gradients(game, theta, psi)[0] * h
    return theta, psi - gradients(game, theta, psi)[1] * h


def jacobian(step: Callable[[pg.Tensor, pg.Tensor], Pair]) -> np.ndarray:
    """Of a map of (theta, psi), at (0, 0)."""
    at = [pg.tensor(np.zeros(1), requires_grad=True) for _ in range(2)]
    rows = [pg.grad(out.sum(), at, retain_graph=True) for out in step(*at)]
    return np.array([[entry.item() for entry in row] for row in rows])


def walk(step: Callable[..., Pair], game: Game, h: float, count: int) -> np.ndarray:
    """Distances from (0, 0) of the unlinearised walk that starts at (0.1, 0)."""
    theta, psi = 0.1, 0.0
    distances = [0.1]
    for _ in range(count):
        at = [pg.tensor(np.array([v]), requires_grad=True) for v in (theta, psi)]
        theta, psi = (v.item() for v in step(game, *at, h))
        distances.append(float(np.hypot(theta, psi)))
    return np.array(distances)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
@pytest.mark.parametrize("gamma", [0.3, 1.0, 1.7, 4.0])
def test_eigenvalues_with_r1(name: str, gamma: float) -> None:
    """-gamma/2 +- sqrt(gamma^2/4 - f'(0)^2); gamma/4 under the root agrees at gamma = 1 only."""
    game = pg.games.get(name, extra_penalties=[Penalty("r1", gamma)])
    J = -jacobian(lambda theta, psi: gradients(game, theta, psi))
    found = np.sort_complex(np.linalg.eigvals(J))

    def formula(inside: float) -> np.ndarray:
        root = np.sqrt(complex(inside - SLOPE**2))
        return np.sort_complex(np.array([-gamma / 2 - root, -gamma / 2 + root]))

    # At gamma = 1 the root is double, and eigenvalues keep half of the digits.
    np.testing.assert_allclose(found, formula(gamma**2 / 4), atol=1e-7 if gamma == 1 else 1e-12)
    assert (found.real < 0).all()  # the flow converges
    if gamma != 1.0:
        assert not np.allclose(found, formula(gamma / 4), atol=1e-2)


@pytest.mark.parametrize("name", ["minimax", "non-saturating", "wgan"])
@pytest.mark.parametrize("h", [1e-3, 0.03, 0.3, 1.0])
def test_simultaneous_steps_without_penalty_leave_the_point_at_every_rate(
    name: str, h: float
) -> None:
    game = pg.games.get(name)
    slope = 1.0 if name == "wgan" else SLOPE
    J = jacobian(lambda theta, psi: simultaneous(game, theta, psi, h))
    moduli = abs(np.linalg.eigvals(J))
    np.testing.assert_allclose(moduli, np.sqrt(1 + (h * slope) ** 2), rtol=1e-12)
    assert (moduli > 1).all()
    if name != "non-saturating":  # whose loss of G is not bilinear away from the point
        assert (np.diff(walk(simultaneous, game, h, 20)) > 0).all()
    assert walk(simultaneous, game, h, 40)[-1] > 0.1


@pytest.mark.parametrize("name", ["minimax", "non-saturating", "wgan"])
def test_alternating_steps_linearised_stay_on_an_ellipse(name: str) -> None:
    """Modulus 1 while h |f'(0)| < 2, and beyond that one eigenvalue outside."""
    game = pg.games.get(name)
    slope = 1.0 if name == "wgan" else SLOPE
    for h in (0.01, 0.5, 1.9 / slope):
        J = jacobian(lambda theta, psi: alternating(game, theta, psi, h))  # noqa: B023
        np.testing.assert_allclose(abs(np.linalg.eigvals(J)), 1.0, atol=1e-12)
        state = np.array([0.1, 0.0])
        orbit = [np.linalg.norm(state := J @ state) for _ in range(300)]
        # neither spiral: a long orbit comes back as near and goes as far as a short one
        assert max(orbit[150:]) == pytest.approx(max(orbit[:150]), rel=0.05)
        assert min(orbit[150:]) == pytest.approx(min(orbit[:150]), rel=0.3)
    h = 2.1 / slope
    J = jacobian(lambda theta, psi: alternating(game, theta, psi, h))
    assert max(abs(np.linalg.eigvals(J))) > 1.01


def test_r1_brings_the_walk_home_where_the_game_alone_does_not() -> None:
    plain = pg.games.get("non-saturating")
    penalised = pg.games.get("non-saturating", extra_penalties=[Penalty("r1", 1.0)])
    assert walk(simultaneous, plain, 0.1, 200)[-1] > 0.1
    assert walk(simultaneous, penalised, 0.1, 200)[-1] < 0.001
