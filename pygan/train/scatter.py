"""Pictures of points in the plane: samples over real points over the discriminator's field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pygan.errors import ConfigError, ShapeError
from pygan.train.charts import number, ticks

__all__ = ["Window", "scatter"]

PLOT = 512  # pixels of the plot's side
LEFT, TOP, RIGHT, BOTTOM = 46, 54, 86, 34  # of the plot's frame to the picture's edges
BAR = 14  # width of the colour scale
SMOOTH = 3  # everything is drawn this much larger and scaled down, which smooths its edges

PAPER, INK, MUTED = (255, 255, 255), (38, 44, 52), (110, 118, 128)
REAL, SAMPLE = (44, 62, 80, 110), (190, 18, 60, 215)  # RGB and opacity
REAL_RADIUS, SAMPLE_RADIUS = 1.8, 2.1
# From D's lowest values (fake to it) to its highest, pale enough for dots to stand out.
FIELD = np.array(
    [(122, 160, 214), (188, 208, 236), (247, 247, 244), (250, 218, 164), (240, 178, 92)]
)


@dataclass(frozen=True)
class Window:
    """The square of the plane that a picture shows: its centre and half its side.

    The same for all pictures of a run, since it depends on the real points alone.
    """

    x: float
    y: float
    half: float

    @classmethod
    def around(cls, points: NDArray[Any]) -> Window:
        """All but the outermost thousandth of ``points`` (N, 2), and a fifth of air around them."""
        low, high = np.quantile(points.astype(np.float64), [0.0005, 0.9995], axis=0)
        middle, half = (low + high) / 2, float((high - low).max()) / 2
        return cls(float(middle[0]), float(middle[1]), 1.2 * half or 1.0)

    def cells(self, n: int) -> NDArray[np.float64]:
        """Centres of n x n equal cells, (n n, 2): rows from the top, each from the left."""
        at = self.half * ((2 * np.arange(n) + 1) / n - 1)
        x, y = np.meshgrid(self.x + at, self.y - at)
        return np.stack([x, y], axis=-1).reshape(-1, 2)

    def pixels(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Where ``points`` lie in the plot, (N, 2), in units of its side from the upper left."""
        off = (points.astype(np.float64) - [self.x, self.y]) / (2 * self.half)
        return 0.5 + off * [1, -1]


def scatter(
    real: NDArray[Any],
    samples: NDArray[Any] | None,
    window: Window,
    *,
    field: NDArray[Any] | None = None,
    title: str = "",
) -> NDArray[np.uint8]:
    """A picture of points, uint8 ``(600, 644, 3)``.

    Args:
        real: ``(N, 2)``, dark dots. samples: ``(M, 2)``, red dots over them, or None.
        window: what part of the plane is shown; a line below says how many samples lie outside.
        field: ``(n, n)``, a function of the plane at the centres of the window's
            `Window.cells` as the background's colour, with its scale at the right; it ends at the
            2% and 98% quantiles of the values, beyond which the colour stays.
        title: at the top left.

    Raises:
        ShapeError: arrays of other shapes. ConfigError: a window of no extent.
    """
    for name, points in (("real", real), ("samples", samples)):
        if points is not None and (points.ndim != 2 or points.shape[1] != 2):
            raise ShapeError(f"scatter: {name} must be (N, 2), got {points.shape}")
    if field is not None and (
        field.ndim != 2 or field.shape[0] != field.shape[1] or not len(field)
    ):
        raise ShapeError(f"scatter: field must be (n, n), got {field.shape}")
    if not window.half > 0:
        raise ConfigError(f"scatter: the window's half side must be positive, got {window.half}")
    size = (LEFT + PLOT + RIGHT, TOP + PLOT + BOTTOM)
    sheet = Image.new("RGB", (size[0] * SMOOTH, size[1] * SMOOTH), PAPER)
    plot = Image.new("RGB", (PLOT * SMOOTH,) * 2, PAPER)
    limits = None if field is None else _limits(field)
    if field is not None and limits is not None:
        colours = Image.fromarray(_colours(field, *limits))
        plot = colours.resize(plot.size, Image.Resampling.BICUBIC)
    _dots(plot, window.pixels(real), REAL, REAL_RADIUS)
    if samples is not None:
        _dots(plot, window.pixels(samples), SAMPLE, SAMPLE_RADIUS)
    sheet.paste(plot, (LEFT * SMOOTH, TOP * SMOOTH))
    pen = _Pen(sheet)
    _axes(pen, window)
    if limits is not None:
        _scale(pen, sheet, *limits)
    _words(pen, window, samples, title)
    return np.asarray(sheet.resize(size, Image.Resampling.BOX))


class _Pen:
    """Lines and text in the picture's own pixels."""

    def __init__(self, sheet: Image.Image) -> None:
        self._draw = ImageDraw.Draw(sheet)

    def text(
        self, x: float, y: float, text: str, anchor: str, size: int = 13, fill: Any = MUTED
    ) -> None:
        font = ImageFont.load_default(size * SMOOTH)
        self._draw.text((x * SMOOTH, y * SMOOTH), text, fill, font, anchor)

    def length(self, text: str, size: int = 13) -> float:
        return self._draw.textlength(text, ImageFont.load_default(size * SMOOTH)) / SMOOTH

    def line(self, *ends: float, fill: Any = INK) -> None:
        self._draw.line([v * SMOOTH for v in ends], fill, SMOOTH)

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        corners = [v * SMOOTH for v in (x - 1, y - 1, x + width + 1, y + height + 1)]
        self._draw.rectangle(corners, outline=INK, width=SMOOTH)

    def dot(self, x: float, y: float, colour: tuple[int, ...], radius: float) -> None:
        box = [v * SMOOTH for v in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, colour[:3])


def _dots(
    plot: Image.Image, at: NDArray[np.float64], colour: tuple[int, ...], radius: float
) -> None:
    """Dots with a thin white rim, in the order given."""
    draw = ImageDraw.Draw(plot, "RGBA")
    r, rim = radius * SMOOTH, (radius + 0.6) * SMOOTH
    for x, y in at * plot.width:
        if -rim < x < plot.width + rim and -rim < y < plot.height + rim:
            draw.ellipse((x - rim, y - rim, x + rim, y + rim), (255, 255, 255, 60))
            draw.ellipse((x - r, y - r, x + r, y + r), colour)


def _limits(field: NDArray[Any]) -> tuple[float, float] | None:
    """Ends of the colour scale; None where nothing is finite."""
    finite = field[np.isfinite(field)].astype(np.float64)
    if not finite.size:
        return None
    low, high = (float(v) for v in np.quantile(finite, [0.02, 0.98]))
    least = 1e-6 * max(1.0, abs(low), abs(high))  # a constant field is the middle colour
    return (low, high) if high - low > least else (low - 0.5, high + 0.5)


def _colours(field: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """uint8 (..., 3): piecewise linear along `FIELD`; white where the field is not finite."""
    share = np.clip((field.astype(np.float64) - low) / (high - low), 0, 1)
    stops = np.linspace(0, 1, len(FIELD))
    known = np.isfinite(share)
    rgb = [np.where(known, np.interp(share, stops, FIELD[:, c]), 255.0) for c in range(3)]
    return np.round(np.stack(rgb, axis=-1)).astype(np.uint8)


def _axes(pen: _Pen, window: Window) -> None:
    pen.frame(LEFT, TOP, PLOT, PLOT)
    for value in ticks(window.x - window.half, window.x + window.half):
        x = LEFT + (value - window.x + window.half) / (2 * window.half) * PLOT
        pen.line(x, TOP + PLOT + 1, x, TOP + PLOT + 5)
        pen.text(x, TOP + PLOT + 8, _number(value), "ma")
    for value in ticks(window.y - window.half, window.y + window.half):
        y = TOP + PLOT - (value - window.y + window.half) / (2 * window.half) * PLOT
        pen.line(LEFT - 5, y, LEFT - 1, y)
        pen.text(LEFT - 8, y, _number(value), "rm")


def _scale(pen: _Pen, sheet: Image.Image, low: float, high: float) -> None:
    """The colour scale of the field."""
    x = LEFT + PLOT + 18
    ramp = _colours(np.linspace(high, low, PLOT)[:, None], low, high)
    bar = Image.fromarray(ramp).resize((BAR * SMOOTH, PLOT * SMOOTH))
    sheet.paste(bar, (x * SMOOTH, TOP * SMOOTH))
    pen.frame(x, TOP, BAR, PLOT)
    for value in ticks(low, high):
        y = TOP + (high - value) / (high - low) * PLOT
        pen.line(x + BAR + 1, y, x + BAR + 5, y)
        pen.text(x + BAR + 8, y, _number(value), "lm")
    pen.text(x + BAR / 2, TOP - 9, "D(x)", "ms", fill=INK)


def _words(pen: _Pen, window: Window, samples: NDArray[Any] | None, title: str) -> None:
    pen.text(LEFT, TOP - 30, title, "ls", 18, INK)
    entries = [("real", REAL, REAL_RADIUS)]
    if samples is not None:
        entries.append(("generated", SAMPLE, SAMPLE_RADIUS))
    x = float(LEFT)
    for label, colour, radius in entries:
        pen.dot(x + 4, TOP - 13, colour, radius + 1.5)
        pen.text(x + 13, TOP - 13, label, "lm")
        x += 13 + pen.length(label) + 20
    if samples is not None:
        at = window.pixels(samples)
        outside = int(((at < 0) | (at > 1)).any(axis=1).sum())
        if outside:
            text = f"{outside:,} of {len(samples):,} outside"
            pen.text(LEFT + PLOT, TOP - 13, text, "rm")


def _number(value: float) -> str:
    return number(value).replace("−", "-")  # Pillow's own font has no minus sign
