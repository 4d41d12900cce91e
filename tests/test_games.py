"""Games against their formulas in NumPy, and the registry's manners."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import pygan as pg
from pygan.games import Game, OptimizerSpec, Penalty


def outputs(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 1)) * 3


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_non_saturating_losses(dtype: str) -> None:
    real, fake = outputs(5, 0).astype(dtype), outputs(7, 1).astype(dtype)
    game = pg.games.NonSaturating()
    d = game.d_loss(pg.tensor(real), pg.tensor(fake))
    g = game.g_loss(pg.tensor(fake))
    assert d.shape == g.shape == ()
    rtol = 1e-5 if dtype == "float32" else 1e-12
    r, f = real.astype("float64"), fake.astype("float64")
    np.testing.assert_allclose(d.item(), softplus(-r).mean() + softplus(f).mean(), rtol=rtol)
    np.testing.assert_allclose(g.item(), softplus(-f).mean(), rtol=rtol)


def test_non_saturating_is_finite_and_steep_where_g_is_poor() -> None:
    fake = pg.tensor(np.array([[-200.0], [0.0], [200.0]]), requires_grad=True)
    (slope,) = pg.grad(pg.games.NonSaturating().g_loss(fake), [fake])
    np.testing.assert_allclose(slope.numpy() * 3, [[-1.0], [-0.5], [0.0]], atol=1e-12)


def test_wgan_gp_losses() -> None:
    real, fake = outputs(5, 0), outputs(7, 1)
    game = pg.games.WGANGP()
    d = game.d_loss(pg.tensor(real), pg.tensor(fake)).item()
    np.testing.assert_allclose(d, fake.mean() - real.mean(), rtol=1e-12)
    np.testing.assert_allclose(game.g_loss(pg.tensor(fake)).item(), -fake.mean(), rtol=1e-12)


def test_the_papers_settings() -> None:
    game = pg.games.NonSaturating()
    assert (game.name, game.n_critic, game.penalties) == ("non-saturating", 1, ())
    assert game.default_d_norm == "batch"
    assert game.d_optimizer == game.g_optimizer
    assert game.d_optimizer == OptimizerSpec("adam", lr=2e-4, betas=(0.5, 0.999))
    game = pg.games.WGANGP()
    assert (game.name, game.n_critic, game.default_d_norm) == ("wgan-gp", 5, None)
    assert game.penalties == (Penalty("wgan-gp", 10.0),)
    assert game.d_optimizer == game.g_optimizer
    assert game.d_optimizer == OptimizerSpec("adam", lr=1e-4, betas=(0.0, 0.9))


def test_get_by_name() -> None:
    assert pg.games.names()[:2] == ("non-saturating", "wgan-gp")
    assert pg.games.get("non-saturating") == pg.games.NonSaturating()
    game = pg.games.get("wgan-gp", weight=3.0, n_critic=2)
    assert game == pg.games.WGANGP(weight=3.0, n_critic=2)
    assert game.penalties == (Penalty("wgan-gp", 3.0),)


def test_settings_survive_json() -> None:
    game = pg.games.WGANGP(
        weight=2.0,
        extra_penalties=(Penalty("wgan-gp", 1.0),),
        g_optimizer=OptimizerSpec("sgd", lr=0.1, momentum=0.5),
    )
    settings = json.loads(json.dumps(game.settings()))
    assert pg.games.get(game.name, **settings) == game
    assert hash(pg.games.get(game.name, **settings)) == hash(game)
    assert game.penalties == (Penalty("wgan-gp", 2.0), Penalty("wgan-gp", 1.0))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("wgan-pg", {}, "unknown game 'wgan-pg': did you mean 'wgan-gp'\\? known: non-saturating"),
        ("zzz", {}, "unknown game 'zzz': known: non-saturating, wgan-gp"),
        (
            "wgan-gp",
            {"n_critics": 3},
            "unknown setting of game 'wgan-gp' 'n_critics': .*'n_critic'",
        ),
        ("non-saturating", {"weight": 1.0}, "unknown setting of game 'non-saturating' 'weight'"),
        ("wgan-gp", {"n_critic": 0}, "wgan-gp: n_critic must be a whole number >= 1, got 0"),
        ("wgan-gp", {"n_critic": True}, "n_critic must be"),
        ("wgan-gp", {"weight": -1.0}, "weight must be finite and >= 0, got -1.0"),
        ("wgan-gp", {"weight": float("nan")}, "weight must be finite"),
        ("wgan-gp", {"weight": "10"}, "weight must be finite"),
        ("wgan-gp", {"extra_penalties": [{"kind": "wgan_gp"}]}, "did you mean 'wgan-gp'"),
        ("wgan-gp", {"extra_penalties": [{"knd": "wgan-gp"}]}, "did you mean 'kind'"),
        ("wgan-gp", {"extra_penalties": "r1"}, "extra_penalties must be a list"),
        ("wgan-gp", {"extra_penalties": [3]}, "expected a Penalty or a table"),
        ("wgan-gp", {"d_optimizer": {"name": "adan"}}, "optimizer 'adan': did you mean 'adam'"),
        ("wgan-gp", {"d_optimizer": {"name": "adam", "beta": 1}}, "did you mean 'betas'"),
        ("wgan-gp", {"g_optimizer": "adam"}, "g_optimizer: expected an OptimizerSpec"),
    ],
)
def test_bad_settings(name: str, settings: dict, message: str) -> None:
    with pytest.raises(pg.ConfigError, match=message):
        pg.games.get(name, **settings)


def test_a_penalty_refuses_batch_norm_in_d() -> None:
    for norm in ("batch", None):
        pg.games.NonSaturating().check_d_norm(norm)
    pg.games.WGANGP().check_d_norm(None)
    with pytest.raises(pg.ConfigError, match=r"wgan-gp: .*norm='batch'.*use norm=None"):
        pg.games.WGANGP().check_d_norm("batch")
    with pytest.raises(pg.ConfigError, match=r"non-saturating: .*norm='batch'"):
        pg.games.NonSaturating(extra_penalties=(Penalty(),)).check_d_norm("batch")


def test_optimizer_spec() -> None:
    spec = OptimizerSpec("adam", lr=1e-2, betas=[0.0, 0.9])
    params = pg.nn.Linear(2, 2).parameters()
    optimizer = spec.build(params)
    assert isinstance(optimizer, pg.optim.Adam)
    assert (optimizer.lr, optimizer.betas) == (1e-2, (0.0, 0.9))
    assert spec.replace(lr=1.0) == OptimizerSpec("adam", lr=1.0, betas=(0.0, 0.9))
    assert spec.to_dict() == {"name": "adam", "lr": 1e-2, "betas": [0.0, 0.9]}
    assert repr(spec) == "OptimizerSpec('adam', lr=0.01, betas=(0.0, 0.9))"
    with pytest.raises(pg.ConfigError, match="Adam: lr must be a number"):
        OptimizerSpec("adam", lr=-1.0)  # before there are parameters
    with pytest.raises(pg.ConfigError, match="optimizer 'sgd' needs the setting 'lr'"):
        OptimizerSpec("sgd", momentum=0.5)


def test_a_game_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg.games, "_games", dict(pg.games._games))

    @pg.games.register
    @dataclass(frozen=True, kw_only=True)
    class LeastSquares(Game):
        name: ClassVar[str] = "my-least-squares"
        target: float = 1.0

        def d_loss(self, d_real: pg.Tensor, d_fake: pg.Tensor) -> pg.Tensor:
            return pg.ops.square(d_real - self.target).mean() + pg.ops.square(d_fake).mean()

        def g_loss(self, d_fake: pg.Tensor) -> pg.Tensor:
            return pg.ops.square(d_fake - self.target).mean()

    game = pg.games.get("my-least-squares", target=0.5)
    assert game.g_loss(pg.tensor(np.array([[1.5]]))).item() == 1.0
    assert pg.games.register(LeastSquares) is LeastSquares  # twice the same: fine
    other = dataclasses.make_dataclass(
        "Other", [], bases=(LeastSquares,), frozen=True, kw_only=True
    )
    with pytest.raises(pg.ConfigError, match="exists already"):
        pg.games.register(other)
    with pytest.raises(pg.ConfigError, match="Game: a game needs a name"):
        pg.games.register(Game)
    with pytest.raises(NotImplementedError, match="does not define d_loss"):
        Game().d_loss(pg.zeros((1, 1)), pg.zeros((1, 1)))
