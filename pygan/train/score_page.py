"""How a report shows the scores of images."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.train.charts import Series, chart, number, ticks
from pygan.train.page import as_number, duration, image, last, points, spread, text
from pygan.train.pictures import png_bytes
from pygan.train.scores import Neighbours

__all__ = ["in_words", "neighbours", "section", "shares", "tiles"]

_KEYS = ("fd", "precision", "recall", "swd")
_MAX_ROWS = 7  # of the table, which is then as high as the chart beside it
_PAIRS = 12  # of the nearest neighbours, the closest ones
_GAP = 2  # pixels between the two images of a pair

_MEANING = {
    "fd": "fd: Fréchet distance to the held-out images in the features of a classifier of pygan's "
    "own (its numbers cannot be compared with any FID); less is better.",
    "precision": "precision: share of samples among the real images, recall: share of real images "
    "among the samples, both in the same features (k = 3); more is better.",
    "swd": "swd: sliced Wasserstein distance between 7×7 patches, times 1,000; less is better.",
}


def in_words(row: Mapping[str, Any]) -> str:
    """``fd 41.2 (real images 2.7), precision 0.61 (0.85), recall 0.42 (0.85), swd 31 (16)``."""
    parts: list[str] = []
    for key in _KEYS:
        if key in row:
            real = number(row[f"{key}_real"])
            parts.append(f"{key} {number(row[key])} ({real if parts else f'real images {real}'})")
    return ", ".join(parts)


def tiles(rows: list[dict[str, float]]) -> list[tuple[str, str, str]]:
    """Name, value and note of the scores that a report's head shows."""
    shown = []
    for key, name in (("fd", "Fréchet distance (fd)"), ("swd", "Patches (swd)")):
        value, real = last(rows, key), last(rows, f"{key}_real")
        if math.isfinite(value):
            first = next((y for _, y in points(rows, key) if math.isfinite(y)), math.nan)
            parts = [f"real images {number(real)}"] if math.isfinite(real) else []
            parts += [f"at the start {number(first)}"] if first != value else []
            shown.append((name, number(value), "; ".join(parts)))
    precision, recall = last(rows, "precision"), last(rows, "recall")
    if math.isfinite(precision) and math.isfinite(recall):
        real = ", ".join(number(last(rows, f"{key}_real")) for key in ("precision", "recall"))
        value = f"{precision:.2f}, {recall:.2f}"
        shown.append(("Precision, recall", value, f"real images {real}"))
    return shown


def section(rows: list[dict[str, float]], notes: Sequence[str] = ()) -> str:
    """The curves of the scores, a table that ends with real against real, and what they are."""
    keys = [key for key in _KEYS if math.isfinite(last(rows, key))]
    scored = [row for row in rows if any(math.isfinite(row.get(k, math.nan)) for k in keys)]
    if not scored:
        return ""
    charts = []
    for key in keys:
        if key in ("fd", "swd"):
            real = last(rows, f"{key}_real")
            reference = ("real against real", real) if math.isfinite(real) else None
            drawn = chart(key, [Series("generated", "s", points(rows, key))], reference)
            charts.append(drawn or "")
    if "precision" in keys:
        both = [
            Series(key, style, points(rows, key))
            for key, style in (("precision", "d"), ("recall", "g"))
        ]
        real = last(rows, "recall_real")
        reference = ("recall of real images", real) if math.isfinite(real) else None
        charts.insert(1, chart("precision and recall", both, reference) or "")
    lines = [_line(row, keys) for row in spread(scored, _MAX_ROWS)]
    real = {key: last(rows, f"{key}_real") for key in keys}
    cells = "".join(f"<td>{_cell(key, real[key])}</td>" for key in keys)
    lines.append(f'<tr class="real"><td>real images</td><td></td>{cells}</tr>')
    heads = "".join(f"<th>{key}</th>" for key in ("step", "time", *keys))
    words = " ".join(_MEANING[key] for key in keys if key in _MEANING)
    warnings = "".join(f'<p class="remark warning">{text(note)}</p>' for note in notes)
    return (
        f'<h2>Scores</h2>{warnings}<div class="charts">{"".join(charts)}'
        f'<div class="panel scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></div>"
        f'<p class="remark">{words} Real images: what training images score against the same '
        "held-out ones.</p>"
    )


def _line(row: Mapping[str, float], keys: Sequence[str]) -> str:
    seconds = row.get("time_s", math.nan)
    cells = [f"{row['step']:,.0f}", duration(seconds) if math.isfinite(seconds) else "–"]
    cells += [_cell(key, row.get(key, math.nan)) for key in keys]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _cell(key: str, value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.3f}" if key in ("precision", "recall") else f"{value:,.1f}"


