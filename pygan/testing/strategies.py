"""Hypothesis strategies for operations: what breaks kernels, and no more than what costs little.

Shapes and settings are drawn by hypothesis (they shrink); values come from a drawn seed, so that an
array costs the same however long it is. Sizes favour 1, 31, 32, 33 and odd numbers: the edges of
vectors, tiles and warps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

__all__ = [
    "ConvGeometry",
    "arrays",
    "axes",
    "broadcasting_shapes",
    "conv_geometries",
    "fill",
    "float_dtypes",
    "seeds",
    "shapes",
    "sizes",
    "with_layout",
]

LAYOUTS = ("dense", "dense", "strided", "reversed", "transposed", "sliced")

float_dtypes = st.sampled_from(("float32", "float64"))
seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from((1, 2, 3, 5, 7, 16, 31, 32, 33))
"""One axis."""


@st.composite
def shapes(draw: st.DrawFn, min_rank: int = 0, max_rank: int = 4, limit: int = 1200) -> tuple:
    """A shape of at most ``limit`` elements; one axis may be long, the others are short."""
    rank = draw(st.integers(min_rank, max_rank))
    shape = [draw(st.sampled_from((1, 2, 3, 5))) for _ in range(rank)]
    if rank:
        shape[draw(st.integers(0, rank - 1))] = draw(sizes)
        if rank > 1 and draw(st.booleans()):
            shape[draw(st.integers(0, rank - 1))] = draw(sizes)
    while math.prod(shape) > limit:
        shape[shape.index(max(shape))] //= 2
    return tuple(shape)


@st.composite
def broadcasting_shapes(
    draw: st.DrawFn, count: int = 2, max_rank: int = 4, limit: int = 1200
) -> tuple:
    """``count`` shapes that broadcast together: axes of 1, and leading axes that are missing."""
    full = draw(shapes(max_rank=max_rank, limit=limit))
    out = []
    for i in range(count):
        ones = [draw(st.sampled_from((False, False, False, True))) for _ in full]
        shape = [1 if one else n for n, one in zip(full, ones, strict=True)]
        drop = draw(st.sampled_from((0, 0, 1, 2))) if i else 0
        out.append(tuple(shape[drop:]))
    return tuple(draw(st.permutations(out)))


@st.composite
def axes(draw: st.DrawFn, rank: int) -> int | tuple[int, ...] | None:
    """What ``axis`` may be: None, an int from either end, or a tuple in any order."""
    if rank == 0:
        return None
    kind = draw(st.sampled_from(("none", "int", "tuple", "tuple")))
    if kind == "none":
        return None
    if kind == "int":
        return draw(st.integers(-rank, rank - 1))
    chosen = draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]
    return tuple(a - rank if draw(st.booleans()) else a for a in chosen)


def fill(
    rng: np.random.Generator,
    shape: tuple,
    dtype: str = "float64",
    low: float = -2.0,
    high: float = 2.0,
    kinks: tuple[float, ...] = (),
    margin: float = 0.01,
) -> np.ndarray:
    """Uniform in [low, high), at least ``margin`` away from every kink."""
    x = rng.uniform(low, high, shape)
    for kink in kinks:
        side = np.where(x < kink, -margin, margin)
        x = np.where(np.abs(x - kink) < margin, kink + side, x)
    return np.asarray(x, dtype)


def with_layout(rng: np.random.Generator, x: np.ndarray, layout: str) -> np.ndarray:
    """The same values as a view into other memory, the rest of it NaN (or a large integer).

    "strided": every second element; "reversed": negative strides; "transposed": column-major;
    "sliced": a window of a larger array.
    """
    rest = np.nan if np.issubdtype(x.dtype, np.floating) else np.iinfo(np.int32).max
    if x.ndim == 0:
        return x
    if layout == "transposed":
        return np.asfortranarray(x)
    if layout == "reversed":
        back = (slice(None, None, -1),) * x.ndim
        return np.ascontiguousarray(x[back])[back]
    if layout == "strided":
        larger = np.full(tuple(2 * n for n in x.shape), rest, x.dtype)
        window = (slice(None, None, 2),) * x.ndim
    elif layout == "sliced":
        before = rng.integers(0, 3, x.ndim)
        larger = np.full(
            tuple(n + b + 1 for n, b in zip(x.shape, before, strict=True)), rest, x.dtype
        )
        window = tuple(slice(b, b + n) for b, n in zip(before, x.shape, strict=True))
    else:
        return x
    larger[window] = x
    return larger[window]


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: tuple | st.SearchStrategy,
    dtype: str | st.SearchStrategy = "float64",
    low: float = -2.0,
    high: float = 2.0,
    kinks: tuple[float, ...] = (),
) -> np.ndarray:
    """A float array off its kinks, often a strided, reversed, transposed or sliced view."""
    shape = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    dtype = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    rng = np.random.default_rng(draw(seeds))
    x = fill(rng, shape, dtype, low, high, kinks)
    return with_layout(rng, x, draw(st.sampled_from(LAYOUTS)))


@dataclass(frozen=True)
class ConvGeometry:
    """A convolution that fits: x (N, H, W, C_in), w (kh, kw, C_in / groups, C_out) -> y."""

    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    output_padding: tuple[int, int]  # (what conv_transpose2d must add to give x's size)

    @property
    def settings(self) -> dict:
        """stride, padding, dilation and groups, an int where a pair's sides agree."""
        pairs = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        short = {k: v[0] if v[0] == v[1] else v for k, v in pairs.items()}
        return {**short, "groups": self.groups}


@st.composite
def conv_geometries(draw: st.DrawFn, limit: int = 4000) -> ConvGeometry:
    """Every combination of kernel, stride, padding, dilation, groups and what the stride leaves.

    ``limit`` bounds the multiply-adds a tap, so that examples stay cheap.
    """
    square = draw(st.booleans())
    sides = [draw(_side()) for _ in range(1 if square else 2)] * (2 if square else 1)
    kernel, stride, padding, dilation, out, left = zip(*sides, strict=True)
    size = [(o - 1) * s - 2 * p + d * (k - 1) + 1 + more for k, s, p, d, o, more in sides]
    n = draw(st.sampled_from((1, 1, 2, 3)))
    groups = draw(st.sampled_from((1, 1, 1, 2, 3)))
    channels = st.sampled_from((1, 2, 3, 5)) if groups > 1 else sizes
    c_in, c_out = draw(channels), draw(channels)
    while n * out[0] * out[1] * c_in * c_out > limit and c_in * c_out > 1:
        c_in, c_out = (c_in + 1) // 2, (c_out + 1) // 2
    return ConvGeometry(
        x=(n, *size, c_in * groups),
        w=(*kernel, c_in, c_out * groups),
        y=(n, *out, c_out * groups),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        output_padding=left,
    )


@st.composite
def _side(draw: st.DrawFn) -> tuple[int, int, int, int, int, int]:
    """(kernel, stride, padding, dilation, output size, remainder) of one axis with input >= 1."""
    k = draw(st.integers(1, 5))
    s = draw(st.integers(1, 3))
    d = draw(st.sampled_from((1, 1, 2, 3)))
    p = draw(st.integers(0, 3))
    left = draw(st.integers(0, s - 1))
    out = draw(st.sampled_from((1, 2, 3, 4, 5, 7)))
    # smallest output whose input has at least one pixel
    while (out - 1) * s - 2 * p + d * (k - 1) + 1 + left < 1:
        out += 1
    return k, s, p, d, out, left
