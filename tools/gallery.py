"""Every game, penalty and norm trained once: a page of docs/, its pictures, the figures as JSON.

    python tools/gallery.py                       # all of it, with two runs at a time
    python tools/gallery.py --only ring/hinge images/r1
    python tools/gallery.py --table               # only the page, from the figures that are there

Each entry is one run of the command line with settings over a recipe, so what the table says can be
repeated by typing it. Time is CPU time of the process on one thread, from start to report, scoring
and pictures included: it does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pygan import games
from pygan.ops.gradient_penalty import KINDS
from pygan.train.machine import cpu_name

DOCS = Path(__file__).resolve().parent.parent / "docs"
FIGURES, PAGE, PICTURES = DOCS / "gallery.json", DOCS / "gallery.md", DOCS / "images" / "gallery"
ROWS = 3  # of a grid of images that a picture keeps

RING = ("steps=3000", "score_every=3000", "sample_every=3000")
IMAGES = (
    "steps=1500",
    "score_every=1500",
    "sample_every=1500",
    "generator.width=32",
    "discriminator.width=32",
)
#: Weights of the penalties: those of their papers where D's scale is like theirs.
WEIGHTS = {"wgan-gp": 10.0, "wgan-lp": 10.0, "dragan": 10.0, "r1": 10.0, "r2": 10.0}
#: What a game needs beside its name to move on points within these steps.
ON_POINTS = {
    "wgan-gp": ("game.weight=0.1", "game.d_optimizer.lr=0.001", "game.g_optimizer.lr=0.001"),
}
NORMS = ("none", "batch", "virtual", "reference", "layer", "instance", "spectral")


@dataclass(frozen=True)
class Entry:
    """One run: ``pygan train RECIPE --set ...``."""

    section: str
    name: str
    recipe: str
    settings: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.section}/{self.name}"

    @property
    def command(self) -> list[str]:
        return ["train", self.recipe, *(p for s in self.settings for p in ("--set", s))]


def entries() -> list[Entry]:
    """All of them, in the order of the page."""
    found = []
    for name in games.names():
        game = f"game={name}"
        found.append(Entry("ring", name, "ring", (*RING, game, *ON_POINTS.get(name, ()))))
        found.append(Entry("images", name, "default", (*IMAGES, game)))
    for kind in KINDS:
        weight = WEIGHTS.get(kind, 10.0)
        penalty = f'game.extra_penalties=[{{kind="{kind}", weight={weight}}}]'
        settings = (*IMAGES, "game=non-saturating", penalty, "discriminator.norm=none")
        found.append(Entry("penalties", kind, "default", settings))
    for norm in NORMS:
        both = (f"generator.norm={norm}", f"discriminator.norm={norm}")
        found.append(Entry("norms", norm, "default", (*IMAGES, "game=non-saturating", *both)))
    return found


def run(entry: Entry) -> dict[str, Any]:
    """Train it in a folder of its own; its figures. Raises RuntimeError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYGAN_NUM_THREADS": "1"}
        arguments = [sys.executable, "-m", "pygan", *entry.command, "--name", "run"]
        with open(Path(folder, "log"), "w+") as log:
            process = subprocess.Popen(arguments, cwd=folder, env=env, stdout=log, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            said = log.read()
        if process.returncode:
            last = said.strip().splitlines()[-1:] or ["nothing said"]
            raise RuntimeError(f"{entry.key}: exit code {process.returncode}: {last[0]}")
        place = Path(folder, "runs", "run")
        rows = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
        picture = max((place / "samples").glob("step-*.png"))
        _save_picture(entry, picture)
    for row in rows:
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise RuntimeError(f"{entry.key}: {key} is {value} at step {row['step']}")
    last = {k: v for k, v in rows[-1].items() if k not in ("time_s", "images_per_s")}
    return {
        "cpu": cpu_name(),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "command": "pygan " + " ".join(_quoted(a) for a in entry.command),
        **last,
    }


def _quoted(argument: str) -> str:
    return argument if re.fullmatch(r"[\w.=/-]+", argument) else f"'{argument}'"


def _save_picture(entry: Entry, source: Path) -> None:
    with Image.open(source) as image:
        if entry.recipe == "ring":
            picture = image.convert("RGB").resize((300, round(300 * image.height / image.width)))
            picture = picture.quantize(64)
        else:  # whole rows of the grid, its lower border included
            height = round(image.height * (ROWS / 8)) + 1
            picture = image.convert("L").crop((0, 0, image.width, height))
        path = PICTURES / f"{entry.section}-{entry.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, optimize=True)


def page(figures: dict[str, dict[str, Any]]) -> str:
    """The page as Markdown."""
    text = (DOCS / "gallery.head.md").read_text("utf-8")
    sections = {
        "ring": "Games on the ring of eight Gaussians",
        "images": "Games on the embedded images",
        "penalties": "Penalties beside the non-saturating game, on the embedded images",
        "norms": "Norms of both networks in the non-saturating game, on the embedded images",
    }
    for section, heading in sections.items():
        chosen = [e for e in entries() if e.section == section and e.key in figures]
        if not chosen:
            continue
        points = section == "ring"
        keys = ["modes", "high_quality"] if points else ["fd", "swd", "precision", "recall"]
        text += f"\n## {heading}\n\n"
        text += f"| {section} | steps | CPU s | {' | '.join(keys)} | samples |\n"
        text += "|---|" + "---|" * (len(keys) + 3) + "\n"
        for entry in chosen:
            row = figures[entry.key]
            scores = " | ".join(_shown(row.get(key)) for key in keys)
            picture = f"![{entry.name}](images/gallery/{section}-{entry.name}.png)"
            text += (
                f"| {entry.name} | {row['step']:,} | {row['cpu_seconds']:.0f} | {scores} | "
                f"{picture} |\n"
            )
        real = figures[chosen[-1].key]
        beside = [f"{k} {_shown(real[f'{k}_real'])}" for k in keys if f"{k}_real" in real]
        if beside:
            text += f"\nReal data score: {', '.join(beside)}.\n"
        text += "\nCommands:\n\n```\n"
        text += "\n".join(figures[e.key]["command"] for e in chosen) + "\n```\n"
    cpus = sorted({row["cpu"] for row in figures.values()})
    return text + f"\nMeasured on: {', '.join(cpus)}, one thread a run.\n"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.1f}"
    return "–" if value is None else str(value)


def main() -> int:
    """Train what was asked for, two at a time; then write the page. 1 where a run failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="SECTION/NAME", help="these entries")
    parser.add_argument("--table", action="store_true", help="no training, only the page")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    arguments = parser.parse_args()
    known = {entry.key: entry for entry in entries()}
    for key in arguments.only or []:
        if key not in known:
            parser.error(f"unknown entry {key}; known: {', '.join(known)}")
    chosen: Iterable[str] = arguments.only or known
    figures = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    failed, lock = [], threading.Lock()

    def work(key: str) -> None:
        try:
            result = run(known[key])
        except RuntimeError as error:
            failed.append(str(error))
            print(error, file=sys.stderr, flush=True)
            return
        with lock:
            figures[key] = result
            FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
        print(key, {k: v for k, v in result.items() if k not in ("command", "cpu")}, flush=True)

    if not arguments.table:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(work, chosen))
    PAGE.write_text(page({k: v for k, v in figures.items() if k in known}), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
