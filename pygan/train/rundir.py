"""The run directory: what training leaves behind, and how an interrupted run is found again.

    runs/default-1/
      config.toml                every setting, resolved
      metrics.jsonl              one JSON object a line
      samples/step-000500.png    grids of samples of the averaged generator
      checkpoints/step-000500.safetensors
      report.html
      tensorboard/               events for TensorBoard, where it was asked for

A name is taken by ``mkdir``, so two runs never share a directory and none is ever reused.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tomllib
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygan.errors import CheckpointError, ConfigError
from pygan.train import checkpoint, point_scores, scores
from pygan.train.checkpoint import Checkpoint
from pygan.train.config import Config
from pygan.train.files import remove_leftovers, sync_directory, write_atomic

if TYPE_CHECKING:
    from pygan.train.board import Board

__all__ = ["RunDirectory", "find_run", "load_checkpoint", "read_checkpoint"]

KEPT = 2  # checkpoints: the newest, and one to fall back on
_NAME = re.compile(r"step-(\d+)\.safetensors")
_LOCK = ".lock"


class RunDirectory:
    """Paths of one run, and the few operations on its files that must not lose anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.metrics = path / "metrics.jsonl"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.report = path / "report.html"
        self.board: Board | None = None  # told of every line and picture
        self._lock: weakref.finalize[Any, Any] | None = None  # closes the handle that holds it

    @classmethod
    def create(cls, parent: Path, recipe: str, name: str | None = None) -> RunDirectory:
        """A fresh directory ``parent/name``, or ``parent/<recipe>-<next free number>``.

        Raises ConfigError: ``name`` is taken or no plain name, or the folder cannot be made.
        """
        if name is not None and (
            not name.strip() or name in (".", "..") or Path(name).name != name
        ):
            raise ConfigError(f"--name takes a plain name without slashes, not {name!r}")
        try:
            parent.mkdir(parents=True, exist_ok=True)
            if name is not None:
                (parent / name).mkdir()
                return cls(parent / name)
            taken = re.compile(re.escape(recipe) + r"-(\d+)")
            numbers = [int(m[1]) for p in parent.iterdir() if (m := taken.fullmatch(p.name))]
            number = max(numbers, default=0)
            while True:
                number += 1
                with contextlib.suppress(FileExistsError):
                    (parent / f"{recipe}-{number}").mkdir()
                    return cls(parent / f"{recipe}-{number}")
        except FileExistsError as error:
            raise ConfigError(
                f"{error.filename} exists; choose another --name, or go on with it by --resume"
            ) from None
        except OSError as error:
            raise ConfigError(f"cannot make {error.filename}: {error.strerror}") from None

    def make_folders(self) -> None:
        """Make the folders of samples and checkpoints where they are missing."""
        try:
            self.samples.mkdir(exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"cannot make {error.filename}: {error.strerror}") from None

    def save_config(self, config: Config) -> None:
        """Replace config.toml."""
        head = "# Every setting of this run. `pygan train THIS_FILE` starts another one like it.\n"
        write_atomic(self.config, [(head + config.to_toml()).encode()])

    def load_config(self) -> dict[str, Any]:
        """The table in config.toml. Raises CheckpointError: missing or unreadable."""
        try:
            return tomllib.loads(self.config.read_text("utf-8"))
        except FileNotFoundError:
            raise CheckpointError(
                f"{self.path} has neither config.toml nor a checkpoint, so nothing of it can be "
                "resumed; start again with: pygan train"
            ) from None
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot read {self.config}: {error}") from None

    def lock(self) -> None:
        """Keep others from training in this directory, until :meth:`unlock`.

        A killed process loses its lock, and so does an object that nobody holds any more. Raises
        ConfigError where another one has it; without effect where this object has it already.
        """
        if self._lock is not None:
            return
        try:
            import fcntl
        except ImportError:  # Windows
            return
        handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise ConfigError(f"{self.path} is being trained by another process") from None
        self._lock = weakref.finalize(self, os.close, handle)

    def unlock(self) -> None:
        """Give the lock back, where this object has it."""
        if self._lock is not None:
            self._lock()
            self._lock = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock within the block, and give it back at its end."""
        self.lock()
        try:
            yield
        finally:
            self.unlock()

    # Checkpoints

    def checkpoint_path(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:06d}.safetensors"

    def found(self) -> list[Path]:
        """Checkpoints, the newest first."""
        if not self.checkpoints.is_dir():
            return []
        files = [p for p in self.checkpoints.iterdir() if _NAME.fullmatch(p.name)]
        return sorted(files, key=lambda p: int(_NAME.fullmatch(p.name)[1]), reverse=True)  # type: ignore[index]

    def save(self, step: int, tensors: Mapping[str, Any], state: Mapping[str, Any]) -> Path:
        """Write the checkpoint of ``step``; once it is safely on the disk, prune older ones."""
        path = self.checkpoint_path(step)
        checkpoint.write(path, tensors, state)
        older = [p for p in self.found() if p.name != path.name]
        for old in older[KEPT - 1 :]:
            with contextlib.suppress(OSError):
                old.unlink()
        return path

    def newest(self, warn: Callable[[str], None]) -> tuple[Path, Checkpoint] | None:
        """The newest intact checkpoint, or None where none was written yet.

        A broken one is named through ``warn`` and the one before it is used. Raises
        CheckpointError when there are checkpoints and none is intact.
        """
        problems: list[str] = []
        for path in self.found():
            try:
                loaded = checkpoint.read(path)
            except CheckpointError as error:
                problems.append(str(error))
                continue
            for problem in problems:
                warn(f"{problem}; going back to {path.name}")
            return path, loaded
        if problems:
            raise CheckpointError(f"no intact checkpoint in {self.path}: {'; '.join(problems)}")
        return None

    # Metrics

    def rows(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, but for a last one that was cut off."""
        try:
            text = self.metrics.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        rows = []
        for line in text.splitlines(keepends=True):
            try:
                row = json.loads(line) if line.endswith("\n") else None
            except ValueError:
                row = None
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
        return rows

    def cut_back(self, step: int, *, logged: bool = True, scored: bool = True) -> float:
        """Drop what was logged and drawn after ``step``; the time_s at ``step``.

        The lines come back when the steps are trained again, so that a resumed run's files tell
        each step once. The line of ``step`` itself stays where ``logged``, and keeps its score
        where ``scored``.
        """
        remove_leftovers(self.path)
        remove_leftovers(self.checkpoints)
        kept = [row for row in self.rows() if row["step"] <= step]
        seconds = float(kept[-1].get("time_s") or 0.0) if kept else 0.0
        if not logged:
            kept = [row for row in kept if row["step"] < step]
        elif not scored:
            kept = [_unscored(row) if row["step"] == step else row for row in kept]
        write_atomic(self.metrics, [(json.dumps(row) + "\n").encode() for row in kept])
        for path in self.samples.glob("step-*.png"):
            if path.stem[5:].isdecimal() and int(path.stem[5:]) > step:
                path.unlink()
        for path in self.found():
            # Broken, or not wanted any more: out of the way of the search, but not destroyed.
            if int(path.stem[5:]) > max(step, 0):
                os.replace(path, path.with_name(path.name + ".aside"))
        sync_directory(self.path)
        return seconds

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl, in one write: a kill leaves it whole or not at all."""
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        try:
            handle = os.open(self.metrics, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if os.write(handle, line) != len(line):
                    raise OSError(28, "no space left on device")
            finally:
                os.close(handle)
        except OSError as error:
            raise CheckpointError(f"cannot write {self.metrics}: {error.strerror}") from error
        if self.board is not None:
            self.board.row(row)

    def sync_metrics(self) -> None:
        """Make the lines so far durable: a checkpoint must not survive a power cut they do not."""
        try:
            handle = os.open(self.metrics, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except FileNotFoundError:
            return
        except OSError as error:
            raise CheckpointError(f"cannot write {self.metrics}: {error.strerror}") from error


def load_checkpoint(
    where: str, warn: Callable[[str], None]
) -> tuple[RunDirectory, Path | None, Checkpoint | None]:
    """The run that ``where`` names and its checkpoint.

    ``where`` is a run directory, the name of one below ``runs``, or a checkpoint file. A file that
    is named explicitly is used or refused; of a run, the newest intact checkpoint is taken (see
    :meth:`RunDirectory.newest`), and None where none was written yet. Raises CheckpointError.
    """
    run, named = find_run(where)
    return (run, *read_checkpoint(run, named, warn))


def find_run(where: str) -> tuple[RunDirectory, Path | None]:
    """The run that ``where`` names, and the checkpoint file where it names one; nothing is read.

    Raises CheckpointError.
    """
    path = Path(where)
    if path.is_file():
        folder = path.resolve().parent
        return RunDirectory(folder.parent if folder.name == "checkpoints" else folder), path
    if not path.is_dir() and Path(path.name) == path and (Path("runs") / path).is_dir():
        path = Path("runs") / path
    if not path.is_dir():
        raise CheckpointError(f"no run and no checkpoint at {where}{_near(path)}")
    return RunDirectory(path), None


def read_checkpoint(
    run: RunDirectory, named: Path | None, warn: Callable[[str], None]
) -> tuple[Path | None, Checkpoint | None]:
    """The second half of :func:`load_checkpoint`: what :func:`find_run` found, read."""
    if named is not None:
        return named, checkpoint.read(named)
    return run.newest(warn) or (None, None)


_SCORES = {*scores.KEYS, *point_scores.KEYS}


def _unscored(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _SCORES}


def _near(path: Path) -> str:
    import difflib

    parent = path.parent if path.parent != Path(".") else Path("runs")
    if not parent.is_dir():
        return ""
    names = [p.name for p in parent.iterdir() if p.is_dir()]
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {parent / near[0]}?" if near else ""
