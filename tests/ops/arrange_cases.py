"""Cases of what is made of the shape ops: stack, split, flip and their like."""

from __future__ import annotations

from hypothesis import strategies as st

from ops.case import Case, Example, values
from pygan.testing.strategies import axes, shapes

ALL = frozenset((0, 1, 2))


def draw_expand_dims(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return Example(values(draw, (shape,), dtype), {"axis": axis})


def draw_squeeze(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    ones = [i for i, n in enumerate(shape) if n == 1]
    axis = draw(st.sampled_from((None, tuple(ones) or None, *ones)))
    return Example(values(draw, (shape,), dtype), {"axis": axis})


def draw_stack(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(max_rank=3, limit=limit // 3))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return Example(values(draw, (shape,) * draw(st.integers(1, 3)), dtype), {"axis": axis})


def draw_split(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = list(draw(shapes(min_rank=1, limit=limit // 3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] *= 3
    cuts = sorted(draw(st.integers(0, shape[axis])) for _ in range(2))
    sections = draw(st.sampled_from((3, cuts)))
    return Example(values(draw, (tuple(shape),), dtype), {"sections": sections, "axis": axis})


def draw_flip(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    return Example(values(draw, (shape,), dtype), {"axis": draw(axes(len(shape)))})


def draw_roll(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(min_rank=1, limit=limit))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shift = draw(st.integers(-2 * shape[axis] - 1, 2 * shape[axis] + 1))
    return Example(values(draw, (shape,), dtype), {"shift": shift, "axis": axis})


def stack(*xs: object, axis: int) -> object:
    import pygan as pg

    return pg.ops.stack(list(xs), axis=axis)


CASES = [
    Case("expand_dims", draw_expand_dims, exact=ALL, composite=True),
    Case("squeeze", draw_squeeze, exact=ALL, composite=True),
    Case("stack", draw_stack, stack, exact=ALL, composite=True),
    Case("split", draw_split, exact=ALL, outputs=3, composite=True),
    Case("flip", draw_flip, exact=ALL, composite=True),
    Case("roll", draw_roll, exact=ALL, composite=True),
]
