"""What pages are made of: each is one HTML file that needs nothing else, not even JavaScript."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from pygan.train.charts import Point

__all__ = [
    "as_number",
    "by_step",
    "duration",
    "image",
    "last",
    "page",
    "png",
    "points",
    "spread",
    "text",
]

SHARP_BELOW = 400  # pixels: a narrower picture is enlarged on the page, so show its pixels as such


def page(title: str, body: Sequence[str]) -> str:
    """A whole page of the parts of ``body`` that are not empty."""
    style = Path(__file__).with_name("report.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # nothing is loaded from anywhere, whatever a file name or a setting may contain
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n<footer>Made by pygan. This file is complete: move it, mail it, print it.</footer>"
        + "\n</body>\n</html>\n"
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def text(value: Any) -> str:
    """Escaped text without characters that HTML forbids (controls, lone surrogates)."""
    printable = re.sub(
        r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0001fffd]",
        "\ufffd",
        str(value),
    )
    return escape(printable)


def as_number(value: Any) -> float:
    """The value as a float, NaN for whatever is none; beyond 1e30 nothing can be drawn to scale."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if value != value or abs(value) < 1e30 else math.inf


def by_step(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Lines with a step, in its order, one a step; values as floats. None: nothing was measured."""
    found: dict[float, dict[str, float]] = {}
    for row in metrics:
        step = as_number(row.get("step"))
        if math.isfinite(step):
            values = {str(k): as_number(v) for k, v in row.items() if v is not None}
            found.setdefault(step, {}).update(values)
    return [found[step] for step in sorted(found)]


def points(rows: Sequence[dict[str, float]], key: str) -> list[Point]:
    return [(row["step"], row[key]) for row in rows if key in row]


def last(rows: Sequence[dict[str, float]], key: str) -> float:
    """The last finite value of ``key``, or NaN."""
    return next((y for _, y in reversed(points(rows, key)) if math.isfinite(y)), math.nan)


def png(path: Path) -> tuple[str, int, int] | None:
    """A PNG file as a data URL with its width and height; None where there is none."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return f"data:image/png;base64,{base64.b64encode(data).decode()}", width, height


def spread(items: Sequence[Any], limit: int) -> list[Any]:
    """At most ``limit`` of the items, evenly spread, with the first and the last."""
    if len(items) <= limit:
        return list(items)
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]


def image(picture: tuple[str, int, int], alt: str) -> str:
    url, width, height = picture
    sharp = ' class="tiny"' if width < SHARP_BELOW else ""
    return f'<img{sharp} src="{url}" width="{width}" height="{height}" alt="{alt}">'
