"""NaN planted anywhere at a random step: nothing of that update happens, and the op is named."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import numpy as np
import pytest
from train_tools import everything, trainer

import pygan as pg
from pygan.errors import NonFiniteError

Plant = Callable[[pg.Trainer, pytest.MonkeyPatch, random.Random], None]


def _weights(network: str) -> Plant:
    def plant(made: pg.Trainer, _: pytest.MonkeyPatch, rng: random.Random) -> None:
        _, tensor = rng.choice(getattr(made, network).named_parameters())
        array = tensor.numpy().copy()
        array.flat[rng.randrange(array.size)] = np.nan
        tensor.assign_(array)

    return plant


def _gradients(network: str) -> Plant:
    """sqrt has an infinite slope at 0: values stay as they are, the gradient is 0 / 0."""

    def plant(made: pg.Trainer, patch: pytest.MonkeyPatch, _: random.Random) -> None:
        module = getattr(made, network)
        forward = module.forward

        def poisoned(x: pg.Tensor) -> pg.Tensor:
            y = forward(x)
            return y + pg.ops.sqrt(y - y.detach()) * 0.0

        patch.setattr(module, "forward", poisoned)

    return plant


def _data(made: pg.Trainer, patch: pytest.MonkeyPatch, rng: random.Random) -> None:
    real = made._batch

    def spoiled(indices: np.ndarray) -> pg.Tensor:
        array = real(indices).numpy().copy()
        array.flat[rng.randrange(array.size)] = np.nan
        return pg.tensor(array)

    patch.setattr(made, "_batch", spoiled)


@pytest.mark.parametrize("game", ["non-saturating", "wgan-gp"])
@pytest.mark.parametrize(
    ("plant", "who"),
    [
        (_weights("D"), "discriminator"),
        (_weights("G"), "discriminator"),  # its fakes are what D sees first
        (_gradients("D"), "discriminator"),
        (_gradients("G"), "generator"),
        (_data, "discriminator"),
    ],
    ids=["weights of D", "weights of G", "gradients of D", "gradients of G", "data"],
)
def test_the_update_changes_nothing_and_names_the_op(
    game: str, plant: Plant, who: str, monkeypatch: pytest.MonkeyPatch
):
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest where this fails
    rng = random.Random(seed)
    made = trainer(game)
    steps = rng.randint(0, 6)
    made.fit(steps, progress=False)
    with monkeypatch.context() as patch:
        plant(made, patch, rng)
        before = everything(made)
        with pytest.raises(NonFiniteError) as caught:
            made.train_step()
        after = everything(made)
        generator = made.digests()["G"], made.digests()["EMA"]
    message = str(caught.value)
    found = re.match(rf"step {steps + 1}, {who}: (\w+) .*the update was not applied$", message)
    assert found, message
    assert found[1] in pg._core.registered_ops(), message
    if who == "discriminator":
        assert after == before
    else:  # D's update came first and was fine; of G's nothing is left
        untouched = trainer(game)
        untouched.fit(steps, progress=False)
        assert generator == (untouched.digests()["G"], untouched.digests()["EMA"])
        assert made.step == steps


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_gradient_whose_square_overflows_is_refused(optimizer: str):
    """It would be infinite in the optimizer's mean of squares for ever, and freeze its weight."""
    game = pg.games.get("wgan", d_optimizer={"name": optimizer})
    G = pg.models.MLPGenerator(2, latent=2, width=4, depth=1)
    D = pg.models.MLPDiscriminator(2, width=4, depth=1)
    made = pg.Trainer(G, D, game=game, data=pg.data.ring(100), batch_size=4)
    made.fit(1, progress=False)
    before = made.digests()
    forward = D.forward
    D.forward = lambda x: forward(x) * 1e25
    with pytest.raises(NonFiniteError, match=r"square of the gradient of .* overflows"):
        made.train_step()
    assert made.digests() == before
