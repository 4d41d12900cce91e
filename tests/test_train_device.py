"""Training on device emu: the random numbers of the CPU, and its losses step by step."""

from __future__ import annotations

import numpy as np
import pytest
from devices import DEVICES

import pygan as pg
from pygan.random import Stream
from pygan.train.batches import Batches

STEPS = 4
# A step's rounding errors grow with the steps that follow: float32, sums in another order.
TOLERANCE = 2e-4

GAMES = {"non-saturating": pg.games.NonSaturating, "wgan-gp": pg.games.WGANGP}


def trainer(game: str, device: str) -> pg.Trainer:
    norm = None if game == "wgan-gp" else "batch"
    G = pg.models.DCGANGenerator((8, 8, 1), latent=8, width=4, norm="batch", seed=1)
    D = pg.models.DCGANDiscriminator((8, 8, 1), width=4, norm=norm, seed=1)
    if device != "cpu":
        G.to(device)
        D.to(device)
    images = pg.data.embedded().images[:100, 10:18, 10:18]
    return pg.Trainer(G, D, game=GAMES[game](), data=images, batch_size=6, seed=3)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("device", DEVICES)
def test_losses_are_the_cpus(device: str, game: str) -> None:
    here, there = trainer(game, "cpu"), trainer(game, device)
    for step in range(STEPS):
        expected, losses = here.train_step(), there.train_step()
        np.testing.assert_allclose(losses, expected, rtol=TOLERANCE, err_msg=f"step {step}")
    for name, weight in there.G.state_dict().items():
        assert weight.device == device, name
    assert np.abs(here.sample(4).astype(int) - there.sample(4)).max() <= 1


@pytest.mark.parametrize("device", DEVICES)
def test_random_numbers_are_the_cpus(device: str) -> None:
    for draw in (
        lambda s, d: s.normal((33, 7), device=d),
        lambda s, d: s.uniform((129,), device=d),
        lambda s, d: s.bernoulli(0.3, (257,), device=d),
        lambda s, d: s.permutation(100, device=d),
    ):
        a, b = (draw(Stream(5, "trainer.latent"), d) for d in ("cpu", device))
        assert b.device == device
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("resident", [True, False])
def test_batches_are_the_cpus(device: str, resident: bool, monkeypatch) -> None:
    from pygan.train import batches

    if not resident:
        monkeypatch.setattr(batches, "RESIDENT", 0)
    for data in (pg.data.embedded(), pg.data.ring()):
        there = Batches(data, "float32", device)
        assert (there.resident is not None) == resident
        rows = np.array([3, 0, 3, 99])
        batch = there(rows)
        assert batch.device == device
        np.testing.assert_array_equal(batch.numpy(), data.batch(rows))
