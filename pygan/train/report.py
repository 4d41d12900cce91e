"""The page that a run leaves behind: one HTML file that needs nothing else, not even JavaScript."""

from __future__ import annotations

import base64
import math
import os
import re
import shlex
import struct
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from pygan.train.charts import Point, Series, chart, number
from pygan.train.files import write_atomic

__all__ = ["duration", "write_report"]

# Evenly spread, the first and the last always among them:
MAX_SAMPLES = 8  # a row of the strip on a wide screen
MAX_ROWS = 7  # a table as high as the chart beside it
SHARP_BELOW = 400  # pixels: a narrower picture is enlarged on the page, so show its pixels as such


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

    Raises:
        CheckpointError: the disk refuses; an earlier report still stands.
    """
    rows = _by_step(metrics)
    pictures = [(step, data) for step, path in sorted(samples) if (data := _png(path))]
    real = _png(real_png) if real_png else None
    body = [
        _header(title, rows, summary),
        _pictures(pictures, real),
        _scores(rows),
        _training(rows),
        f"<h2>Configuration</h2><pre>{_toml(config_toml)}</pre>",
        '<div class="sides">',
        _facts("Result", summary),
        _facts("Machine", machine),
        "</div>",
        _commands(run_dir),
    ]
    style = Path(__file__).with_name("report.css").read_text("utf-8")
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # nothing is loaded from anywhere, whatever a file name or a setting may contain
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n<footer>Made by pygan. This file is complete: move it, mail it, print it.</footer>"
        + "\n</body>\n</html>\n"
    )
    path = Path(run_dir) / "report.html"
    write_atomic(path, [page.encode("utf-8")])
    return path


def duration(seconds: float) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _text(value: Any) -> str:
    """Escaped text without characters that HTML forbids (controls, lone surrogates)."""
    printable = re.sub(
        r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0001fffd]",
        "\ufffd",
        str(value),
    )
    return escape(printable)


def _number(value: Any) -> float:
    """The value as a float, NaN for whatever is none; beyond 1e30 nothing can be drawn to scale."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if value != value or abs(value) < 1e30 else math.inf


def _by_step(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Lines with a step, in its order, one a step; values as floats. None: nothing was measured."""
    found: dict[float, dict[str, float]] = {}
    for row in metrics:
        step = _number(row.get("step"))
        if math.isfinite(step):
            values = {str(k): _number(v) for k, v in row.items() if v is not None}
            found.setdefault(step, {}).update(values)
    return [found[step] for step in sorted(found)]


def _points(rows: Sequence[dict[str, float]], key: str) -> list[Point]:
    return [(row["step"], row[key]) for row in rows if key in row]


def _last(rows: Sequence[dict[str, float]], key: str) -> float:
    """The last finite value of ``key``, or NaN."""
    return next((y for _, y in reversed(_points(rows, key)) if math.isfinite(y)), math.nan)


def _png(path: Path) -> tuple[str, int, int] | None:
    """A PNG file as a data URL with its width and height; None where there is none."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return f"data:image/png;base64,{base64.b64encode(data).decode()}", width, height


def _spread(items: Sequence[Any], limit: int) -> list[Any]:
    """At most ``limit`` of the items, evenly spread, with the first and the last."""
    if len(items) <= limit:
        return list(items)
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]


