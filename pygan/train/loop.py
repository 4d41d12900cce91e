"""The loop around the steps: when to log, score, draw and save, and how to stop."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pygan.errors import CollapseError, ConfigError
from pygan.train import state
from pygan.train.pictures import save_png
from pygan.train.progress import Progress
from pygan.train.scores import COMPARED, ImageScores
from pygan.train.sheets import real_sheet, sample_sheet
from pygan.train.signals import Stopped, StopSignals

if TYPE_CHECKING:
    from pygan.train.rundir import RunDirectory
    from pygan.train.trainer import Trainer

__all__ = ["Intervals", "save_checkpoint", "train"]

_COMPARED = 64  # samples that the last check looks at
_ALIKE = 0.005  # of the real images' deviation: below it samples count as all the same
_EARLY = 100  # steps before which a generator that draws all but nothing is only untrained


@dataclass(frozen=True)
class Intervals:
    """Steps between two lines of metrics, scores, pictures and checkpoints; each at least 1."""

    log: int = 10
    score: int = 1000
    sample: int = 500
    checkpoint: int = 500

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{field.name}_every must be a whole number >= 1, not {value!r}")


def train(trainer: Trainer, steps: int, progress: bool | None) -> dict[str, Any]:
    """Train ``steps`` more steps and leave in the run directory, if there is one, what it promises.

    At a step that is due for several things they happen in the order line, checkpoint, picture: a
    checkpoint never comes from a later step than the lines before it, and a picture or a report
    that cannot be written costs no trained step.
    """
    run, intervals = trainer.run, trainer.intervals
    last = trainer.step + steps
    clock = _Clock(0.0 if run is None else _begin(trainer, run, last))
    row: dict[str, Any] = {}
    # Without a directory there is nothing to save, so SIGTERM keeps its usual meaning.
    caught = (signal.SIGINT,) if run is None else (signal.SIGINT, signal.SIGTERM)
    with (
        StopSignals(caught) as stop,
        Progress(trainer.step, last, progress, trainer.data.unit) as bar,
    ):
        if trainer.step == 0 and run is not None:
            row = _line(trainer, clock, score=True)
            run.append(row)
            _picture(trainer, run)
            bar.score(row)
        elif (
            run is not None
            and (steps == 0 or trainer.step % intervals.sample == 0)
            and not _picture_path(trainer, run).is_file()
        ):
            # A kill, or a full disk, came between a checkpoint and the picture of its step.
            _picture(trainer, run)
        while trainer.step < last and stop.received is None:
            with clock.stepping(trainer.batch_size * trainer.game.n_critic):
                losses = trainer.train_step()
            step = trainer.step
            bar.step(step, losses, clock.rate)
            final = step == last
            scored = final or step % intervals.score == 0
            if scored or step % intervals.log == 0:
                # Without a directory only the caller sees scores, and only the last ones.
                row = _line(trainer, clock, score=scored and (run is not None or final))
                bar.score(row)
                if run is not None:
                    run.append(row)
            if run is None:
                continue
            saved = final or step % intervals.checkpoint == 0
            if saved:
                save_checkpoint(trainer, run)
            if final or step % intervals.sample == 0:
                try:
                    _picture(trainer, run)
                except Exception:
                    # Not due yet, but what was trained since the last one would be lost.
                    if not saved:
                        save_checkpoint(trainer, run)
                    raise
        if stop.received is not None:
            if run is not None:
                save_checkpoint(trainer, run)
                _report(trainer, run)
            raise Stopped(stop.received, trainer.step)
    if run is not None:
        _report(trainer, run)
    if steps and trainer.step >= _EARLY:
        _check_variety(trainer)
    return row


def save_checkpoint(trainer: Trainer, run: RunDirectory) -> None:
    """Save the present step; the lines of metrics before it are made durable first."""
    run.sync_metrics()
    run.save(trainer.step, state.tensors(trainer), state.facts(trainer))


class _Clock:
    """Seconds of training, those before a resume included, and the speed since the last line."""

    def __init__(self, before: float) -> None:
        self._start = time.perf_counter() - before
        self._stepped = 0.0
        self._images = 0
        self.rate: float | None = None  # images a second, of the time spent in steps

    def total(self) -> float:
        return time.perf_counter() - self._start

    @contextlib.contextmanager
    def stepping(self, images: int) -> Iterator[None]:
        """Around a step that trains on ``images``."""
        entered = time.perf_counter()
        yield
        self._stepped += time.perf_counter() - entered
        self._images += images
        self.rate = self._images / max(self._stepped, 1e-9)

    def lap(self) -> float | None:
        """The speed since the last lap; None where there was no step."""
        rate = self.rate if self._images else None
        self._images, self._stepped = 0, 0.0
        return rate


def _begin(trainer: Trainer, run: RunDirectory, last: int) -> float:
    """Bring the directory to the trainer's step; seconds that were trained before."""
    run.make_folders()
    step, intervals = trainer.step, trainer.intervals
    # A run's last step is logged and scored in any case. Where training now goes on from there, it
    # is a step like any other, and a run that never stopped would have left no more than is due.
    scored = step == last or step % intervals.score == 0
    logged = scored or step % intervals.log == 0
    # At step 0 the checkpoint comes before the first line, so that line is made again.
    before = run.cut_back(step if step else -1, logged=logged, scored=scored)
    if run.board is not None:
        run.board.begin(step)
    if trainer.step == 0:
        save_checkpoint(trainer, run)
        save_png(run.samples / "real.png", real_sheet(trainer))
    return before


