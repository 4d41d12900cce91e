"""Recorded steps give the eager step's bits, for every game, norm and penalty; or stay eager."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pygan as pg
from pygan.errors import NonFiniteError
from pygan.recording import Recorder, renewed

STEPS = 6
PENALTIES = ("wgan-gp", "wgan-lp", "r1", "r2", "dragan", "zero-centred")


def trainer(
    record: bool, game: pg.games.Game, norm: str | None = None, g_norm: str | None = "batch"
) -> pg.Trainer:
    G = pg.models.DCGANGenerator((8, 8, 1), latent=8, width=4, norm=g_norm, seed=1)
    D = pg.models.DCGANDiscriminator((8, 8, 1), width=4, norm=norm, seed=1)
    images = pg.data.embedded().images[:100, 10:18, 10:18]
    return pg.Trainer(G, D, game=game, data=images, batch_size=6, seed=3, record=record)


def same(
    game: pg.games.Game, norm: str | None = None, steps: int = STEPS, g_norm: str | None = "batch"
) -> pg.Trainer:
    eager, replayed = (trainer(record, game, norm, g_norm) for record in (False, True))
    for step in range(steps):
        assert eager.train_step() == replayed.train_step(), f"step {step}"
    assert eager.digests() == replayed.digests()
    for name, tensor in eager.opt_d.state_dict().items():
        np.testing.assert_array_equal(replayed.opt_d.state_dict()[name].numpy(), tensor.numpy())
    assert replayed.steps.why == {}
    assert replayed.steps.replays == (steps - 2) + (steps * game.n_critic - 2)
    return replayed


@pytest.mark.parametrize("name", pg.games.names())
def test_every_game(name: str) -> None:
    norm = None if name == "wgan-gp" else "batch"
    same(pg.games.get(name), norm)


@pytest.mark.parametrize("norm", [n for n in pg.models.NORMS if n not in (None, "none")])
def test_every_norm(norm: str) -> None:
    same(pg.games.NonSaturating(), norm, g_norm=norm)


@pytest.mark.parametrize("kind", PENALTIES)
def test_every_penalty(kind: str) -> None:
    same(pg.games.Hinge(extra_penalties=[{"kind": kind, "weight": 2.0}]))


def test_a_penalty_of_every_other_update_has_a_recording_of_its_own() -> None:
    penalty = pg.games.Penalty("r1", 1.0, every=2)
    game = pg.games.NonSaturating(extra_penalties=[penalty])
    eager, replayed = trainer(False, game), trainer(True, game)
    for _ in range(8):
        assert eager.train_step() == replayed.train_step()
    assert replayed.steps.replays == 6 + 2 + 2


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_every_optimizer_and_a_rate_that_changes(optimizer: str) -> None:
    spec = pg.games.OptimizerSpec(optimizer, lr=1e-3)
    game = pg.games.NonSaturating(d_optimizer=spec, g_optimizer=spec)
    eager, replayed = trainer(False, game), trainer(True, game)
    for step in range(STEPS):
        for made in (eager, replayed):
            made.opt_d.lr = 1e-3 / (1 + step)
        assert eager.train_step() == replayed.train_step()
    assert eager.digests() == replayed.digests()


def test_dropout_draws_anew_at_each_replay() -> None:
    def made(record: bool) -> pg.Trainer:
        layers = [
            pg.nn.Linear(2, 16),
            pg.nn.LeakyReLU(0.2),
            pg.nn.Dropout(0.5),
            pg.nn.Linear(16, 1),
        ]
        D = pg.nn.Sequential(*layers)
        pg.nn.init.he_(D, seed=0, name="d", last="3")
        G = pg.models.MLPGenerator(2, latent=2, width=8, depth=1)
        data = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
        return pg.Trainer(G, D, data=data, batch_size=16, record=record)

    eager, replayed = made(False), made(True)
    losses = [replayed.train_step() for _ in range(STEPS)]
    assert losses == [eager.train_step() for _ in range(STEPS)]
    assert len(set(losses)) == STEPS
    assert replayed.steps.replays == 2 * (STEPS - 2)


def test_a_resume_in_the_middle_is_the_same_run(tmp_path) -> None:
    whole, first, second = (trainer(True, pg.games.NonSaturating(), "batch") for _ in range(3))
    for _ in range(8):
        whole.train_step()
    for _ in range(4):
        first.train_step()
    first.save(tmp_path / "c.safetensors")
    second.train_step()
    second.load(tmp_path / "c.safetensors")
    for _ in range(4):
        second.train_step()
    assert second.digests() == whole.digests()


def test_a_replay_that_is_not_finite_changes_nothing_and_names_the_op() -> None:
    made = trainer(True, pg.games.NonSaturating(), "batch")
    for _ in range(4):
        made.train_step()
    before, steps = made.digests(), made.opt_d.state_dict()["steps"].numpy().copy()
    draws = {name: stream.draw for name, stream in made.streams.items()}
    bad = made._batch

    def spoiled(indices: np.ndarray) -> pg.Tensor:
        x = bad(indices).numpy().copy()
        x[0, 0, 0, 0] = np.nan
        return pg.tensor(x)

    made._batch = spoiled
    with pytest.raises(NonFiniteError, match="concat was given a non-finite value"):
        made.train_step()
    assert made.digests() == before
    np.testing.assert_array_equal(made.opt_d.state_dict()["steps"].numpy(), steps)
    assert {name: stream.draw for name, stream in made.streams.items()} == draws
    made._batch = bad
    made.train_step()


def test_another_batch_size_or_mode_is_another_step() -> None:
    eager, replayed = (trainer(r, pg.games.NonSaturating(), "batch") for r in (False, True))
    for made in (eager, replayed):
        for _ in range(4):
            made.train_step()
        made.D.requires_grad_(False)
        made.D.parameters()[0].requires_grad_(True)
        made.D.train()
        for _ in range(3):
            made.train_step()
    assert eager.digests() == replayed.digests()


def test_a_step_that_reads_a_value_stays_eager_and_says_why() -> None:
    weight = pg.tensor([2.0])
    steps = Recorder()

    def step(x: pg.Tensor) -> pg.Tensor:
        y = (x * weight).sum()
        return y * 2.0 if y.item() > 0 else y

    for value in (1.0, 2.0, -1.0, -1.0):
        got = steps.run("f", [pg.tensor([value])], step).item()
        assert got == (4 * value if value > 0 else 2 * value)
    assert list(steps.why.values()) == ["the value of float32 () on cpu was read within the step"]


def test_data_made_within_the_step_stays_eager_unless_it_is_declared() -> None:
    counter = iter(range(100))

    def fresh() -> pg.Tensor:
        return pg.tensor([float(next(counter))])

    steps = Recorder()
    got = [steps.run("f", [pg.tensor([1.0])], lambda x: x + fresh()).item() for _ in range(4)]
    assert got == [1, 2, 3, 4]
    assert "made from the host's data" in next(iter(steps.why.values()))

    steps = Recorder()

    def declared(x: pg.Tensor) -> pg.Tensor:
        return x + renewed(fresh)

    got = [steps.run("f", [pg.tensor([1.0])], declared).item() for _ in range(4)]
    assert got == [5, 6, 7, 8]
    assert steps.replays == 2
    assert steps.why == {}


def test_views_of_inputs_and_results_are_followed() -> None:
    steps = Recorder()
    big = pg.tensor(np.arange(12, dtype=np.float32).reshape(4, 3))

    def step(x: pg.Tensor) -> pg.Tensor:
        y = (x * 2.0).reshape(12)
        return (x[1:3].reshape(6) + y[3:9]).sum() + x.detach().sum()

    for i in range(4):
        x = big + float(i)
        assert steps.run("f", [x], step).item() == step(x).item()
    assert steps.replays == 2


def test_a_step_that_raises_is_recorded_another_time() -> None:
    steps, fail = Recorder(), [False, True, False, False]

    def step(x: pg.Tensor) -> pg.Tensor:
        y = x * 3.0
        if fail.pop(0):
            raise RuntimeError("no")
        return y.sum()

    x = pg.tensor([1.0])
    steps.run("f", [x], step)
    with pytest.raises(RuntimeError, match="no"):
        steps.run("f", [x], step)
    assert [steps.run("f", [x], step).item() for _ in range(3)] == [3.0, 3.0, 3.0]
    assert steps.replays == 2


def test_replays_are_traced_and_hold_no_memory() -> None:
    made = trainer(True, pg.games.NonSaturating(), "batch")
    with pg.trace() as eager:
        made.train_step()
    made.train_step()
    with pg.trace() as replayed:
        made.train_step()
    assert [e["op"] for e in replayed] == [e["op"] for e in eager]
    live = pg._core.memory_stats()["live_bytes"]
    for _ in range(3):
        made.train_step()
    assert pg._core.memory_stats()["live_bytes"] == live


def test_a_changed_attribute_of_a_module_is_seen() -> None:
    class Scaled(pg.nn.Module):
        def __init__(self) -> None:
            self.inner = pg.nn.Linear(2, 1)
            self.factor = 1.0

        def forward(self, x: pg.Tensor) -> pg.Tensor:
            return self.inner(x) * self.factor

    def made(record: bool) -> pg.Trainer:
        G = pg.models.MLPGenerator(2, latent=2, width=8, depth=1)
        D = Scaled()
        pg.nn.init.he_(D, seed=0, name="d", last="inner")
        return pg.Trainer(G, D, data=pg.data.ring(100), batch_size=8, record=record)

    eager, replayed = made(False), made(True)
    for step in range(8):
        for t in (eager, replayed):
            if step in (4, 5):
                t.D.factor = 0.5 * step
        assert eager.train_step() == replayed.train_step(), step
    assert replayed.steps.replays > 0


def _freeze(t: pg.Trainer) -> None:
    t.D.parameters()[0].requires_grad_(False)


def _replace_memory(t: pg.Trainer) -> None:
    weight = t.D.parameters()[0]
    weight.set_(pg.tensor(weight.numpy() * 0.5))


def _another_game(t: pg.Trainer) -> None:
    t.game = pg.games.LeastSquares()


def _another_optimizer(t: pg.Trainer) -> None:
    t.opt_d = pg.optim.SGD(t.D.named_parameters(), lr=1e-3)


@pytest.mark.parametrize(
    "change",
    [_freeze, _replace_memory, _another_game, _another_optimizer],
    ids=lambda f: f.__name__,
)
def test_what_is_changed_between_steps_is_seen(change: Callable[[pg.Trainer], None]) -> None:
    game = pg.games.NonSaturating()
    eager, replayed = trainer(False, game), trainer(True, game)
    for step in range(7):
        if step == 4:
            change(eager)
            change(replayed)
        assert eager.train_step() == replayed.train_step(), step
    assert eager.digests() == replayed.digests()
    assert replayed.steps.replays > 4  # of the changed step too


def test_the_switch_of_the_command_line(tmp_path, monkeypatch) -> None:
    from pygan.cli import main

    monkeypatch.chdir(tmp_path)
    small = ["--steps", "6", "--set", "score_every=6", "--set", "generator.width=8"]
    digests = []
    for extra in ([], ["--no-record"]):
        assert main(["train", "ring", *small, *extra]) == 0
        run = sorted((tmp_path / "runs").iterdir())[-1]
        digests.append(sorted((run / "checkpoints").iterdir())[-1].read_bytes())
    assert digests[0] == digests[1]
