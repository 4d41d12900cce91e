"""R1 and R2 share D's passes with the loss: exact, and what it saves. The trainer does so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from critics import array, assert_same, gradients_of, mlp, random_critic, written_out
from devices import DEVICES
from test_penalty_passes import convolution_flops, dcgan

import pygan as pg
from pygan import nn
from pygan.train.update import d_loss

shared = pg.ops.output_and_penalty
ON = ["cpu", *DEVICES]


def loss_of(out: pg.Tensor) -> pg.Tensor:
    """A smooth loss whose cotangents differ from sample to sample."""
    return pg.ops.softplus(-out).mean()


@pytest.mark.parametrize("device", ON)
@pytest.mark.parametrize("block", range(4))
def test_equals_two_passes_on_random_critics(block: int, device: str) -> None:
    if device == "cuda":
        pytest.skip("float64 is of cpu and emu")
    for seed in range(15 * block, 15 * block + 15):
        c = random_critic(1000 + seed, device)
        out, value = shared(c.D, c.x, "r1", 2.0, fused=True)
        expected = loss_of(c.D(c.x)) + written_out(c.D, c.x, "squared", 1.0)
        np.testing.assert_array_equal(out.numpy(), c.D(c.x).numpy())
        total = loss_of(out) + value
        assert total.item() == pytest.approx(expected.item(), rel=1e-13), c
        got = pg.grad(total, c.params, retain_graph=True)
        assert_same(got, pg.grad(expected, c.params), c)
        # either of them alone
        alone = pg.grad(value, c.params, retain_graph=True)
        assert_same(alone, pg.grad(written_out(c.D, c.x, "squared", 1.0), c.params), c)
        assert_same(pg.grad(loss_of(out), c.params), pg.grad(loss_of(c.D(c.x)), c.params), c)


@pytest.mark.parametrize("act", [nn.LeakyReLU, nn.Tanh])
def test_it_can_be_differentiated_again(act: Callable[[], nn.Module]) -> None:
    D, x = mlp(3, 5, 4, 1, act=act), pg.tensor(array(4, 3))
    params = D.parameters()
    out, value = shared(D, x, "r1", 2.0, fused=True)
    results = []
    for total in (
        loss_of(out) + value,
        loss_of(D(x)) + written_out(D, x, "squared", 1.0),
    ):
        first = pg.grad(total, params, create_graph=True)
        square = sum((pg.ops.square(g).sum() for g in first[1:]), pg.ops.square(first[0]).sum())
        results.append([*first, *pg.grad(square, params)])
    assert_same(results[0], results[1], act.__name__)


@pytest.mark.parametrize(("act", "most", "apart"), [("leaky-relu", 5.0, 6.9), ("tanh", 6.0, 8.9)])
def test_convolution_passes_of_loss_and_penalty(act: str, most: float, apart: float) -> None:
    """Five in all where D is piecewise linear, six where it is smooth; apart seven and nine."""
    D, x = dcgan(act), pg.tensor(array(2, 64, 64, 3).astype("float32"))
    once = sum(convolution_flops(lambda: D(x)).values())

    def together() -> None:
        out, value = shared(D, x, fused=True)
        pg.grad(loss_of(out) + value, D.parameters())

    def separately() -> None:
        value = pg.ops.gradient_penalty(D, x, None, "r1", fused=True)
        pg.grad(loss_of(D(x)) + value, D.parameters())

    assert sum(convolution_flops(together).values()) / once <= most
    assert sum(convolution_flops(separately).values()) / once >= apart


def test_several_outputs_of_a_sample_are_not_scaled() -> None:
    """Their ratio in the loss is not constant: the cotangents need a pass of their own."""
    D, x = mlp(3, 5, 2), pg.tensor(array(4, 3))
    out, value = shared(D, x, "r1", 2.0, fused=True)
    weights = pg.tensor(array(4, 2, seed=5))
    got = pg.grad((out * weights).sum() + value, D.parameters())
    expected = (D(x) * weights).sum() + written_out(D, x, "squared", 1.0)
    assert_same(got, pg.grad(expected, D.parameters()), "two outputs")


def test_the_generic_way_shares_the_forward_pass() -> None:
    w, x, calls = nn.Parameter(array(3, 1)), pg.tensor(array(4, 3)), []

    def D(x: pg.Tensor) -> pg.Tensor:
        calls.append(x)
        h = pg.ops.tanh(x)
        return pg.ops.matmul(h - h.mean(axis=0), w)

    said: list[str] = []
    out, value = shared(D, x, "r1", 2.0, report=said.append)
    assert said == ["generic double backward (mean may mix samples), shared with the loss"]
    assert len(calls) == 1
    expected = loss_of(D(x)) + written_out(D, x, "squared", 1.0)
    assert_same(pg.grad(loss_of(out) + value, [w]), pg.grad(expected, [w]), "generic")


def test_only_penalties_at_the_samples_themselves_are_shared() -> None:
    with pytest.raises(pg.ConfigError, match="'wgan-gp' is not taken at the samples themselves"):
        shared(mlp(3, 1), pg.tensor(array(2, 3)), "wgan-gp")
    with pg.no_grad():
        out, value = shared(mlp(3, 4, 1), pg.tensor(array(2, 3)))
    assert not out.requires_grad
    assert not value.requires_grad


# ------------------------------------------------------------- in a game


def parts() -> tuple[nn.Module, nn.Module, pg.Tensor, pg.Tensor]:
    G = mlp(3, 5, 2, seed=1)
    return G, mlp(2, 6, 5, 1), pg.tensor(array(4, 2)), pg.tensor(array(4, 3, seed=2))


def test_the_loss_of_a_game_with_r1_and_r2_and_another() -> None:
    G, D, real, z = parts()
    ones = [pg.games.Penalty(kind, 2.0) for kind in ("r1", "wgan-gp", "r2", "r1")]
    game = pg.games.NonSaturating(extra_penalties=tuple(ones))
    u = pg.tensor(np.array([0.1, 0.4, 0.6, 0.9]))
    due = [(p, {"alpha": u} if p.kind == "wgan-gp" else {}) for p in game.penalties]
    said: list[tuple[str, str]] = []
    loss = d_loss(game, G, D, real, z, due, lambda p, way: said.append((p.kind, way)))
    fake = G(z).detach()
    expected = game.d_loss(D(real), D(fake))
    for samples in (real, fake, real):  # r1 twice: one of them shares
        expected = expected + written_out(D, samples, "squared", 1.0)
    middle = pg.ops.interpolate(real, fake, u)
    expected = expected + written_out(D, middle, "two-sided", 2.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    params = D.parameters()
    assert_same(pg.grad(loss, params), pg.grad(expected, params), "game")
    assert said == [
        ("r1", "fused pass, shared with the loss"),
        ("r2", "fused pass, shared with the loss"),
        ("wgan-gp", "fused pass"),
        ("r1", "fused pass"),
    ]


def test_the_trainer_says_which_way_ran() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(64, 2)).astype("float32")

    def trainer(D: nn.Module, **game: object) -> pg.Trainer:
        G = pg.models.MLPGenerator(shape=2, latent=2, width=4, depth=1)
        return pg.Trainer(G, D, game=pg.games.WGANGP(**game), data=data, batch_size=4)

    t = trainer(nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1)), n_critic=1)
    assert t.penalty_ways == {}
    t.train_step()
    assert t.penalty_ways == {"wgan-gp": "fused pass"}

    class Centred(nn.Module):
        def forward(self, x: pg.Tensor) -> pg.Tensor:
            return x - x.mean(axis=0)

    t = trainer(nn.Sequential(Centred(), nn.Linear(2, 1)), n_critic=1)
    t.train_step()
    assert t.penalty_ways == {"wgan-gp": "generic double backward (mean may mix samples)"}


def test_the_report_of_a_run_says_which_way_ran(tmp_path) -> None:
    data = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    G = pg.models.MLPGenerator(shape=2, latent=2, width=4, depth=1)
    D = nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))
    game = pg.games.NonSaturating(extra_penalties=[pg.games.Penalty("r1", 1.0)])
    trainer = pg.Trainer(G, D, game=game, data=data, batch_size=4, run_dir=tmp_path / "run")
    trainer.fit(steps=1, progress=False)
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "gradient penalty r1" in page
    assert "fused pass, shared with the loss" in page


def test_virtual_batch_norm_of_a_reference_batch_keeps_samples_apart() -> None:
    """The reference batch is no sample: its activations enter, with gradients of their own."""
    D = nn.ReferenceSequential(
        nn.Linear(3, 4),
        nn.VirtualBatchNorm(4),
        nn.LeakyReLU(0.2),
        nn.Linear(4, 4),
        nn.VirtualBatchNorm(4),
        nn.Tanh(),
        nn.Linear(4, 1),
    )
    D.keep_reference((6, 3))
    D.to("float64")
    D.set_reference(array(6, 3, seed=3))
    x, params = pg.tensor(array(4, 3)), D.parameters()
    value = pg.ops.gradient_penalty(D, x, x, weight=1.0, fused=True)
    expected = written_out(D, x, "two-sided", 1.0)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    assert_same(pg.grad(value, params), pg.grad(expected, params), "virtual", 1e-10)
    assert np.abs(gradients_of(pg.ops.gradient_penalty(D, x, x), params)[0]).max() > 0