def _line(trainer: Trainer, clock: _Clock, score: bool) -> dict[str, Any]:
    loss_d, loss_g = trainer.losses or (None, None)
    rate = clock.lap()
    row: dict[str, Any] = {
        "step": trainer.step,
        "time_s": 0.0,
        "loss_d": loss_d,
        "loss_g": loss_g,
        "images_per_s": None if rate is None else round(rate, 1),
    }
    if score:
        row |= {key: _rounded(value) for key, value in trainer.score().items()}
        if trainer.run is not None and isinstance(trainer.scores, ImageScores):
            trainer.scores.look(trainer.fixed_samples(COMPARED), trainer.step)
    row["time_s"] = round(clock.total(), 3)
    return row


def _rounded(value: float | list[float]) -> float | list[float]:
    return [round(v, 4) for v in value] if isinstance(value, list) else round(value, 4)


def _picture(trainer: Trainer, run: RunDirectory) -> None:
    """The picture of the present step, and the report that shows it."""
    path = _picture_path(trainer, run)
    save_png(path, sample_sheet(trainer))
    if run.board is not None:
        run.board.picture(trainer.step, path)
    _report(trainer, run)


def _picture_path(trainer: Trainer, run: RunDirectory) -> Path:
    return run.samples / f"step-{trainer.step:06d}.png"


def _report(trainer: Trainer, run: RunDirectory) -> None:
    from pygan.train.machine import machine
    from pygan.train.report import write_report

    rows = run.rows()
    scored = [row for row in rows if "swd" in row or "fd" in row]
    summary: dict[str, Any] = {"step": trainer.step, "data": trainer.data.name}
    summary[f"training {trainer.data.unit}"] = len(trainer.data)
    if trainer.data.skipped:
        summary["files left out"] = len(trainer.data.skipped)
    for kind, way in trainer.penalty_ways.items():
        summary[f"gradient penalty {kind}"] = way
    if scored:
        for key in ("modes", "high_quality", "fd", "precision", "recall", "swd"):
            if key in scored[-1]:
                name = key.replace("_", " ")
                summary[name] = scored[-1][key]
                summary[f"{name} of real {trainer.data.unit}"] = scored[-1][f"{key}_real"]
    if rows:
        summary["seconds"] = rows[-1]["time_s"]
    summary |= {f"sha256 {name}": value for name, value in trainer.digests().items()}
    more: dict[str, Any] = {}
    if isinstance(trainer.scores, ImageScores):
        scores = trainer.scores
        seen = scores.seen or scores.look(trainer.fixed_samples(COMPARED), trainer.step)
        more = {"real_shares": scores.real_shares(), "neighbours": seen, "notes": scores.notes()}
        if scores.network is not None:
            more["classes"] = scores.network.classes
    write_report(
        run.path,
        title=run.path.name,
        config_toml=run.config.read_text("utf-8") if run.config.is_file() else "",
        metrics=rows,
        samples=[(int(p.stem[5:]), p) for p in sorted(run.samples.glob("step-*.png"))],
        real_png=run.samples / "real.png",
        machine=machine(),
        summary=summary,
        unit=trainer.data.unit,
        skipped=trainer.data.skipped,
        **more,
    )


def _check_variety(trainer: Trainer) -> None:
    """Raises CollapseError where samples of different latents are all but the same."""
    samples = trainer.fixed_samples(_COMPARED).astype(np.float64)
    real = trainer.data.training[: 16 * _COMPARED].astype(np.float64)
    deviation, of_real = (float(x.std(axis=0).mean()) for x in (samples, real))
    if deviation < _ALIKE * of_real:
        raise CollapseError(
            f"step {trainer.step}: the generator has collapsed, its samples are all alike "
            f"(deviation {deviation:.3g} where real {trainer.data.unit} have {of_real:.3g}); "
            "try another seed, a lower learning rate or game=wgan-gp"
        )
