"""Dropout and Embedding: draws that are state, rows that are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from train_tools import SIZE, dataset, everything

import pygan as pg
from pygan import nn
from pygan.nn import init, pending
from pygan.reference import random as reference


def ones(*shape: int) -> pg.Tensor:
    return pg.tensor(np.ones(shape, np.float32))


def test_a_forward_draws_and_the_key_moves_on() -> None:
    layer = nn.Dropout(0.25)
    seed, stream, draw = layer.key.numpy().tolist()
    assert draw == 0
    for k in range(3):
        key = np.array([seed, stream, k])
        expected = reference.dropout(np.ones((50, 40), np.float32), key, 0.25)
        np.testing.assert_array_equal(layer(ones(50, 40)).numpy(), expected)
    assert layer.key.numpy().tolist() == [seed, stream, 3]
    assert 0.2 < (expected == 0).mean() < 0.3
    assert expected.max() == np.float32(4 / 3)


def test_evaluation_and_p_0_are_the_identity_and_draw_nothing() -> None:
    x = ones(3)
    layer = nn.Dropout().eval()
    assert layer(x) is x
    assert layer.key.numpy()[2] == 0
    assert nn.Dropout(0)(x) is x


def test_the_backward_pass_has_the_mask_of_its_forward() -> None:
    """The buffer has moved on by then: the recorded op must not look at it."""
    layer, x = nn.Dropout(0.5), pg.tensor(np.ones((8, 8)), requires_grad=True)
    first, second = layer(x), layer(x)
    assert not np.array_equal(first.numpy(), second.numpy())
    for y in (first, second):
        (dx,) = pg.grad(y.sum(), [x])
        np.testing.assert_array_equal(dx.numpy(), y.numpy())


def test_seeds_are_a_layers_own_and_come_from_its_network() -> None:
    a, b = nn.Dropout(), nn.Dropout()
    assert a.key.numpy()[0] != b.key.numpy()[0]

    def network() -> nn.Sequential:
        with init.deferred():
            return nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Dropout())

    for initialise in (init.default_, init.dcgan_, init.he_):
        one, two, other = network(), network(), network()
        initialise(one, 3, "critic")
        initialise(two, 3, "critic")
        initialise(other, 4, "critic")
        keys = [[m.key.numpy().tolist() for m in list(n)[1:]] for n in (one, two, other)]
        assert keys[0] == keys[1]
        assert len({k[0] for k in keys[0] + keys[2]}) == 4
        assert all(k[0] > 0 for k in keys[0])


def test_a_dropped_update_has_drawn_nothing() -> None:
    layer, plain = nn.Dropout(), nn.Dropout()
    plain.load_state_dict(layer.state_dict())
    expected = [plain(ones(9, 9)).numpy() for _ in range(3)]
    with pending.transaction() as values:
        drawn = [layer(ones(9, 9)).numpy() for _ in range(2)]
        assert layer.key.numpy()[2] == 0
        values.drop()
    np.testing.assert_array_equal(drawn, expected[:2])
    with pending.transaction() as values:
        np.testing.assert_array_equal(layer(ones(9, 9)).numpy(), expected[0])
    values.commit()
    np.testing.assert_array_equal(layer(ones(9, 9)).numpy(), expected[1])
    again = nn.Dropout()
    again.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(again(ones(9, 9)).numpy(), expected[2])


class Critic(nn.Module):
    """With dropout, and with a fault that a test can switch on."""

    def __init__(self) -> None:
        self.hidden = nn.Linear(SIZE * SIZE, 16)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(16, 1)
        self.factor = 1.0

    def forward(self, x: pg.Tensor) -> pg.Tensor:
        h = pg.ops.leaky_relu(self.hidden(pg.ops.reshape(x, (x.shape[0], SIZE * SIZE))), 0.2)
        return self.out(self.drop(h)) * self.factor


def trainer(seed: int = 0) -> pg.Trainer:
    G = pg.models.DCGANGenerator((SIZE, SIZE, 1), latent=8, width=4, seed=seed)
    with init.deferred():
        D = Critic()
    init.default_(D, seed, "critic")
    return pg.Trainer(G, D, game=pg.games.WGANGP(), data=dataset(), batch_size=8, seed=seed)


def test_training_resumes_to_the_bit(tmp_path: Path) -> None:
    """Through a gradient penalty: dropout is differentiated twice."""
    whole, first, second = trainer(), trainer(), trainer(seed=0)
    whole.fit(3, progress=False)
    first.fit(2, progress=False)
    first.save(tmp_path / "x.safetensors")
    second.load(tmp_path / "x.safetensors")
    second.fit(1, progress=False)
    assert everything(second) == everything(whole)
    # D's own updates draw three times each: real, fake, penalty; G's updates leave no trace
    assert whole.D.drop.key.numpy()[2] == 3 * 3 * whole.game.n_critic


def test_a_failed_update_draws_nothing() -> None:
    t = trainer()
    t.fit(1, progress=False)
    before = everything(t)
    t.D.factor = float("inf")
    with pytest.raises(pg.NonFiniteError, match="discriminator"):
        t.train_step()
    t.D.factor = 1.0
    assert everything(t) == before


def test_embedding_trains_the_rows_that_were_read() -> None:
    layer = nn.Embedding(5, 3)
    assert repr(layer) == "Embedding(5, 3)"
    index = np.array([[0, 4], [4, -1]])
    y = layer(pg.tensor(index))
    np.testing.assert_array_equal(y.numpy(), layer.weight.numpy()[index])
    y.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[k] * 3 for k in (1, 0, 0, 0, 3)])
    wide = nn.Embedding(200, 50).weight.numpy()
    assert abs(wide.std() - 1) < 0.05


def test_mistakes_are_named() -> None:
    for p in (1.0, -0.1, float("nan"), "half", True):
        with pytest.raises(pg.ConfigError, match=r"Dropout: p must be in \[0, 1\)"):
            nn.Dropout(p)
    with pytest.raises(pg.ConfigError, match="Embedding: entries must be a whole number >= 1"):
        nn.Embedding(0, 3)
    with pytest.raises(pg.ShapeError, match=r"index 5 at \[1\] .* of extent 5"):
        nn.Embedding(5, 3)(pg.tensor([0, 5]))
    with pytest.raises(pg.DTypeError, match="indices must be int64"):
        nn.Embedding(5, 3)(ones(2))
