"""Whole runs: `pygan train` with all that it writes, and its steps without that."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import describe
from pygan.errors import CollapseError
from pygan.train import recipes, runs

RECIPES = recipes.names()
WARM = 5  # steps: eager, recorded, replayed


def _time(recipe: str, steps: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run = runs.start(recipe, [f"steps={WARM + 2 * steps}"], out=Path(folder), name="run")
        trainer = run.trainer
        for _ in range(WARM):
            trainer.train_step()
        alone = []
        for _ in range(steps):
            start = time.perf_counter()
            trainer.train_step()
            alone.append(time.perf_counter() - start)
        start = time.perf_counter()
        with suppress(CollapseError):  # so short a run has not learned to draw different things
            run.train(progress=False)
        whole = (time.perf_counter() - start) / steps
    samples = trainer.batch_size * trainer.game.n_critic
    return {
        "recipe": recipe,
        "steps": steps,
        "ms": 1e3 * whole,
        "step_ms": 1e3 * median(alone),
        "images_per_s": samples / whole,
    }


def run(names: Sequence[str], steps: int, say: Callable[[str], None]) -> dict[str, Any]:
    """A row a recipe; scores, pictures and checkpoints are part of ``ms``, not of ``step_ms``."""
    rows = []
    for name in names:
        say(f"\r{name:<30}")
        rows.append(_time(name, steps))
    say("\r" + " " * 30 + "\r")
    return {"machine": describe(), "rows": rows}
