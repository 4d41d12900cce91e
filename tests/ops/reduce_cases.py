"""Cases of reduce and shape."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from ops.scales import TermScale
from pygan.reference import reduce
from pygan.testing.strategies import axes, broadcasting_shapes, seeds, shapes

ALL = frozenset((0, 1, 2))


def reduced(shape: tuple, axis: object) -> tuple[int, ...]:
    """(shape without the axes, number of elements that each result comes from)"""
    every = range(len(shape)) if axis is None else np.atleast_1d(axis) % len(shape)
    kept = tuple(n for i, n in enumerate(shape) if i not in every)
    return kept, math.prod(shape) // max(1, math.prod(kept))


def draw_reduce(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    hyper = {"axis": draw(axes(len(shape))), "keepdims": draw(st.booleans())}
    return Example(values(draw, (shape,), dtype), hyper)


def draw_max(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_reduce(draw, dtype, limit)
    if draw(st.booleans()):  # ties
        return Example(tuple(np.round(x) for x in example.inputs), example.hyper)
    return example


def draw_take(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    axis, keepdims = draw(axes(len(shape))), draw(st.booleans())
    kept, count = reduced(shape, axis)
    index = np.random.default_rng(draw(seeds)).integers(0, count, kept)
    return Example((*values(draw, (shape,), dtype), index), {"axis": axis, "keepdims": keepdims})


def draw_put(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    axis = draw(axes(len(shape)))
    kept, count = reduced(shape, axis)
    index = np.random.default_rng(draw(seeds)).integers(0, count, kept)
    return Example((*values(draw, (kept,), dtype), index), {"shape": shape, "axis": axis})


def draw_broadcast(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    pair = draw(broadcasting_shapes(limit=limit))
    full = np.broadcast_shapes(*pair)
    return Example(values(draw, (pair[0],), dtype), {"shape": full})


def draw_sum_to(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    pair = draw(broadcasting_shapes(limit=limit))
    full = np.broadcast_shapes(*pair)
    return Example(values(draw, (full,), dtype), {"shape": pair[0]})


def draw_reshape(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    size, target = math.prod(shape), []
    for divisor in (2, 3, 5, 1):
        if size % divisor == 0 and draw(st.booleans()):
            target.append(divisor)
            size //= divisor
    target = list(draw(st.permutations([*target, size])))
    if draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return Example(values(draw, (shape,), dtype), {"shape": tuple(target)})


def draw_to(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return Example(values(draw, (draw(shapes(limit=limit)),), dtype))


def draw_transpose(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(min_rank=1, limit=limit))
    order = tuple(draw(st.permutations(range(len(shape)))))
    order = tuple(a - len(shape) if draw(st.booleans()) else a for a in order)
    return Example(values(draw, (shape,), dtype), {"axes": draw(st.sampled_from((order, None)))})


def draw_places(draw: st.DrawFn, shape: tuple) -> tuple[tuple, tuple, tuple]:
    """start, step and extent of a slice that fits, an axis: negative steps too"""
    start, step, extent = [], [], []
    for n in shape:
        a, b = draw(st.integers(0, n - 1)), draw(st.sampled_from((1, 1, 2, 3, -1, -2)))
        room = (n - 1 - a) // b + 1 if b > 0 else a // -b + 1
        start.append(a)
        step.append(b)
        extent.append(draw(st.integers(1, room)))
    return tuple(start), tuple(step), tuple(extent)


def draw_slice(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    start, step, extent = draw_places(draw, shape)
    return Example(values(draw, (shape,), dtype), {"start": start, "step": step, "shape": extent})


def draw_unslice(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    start, step, extent = draw_places(draw, shape)
    return Example(values(draw, (extent,), dtype), {"start": start, "step": step, "shape": shape})


def draw_concat(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(min_rank=1, limit=limit // 2))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        part = list(shape)
        part[axis] = draw(st.sampled_from((1, 2, 3)))
        parts.append(tuple(part))
    return Example(values(draw, tuple(parts), dtype), {"axis": axis})


def norm_scale(order: int, *args: np.ndarray, axis=None, keepdims=False) -> list[float]:
    """The formulas with every minus a plus: dx = dy (ddx - u <u, ddx>) / |x| is a projection, and
    what it takes away need not be small (over one element it is everything)."""
    x = args[-1]
    n, u = reduce._unit(np.abs(x), axis)
    scales = [n[np.isfinite(n)].max(initial=0)]
    if order:
        dy = reduce._spread(np.abs(args[-2]), x.shape, axis)
        scales = [(dy * u).max(initial=0)]
    if order == 2:
        ddx = np.abs(args[0])
        along = np.sum(u * ddx, axis=reduce._axes(x.shape, axis), keepdims=True)
        scales = [along.max(initial=0), (dy * (ddx + u * along) / n).max(initial=0)]
    return scales


def max_and_place(x, axis=None, keepdims=False):
    import pygan as pg

    return pg.ops.max_with_indices(x, axis=axis, keepdims=keepdims)


def min_and_place(x, axis=None, keepdims=False):
    import pygan as pg

    return pg.ops.min_with_indices(x, axis=axis, keepdims=keepdims)


def concat(*xs, axis=0):
    import pygan as pg

    return pg.ops.concat(list(xs), axis=axis)


def big(extent: tuple, **hyper):
    return lambda: Example((random(extent),), hyper)


CASES = [
    Case("sum", draw_reduce, scale="absolute", big=big((700, 999), axis=0)),
    Case("mean", draw_reduce, scale="absolute", big=big((700, 999))),
    Case("norm", draw_reduce, scale=norm_scale, big=big((33, 20001), axis=1)),
    Case(
        "logsumexp",
        draw_reduce,
        scale=TermScale(reduce, "logsumexp", "_shares"),
        big=big((33, 20001), axis=1),
    ),
    Case(
        "max", draw_max, max_and_place, exact=ALL, smooth=draw_reduce, big=big((33, 20001), axis=1)
    ),
    Case("min", draw_max, min_and_place, exact=ALL, smooth=draw_reduce, big=big((301, 77), axis=0)),
    Case("argmax", draw_max, differentiable=False),
    Case("argmin", draw_max, differentiable=False),
    Case("take_reduced", draw_take, exact=ALL),
    Case("put_reduced", draw_put, exact=ALL),
    Case("broadcast_to", draw_broadcast, scale="absolute", exact=frozenset((0, 2))),
    Case("sum_to", draw_sum_to, scale="absolute", big=big((40, 50, 301), shape=(50, 1))),
    Case("reshape", draw_reshape, exact=ALL),
    Case("to", draw_to, exact=ALL),
    Case("transpose", draw_transpose, exact=ALL, big=big((300, 7, 333), axes=(2, 0, 1))),
    Case("slice", draw_slice, exact=ALL),
    Case("unslice", draw_unslice, exact=ALL),
    Case("concat", draw_concat, concat, exact=ALL),
]
