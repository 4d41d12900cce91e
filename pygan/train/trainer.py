"""Trainer: two networks, a game and data, and the whole state of training them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pygan as pg
from pygan import Tensor
from pygan.data import (
    BatchOrder,
    Data,
    Dataset,
    Points,
    from_array,
    from_points,
    permutation,
)
from pygan.errors import ConfigError, NonFiniteError, ShapeError
from pygan.games import Game, NonSaturating, Penalty
from pygan.metrics import FeatureNetwork
from pygan.nn import Module, ReferenceSequential
from pygan.optim import EMA
from pygan.random import Stream
from pygan.recording import Recorder
from pygan.train import checkpoint, state
from pygan.train.batches import Batches
from pygan.train.loop import Intervals, train
from pygan.train.point_scores import PointScores
from pygan.train.rundir import RunDirectory
from pygan.train.sampling import generate
from pygan.train.scores import ImageScores
from pygan.train.update import Due, discriminator_update, generator_update

__all__ = ["Trainer"]

_log = logging.getLogger("pygan.train")


class Trainer:
    """Trains ``G`` against ``D``.

    >>> trainer = pg.Trainer(G, D, game=pg.games.WGANGP(), data=images, batch_size=64, seed=0)
    >>> trainer.fit(steps=1000)
    >>> pictures = trainer.sample(64)                # uint8 (64, H, W, C), from the averaged G

    One step is ``game.n_critic`` updates of D and one of G, each of them a transaction: where a
    loss or a gradient is not finite, NonFiniteError is raised and that update has changed nothing.
    Everything that training depends on is in the state that :meth:`save` writes, so that N + M
    steps are N steps, a save, a load and M steps, to the bit.

    Args:
        G: latents ``(N, latent)`` -> images ``(N, H, W, C)`` in [-1, 1], or points ``(N, 2)``.
        D: images or points -> one row of outputs for each. Where it needs a reference batch and has
            none (`pygan.nn.ReferenceSequential`), it gets training samples, chosen by the seed.
        game: what they minimise; None for `pygan.games.NonSaturating`.
        data: a `pygan.data.Dataset` or `pygan.data.Points`; or an array of images
            ``(N, H, W[, C])``, uint8 or float in [-1, 1], or of points ``(N, 2)``, float, of which
            a tenth is held out for scores.
        batch_size: real samples (and fakes) an update; at least 1.
        seed: of everything that training draws: latents, coefficients, order of the data. (The
            networks' own seeds made their initial weights.)
        ema_decay: of the average of G's weights that samples and scores are taken from.
        latent: length of a latent vector; None: ``G.latent``.
        features: a `pygan.metrics.FeatureNetwork`, or its file, that scores are taken with; None:
            the one that comes with pygan for the embedded images, none for others.
        record: updates are recorded once and replayed (`pygan.recording`): the same bits, sooner.
            False runs every update through Python, so that a debugger or a print sees it.
        run_dir: a directory, new or empty, for metrics.jsonl, samples, checkpoints and report.html;
            None writes nothing.
        log_every, score_every, sample_every, checkpoint_every: steps between lines, scores,
            pictures and checkpoints of the run directory.

    Raises:
        ConfigError, ShapeError, DTypeError, DataError: arguments that do not fit together. G and D
        are run once, on one sample, to find that out before training.
    """

    def __init__(
        self,
        G: Module,
        D: Module,
        *,
        game: Game | None = None,
        data: Data | NDArray[Any],
        batch_size: int = 64,
        seed: int = 0,
        ema_decay: float = 0.999,
        latent: int | None = None,
        features: FeatureNetwork | str | Path | None = None,
        record: bool = True,
        run_dir: str | Path | None = None,
        log_every: int = 10,
        score_every: int = 1000,
        sample_every: int = 500,
        checkpoint_every: int = 500,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"batch_size must be a whole number >= 1, not {batch_size!r}")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ConfigError(f"seed must be a whole number from 0 to 2^63 - 1, not {seed!r}")
        if game is not None and not isinstance(game, Game):
            raise ConfigError(
                f"game must be a game such as pg.games.WGANGP(), not {game!r}; "
                f"pg.games.get(name) makes one of: {', '.join(pg.games.names())}"
            )
        self.G, self.D = G, D
        self.game = NonSaturating() if game is None else game
        self.data = _data(data)
        self.batch_size, self.seed = batch_size, seed
        self.latent = _latent(G, latent)
        self.dtype = G.parameters()[0].dtype
        self.device = G.parameters()[0].device
        self._batch = Batches(self.data, self.dtype, self.device)
        self._set_references()
        self._check_shapes()
        self.step = 0
        self.losses: tuple[float, float] | None = None  # of the last step: D's, G's
        self.penalty_ways: dict[str, str] = {}  # kind -> "fused pass", or why another way ran
        self.opt_d = self.game.d_optimizer.build(_named(D))
        self.opt_g = self.game.g_optimizer.build(_named(G))
        self.ema = EMA(G, ema_decay)
        self.order = BatchOrder(len(self.data), batch_size, seed)
        self.streams = {name: Stream(seed, name) for name in ("trainer.latent", "trainer.alpha")}
        self.config: dict[str, Any] | None = None  # of the recipe, where one made this trainer
        self.fingerprint = _fingerprint(self.data)
        self.steps = Recorder(record)
        self.scores = _scores(self.data, features)
        self.intervals = Intervals(log_every, score_every, sample_every, checkpoint_every)
        self.run: RunDirectory | None = None if run_dir is None else _fresh(Path(run_dir))

    # Training

    def fit(self, steps: int, *, progress: bool | None = None) -> dict[str, Any]:
        """Train ``steps`` more steps; the last line of metrics, with losses and scores.

        ``progress`` shows a bar; None shows it on a terminal. SIGINT (and with a run directory
        SIGTERM) let the current step finish and are then raised as a KeyboardInterrupt; with a run
        directory a checkpoint is written first.

        Raises NonFiniteError (nothing of that update was applied), CheckpointError (the disk
        refuses), CollapseError (the final samples are all alike).
        """
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            raise ConfigError(f"steps must be a whole number >= 0, not {steps!r}")
        return train(self, steps, progress)

    def train_step(self) -> tuple[float, float]:
        """One step of the game: D's loss (of its last update) and G's.

        Raises NonFiniteError; the update that failed, and what it drew, is then undone.
        """
        self.G.train()
        self.D.train()
        loss_d = 0.0
        for i in range(self.game.n_critic):
            loss_d = self.discriminator_step(i)
        with _Draws(self):
            z = self._latents(self.streams["trainer.latent"], self.batch_size)
            loss_g = generator_update(self.game, self.G, self.D, self.opt_g, z, self.steps)
            self.ema.update()
        self.step += 1
        self.losses = (loss_d, loss_g)
        return self.losses

    def discriminator_step(self, number: int = 0) -> float:
        """One update of D, number ``number`` of this step; its loss. `train_step` calls it."""
        with _Draws(self):
            real = self._batch(self.order.next())
            z = self._latents(self.streams["trainer.latent"], self.batch_size)
            penalties = self._due(self.step * self.game.n_critic + number, real.shape)
            return discriminator_update(
                self.game,
                self.G,
                self.D,
                self.opt_d,
                real,
                z,
                penalties,
                self.steps,
                self._note_way,
            )

    def _note_way(self, penalty: Penalty, way: str) -> None:
        same = [p for p in self.game.penalties if p.kind == penalty.kind]
        place = next((i for i, p in enumerate(same) if p is penalty), 0)
        name = f"{penalty.kind} ({place + 1})" if len(same) > 1 else penalty.kind
        if self.penalty_ways.get(name) != way:
            self.penalty_ways[name] = way
            _log.info("gradient penalty %s: %s", name, way)

    def _due(self, update: int, shape: tuple[int, ...]) -> list[Due]:
        """The penalties of D's update number ``update``, from 0, each with its draws."""
        stream, due = (
            self.streams["trainer.alpha"],
            [p for p in self.game.penalties if p.due(update)],
        )
        return [(p, p.draws(stream, shape, self.dtype, self.device)) for p in due]

    def _latents(self, stream: Stream, count: int) -> Tensor:
        return stream.normal((count, self.latent), self.dtype, self.device)

    # Samples and scores

    def sample(self, count: int, seed: int = 0) -> NDArray[Any]:
        """Samples of the averaged generator: images uint8 ``(count, H, W, C)``, or points float32
        ``(count, 2)``.

        The first k of them are the same for every ``count`` >= k. Raises NonFiniteError where the
        generator makes NaN.
        """
        return self._sample(Stream(seed, "sample.latent"), count)

    def fixed_samples(self, count: int) -> NDArray[Any]:
        """The samples that pictures and scores show: the same latents at every step of every run.

        A score of 1,000 samples moves by a few units with the latents that are drawn (it sees the
        mean brightness of the set, for one), so runs are compared on the same ones.
        """
        return self._sample(Stream(0, "trainer.score"), count)

    def _sample(self, stream: Stream, count: int) -> NDArray[Any]:
        assert self.ema.module is not None
        try:
            return generate(self.ema.module, stream, count, self.latent)
        except NonFiniteError as error:
            raise NonFiniteError(f"step {self.step}: {error}") from None

    def score(self) -> dict[str, Any]:
        """Scores of :meth:`fixed_samples` against held-out data, beside those of real data.

        See `pygan.train.scores`.
        """
        return self.scores.score(self.fixed_samples(self.scores.count))

    # State

    def digests(self) -> dict[str, str]:
        """SHA-256 of the weights of G, D and the average of G, hexadecimal."""
        arrays = state.tensors(self)
        prefixes = {"G": "net/G/", "D": "net/D/", "EMA": "ema/"}
        return {
            name: checkpoint.digest({k: v for k, v in arrays.items() if k.startswith(prefix)})
            for name, prefix in prefixes.items()
        }

    def save(self, path: str | Path) -> None:
        """Write a checkpoint, atomically. Raises CheckpointError."""
        checkpoint.write(Path(path), state.tensors(self), state.facts(self))

    def load(self, path: str | Path) -> None:
        """Take over a checkpoint of the same networks, data and settings.

        Raises CheckpointError: the file is damaged or of another setup; nothing has changed then.
        """
        self.restore(checkpoint.read(Path(path)), str(path))

    def restore(self, loaded: checkpoint.Checkpoint, where: str) -> None:
        """As :meth:`load`, for a checkpoint that was read already; ``where`` names it in errors."""
        for warning in state.restore(self, loaded, where):
            _log.warning("%s", warning)

    def _set_references(self) -> None:
        """Gives each part of D that still needs a reference batch training samples, by the seed."""
        for part in self.D.modules():
            if isinstance(part, ReferenceSequential) and part.needs_reference:
                assert part.reference is not None
                order = permutation(len(self.data), self.seed, 0, "trainer.reference")
                part.set_reference(self._batch(np.resize(order, part.reference.shape[0])))

    def _check_shapes(self) -> None:
        expected = self.data.sample_shape
        modes = [(m, m.training) for network in (self.G, self.D) for m in network.modules()]
        self.G.eval()
        self.D.eval()
        try:
            with pg.no_grad():
                z = np.zeros((1, self.latent), self.dtype)
                fake = self.G(pg.tensor(z, device=self.device))
                if fake.shape != (1, *expected):
                    order = " (height, width, channels)" if len(expected) == 3 else ""
                    raise ShapeError(
                        f"G makes {self.data.unit} {fake.shape[1:]}{order}, the data has {expected}"
                    )
                out = self.D(fake)
                if out.ndim < 1 or out.shape[0] != 1:
                    raise ShapeError(
                        f"D must return a row for each sample, not {out.shape} for one"
                    )
        finally:
            for module, training in modes:
                module.training = training


class _Draws:
    """Takes back what the block drew where it fails: an update that did not happen drew nothing."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def __enter__(self) -> None:
        self.order = self.trainer.order.state_dict()
        self.draws = {name: stream.draw for name, stream in self.trainer.streams.items()}

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            return
        self.trainer.order.load_state_dict(self.order)
        for name, draw in self.draws.items():
            self.trainer.streams[name].draw = draw
        if isinstance(error, NonFiniteError):
            error.args = (f"step {self.trainer.step + 1}, {error}",)


def _scores(data: Data, features: FeatureNetwork | str | Path | None) -> PointScores | ImageScores:
    if isinstance(data, Points):
        if features is not None:
            raise ConfigError(f"features are for images; {data.name} is scored without")
        return PointScores(data)
    if isinstance(features, str | Path):
        features = FeatureNetwork.load(features)
    return ImageScores(data, features)


def _latent(G: Module, latent: int | None) -> int:
    found = getattr(G, "latent", None) if latent is None else latent
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ConfigError("latent: pass the length of G's latent vectors, a whole number >= 1")
    return found


def _named(network: Module) -> Any:
    named = network.named_parameters()
    if not named:
        raise ConfigError(f"{type(network).__name__} has no parameters to train")
    return named


def _data(data: Data | NDArray[Any]) -> Data:
    if isinstance(data, (Dataset, Points)):
        return data
    if np.ndim(data) == 0:
        raise ConfigError(f"data must be a Dataset, Points or an array, got {data!r}")
    return from_points(data) if np.ndim(data) == 2 else from_array(data)


def _fingerprint(data: Data) -> dict[str, Any]:
    """What identifies the data: a resume with others would be another training."""
    digest = hashlib.sha256()
    for samples in (data.training, data.held_out):
        digest.update(np.ascontiguousarray(samples).data)
    return {"shape": list(data.training.shape), "sha256": digest.hexdigest()}


def _fresh(path: Path) -> RunDirectory:
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise ConfigError(f"run_dir {path} is not empty; name a new directory")
    except OSError as error:
        raise ConfigError(f"cannot use run_dir {path}: {error.strerror}") from None
    return RunDirectory(path)
