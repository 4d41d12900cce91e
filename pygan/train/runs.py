"""Starting, resuming and reading runs: what the command line does, as functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pygan.data import Data
from pygan.errors import CheckpointError, ConfigError
from pygan.nn import Module
from pygan.optim import EMA
from pygan.train import board, build, recipes
from pygan.train.checkpoint import Checkpoint
from pygan.train.config import Config, fixed_part, override, resolve
from pygan.train.loop import Intervals
from pygan.train.rundir import RunDirectory, find_run, load_checkpoint, read_checkpoint
from pygan.train.trainer import Trainer

__all__ = ["Run", "generator", "resume", "start"]

Warn = Callable[[str], None]


@dataclass
class Run:
    """A trainer, the directory it writes to, and the configuration that made both.

    It holds the directory's lock from before its checkpoint is read until :meth:`train` ends.
    """

    trainer: Trainer
    directory: RunDirectory
    config: Config

    def train(self, progress: bool | None = True) -> dict[str, Any]:
        """Train until the configured number of steps; the last line of metrics.

        Raises as :meth:`Trainer.fit`, and ConfigError where another process trains this run.
        """
        with self.directory.locked():
            left = max(0, self.config.steps - self.trainer.step)
            return self.trainer.fit(left, progress=progress)


def start(
    recipe: str,
    settings: Sequence[str] = (),
    *,
    out: Path = Path("runs"),
    name: str | None = None,
) -> Run:
    """A new run of ``recipe`` (a name or a TOML file) with ``settings`` (``key=value``) over it.

    Nothing is written before everything is known to fit. Raises ConfigError, DataError,
    DeviceError.
    """
    own = recipes.load(recipe)
    table = override(own, settings)
    if table.get("description") == own.get("description") and _data_path(table) != _data_path(own):
        table["description"] = ""  # it tells of the recipe's own images
    config = _with_full_path(resolve(table))
    build.check_device(config.device)
    data = build.dataset(config)
    # A few pictures make a batch by taking several epochs together; a batch far beyond any data set
    # is a slip of the keyboard that memory would not survive.
    if config.batch_size > max(len(data), 1024):
        raise ConfigError(
            f"batch_size {config.batch_size} is more than the {len(data)} {data.unit} to train on; "
            f"try --set batch_size={min(64, len(data))}"
        )
    trainer = _trainer(config, data)
    if config.tensorboard:
        board.require()
    directory = RunDirectory.create(out, config.recipe, name)
    directory.lock()
    directory.save_config(config)
    _attach(trainer, directory, config)
    return Run(trainer, directory, config)


def resume(where: str, settings: Sequence[str] = (), *, warn: Warn) -> Run:
    """The run that ``where`` names (see `rundir.load_checkpoint`), as its checkpoint left it.

    ``settings`` may change how long it trains, what it leaves behind and where the data lies, but
    nothing that a step depends on. Raises CheckpointError, ConfigError (also where another process
    trains this run), DataError; config.toml is then as it was.
    """
    directory, named = find_run(where)
    if directory.config.is_file():  # else it is no run: it gets its error, and no lock file
        directory.lock()
    try:
        return _resume(directory, named, settings, warn)
    except BaseException:
        directory.unlock()
        raise


def _resume(
    directory: RunDirectory, named: Path | None, settings: Sequence[str], warn: Warn
) -> Run:
    path, loaded = read_checkpoint(directory, named, warn)
    table = directory.load_config()
    config = _with_full_path(resolve(override(table, settings)))
    _check_unchanged(resolve(table).to_dict(), config.to_dict(), "cannot change on a resume")
    if loaded is not None:
        saved = loaded.state.get("config")
        if not isinstance(saved, dict):
            raise CheckpointError(
                f"checkpoint {path} was made by a program with networks of its own; "
                "load it there, with Trainer.load"
            )
        _check_unchanged(saved, fixed_part(config.to_dict()), f"was changed in {directory.config}")
    build.check_device(config.device)
    if config.tensorboard:
        board.require()
    trainer = _trainer(config, build.dataset(config))
    if loaded is not None:
        trainer.restore(loaded, str(path))
    else:
        warn(f"{directory.path} was stopped before its first checkpoint; it starts at step 0")
    if config.steps < trainer.step:
        raise ConfigError(
            f"steps {config.steps} is less than the {trainer.step} that {path} has trained; "
            "ask for more, or resume from an earlier checkpoint"
        )
    if settings:
        directory.save_config(config)
    _attach(trainer, directory, config)
    return Run(trainer, directory, config)


def _attach(trainer: Trainer, directory: RunDirectory, config: Config) -> None:
    trainer.run = directory
    directory.board = board.Board(directory.path) if config.tensorboard else None


def generator(where: str, warn: Warn) -> tuple[Module, Checkpoint, RunDirectory]:
    """The averaged generator of a run or checkpoint, in evaluation mode. Raises CheckpointError."""
    directory, path, loaded = load_checkpoint(where, warn)
    if loaded is None:
        raise CheckpointError(f"{directory.path} has no checkpoint yet; resume it first")
    saved, about = loaded.state.get("config"), loaded.state.get("data")
    shape = about.get("shape") if isinstance(about, dict) else None
    if not isinstance(saved, dict) or not isinstance(shape, list) or len(shape) not in (2, 4):
        raise CheckpointError(
            f"checkpoint {path} was made by a program with networks of its own; sample it there"
        )
    config = resolve(saved)
    G, _ = build.networks(config, tuple(shape[1:]))
    average = EMA(G, config.ema_decay)
    prefix = "ema/"
    arrays = {k.removeprefix(prefix): v for k, v in loaded.tensors.items() if k.startswith(prefix)}
    try:
        average.load_state_dict(arrays)
    except ConfigError as error:
        raise CheckpointError(
            f"checkpoint {path} does not fit its configuration: {error}"
        ) from None
    assert average.module is not None
    return average.module, loaded, directory


def _trainer(config: Config, data: Data) -> Trainer:
    G, D = build.networks(config, data.sample_shape)
    trainer = Trainer(
        G,
        D,
        game=build.game(config),
        data=data,
        batch_size=config.batch_size,
        seed=config.seed,
        ema_decay=config.ema_decay,
        latent=config.generator.latent,
        features=config.features or None,
    )
    trainer.config = config.to_dict()
    trainer.intervals = Intervals(
        config.log_every, config.score_every, config.sample_every, config.checkpoint_every
    )
    return trainer


def _data_path(table: dict[str, Any]) -> Any:
    data = table.get("data")
    return data.get("path", "") if isinstance(data, dict) else ""


def _with_full_path(config: Config) -> Config:
    """Paths made absolute: a run is resumed from anywhere."""

    def full(path: str) -> str:
        return str(Path(path).expanduser().absolute()) if path else ""

    data = dataclasses.replace(config.data, path=full(config.data.path))
    return dataclasses.replace(config, data=data, features=full(config.features))


def _check_unchanged(old: dict[str, Any], new: dict[str, Any], what: str) -> None:
    """Raises ConfigError, naming the first setting, where the fixed parts differ."""
    if "steps" in old:
        old, new = fixed_part(old), fixed_part(new)
    before, after = _flat(old), _flat(new)
    for key in before | after:
        if before.get(key) != after.get(key):
            raise ConfigError(
                f"{key} {what}: the run was trained with {before.get(key)}, not {after.get(key)}; "
                "start a new run for that"
            )


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