def shares(histogram: Any, real: Sequence[float] | None, classes: Sequence[str]) -> str:
    """One bar a class: its share of the samples, with that of real images as a mark on it."""
    found = [as_number(v) for v in histogram] if isinstance(histogram, list) else []
    if not found or not all(math.isfinite(v) and 0 <= v <= 1 for v in found):
        return ""
    names = [classes[i] if i < len(classes) else f"class {i}" for i in range(len(found))]
    marks = list(real) if real is not None and len(real) == len(found) else []
    longest = max([*found, *marks, 1e-9])
    bars = []
    for i, (name, value) in enumerate(zip(names, found, strict=True)):
        mark = ""
        if marks:
            mark = (
                f'<b style="left:{100 * marks[i] / longest:.2f}%" '
                f'title="real images: {100 * marks[i]:.1f}%"></b>'
            )
        bars.append(
            f'<dt>{text(name)}</dt><dd class="bar"><i style="width:{100 * value / longest:.2f}%">'
            f"</i>{mark}</dd><dd>{100 * value:.1f}%</dd>"
        )
    words = " The marks are the shares of held-out images." if marks else ""
    return (
        f'<h2>Classes of the samples</h2><dl class="panel shares">{"".join(bars)}</dl>'
        f'<p class="remark">Shares of the last scored samples by the classifier\'s first choice. '
        f"A class without a bar is one that the generator has lost.{words}</p>"
    )


def neighbours(found: Neighbours | None) -> str:
    """The samples closest to a training image beside it, and the same of held-out images."""
    if found is None:
        return ""
    ours, theirs = found.samples_distances, found.held_out_distances
    closer = int((ours < theirs.min()).sum())
    copies = int((ours == 0).sum())
    half, real_half = (number(float(np.median(distances))) for distances in (ours, theirs))
    verdict = (
        f"Half of the samples are within {half} grey levels of a training image, half of the "
        f"held-out images within {real_half}. "
        f"{closer} of {len(ours)} samples {'is' if closer == 1 else 'are'} closer to one than "
        "every held-out image is"
        + (f", {copies} equal to it in every pixel." if copies else ", none a copy.")
    )
    sides = (
        ("Generated", f"step {found.step:,}", found.samples, found.samples_nearest, ours),
        ("Held out", "real, never trained on", found.held_out, found.held_out_nearest, theirs),
    )
    panels = "".join(
        f'<section><h3>{name} <small>{note}</small></h3><div class="twins">'
        + "".join(
            _twin(images[i], nearest[i], float(distances[i]))
            for i in range(min(_PAIRS, len(images)))
        )
        + "</div></section>"
        for name, note, images, nearest, distances in sides
    )
    return (
        "<h2>Nearest training images <small>learned or memorised?</small></h2>"
        f'<p class="lead">{verdict}</p>{_strip(ours, theirs)}<div class="sides">{panels}</div>'
        '<p class="remark">Left in each pair an image, right the training image nearest to it; '
        "below them their distance, the root of the mean squared difference of pixels from 0 to "
        "255. Shown are the closest pairs, where copies would be. A generator that has memorised "
        "has distances near 0, far to the left of the held-out images'; one whose samples are "
        "smoother than real images is somewhat closer without copying.</p>"
    )


def _twin(a: NDArray[np.uint8], b: NDArray[np.uint8], distance: float) -> str:
    gap = np.full((a.shape[0], _GAP, a.shape[2]), 255, np.uint8)
    sheet = np.concatenate([a, gap, b], axis=1)
    data = base64.b64encode(png_bytes(sheet)).decode()
    picture = (f"data:image/png;base64,{data}", sheet.shape[1], sheet.shape[0])
    shown = image(picture, f"an image and the training image nearest to it, {number(distance)}")
    return f"<figure>{shown}<figcaption>{number(distance)}</figcaption></figure>"


def _strip(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """Every distance as a stroke, samples above held-out images, on one axis from 0."""
    width, left, right = 1040, 100, 20
    top = 1.05 * max(float(ours.max()), float(theirs.max()), 1.0)

    def x(value: float) -> float:
        return left + value / top * (width - left - right)

    parts = []
    for style, label, y, distances in (
        ("s", "generated", 8, ours),
        ("v", "held out", 46, theirs),
    ):
        strokes = "".join(f"M{x(float(d)):.1f} {y}v28" for d in distances)
        middle = x(float(np.median(distances)))
        parts.append(
            f'<text class="tick end" x="{left - 14}" y="{y + 19}">{label}</text>'
            f'<path class="{style} stroke" d="{strokes}"/>'
            f'<circle class="{style}" cx="{middle:.1f}" cy="{y + 14}" r="6">'
            f"<title>median {number(float(np.median(distances)))}</title></circle>"
        )
    parts.append(f'<line class="axis" x1="{left}" x2="{width - right}" y1="84" y2="84"/>')
    for value in ticks(0, top, 8):
        parts.append(f'<text class="tick mid" x="{x(value):.1f}" y="102">{number(value)}</text>')
    return (
        f'<figure class="chart"><svg viewBox="0 0 {width} 108" role="img" aria-label="distances '
        f"of {len(ours)} samples and {len(theirs)} held-out images to their nearest training "
        f'images">{"".join(parts)}</svg></figure>'
    )
