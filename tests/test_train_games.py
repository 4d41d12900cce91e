"""Every game and penalty in the trainer: tiny steps, clipping, resumes, failed updates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from train_tools import SIZE, dataset, everything

import pygan as pg
from pygan.games import Penalty
from pygan.ops.gradient_penalty import KINDS
from pygan.train import update as updates
from pygan.train.config import Config, override, resolve


def trainer(name: str, norm: str | None = "default", **settings: Any) -> pg.Trainer:
    game = pg.games.get(name, **settings)
    norm = game.default_d_norm if norm == "default" else norm
    G = pg.models.DCGANGenerator((SIZE, SIZE, 1), latent=8, width=4)
    D = pg.models.DCGANDiscriminator((SIZE, SIZE, 1), width=4, norm=norm)
    return pg.Trainer(G, D, game=game, data=dataset(), batch_size=8, seed=0)


def steps(made: pg.Trainer, count: int) -> None:
    """Without the scores that `fit` takes."""
    for _ in range(count):
        made.train_step()


def check_resume(make: Any, path: Path) -> pg.Trainer:
    whole, first, second = make(), make(), make()
    steps(whole, 4)
    steps(first, 3)
    first.save(path)
    second.load(path)
    steps(second, 1)
    assert everything(second) == everything(whole)
    assert all(np.isfinite(whole.losses))
    return whole


@pytest.mark.parametrize("name", pg.games.names())
def test_every_game_trains_and_resumes_to_the_bit(name: str, tmp_path: Path) -> None:
    made = check_resume(lambda: trainer(name), tmp_path / "x.safetensors")
    assert made.step == 4
    assert all(np.isfinite(t.numpy()).all() for t in made.D.state_dict().values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_penalty_beside_a_game(kind: str, tmp_path: Path) -> None:
    penalties = [{"kind": kind, "weight": 2, "every": 2}, {"kind": "r1"}]
    made = check_resume(
        lambda: trainer("non-saturating", None, extra_penalties=penalties),
        tmp_path / "x.safetensors",
    )
    draws = {"r1": 0, "r2": 0, "dragan": 2}.get(kind, 1)
    assert made.streams["trainer.alpha"].draw == 2 * draws  # updates 0 and 2 of 4
    plain = trainer("non-saturating", None)
    steps(plain, 4)
    assert plain.digests()["D"] != made.digests()["D"]


def test_rmsprop_with_all_its_state_resumes_to_the_bit(tmp_path: Path) -> None:
    optimizer = {"name": "rmsprop", "lr": 1e-3, "momentum": 0.5, "centered": True}
    check_resume(
        lambda: trainer("least-squares", d_optimizer=optimizer, g_optimizer=optimizer),
        tmp_path / "x.safetensors",
    )


@pytest.mark.parametrize("norm", ["batch", None])
def test_clipping_follows_each_update_of_d(norm: str | None, monkeypatch) -> None:
    """n_critic times a step, not once after the loop."""
    rate = {"name": "rmsprop", "lr": 1e-3}
    made = trainer("wgan", norm, clip=0.015, n_critic=3, d_optimizer=rate)
    largest: list[float] = []
    real = updates.clip_

    def watched(params: Any, low: float, high: float) -> None:
        params = list(params)
        before = max(abs(p.numpy()).max() for p in params)
        real(params, low, high)
        largest.append(max(abs(p.numpy()).max() for p in params))
        assert before > 0.015  # each update left something to clip
        assert len(params) == len(made.D.parameters())

    monkeypatch.setattr(updates, "clip_", watched)
    for step in range(1, 4):
        made.train_step()
        assert len(largest) == 3 * step
        bound = np.float32(0.015)
        assert all(abs(p.numpy()).max() <= bound for p in made.D.parameters())
        assert max(abs(p.numpy()).max() for p in made.G.parameters()) > bound
    assert max(largest) <= np.float32(0.015)


def test_without_a_clip_nothing_is_clipped(monkeypatch) -> None:
    monkeypatch.setattr(updates, "clip_", lambda *_: pytest.fail("clipped"))
    trainer("wgan-gp").train_step()


def test_nan_in_d_under_wgan_changes_nothing() -> None:
    made = trainer("wgan")
    made.fit(1, progress=False)
    weight = made.D.state_dict()["out.weight"]
    array = weight.numpy().copy()
    array.flat[:2] = [np.nan, 7.0]  # 7 would be clipped
    weight.assign_(array)
    before = everything(made)
    with pytest.raises(pg.NonFiniteError, match="step 2, discriminator: matmul"):
        made.train_step()
    assert everything(made) == before


def test_k_steps_of_d_in_any_game() -> None:
    made = trainer("non-saturating", n_critic=3)
    made.train_step()
    state = made.opt_d.state_dict()["steps"].numpy(), made.opt_g.state_dict()["steps"].numpy()
    assert (state[0] == 3).all()
    assert (state[1] == 1).all()
    assert made.order.epoch * 22 + made.order.cursor == 3 * 8


def test_a_lazy_penalty_is_as_heavy_as_it_is_rare() -> None:
    made = trainer("wgan-gp", weight=0.0, extra_penalties=[Penalty("r1", 3.0, every=4)])
    penalty = made.game.penalties[1]
    x = pg.tensor(dataset().images[:8].astype("float32") / 127.5 - 1)
    plain = pg.ops.gradient_penalty(made.D, x, None, kind="r1", weight=12.0).item()
    assert penalty(made.D, x, None).item() == plain > 0
    assert [penalty.due(n) for n in range(6)] == [True, False, False, False, True, False]
    # counted over updates of D, not over steps: 5 a step, so 0 and 4, then 8
    assert [len(made._due(n, (8, 16, 16, 1))) for n in range(5)] == [2, 1, 1, 1, 2]


def test_recipes_reach_every_setting() -> None:
    def game(*settings: str) -> dict[str, Any]:
        config = resolve(override({}, list(settings)))
        again = resolve(__import__("tomllib").loads(config.to_toml()))
        assert again == config
        return config.game

    assert game("game=wgan")["d_optimizer"] == {"name": "rmsprop", "lr": 5e-5}
    assert game("game=wgan", "game.clip=0.1")["clip"] == 0.1
    found = game("game=wgan", "game.d_optimizer.momentum=0.5")["d_optimizer"]
    assert found == {"name": "rmsprop", "lr": 5e-5, "momentum": 0.5}
    assert game("game.real_label=0.9", "game.n_critic=2")["real_label"] == 0.9
    found = game("game=least-squares", "game.a=-1", "game.c=0")
    assert (found["a"], found["b"], found["c"]) == (-1.0, 1.0, 0.0)
    penalties = "game.extra_penalties=[{kind='r1', weight=5}, {kind='r2', every=4}]"
    found = game(penalties, "discriminator.norm='none'")["extra_penalties"]
    assert found == [
        {"kind": "r1", "weight": 5.0, "every": 1},
        {"kind": "r2", "weight": 10.0, "every": 4},
    ]
    assert resolve({"game": "hinge"}).discriminator.norm == "spectral"
    assert Config().game["name"] == "non-saturating"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["game=hing"], "did you mean 'hinge'"),
        (["game=wgan", "game.clp=1"], "game.clip"),
        (["game=wgan", "game.clip=0"], "wgan: clip must be finite and > 0, got 0.0"),
        (["game=least-squares", "game.a=1"], "a and b must differ"),
        (["game.real_labl=0.9"], "game.real_label"),
        (["game.real_label=1.5"], "0 <= fake_label < real_label <= 1"),
        (["game.fake_label=0.1"], "smooths the fake side"),
        (["game.extra_penalties=[{kind='r3'}]"], "unknown kind of gradient penalty 'r3'"),
        (["game.extra_penalties=[{kind='r1', evry=2}]"], "did you mean 'every'"),
        (["game.extra_penalties=[{kind='r1', every=0}]"], "every must be a whole number >= 1"),
        (["game.extra_penalties=[{kind='r1'}]"], "norm='batch' cannot have a gradient penalty"),
        (["game.extra_penalties=[{kind='r2', weight='x'}]"], "weight must be finite"),
        (["game=wgan", "game.d_optimizer.alfa=1"], "did you mean 'alpha'"),
    ],
)
def test_a_wrong_setting_is_one_line(settings: list[str], message: str) -> None:
    with pytest.raises(pg.ConfigError) as caught:
        resolve(override({}, settings))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
