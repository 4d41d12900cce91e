"""Scores of points in the plane, and how a report shows them."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.data import Points, permutation
from pygan.metrics import captured_modes, swd_points
from pygan.train.charts import Series, chart, number
from pygan.train.page import duration, last, points, spread

__all__ = ["KEYS", "PointScores", "in_words", "section", "tiles"]

#: What a scored line of metrics.jsonl may have on points.
KEYS = ("modes", "high_quality", "swd", "modes_real", "high_quality_real", "swd_real")

_DRAWS = 10  # of training points, whose scores `PointScores.real` averages
_MAX_ROWS = 7


class PointScores:
    """Scores of 2,500 generated points; as many as the literature takes, since modes are counted.

    ``modes`` and ``high_quality`` by `pygan.metrics.captured_modes` where the modes are known,
    ``swd`` by `pygan.metrics.swd_points` against the held-out points; each with what training
    points score, ``.._real``.

    Attributes:
        count: samples a score is computed from.
        known: what :meth:`real` has found, or None; it goes into checkpoints.
    """

    count = 2500
    digest = None  # of a feature network: there is none

    def __init__(self, data: Points) -> None:
        self.data = data
        self.known: dict[str, Any] | None = None

    def real(self) -> dict[str, Any]:
        """What training points score: the mean over 10 draws of 2,500, without replacement each."""
        if self.known is None:
            real = self.data.training
            draws = []
            for draw in range(_DRAWS):
                chosen = permutation(len(real), 0, draw, "metrics.points_real")[: self.count]
                draws.append(self._of(real[chosen]))
            means = {key: float(np.mean([d[key] for d in draws])) for key in draws[0]}
            self.known = {f"{key}_real": value for key, value in means.items()}
        return copy.deepcopy(self.known)

    def score(self, samples: NDArray[np.float32]) -> dict[str, Any]:
        """The scores of ``samples`` ``(count, 2)``, with those of real points beside them."""
        return {**self._of(samples), **self.real()}

    def _of(self, samples: NDArray[np.float32]) -> dict[str, Any]:
        scores: dict[str, Any] = {}
        if self.data.centres is not None and self.data.sigma is not None:
            modes, quality = captured_modes(samples, self.data.centres, self.data.sigma)
            scores = {"modes": modes, "high_quality": quality}
        return {**scores, "swd": swd_points(samples, self.data.held_out)}


def in_words(row: Mapping[str, Any]) -> str:
    """``modes 8 (real 8), high quality 0.95 (real 0.99), swd 31.2 (real 30.9)``."""
    parts = []
    for key, name in (("modes", "modes"), ("high_quality", "high quality"), ("swd", "swd")):
        if key in row:
            parts.append(f"{name} {number(row[key])} (real {number(row[f'{key}_real'])})")
    return ", ".join(parts)


def tiles(rows: list[dict[str, float]]) -> list[tuple[str, str, str]]:
    """Name, value and note of the scores that a report's head shows."""
    shown = []
    modes, quality, distance = (last(rows, key) for key in ("modes", "high_quality", "swd"))
    if math.isfinite(modes):
        shown.append(("Modes", number(modes), f"real points: {number(last(rows, 'modes_real'))}"))
        real = number(100 * last(rows, "high_quality_real"))
        shown.append(("High quality", f"{number(100 * quality)}%", f"real points: {real}%"))
    if math.isfinite(distance):
        real = number(last(rows, "swd_real"))
        note = f"sliced Wasserstein distance, less is better; real points: {real}"
        shown.append(("swd", number(distance), note))
    return shown


def section(rows: list[dict[str, float]]) -> str:
    """The curves of the scores, a table, and what they are."""
    scored = [row for row in rows if math.isfinite(row.get("swd", math.nan))]
    if not scored:
        return ""
    keys = [key for key in ("modes", "high_quality", "swd") if key in scored[-1]]
    charts = []
    for key in keys:
        real = last(rows, f"{key}_real")
        reference = ("real against real", real) if math.isfinite(real) else None
        charts.append(chart(key, [Series("generated", "s", points(rows, key))], reference) or "")
    lines = []
    for row in spread(scored, _MAX_ROWS):
        seconds = row.get("time_s", math.nan)
        cells = [f"{row['step']:,.0f}", duration(seconds) if math.isfinite(seconds) else "–"]
        cells += [number(row.get(key, math.nan)) for key in keys]
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = "".join(f"<th>{key}</th>" for key in ("step", "time", *keys))
    words = (
        "swd: sliced Wasserstein distance to the held-out points, times 1,000; less is better. "
        "Real against real is what as many training points score."
    )
    if "modes" in keys:
        words = (
            "high_quality: share of samples within three standard deviations of a mode; "
            f"modes: those that have such a sample. {words}"
        )
    return (
        f'<h2>Score</h2><div class="charts">{"".join(charts)}'
        f'<div class="panel scroll"><table><thead><tr>{heads}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table></div></div><p class="remark">{words}</p>'
    )
