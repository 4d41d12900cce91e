"""Runs side by side on one page: curves, scores, settings that differ, pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pygan.errors import CheckpointError, ConfigError
from pygan.train.charts import Series, chart, number
from pygan.train.files import write_atomic
from pygan.train.page import by_step, duration, image, last, page, png, points, text
from pygan.train.rundir import RunDirectory

__all__ = ["MOST", "write_comparison"]

MOST = 8  # runs on a page: as many colours as an eye tells apart

#: Scores in the order of the page: key, what it is, whether less is better, the key of real images.
SCORES: tuple[tuple[str, str, bool, str], ...] = (
    ("fd", "Fréchet distance", True, "fd_real"),
    ("swd", "sliced Wasserstein distance", True, "swd_real"),
    ("precision", "share of samples among real ones", False, "precision_real"),
    ("recall", "share of real samples among generated ones", False, "recall_real"),
    ("modes", "modes found", False, "modes_real"),
    ("high_quality", "high-quality samples", False, "high_quality_real"),
)


@dataclass(frozen=True)
class _Run:
    name: str
    style: str  # its colour
    rows: list[dict[str, float]]
    settings: dict[str, Any]
    picture: tuple[str, int, int] | None
    step: int  # of the picture


def write_comparison(runs: Sequence[RunDirectory], path: Path) -> None:
    """Write the page of two to eight runs to ``path``.

    Raises:
        ConfigError: fewer than two, more than eight, or one of them twice.
        CheckpointError: a directory holds no run, or the disk refuses.
    """
    if not 2 <= len(runs) <= MOST:
        raise ConfigError(f"compare takes 2 to {MOST} runs, got {len(runs)}")
    places = [run.path.resolve() for run in runs]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise ConfigError(f"compare: {runs[i].path} is named twice")
    names = _names(places)
    found = [_read(run, names[i], f"r{i}") for i, run in enumerate(runs)]
    heading = text(", ".join(names))
    body = [
        f'<header><p class="eyebrow">pygan comparison</p><h1>{heading}</h1></header>',
        _scores(found),
        _pictures(found),
        _curves(found),
        _settings(found),
    ]
    write_atomic(path, [page(f"compare {', '.join(names)}", body).encode("utf-8")])


def _names(places: Sequence[Path]) -> list[str]:
    """The last part of each path, or as many parts as tell them apart."""
    depth = 1
    while True:
        names = ["/".join(place.parts[-depth:]) for place in places]
        if len(set(names)) == len(names):
            return names
        depth += 1


def _read(run: RunDirectory, name: str, style: str) -> _Run:
    rows = by_step(run.rows())
    if not rows:
        raise CheckpointError(f"{run.path} is no run: it has no metrics.jsonl with a line in it")
    pictures = sorted(run.samples.glob("step-*.png"))
    newest = pictures[-1] if pictures else None
    return _Run(
        name=name,
        style=style,
        rows=rows,
        settings=_flat(run.load_config()) if run.config.is_file() else {},
        picture=png(newest) if newest is not None else None,
        step=int(newest.stem[5:]) if newest is not None and newest.stem[5:].isdecimal() else 0,
    )


def _scores(runs: Sequence[_Run]) -> str:
    """A line a run; of each score the best is marked."""
    shown = [score for score in SCORES if any(math.isfinite(last(r.rows, score[0])) for r in runs)]
    best: dict[str, float] = {}
    data = [{k: str(v) for k, v in run.settings.items() if k.startswith("data.")} for run in runs]
    for key, _, less, _ in shown:
        values = [v for r in runs if math.isfinite(v := last(r.rows, key))]
        # A best there is where data are the same and values differ.
        if len(set(values)) > 1 and len({tuple(sorted(d.items())) for d in data}) == 1:
            best[key] = min(values) if less else max(values)
    lines = []
    for run in runs:
        cells = [
            _head(run, ' scope="row"'),
            f"<td>{run.rows[-1]['step']:,.0f}</td>",
        ]
        seconds = last(run.rows, "time_s")
        cells.append(f"<td>{duration(seconds) if math.isfinite(seconds) else '–'}</td>")
        for key, _, _, real in shown:
            value, of_real = last(run.rows, key), last(run.rows, real)
            cell = number(value) if math.isfinite(value) else "–"
            cell = f"<strong>{cell}</strong>" if value == best.get(key) else cell
            note = f" <small>{number(of_real)}</small>" if math.isfinite(of_real) else ""
            cells.append(f"<td>{cell}{note}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f'<th title="{words}">{key}</th>' for key, words, _, _ in shown)
    return (
        '<h2>Scores</h2><div class="panel scroll"><table>'
        '<thead><tr><th class="first">run</th><th>step</th>'
        f"<th>time</th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        '<p class="remark">The last score of each run, the best in bold, and beside it what real '
        "data score. Runs on different data have no best. Times compare only between runs on the "
        "same, otherwise idle machine.</p>"
    )


def _pictures(runs: Sequence[_Run]) -> str:
    figures = "".join(
        f'<figure><figcaption class="{run.style}"><b><span class="swatch"></span>{text(run.name)}'
        f"</b> <span>step {run.step:,}</span></figcaption>"
        f"{image(run.picture, f'Samples of {text(run.name)} at step {run.step:,}')}</figure>"
        for run in runs
        if run.picture is not None
    )
    return f'<h2>Samples</h2><div class="pair">{figures}</div>' if figures else ""


def _curves(runs: Sequence[_Run]) -> str:
    """One chart a quantity, one curve a run; real against real where all runs agree on it."""
    parts = []
    for key, words, _, real in SCORES:
        reals = {v for r in runs if math.isfinite(v := last(r.rows, real))}
        reference = ("real against real", reals.pop()) if len(reals) == 1 else None
        series = [Series(r.name, r.style, points(r.rows, key)) for r in runs]
        parts.append(chart(f"{key}: {words}", series, reference))
    for key, words in (("loss_d", "Loss of D"), ("loss_g", "Loss of G")):
        series = [Series(r.name, r.style, points(r.rows, key), smooth=True) for r in runs]
        parts.append(chart(words, series))
    return f'<h2>Curves</h2><div class="charts">{"".join(p for p in parts if p)}</div>'


def _settings(runs: Sequence[_Run]) -> str:
    """The settings that are not the same in all runs."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    absent = object()
    lines = []
    for key in keys:
        values = [run.settings.get(key, absent) for run in runs]
        if key == "description" or all(value == values[0] for value in values):
            continue
        cells = "".join(f"<td>{'–' if v is absent else text(v)}</td>" for v in values)
        lines.append(f'<tr><th scope="row">{text(key)}</th>{cells}</tr>')
    if not lines:
        return '<h2>Settings</h2><p class="muted">All settings are the same.</p>'
    heads = "".join(_head(run) for run in runs)
    return (
        '<h2>Settings that differ</h2><div class="panel scroll"><table>'
        '<thead><tr><th class="first">setting</th>'
        f"{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _head(run: _Run, scope: str = "") -> str:
    """The run's name in its colour, as a heading of a row or column."""
    return f'<th{scope} class="{run.style}"><span class="swatch"></span>{text(run.name)}</th>'


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat
