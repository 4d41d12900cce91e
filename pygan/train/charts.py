"""Line charts as inline SVG, coloured by the page's style sheet and drawn without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Series", "chart", "number", "thin", "ticks"]

WIDTH, HEIGHT = 520, 280
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 14, 42
MAX_POINTS = 1000
MAX_MARKERS = 40

Point = tuple[float, float]


@dataclass
class Series:
    """One curve: its label in the legend, CSS class (its colour), and (step, value) points.

    A value that is not finite breaks the line. ``smooth`` draws the curve faintly and its moving
    average over it.
    """

    label: str
    style: str
    points: Sequence[Point]
    smooth: bool = False


def number(value: float) -> str:
    """A few significant digits as a person writes them: 0.0123, 4.2, 17, 12,300."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "not a number"
    size = abs(value)
    if size and (size >= 1e7 or size < 1e-4):
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    elif size >= 100:
        text = f"{value:,.0f}"
    else:
        decimals = 2 if size == 0 else max(0, 2 - math.floor(math.log10(size)))
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers (1, 2 or 5 times a power of ten apart) within [low, high]."""
    raw = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min((m for m in (1, 2, 5, 10) if m * power >= raw * 0.999), default=10)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    # i / 10 and not i * 0.1: the latter would give 0.30000000000000004
    return [i * step if step >= 1 else i / round(1 / step) for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within [low, high], or powers of ten where there are many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    many = len(exponents) > 4
    values = [m * 10.0**e for e in exponents for m in ((1,) if many else (1, 2, 5))]
    values = [v for v in values if low * 0.999 <= v <= high * 1.001]
    return values[:: max(1, len(values) // 6)] if many else values


def thin(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """At most ``limit`` points that look the same: of each stretch the lowest and the highest.

    Taking every k-th point would lose the spikes one looks for. A stretch that has nothing but
    values that are not finite keeps one of them, which breaks the line there.
    """
    if len(points) <= limit:
        return list(points)
    kept: list[Point] = []
    stretches = limit // 2
    for i in range(stretches):
        part = points[i * len(points) // stretches : (i + 1) * len(points) // stretches]
        finite = [p for p in part if math.isfinite(p[1])]
        if not finite:
            kept.append(part[0])
            continue
        kept += sorted({min(finite, key=lambda p: p[1]), max(finite, key=lambda p: p[1])})
    return kept


def average(points: Sequence[Point]) -> list[Point]:
    """A centred moving average over a 25th of the points, skipping what is not finite."""
    reach = len(points) // 50
    sums, counts = [0.0], [0]
    for _, value in points:
        finite = math.isfinite(value)
        sums.append(sums[-1] + (value if finite else 0.0))
        counts.append(counts[-1] + finite)
    smooth = []
    for i, (step, _) in enumerate(points):
        a, b = max(0, i - reach), min(len(points), i + reach + 1)
        if counts[b] > counts[a]:
            smooth.append((step, (sums[b] - sums[a]) / (counts[b] - counts[a])))
    return smooth


def chart(
    title: str, series: Sequence[Series], reference: tuple[str, float] | None = None
) -> str | None:
    """A ``<figure>`` with one chart, or None where no series has a finite value.

    Args:
        title: above the chart.
        series: the curves; x is the step. Their scale is logarithmic where all values are positive
            and span more than a factor of 20.
        reference: label and height of a dashed horizontal line.
    """
    drawn = [s for s in series if any(math.isfinite(y) for _, y in s.points)]
    if not drawn:
        return None
    xs = [x for s in drawn for x, y in s.points if math.isfinite(y)]
    values = [y for s in drawn for _, y in s.points if math.isfinite(y)]
    if reference and not math.isfinite(reference[1]):
        reference = None
    values += [reference[1]] if reference else []
    # shares of 1 are read as they are
    log = min(values) > 0 and max(values) > max(1.0, 20 * min(values))
    low, high = _limits(values, log)
    left, right = (min(xs), max(xs)) if min(xs) < max(xs) else (min(xs) - 1, max(xs) + 1)

    def px(x: float) -> float:
        return LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def py(y: float) -> float:
        a, b, v = (math.log(low), math.log(high), math.log(y)) if log else (low, high, y)
        return HEIGHT - BOTTOM - (v - a) / (b - a) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for y in log_ticks(low, high) if log else ticks(low, high):
        at = py(y)
        parts.append(
            f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        parts.append(f'<text class="tick end" x="{LEFT - 8}" y="{at + 4.5:.1f}">{number(y)}</text>')
    base = HEIGHT - BOTTOM
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>')
    whole = [x for x in ticks(left, right) if x == int(x)] if min(xs) < max(xs) else xs[:1]
    for x in whole:
        at = px(x)
        anchor = " end" if at > WIDTH - RIGHT - 12 else " mid"
        parts.append(
            f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{base}" y2="{base + 4}"/>'
        )
        parts.append(f'<text class="tick{anchor}" x="{at:.1f}" y="{base + 19}">{x:,.0f}</text>')
    parts.append(
        f'<text class="tick mid" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}">step</text>'
    )
    if reference:
        at = py(reference[1])
        parts.append(f'<path class="reference" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
    for s in drawn:
        parts += _curve(s, px, py)
    legend = [f'<li class="{s.style}">{escape(s.label)}</li>' for s in drawn]
    if reference:
        legend.append(f'<li class="dashed">{escape(reference[0])}</li>')
    notes = ["log scale"] if log else []
    lost = sum(not math.isfinite(y) for s in drawn for _, y in s.points)
    notes += [f"{lost:,} value{'s' * (lost > 1)} not finite"] if lost else []
    note = f" <small>{', '.join(notes)}</small>" if notes else ""
    alt = "; ".join(f"{s.label}: last value {number(_last(s.points))}" for s in drawn)
    return (
        f'<figure class="chart"><figcaption><h3>{escape(title)}{note}</h3>'
        f'<ul class="legend">{"".join(legend)}</ul></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title}. {alt}")}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _limits(values: Sequence[float], log: bool) -> tuple[float, float]:
    """The scale's ends: the values' range and a little air, never of zero length."""
    low, high = min(values), max(values)
    if log:
        air = (high / low) ** 0.06
        return low / air, high * air
    air = (high - low) * 0.06 or abs(low) * 0.1 or 1.0
    # all positive and close to zero, seen from their size: the axis starts at zero
    bottom = 0.0 if 0 <= low < 0.5 * high else low - air
    return bottom, high + air


def _last(points: Sequence[Point]) -> float:
    return next((y for _, y in reversed(points) if math.isfinite(y)), math.nan)


def _curve(series: Series, px, py) -> list[str]:  # noqa: ANN001 - two functions of chart
    points = thin(series.points)
    finite = [p for p in points if math.isfinite(p[1])]
    smooth = series.smooth and len(finite) > 60
    parts = [_path(points, series.style + (" faint" if smooth else ""), px, py)]
    if smooth:
        parts.append(_path(thin(average(series.points), MAX_POINTS // 2), series.style, px, py))
    if len(finite) <= MAX_MARKERS:
        # <title> is what a browser shows when the pointer rests there
        parts += [
            f'<circle class="{series.style}" cx="{px(x):.1f}" cy="{py(y):.1f}" r="3.5">'
            f"<title>{escape(series.label)}, step {x:,.0f}: {number(y)}</title></circle>"
            for x, y in finite
        ]
    return parts


def _path(points: Sequence[Point], style: str, px, py) -> str:  # noqa: ANN001
    runs: list[list[str]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append(f"{px(x):.1f} {py(y):.1f}")
        elif runs[-1]:
            runs.append([])
    # "h0": a point alone, between gaps, shows as a dot (round line ends)
    d = "".join(f"M{'L'.join(run)}" + ("h0" if len(run) == 1 else "") for run in runs if run)
    return f'<path class="{style}" d="{d}"/>'
