"""One stage's budget, state and results."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygan as pg
from benchmarks.machine import describe

AGAIN = 75  # EX_TEMPFAIL: time ran out, call again


@dataclass
class Run:
    """What a stage does, row by row; a row that is done is not done again by the next call."""

    name: str
    device: str  # "cuda", or "emu" in a rehearsal
    seconds: float
    state: Path
    json: Path | None
    pictures: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start = time.monotonic()
        self.state.mkdir(parents=True, exist_ok=True)
        self.file = self.state / f"{self.name}.jsonl"
        if self.file.exists():
            self.rows = [json.loads(line) for line in self.file.read_text().splitlines()]

    @property
    def rehearsal(self) -> bool:
        return self.device != "cuda"

    def todo(self, names: Iterable[str]) -> Iterator[str]:
        """The names without a row, until time is up."""
        done = {row["name"] for row in self.rows}
        self.missing = [name for name in names if name not in done]
        for name in list(self.missing):
            if time.monotonic() - self.start > self.seconds:
                return
            yield name

    def add(self, row: dict[str, Any]) -> None:
        """A row, with a unique ``name``."""
        self.rows.append(row)
        self.missing.remove(row["name"])
        with self.file.open("a") as out:
            out.write(json.dumps(row) + "\n")

    def finish(self, failed: int = 0) -> int:
        """Writes the figures, and says how the stage ended."""
        if self.json:
            self.json.parent.mkdir(parents=True, exist_ok=True)
            report = {"machine": machine(self.device), "stage": self.name, "rows": self.rows}
            self.json.write_text(json.dumps(report, indent=1) + "\n")
        if self.missing:
            print(f"{self.name}: time is up, {len(self.missing)} left: run the stage again")
            return AGAIN
        self.file.unlink(missing_ok=True)
        print(f"{self.name}: {len(self.rows)} rows, {failed} failed")
        return 1 if failed else 0


def machine(device: str) -> dict[str, Any]:
    """`benchmarks.machine.describe`, and the GPU."""
    found = {**describe(), "device": device}
    if device == "cuda":
        found["gpu"] = pg.cuda.device_name()
    return found


def synchronize(device: str) -> None:
    """Waits for everything that was launched."""
    if device == "cuda":
        pg.cuda.synchronize()
