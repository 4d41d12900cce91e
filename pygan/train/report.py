"""The page that a run leaves behind."""

from __future__ import annotations

import math
import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pygan.train import point_scores, score_page
from pygan.train.charts import Series, chart, number
from pygan.train.files import write_atomic
from pygan.train.page import by_step, duration, image, last, page, png, points, spread, text
from pygan.train.scores import Neighbours

__all__ = ["write_report"]

# Evenly spread, the first and the last always among them:
MAX_SAMPLES = 8  # a row of the strip on a wide screen
MAX_SKIPPED = 20  # files named of those that were left out


def write_report(
    run_dir: Path,
    *,
    title: str,
    config_toml: str,
    metrics: list[dict],
    samples: list[tuple[int, Path]],
    real_png: Path | None,
    machine: dict,
    summary: dict,
    unit: str = "images",
    classes: Sequence[str] = (),
    real_shares: Sequence[float] | None = None,
    neighbours: Neighbours | None = None,
    notes: Sequence[str] = (),
    skipped: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write ``run_dir/report.html`` and return its path.

    Args:
        run_dir: the run's folder; its commands on the page are given relative to the current one.
        title: heading of the page.
        config_toml: the run's configuration as text.
        metrics: the lines of metrics.jsonl: ``step`` and any of ``time_s``, ``loss_d``, ``loss_g``,
            ``images_per_s`` and the scores. Missing keys, None, NaN, one line or none will do. Of
            two lines with one step the later counts.
        samples: (step, PNG file) of grids; files that are gone are left out.
        real_png: a grid of real images to lay beside the last one, or None.
        machine: names and values, shown as they are.
        summary: names and values of the result, shown as they are.
        unit: what the samples are: "images" or "points".
        classes, real_shares: names for ``class_histogram``, and the shares of real images.
        neighbours: samples beside their nearest training images, or None.
        notes: what a reader of the scores must know.
        skipped: files that the data left out, with the reason.

    Raises:
        CheckpointError: the disk refuses; an earlier report still stands.
    """
    rows = by_step(metrics)
    pictures = [(step, data) for step, path in sorted(samples) if (data := png(path))]
    real = png(real_png) if real_png else None
    body = [
        _header(title, rows, unit),
        _pictures(pictures, real, unit),
        point_scores.section(rows) if unit == "points" else score_page.section(rows, notes),
        score_page.shares(_histogram(metrics), real_shares, classes),
        score_page.neighbours(neighbours),
        _training(rows, unit),
        f"<h2>Configuration</h2><pre>{_toml(config_toml)}</pre>",
        '<div class="sides">',
        _facts("Result", summary),
        _facts("Machine", machine),
        "</div>",
        _skipped(skipped),
        _commands(run_dir, config_toml, rows),
    ]
    path = Path(run_dir) / "report.html"
    write_atomic(path, [page(title, body).encode("utf-8")])
    return path


def _header(title: str, rows: list[dict[str, float]], unit: str) -> str:
    """Title and the figures one looks for first."""
    tiles = point_scores.tiles(rows) if unit == "points" else score_page.tiles(rows)
    if rows:
        tiles.append(("Steps", f"{rows[-1]['step']:,.0f}", ""))
    elapsed = last(rows, "time_s")
    if math.isfinite(elapsed):
        tiles.append(("Time", duration(elapsed), ""))
    speed = [y for _, y in points(rows, "images_per_s") if math.isfinite(y)]
    if speed:
        tiles.append(("Speed", number(sorted(speed)[len(speed) // 2]), f"{unit} a second, median"))
    cells = "".join(
        f'<div><dt>{name}</dt><dd class="value">{value}</dd>'
        + (f'<dd class="note">{note}</dd>' if note else "")
        + "</div>"
        for name, value, note in tiles
    )
    return (
        f'<header><p class="eyebrow">pygan training report</p><h1>{text(title)}</h1>'
        + (f'<dl class="tiles">{cells}</dl>' if cells else "")
        + "</header>"
    )


def _pictures(pictures: list[tuple[int, tuple]], real: tuple | None, unit: str) -> str:
    """The last samples beside real ones, and the way there."""
    parts = []
    if pictures or real:
        parts.append('<h2>Samples</h2><div class="pair">')
        if pictures:
            step, newest = pictures[-1]
            parts.append(
                f"<figure><figcaption>Generated <span>step {step:,}</span></figcaption>"
                f"{image(newest, f'Samples of the generator at step {step:,}')}</figure>"
            )
        if real:
            parts.append(
                "<figure><figcaption>Real <span>from the data</span></figcaption>"
                f"{image(real, f'Real {unit} from the data')}</figure>"
            )
        parts.append("</div>")
    if len(pictures) > 1:
        shown = spread(pictures, MAX_SAMPLES)
        parts.append(
            '<h2 id="strip">On the way <small>select a picture to enlarge it</small></h2>'
            '<div class="strip">'
        )
        for step, picture in shown:
            parts.append(
                f'<figure id="step-{step}"><a href="#step-{step}">'
                f"{image(picture, f'Samples at step {step:,}')}</a><figcaption>step {step:,} "
                '<a class="close" href="#strip">make small</a></figcaption></figure>'
            )
        parts.append("</div>")
    return "".join(parts)


def _histogram(metrics: Sequence[Mapping[str, Any]]) -> Any:
    """The last ``class_histogram``, or None."""
    found = (row["class_histogram"] for row in reversed(metrics) if "class_histogram" in row)
    return next(found, None)


def _skipped(files: Sequence[tuple[str, str]]) -> str:
    """Files that were left out: the first by name, the others as a number."""
    if not files:
        return ""
    lines = "".join(
        f"<dt>{text(name)}</dt><dd>{text(reason)}</dd>" for name, reason in files[:MAX_SKIPPED]
    )
    rest = len(files) - MAX_SKIPPED
    more = f'<p class="remark">and {rest:,} more</p>' if rest > 0 else ""
    heading = f"{len(files):,} {'file' if len(files) == 1 else 'files'} left out"
    return f'<h2>{heading}</h2><dl class="panel facts">{lines}</dl>{more}'


def _training(rows: list[dict[str, float]], unit: str) -> str:
    losses = [
        Series("discriminator", "d", points(rows, "loss_d"), smooth=True),
        Series("generator", "g", points(rows, "loss_g"), smooth=True),
    ]
    speed = [Series(f"{unit} a second", "v", points(rows, "images_per_s"), smooth=True)]
    charts = [c for c in (chart("Losses", losses), chart("Speed", speed)) if c]
    if not charts:
        return '<h2>Training</h2><p class="muted">No losses were recorded.</p>'
    return f'<h2>Training</h2><div class="charts">{"".join(charts)}</div>'


def _facts(heading: str, facts: Mapping[str, Any]) -> str:
    if not facts:
        return ""

    def shown(value: Any) -> str:
        if isinstance(value, float):
            return number(value)
        if isinstance(value, Mapping):
            return text(", ".join(f"{k} {v}" for k, v in value.items()))
        if isinstance(value, list | tuple):
            return text(", ".join(str(v) for v in value))
        return text("–" if value is None else value)

    lines = "".join(
        f"<dt>{text(str(name).replace('_', ' '))}</dt><dd>{shown(value)}</dd>"
        for name, value in facts.items()
    )
    return f'<section><h2>{heading}</h2><dl class="panel facts">{lines}</dl></section>'


def _toml(source: str) -> str:
    """TOML with tables, keys and comment lines marked."""
    lines = []
    for line in text(source.rstrip()).split("\n"):
        if line.lstrip().startswith("#"):
            lines.append(f'<span class="comment">{line}</span>')
        elif line.startswith("["):
            lines.append(f'<span class="table">{line}</span>')
        else:
            lines.append(re.sub(r"^(\s*[\w.-]+)(\s*=)", r'<span class="key">\1</span>\2', line))
    return "\n".join(lines)


def _commands(run_dir: Path, config_toml: str, rows: Sequence[Mapping[str, float]]) -> str:
    """What to type next; nothing for a run that a program of its own made: it has no recipe."""
    if not config_toml:
        return ""
    path = Path(run_dir).resolve()
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    run = text(shlex.quote(os.fspath(path)))
    done = int(rows[-1]["step"]) if rows else 0
    try:
        steps = tomllib.loads(config_toml).get("steps")
    except tomllib.TOMLDecodeError:
        steps = None
    if isinstance(steps, int) and 0 < steps <= done:
        on = (
            "Train on, for as many steps again:",
            f"pygan train --resume {run} --steps {2 * done}",
        )
    else:
        on = ("Go on where the last checkpoint was taken:", f"pygan train --resume {run}")
    commands = (
        on,
        ("Draw new samples from the averaged generator:", f"pygan sample {run} -n 64 --seed 3"),
    )
    blocks = "".join(
        f'<div class="command"><p>{words}</p><pre><code>{line}</code></pre></div>'
        for words, line in commands
    )
    return f"<h2>Go on</h2>{blocks}"
