"""Plots with logarithmic axes as SVG, drawn without any library."""

from __future__ import annotations

import math
from html import escape

__all__ = ["BOTTOM", "HEIGHT", "LEFT", "RIGHT", "TOP", "WIDTH", "Axes", "frame", "text"]

WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 56, 60


class Axes:
    """Logarithmic both ways: from values to the picture."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = (tuple(map(math.log10, v)) for v in (x, y))

    def at(self, x: float, y: float) -> tuple[float, float]:
        u = (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        v = (math.log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + u * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - v * (HEIGHT - TOP - BOTTOM)

    def decades(self, which: tuple[float, float]) -> list[float]:
        return [10.0**e for e in range(math.ceil(which[0]), math.floor(which[1]) + 1)]


def text(
    x: float, y: float, content: str, size: int = 12, anchor: str = "start", **style: str
) -> str:
    more = "".join(f' {k}="{v}"' for k, v in style.items())
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{more}>'
        f"{escape(content)}</text>"
    )


def frame(axes: Axes, title: str, subtitle: str, x: str, y: str) -> list[str]:
    """The picture's head, grid and labels; what follows is drawn over it."""
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 24, title, 17),
        text(LEFT, 43, subtitle, 12, fill="#666"),
    ]
    for v in axes.decades(axes.x):
        px, _ = axes.at(v, 10 ** axes.y[0])
        out.append(f'<path d="M{px:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        out.append(text(px, HEIGHT - BOTTOM + 18, f"{v:g}", anchor="middle"))
    for v in axes.decades(axes.y):
        _, py = axes.at(10 ** axes.x[0], v)
        out.append(f'<path d="M{LEFT} {py:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        out.append(text(LEFT - 8, py + 4, f"{v:g}", anchor="end"))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x, anchor="middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(text(18, middle, y, anchor="middle", transform=f"rotate(-90 18 {middle:.0f})"))
    return out
