"""Cases of pool: windows of every size, stride, padding and dilation that fits."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from pygan.testing.strategies import fill, seeds, sizes, with_layout

ALL = frozenset((0, 1, 2))


def either(pair: tuple) -> object:
    """An int where the pair's sides agree."""
    return pair[0] if pair[0] == pair[1] else pair


def draw_windows(draw: st.DrawFn, dilated: bool) -> tuple[tuple, tuple, dict]:
    """(H, W), (H', W') and the settings of a pool that fits."""
    sides = []
    for _ in range(2):
        k, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        d = draw(st.sampled_from((1, 1, 2, 3))) if dilated else 1
        p = draw(st.integers(0, k // 2)) if d == 1 else 0  # so that every window has a pixel
        out, left = draw(st.sampled_from((1, 2, 3, 5))), draw(st.integers(0, s - 1))
        size = (out - 1) * s - 2 * p + d * (k - 1) + 1 + left
        while size < 1:
            out, size = out + 1, size + s
        sides.append((size, out, k, s, p, d))
    size, out, kernel, stride, padding, dilation = zip(*sides, strict=True)
    settings = {"kernel_size": either(kernel), "padding": either(padding)}
    if stride != kernel or draw(st.booleans()):
        settings["stride"] = either(stride)
    if dilated:
        settings["dilation"] = either(dilation)
    return size, out, settings


def draw_images(draw: st.DrawFn, size: tuple, limit: int) -> tuple:
    """(N, H, W, C) of about ``limit`` elements at most"""
    n, c = draw(st.sampled_from((1, 1, 2, 3))), draw(sizes)
    while n * c > 1 and n * c * size[0] * size[1] > limit:
        n, c = max(1, n - 1), (c + 1) // 2
    return n, *size, c


def draw_avg(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    size, _, settings = draw_windows(draw, dilated=False)
    settings["count_include_pad"] = draw(st.booleans())
    return Example(values(draw, (draw_images(draw, size, limit),), dtype), settings)


def draw_avg_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    size, out, settings = draw_windows(draw, dilated=False)
    settings |= {"count_include_pad": draw(st.booleans()), "size": either(size)}
    return Example(values(draw, (draw_images(draw, out, limit // 4),), dtype), settings)


def draw_max(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Distinct values 1/8 and more apart: differences must not change the winner."""
    size, _, settings = draw_windows(draw, dilated=True)
    shape = draw_images(draw, size, limit)
    rng = np.random.default_rng(draw(seeds))
    x = rng.permutation(np.prod(shape)).reshape(shape).astype(dtype) / 8 - 2
    layout = draw(st.sampled_from(("dense", "strided", "transposed")))
    return Example((with_layout(rng, x, layout),), settings)


def draw_max_ties(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_max(draw, dtype, limit)
    if draw(st.booleans()):
        return Example(tuple(np.round(x % 3) for x in example.inputs), example.hyper)
    return example


def draw_pixels(draw: st.DrawFn, dtype: str, limit: int, put: bool) -> Example:
    size, out = (tuple(draw(st.integers(1, 6)) for _ in range(2)) for _ in range(2))
    n, _, _, c = draw_images(draw, (max(size[0], out[0]), max(size[1], out[1])), limit)
    rng = np.random.default_rng(draw(seeds))
    index = rng.integers(0, size[0] * size[1], (n, *out, c))
    if put:
        return Example((fill(rng, index.shape, dtype), index), {"size": either(size)})
    return Example((*values(draw, ((n, *size, c),), dtype), index))


def draw_take(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return draw_pixels(draw, dtype, limit, put=False)


def draw_put(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return draw_pixels(draw, dtype, limit, put=True)


def max_and_place(x, **pool):
    import pygan as pg

    return pg.ops.max_pool2d_with_indices(x, **pool)


OVERLAPPING = {"kernel_size": 3, "stride": 2, "padding": 1}

CASES = [
    Case(
        "avg_pool2d",
        draw_avg,
        scale="absolute",
        flops=lambda e, y: 9.0 * y[0].size,
        big=lambda: Example((random((5, 33, 31, 35)),), OVERLAPPING),
    ),
    Case(
        "avg_pool2d_grad",
        draw_avg_grad,
        scale="absolute",
        big=lambda: Example((random((5, 17, 16, 35)),), {**OVERLAPPING, "size": (33, 31)}),
        flops=lambda e, y: 9.0 * e.inputs[0].size,
    ),
    Case(
        "max_pool2d",
        draw_max_ties,
        max_and_place,
        exact=ALL,
        smooth=draw_max,
        big=lambda: Example((random((5, 33, 31, 35)),), OVERLAPPING),
    ),
    Case("take_pixels", draw_take, exact=ALL),
    Case("put_pixels", draw_put, exact=ALL),
]
