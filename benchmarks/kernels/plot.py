"""The roofline as one SVG: each operation's FLOPs per byte against its GFLOP/s."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from benchmarks.svg import RIGHT, WIDTH, Axes, frame, text

__all__ = ["roofline"]

COLOURS = {"forward": "#1f6fb2", "backward": "#c2571a"}


def roofline(result: dict[str, Any]) -> str:
    """SVG text. Operations without FLOPs have no place in it."""
    peak, copy = result["gflops"], result["gbs"]
    points = [
        (r["flops"] / r["bytes"], r["gflops"], r)
        for r in result["rows"]
        if r["flops"] and r["bytes"]
    ]
    low = min([x for x, _, _ in points] + [0.05])
    high = max([x for x, _, _ in points] + [2 * peak / copy])
    bottom = min([y for _, y, _ in points] + [1.0])
    top = max([y for _, y, _ in points] + [peak])
    axes = Axes((low / 1.5, high * 2), (bottom / 1.5, top * 1.6))
    machine = result["machine"]
    subtitle = f"{machine['cpu']}, {machine['threads']} threads"
    out = frame(axes, "Operations under the roofline", subtitle, "FLOP per byte", "GFLOP/s")
    start, end = 10 ** axes.x[0], 10 ** axes.x[1]
    ridge = peak / copy
    begin = max(start, 10 ** axes.y[0] / copy)
    corners = [(begin, begin * copy), (ridge, peak), (end, peak)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (axes.at(*c) for c in corners))
    out.append(f'<path d="M{path}" fill="none" stroke="#222" stroke-width="2"/>')
    x, y = axes.at(ridge, peak)
    out.append(text(x - 6, y + 4, f"micro-kernel {peak:.0f} GFLOP/s", anchor="end"))
    x, y = axes.at(math.sqrt(begin * ridge), math.sqrt(begin * ridge) * copy)
    out.append(text(x - 8, y - 8, f"copy {copy:.0f} GB/s", anchor="end"))
    placed: list[tuple[float, float, float]] = []
    for fx, fy, row in sorted(points, key=lambda p: -p[1]):
        px, py = axes.at(fx, fy)
        colour = COLOURS[row["pass"]]
        title = f"{row['op']} {row['pass']}: {row['gflops']:.1f} GFLOP/s, {row['percent']:.0f}%"
        out.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}" fill-opacity="0.75">'
            f"<title>{escape(title)}</title></circle>"
        )
        width = 6.2 * len(row["op"])
        free = all(abs(py - y) > 11 or px + 7 > x + w or px + 7 + width < x for x, y, w in placed)
        if free and row["pass"] == "forward" and px + 7 + width < WIDTH - RIGHT:
            out.append(text(px + 7, py + 4, row["op"], 10, fill="#444"))
            placed.append((px + 7, py, width))
    for i, (name, colour) in enumerate(COLOURS.items()):
        out.append(f'<circle cx="{WIDTH - 200 + 100 * i}" cy="20" r="5" fill="{colour}"/>')
        out.append(text(WIDTH - 190 + 100 * i, 24, name))
    out.append("</svg>")
    return "\n".join(out) + "\n"
