"""The page that a run leaves behind."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pygan.train import point_scores
from pygan.train.charts import Series, chart, number
from pygan.train.files import write_atomic
from pygan.train.page import by_step, duration, image, last, page, png, points, spread, text

__all__ = ["write_report"]

# Evenly spread, the first and the last always among them:
MAX_SAMPLES = 8  # a row of the strip on a wide screen
MAX_ROWS = 7  # a table as high as the chart beside it


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
) -> Path:
    """Write ``run_dir/report.html`` and return its path.

    Args:
        run_dir: the run's folder; its commands on the page are given relative to the current one.
        title: heading of the page.
        config_toml: the run's configuration as text.
        metrics: the lines of metrics.jsonl: ``step`` and any of ``time_s``, ``loss_d``, ``loss_g``,
            ``images_per_s``, ``swd``, ``swd_real``. Missing keys, None, NaN, one line or none will
            do. Of two lines with one step the later counts.
        samples: (step, PNG file) of grids; files that are gone are left out.
        real_png: a grid of real images to lay beside the last one, or None.
        machine: names and values, shown as they are.
        summary: names and values of the result, shown as they are.
        unit: what the samples are: "images" or "points".

    Raises:
        CheckpointError: the disk refuses; an earlier report still stands.
    """
    rows = by_step(metrics)
    pictures = [(step, data) for step, path in sorted(samples) if (data := png(path))]
    real = png(real_png) if real_png else None
    body = [
        _header(title, rows, unit),
        _pictures(pictures, real, unit),
        point_scores.section(rows) if unit == "points" else _scores(rows),
        _training(rows, unit),
        f"<h2>Configuration</h2><pre>{_toml(config_toml)}</pre>",
        '<div class="sides">',
        _facts("Result", summary),
        _facts("Machine", machine),
        "</div>",
        _commands(run_dir),
    ]
    path = Path(run_dir) / "report.html"
    write_atomic(path, [page(title, body).encode("utf-8")])
    return path


def _header(title: str, rows: list[dict[str, float]], unit: str) -> str:
    """Title and the figures one looks for first."""
    tiles = point_scores.tiles(rows) if unit == "points" else []
    score, real = last(rows, "swd"), last(rows, "swd_real")
    if math.isfinite(score) and unit != "points":
        note = "sliced Wasserstein distance, less is better"
        if math.isfinite(real) and real > 0:
            note = f"{score / real:.2f} × real against real, which scores {real:.1f}"
        tiles.append(("Score (swd)", f"{score:,.1f}", note))
        start = next((y for _, y in points(rows, "swd") if math.isfinite(y)), math.nan)
        if start != score:
            first = next(x for x, y in points(rows, "swd") if math.isfinite(y))
            tiles.append(("Score at the start", f"{start:,.1f}", f"at step {first:,.0f}"))
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


def _scores(rows: list[dict[str, float]]) -> str:
    """The curve of the score, a table beside it, and what the score is."""
    scored = [row for row in rows if math.isfinite(row.get("swd", math.nan))]
    if not scored:
        return ""
    lines = []
    for row in spread(scored, MAX_ROWS):
        real = row.get("swd_real", math.nan)
        ratio = f"{row['swd'] / real:.2f}" if real > 0 else "–"
        seconds = row.get("time_s", math.nan)
        lines.append(
            f"<tr><td>{row['step']:,.0f}</td>"
            f"<td>{duration(seconds) if math.isfinite(seconds) else '–'}</td>"
            f"<td>{row['swd']:.1f}</td>"
            f"<td>{f'{real:.1f}' if math.isfinite(real) else '–'}</td><td>{ratio}</td></tr>"
        )
    real = last(rows, "swd_real")
    reference = ("real against real", real) if math.isfinite(real) else None
    return (
        '<h2>Score</h2><div class="charts">'
        + (chart("swd", [Series("generated", "s", points(rows, "swd"))], reference) or "")
        + '<div class="panel scroll"><table><thead><tr><th>step</th><th>time</th><th>swd</th>'
        f"<th>real</th><th>ratio</th></tr></thead><tbody>{''.join(lines)}</tbody></table></div></div>"
        '<p class="remark">swd: sliced Wasserstein distance between 7×7 patches of generated and '
        "of held-out images, times 1,000; less is better. Real against real is what training "
        "images score against the same held-out images, ratio the one over the other.</p>"
    )


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


def _commands(run_dir: Path) -> str:
    path = Path(run_dir).resolve()
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    run = text(shlex.quote(os.fspath(path)))
    commands = (
        ("Go on where the last checkpoint was taken:", f"pygan train --resume {run}"),
        ("Draw new samples from the averaged generator:", f"pygan sample {run} -n 64 --seed 3"),
    )
    blocks = "".join(
        f'<div class="command"><p>{words}</p><pre><code>{line}</code></pre></div>'
        for words, line in commands
    )
    return f"<h2>Go on</h2>{blocks}"
