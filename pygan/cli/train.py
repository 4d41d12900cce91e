"""``pygan train``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pygan.cli.console import listen, shown, warn
from pygan.errors import ConfigError
from pygan.train.signals import Stopped

if TYPE_CHECKING:
    from pygan.data import Data

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Train, and say at the end what came of it; the exit code."""
    if arguments.list:
        return _list()
    started = time.perf_counter()
    settings = _settings(arguments)
    listen()
    import pygan as pg
    from pygan.train import runs

    # Both read the environment, and a wrong value there should not leave a run behind.
    pg.get_num_threads()
    pg._core.cpu_isa()

    if arguments.resume is not None:
        for option in ("recipe", "out", "name"):
            if getattr(arguments, option) is not None:
                raise ConfigError(f"--resume goes on with a run as it is; leave out {option}")
        current = runs.resume(arguments.resume, settings, warn=warn)
    else:
        recipe = "default" if arguments.recipe is None else arguments.recipe
        out = Path("runs" if arguments.out is None else arguments.out)
        current = runs.start(recipe, settings, out=out, name=arguments.name)
    current.trainer.steps.enabled = not arguments.no_record
    _introduce(current)
    first = current.trainer.step
    try:
        current.train()
    except Stopped as stop:
        print(f"stopped after step {stop.step} of {current.config.steps}; saved")
        print(f"resume    pygan train --resume {shown(current.directory.path)}")
        raise
    _conclude(current, first, time.perf_counter() - started)
    return 0


def _settings(arguments: argparse.Namespace) -> list[str]:
    """Options that are short for settings, behind the explicit ones."""
    settings = list(arguments.settings)
    if arguments.data is not None:
        settings.append(f"data.path={json.dumps(arguments.data, ensure_ascii=False)}")
        if not arguments.data:
            raise ConfigError("--data takes a path; leave it out for the embedded images")
    if arguments.features is not None:
        if not arguments.features:
            raise ConfigError("--features takes a file; leave it out for pygan's own network")
        settings.append(f"features={json.dumps(arguments.features, ensure_ascii=False)}")
    for option in ("device", "steps", "seed"):
        value = getattr(arguments, option)
        if value is not None:
            settings.append(f"{option}={value}")
    return settings


def _introduce(current: object) -> None:
    from pygan.train.machine import cpu_name
    from pygan.train.runs import Run
    from pygan.train.scores import ImageScores

    assert isinstance(current, Run)
    import pygan as pg

    trainer, config = current.trainer, current.config
    threads = pg.get_num_threads()
    print(f"run       {shown(current.directory.path)}")
    print(f"data      {trainer.data.name}: {len(trainer.data)} {_kind(trainer.data)}")
    game, unit = config.game["name"], trainer.data.unit
    if isinstance(trainer.scores, ImageScores):
        for note in trainer.scores.notes():
            print(f"note      {note}")
    print(f"game      {game}, {config.steps} steps of {config.batch_size} {unit}")
    print(f"machine   {cpu_name()}, {threads} {'thread' if threads == 1 else 'threads'}")
    if trainer.step:
        print(f"resuming  after step {trainer.step}")
    print(flush=True)


def _kind(data: Data) -> str:
    """``images 28x28 grey``, ``points in the plane``."""
    if len(data.sample_shape) == 1:
        return f"{data.unit} in the plane"
    height, width, channels = data.sample_shape
    return f"{data.unit} {height}x{width} {'grey' if channels == 1 else 'RGB'}"


def _conclude(current: object, first: int, seconds: float) -> None:
    from pygan.train.page import duration
    from pygan.train.runs import Run

    assert isinstance(current, Run)
    directory, trainer = current.directory, current.trainer
    scored = [row for row in directory.rows() if "swd" in row or "fd" in row]
    where = shown(directory.path)
    steps, whole = trainer.step - first, f" ({trainer.step} in all)" if first else ""
    print(f"trained   {steps} steps in {duration(seconds)}{whole}")
    for kind, way in trainer.penalty_ways.items():
        print(f"penalty   {kind}: {way}")
    if scored:
        if trainer.data.unit == "points":
            from pygan.train.point_scores import in_words
        else:
            from pygan.train.score_page import in_words
        print(f"scores    {in_words(scored[-1])}")
        if len(scored) > 1:
            print(f"at step {scored[0]['step']:<2}{in_words(scored[0])}")
    pictures = sorted(directory.samples.glob("step-*.png"))
    if pictures:
        print(f"picture   {shown(pictures[-1])}")
    print(f"report    {shown(directory.report)}")
    for name, digest in trainer.digests().items():
        print(f"sha256    {name:<4}{digest}")
    print(f"sample    pygan sample {where} -n 64 --seed 3")
    longer = max(1, 2 * trainer.step)
    print(f"go on     pygan train --resume {where} --steps {longer}")


def _list() -> int:
    from pygan.train import recipes

    names = recipes.names()
    for name in names:
        description = recipes.load(name).get("description", "")
        print(f"{name:<{max(map(len, names))}}  {description}")
    return 0
