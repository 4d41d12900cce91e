"""The trainer: transactions, determinism, what it refuses and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from train_tools import SIZE, dataset, everything, images, trainer

import pygan as pg
from pygan import recording
from pygan.errors import (
    CheckpointError,
    CollapseError,
    ConfigError,
    DataError,
    DTypeError,
    Error,
    NonFiniteError,
    ShapeError,
)
from pygan.nn import pending
from pygan.train import state
from pygan.train import update as updates

GAMES = ["non-saturating", "wgan-gp"]


@pytest.mark.parametrize("game", GAMES)
def test_a_step_changes_what_it_should(game: str):
    made = trainer(game)
    before = state.tensors(made)
    before = {name: array.copy() for name, array in before.items()}
    losses = made.train_step()
    assert all(np.isfinite(losses))
    after = state.tensors(made)
    critics = made.game.n_critic
    # A critic's last bias cancels between real and fake; a game without penalty draws no alpha.
    unchanged = {f"{part}out.bias" for part in ("net/D/", "opt/D/m/", "opt/D/v/")}
    unchanged = unchanged if game == "wgan-gp" else {"rng/trainer.alpha"}
    for name, array in after.items():
        if "num_batches_tracked" in name:
            # Real and fake go through D in its own updates, and G's statistics are its update's.
            expected = 2 * critics if name.startswith("net/D") else 1
            assert array == expected, name
        elif not (name.endswith("/lr") or name in unchanged):
            assert not np.array_equal(array, before[name]), name
    assert after["rng/trainer.latent"] == critics + 1
    assert after["rng/trainer.alpha"] == (critics if made.game.penalties else 0)
    assert (made.order.epoch * 22 + made.order.cursor) == 8 * critics


@pytest.mark.parametrize("game", GAMES)
def test_same_bits_again_and_for_any_number_of_threads(game: str):
    found = set()
    threads = pg.get_num_threads()
    try:
        for count in (1, 2, 4, 2):
            pg.set_num_threads(count)
            made = trainer(game)
            made.fit(3, progress=False)
            found.add(everything(made))
    finally:
        pg.set_num_threads(threads)
    assert len(found) == 1
    assert everything(trainer(game, seed=1)) not in found


def test_the_generators_update_does_no_work_for_the_discriminators_weights():
    made = trainer()
    made.train_step()
    z = made.streams["trainer.latent"].normal((8, 8))
    with pg.trace() as events:
        updates.generator_update(made.game, made.G, made.D, made.opt_g, z)
    ops = [event["op"] for event in events]
    assert ops.count("conv2d_weight_grad") == 2  # one for each transposed convolution of G
    assert all(p.grad is None for p in made.D.parameters())


Plant = Callable[[pg.Trainer, pytest.MonkeyPatch], None]


def _in_weights(network: str, name: str, value: float) -> Plant:
    def plant(made: pg.Trainer, _: pytest.MonkeyPatch) -> None:
        tensor = getattr(made, network).state_dict()[name]
        array = tensor.numpy().copy()
        array.flat[1] = value
        tensor.assign_(array)

    return plant


def _in_data(made: pg.Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = made._batch

    def spoiled(indices: np.ndarray) -> pg.Tensor:
        array = real(indices).numpy().copy()
        array[3, 2, 1, 0] = np.nan
        return pg.tensor(array)

    monkeypatch.setattr(made, "_batch", spoiled)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize(
    ("plant", "who", "op"),
    [
        (_in_weights("D", "down0.weight", np.nan), "discriminator", "conv2d"),
        (_in_weights("D", "out.weight", np.inf), "discriminator", "matmul"),
        (_in_weights("G", "project.weight", np.nan), "discriminator", "matmul"),
        (_in_weights("G", "up1.weight", np.inf), "discriminator", "conv_transpose2d"),
        (_in_data, "discriminator", "concat"),
    ],
)
def test_an_update_that_is_not_finite_changes_nothing_and_names_the_op(
    game: str, plant: Plant, who: str, op: str, monkeypatch: pytest.MonkeyPatch
):
    made = trainer(game)
    made.fit(2, progress=False)
    plant(made, monkeypatch)
    before = everything(made)
    with pytest.raises(NonFiniteError) as caught:
        made.train_step()
    message = str(caught.value)
    assert everything(made) == before
    assert message.startswith(f"step 3, {who}: ")
    assert op in message
    assert "\n" not in message


def test_a_generators_update_that_is_not_finite_changes_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
):
    made = trainer()
    made.fit(2, progress=False)
    # A loss that overflows in float32, behind an update of D that is fine.
    recording.changed()  # no attribute of a module
    monkeypatch.setattr(
        type(made.game), "g_loss", lambda self, out: pg.ops.exp(out * 0.0 + 200.0).mean()
    )
    G, ema = made.digests()["G"], made.digests()["EMA"]
    optimizer = {k: v.numpy().tobytes() for k, v in made.opt_g.state_dict().items()}
    with pytest.raises(NonFiniteError, match=r"^step 3, generator: .*\bexp\b"):
        made.train_step()
    assert (made.digests()["G"], made.digests()["EMA"]) == (G, ema)
    assert {k: v.numpy().tobytes() for k, v in made.opt_g.state_dict().items()} == optimizer
    assert made.step == 2
    assert made.streams["trainer.latent"].draw == 5  # D's draw stays: its update happened
    monkeypatch.undo()
    made.train_step()


def test_a_gradient_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch):
    made = trainer()
    made.fit(1, progress=False)
    before = everything(made)
    real, calls = pg.grad, []

    def spoiled(*args: object, **kwargs: object) -> tuple[pg.Tensor, ...]:
        grads = real(*args, **kwargs)
        calls.append(1)
        if len(calls) > 1:
            return grads
        return (pg.full(grads[0].shape, np.nan), *grads[1:])

    monkeypatch.setattr(pg, "grad", spoiled)
    with pytest.raises(NonFiniteError, match=r"loss is finite, the gradient of down0\.weight"):
        made.train_step()
    monkeypatch.undo()
    assert everything(made) == before


def test_a_pending_statistic_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch):
    made = trainer()
    made.fit(1, progress=False)
    before = everything(made)
    real, calls = updates.d_loss, []

    def spoiled(*args: object) -> pg.Tensor:
        loss = real(*args)
        calls.append(1)
        if len(calls) == 1:  # not in the replay, so that no operation is to blame
            name, buffer = next(
                (n, b) for n, b in made.D.named_buffers() if n.endswith("running_mean")
            )
            calls.append(name)
            pending.write(buffer, pg.full(buffer.shape, np.nan))
        return loss

    monkeypatch.setattr(updates, "d_loss", spoiled)
    with pytest.raises(NonFiniteError, match="loss and gradients are finite") as caught:
        made.train_step()
    monkeypatch.undo()
    assert f"the new {calls[1]} is not" in str(caught.value)
    assert everything(made) == before


@pytest.mark.parametrize("part", ["save_png", "_report"])
@pytest.mark.parametrize("checkpoint_every", [2, 500])
def test_a_picture_that_cannot_be_written_costs_no_step(
    part: str, checkpoint_every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from pygan.train import loop

    run = tmp_path / "run"
    made = trainer(run_dir=run, sample_every=2, checkpoint_every=checkpoint_every, log_every=1)

    def refuse(*_: object) -> None:
        if made.step:
            raise CheckpointError("cannot write it")

    with monkeypatch.context() as patch:
        patch.setattr(loop, part, refuse)
        with pytest.raises(CheckpointError, match="cannot write it"):
            made.fit(3, progress=False)
    assert made.step == 2
    again = trainer()
    again.load(run / "checkpoints" / "step-000002.safetensors")
    assert everything(again) == everything(made)
    # what is missing is made good when the run goes on
    made.fit(1, progress=False)
    assert (run / "samples" / "step-000002.png").is_file()


def test_nothing_leaks_over_steps():
    made = trainer("wgan-gp")
    for _ in range(3):
        made.train_step()
    nodes = pg._core.live_nodes()
    memory = pg._core.memory_stats()["live_bytes"]
    for _ in range(5):
        made.train_step()
    assert pg._core.live_nodes() == nodes
    assert pg._core.memory_stats()["live_bytes"] == memory


def test_samples_do_not_depend_on_how_many_are_asked_for():
    made = trainer()
    made.fit(2, progress=False)
    many = made.sample(130, seed=3)
    assert many.shape == (130, SIZE, SIZE, 1)
    assert many.dtype == np.uint8
    for count in (1, 64, 65):
        np.testing.assert_array_equal(made.sample(count, seed=3), many[:count])
    assert not np.array_equal(made.sample(4, seed=4), many[:4])
    assert len({picture.tobytes() for picture in many}) == 130


def test_scores_stand_beside_those_of_real_images():
    score = trainer().score()
    assert score.keys() == {"swd", "swd_real"}
    assert score["swd"] > score["swd_real"] > 0


def test_a_collapsed_generator_is_an_error():
    made = trainer()
    weight = made.ema.module.state_dict()["project.weight"]
    weight.assign_(np.zeros(weight.shape, np.float32))
    from pygan.train.loop import _check_variety

    with pytest.raises(CollapseError, match="all alike"):
        _check_variety(made)


def test_what_a_run_leaves_behind(tmp_path: Path):
    run = tmp_path / "mine"
    made = trainer(run_dir=run, log_every=2, score_every=3, sample_every=3, checkpoint_every=2)
    last = made.fit(7, progress=False)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2, 3, 4, 6, 7]
    assert [row["step"] for row in rows if "swd" in row] == [0, 3, 6, 7]
    assert rows[-1] == last
    for row in rows:
        assert {"step", "time_s", "loss_d", "loss_g", "images_per_s"} <= row.keys()
        assert ("swd" in row) == ("swd_real" in row)
    assert [row["time_s"] for row in rows] == sorted(row["time_s"] for row in rows)
    names = sorted(p.name for p in (run / "samples").iterdir())
    assert names == ["real.png", *(f"step-{n:06d}.png" for n in (0, 3, 6, 7))]
    kept = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert kept == ["step-000006.safetensors", "step-000007.safetensors"]
    assert "<svg" in (run / "report.html").read_text()
    # the same steps without a directory: writing changes nothing of the training
    plain = trainer()
    plain.fit(7, progress=False)
    assert plain.digests() == made.digests()


def test_a_full_directory_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        trainer(run_dir=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import os

    made = trainer(run_dir=tmp_path / "run", checkpoint_every=1)
    made.fit(1, progress=False)
    kept = everything(made)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(CheckpointError, match="No space left"):
            made.fit(1, progress=False)
    again = trainer()
    again.load(tmp_path / "run" / "checkpoints" / "step-000001.safetensors")
    assert everything(again) == kept


def _with(**settings: object) -> Callable[[], object]:
    return lambda: trainer(**settings)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (_with(batch_size=0), ConfigError, "batch_size"),
        (_with(batch_size=2.5), ConfigError, "batch_size"),
        (_with(seed=-1), ConfigError, "seed"),
        (_with(ema_decay=1.0), ConfigError, "decay"),
        (_with(latent=9), ShapeError, "latents"),
        (_with(log_every=0), ConfigError, "log_every"),
        (_with(data=np.zeros((9, 32, 32, 1), np.uint8)), ShapeError, r"\(16, 16, 1\).*32"),
        (_with(data=np.zeros((9, 16, 16, 2), np.uint8)), ShapeError, "1 or 3"),
        (_with(data=np.zeros((9, 16, 16), np.int32)), DTypeError, "int32"),
        (_with(data=np.full((9, 16, 16), np.nan)), NonFiniteError, "NaN"),
        (_with(data=np.full((9, 16, 16), 2.0)), DataError, r"\[-1, 1\]"),
        (_with(data=np.zeros((1, 16, 16), np.uint8)), DataError, "at least 2"),
        (lambda: pg.Trainer(None, None, game="wgan", data=images()), ConfigError, "wgan-gp"),
        (lambda: trainer().fit(-1), ConfigError, "steps"),
        (lambda: trainer().fit(2.5), ConfigError, "steps"),
        (lambda: trainer().sample(0), ConfigError, "samples"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(
    make: Callable[[], object], error: type[Error], match: str
):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_any_networks_of_ones_own_can_be_trained():
    nn = pg.nn
    G = nn.Sequential(nn.Linear(3, SIZE * SIZE), nn.Tanh(), nn.Reshape((SIZE, SIZE, 1)))
    D = nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 1))
    with pytest.raises(ConfigError, match="latent"):
        pg.Trainer(G, D, data=dataset())
    made = pg.Trainer(G, D, game=pg.games.WGANGP(), data=images(), latent=3, batch_size=4)
    row = made.fit(steps=2)
    assert row["step"] == 2
    assert np.isfinite(row["loss_d"])