def _header(title: str, rows: list[dict[str, float]], summary: Mapping[str, Any]) -> str:
    """Title and the figures one looks for first."""
    tiles = []
    score, real = _last(rows, "swd"), _last(rows, "swd_real")
    if math.isfinite(score):
        note = "sliced Wasserstein distance, less is better"
        if math.isfinite(real) and real > 0:
            note = f"{score / real:.2f} × real against real, which scores {real:.1f}"
        tiles.append(("Score (swd)", f"{score:,.1f}", note))
        start = next((y for _, y in _points(rows, "swd") if math.isfinite(y)), math.nan)
        if start != score:
            first = next(x for x, y in _points(rows, "swd") if math.isfinite(y))
            tiles.append(("Score at the start", f"{start:,.1f}", f"at step {first:,.0f}"))
    if rows:
        tiles.append(("Steps", f"{rows[-1]['step']:,.0f}", ""))
    elapsed = _last(rows, "time_s")
    if math.isfinite(elapsed):
        tiles.append(("Time", duration(elapsed), ""))
    speed = [y for _, y in _points(rows, "images_per_s") if math.isfinite(y)]
    if speed:
        tiles.append(("Speed", number(sorted(speed)[len(speed) // 2]), "images a second, median"))
    cells = "".join(
        f'<div><dt>{name}</dt><dd class="value">{value}</dd>'
        + (f'<dd class="note">{note}</dd>' if note else "")
        + "</div>"
        for name, value, note in tiles
    )
    return (
        f'<header><p class="eyebrow">pygan training report</p><h1>{_text(title)}</h1>'
        + (f'<dl class="tiles">{cells}</dl>' if cells else "")
        + "</header>"
    )


def _image(picture: tuple[str, int, int], alt: str) -> str:
    url, width, height = picture
    sharp = ' class="tiny"' if width < SHARP_BELOW else ""
    return f'<img{sharp} src="{url}" width="{width}" height="{height}" alt="{alt}">'


def _pictures(pictures: list[tuple[int, tuple]], real: tuple | None) -> str:
    """The last samples beside real images, and the way there."""
    parts = []
    if pictures or real:
        parts.append('<h2>Samples</h2><div class="pair">')
        if pictures:
            step, last = pictures[-1]
            parts.append(
                f"<figure><figcaption>Generated <span>step {step:,}</span></figcaption>"
                f"{_image(last, f'Samples of the generator at step {step:,}')}</figure>"
            )
        if real:
            parts.append(
                "<figure><figcaption>Real <span>from the data</span></figcaption>"
                f"{_image(real, 'Real images from the data')}</figure>"
            )
        parts.append("</div>")
    if len(pictures) > 1:
        shown = _spread(pictures, MAX_SAMPLES)
        parts.append(
            '<h2 id="strip">On the way <small>select a picture to enlarge it</small></h2>'
            '<div class="strip">'
        )
        for step, picture in shown:
            parts.append(
                f'<figure id="step-{step}"><a href="#step-{step}">'
                f"{_image(picture, f'Samples at step {step:,}')}</a><figcaption>step {step:,} "
                '<a class="close" href="#strip">make small</a></figcaption></figure>'
            )
        parts.append("</div>")
    return "".join(parts)


def _training(rows: list[dict[str, float]]) -> str:
    losses = [
        Series("discriminator", "d", _points(rows, "loss_d"), smooth=True),
        Series("generator", "g", _points(rows, "loss_g"), smooth=True),
    ]
    speed = [Series("images a second", "v", _points(rows, "images_per_s"), smooth=True)]
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
    for row in _spread(scored, MAX_ROWS):
        real = row.get("swd_real", math.nan)
        ratio = f"{row['swd'] / real:.2f}" if real > 0 else "–"
        seconds = row.get("time_s", math.nan)
        lines.append(
            f"<tr><td>{row['step']:,.0f}</td>"
            f"<td>{duration(seconds) if math.isfinite(seconds) else '–'}</td>"
            f"<td>{row['swd']:.1f}</td>"
            f"<td>{f'{real:.1f}' if math.isfinite(real) else '–'}</td><td>{ratio}</td></tr>"
        )
    real = _last(rows, "swd_real")
    reference = ("real against real", real) if math.isfinite(real) else None
    return (
        '<h2>Score</h2><div class="charts">'
        + (chart("swd", [Series("generated", "s", _points(rows, "swd"))], reference) or "")
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
            return _text(", ".join(f"{k} {v}" for k, v in value.items()))
        if isinstance(value, list | tuple):
            return _text(", ".join(str(v) for v in value))
        return _text("–" if value is None else value)

    lines = "".join(
        f"<dt>{_text(str(name).replace('_', ' '))}</dt><dd>{shown(value)}</dd>"
        for name, value in facts.items()
    )
    return f'<section><h2>{heading}</h2><dl class="panel facts">{lines}</dl></section>'


def _toml(text: str) -> str:
    """TOML with tables, keys and comment lines marked."""
    lines = []
    for line in _text(text.rstrip()).split("\n"):
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
    run = _text(shlex.quote(os.fspath(path)))
    commands = (
        ("Go on where the last checkpoint was taken:", f"pygan train --resume {run}"),
        ("Draw new samples from the averaged generator:", f"pygan sample {run} -n 64 --seed 3"),
    )
    blocks = "".join(
        f'<div class="command"><p>{words}</p><pre><code>{line}</code></pre></div>'
        for words, line in commands
    )
    return f"<h2>Go on</h2>{blocks}"
