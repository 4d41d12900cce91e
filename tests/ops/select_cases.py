"""Cases of select."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Draw, Example, random, values
from pygan.testing.strategies import broadcasting_shapes, shapes

ALL = frozenset((0, 1, 2))
DTYPES = ("float32", "float64", "int64", "uint8", "bool")


def draw_pair(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Pairs with ties, and some NaN."""
    a, b = values(draw, draw(broadcasting_shapes(limit=limit)), dtype)
    if draw(st.booleans()):
        a, b = np.round(a), np.round(b)
    if draw(st.booleans()):
        a, b = (np.where(x > 1.9, x.dtype.type(np.nan), x) for x in (a, b))
    return Example((a, b))


def draw_apart(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Pairs that differ by 0.1 at least: a stands on even tenths, b on odd ones."""
    a, b = values(draw, draw(broadcasting_shapes(limit=limit)), dtype)
    return Example((np.round(a * 5) / 5, np.round(b * 5) / 5 + b.dtype.type(0.1)))


def draw_comparison(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_pair(draw, dtype, limit)
    target = draw(st.sampled_from((dtype, dtype, *DTYPES)))
    if target in ("float32", "float64"):
        return Example(tuple(x.astype(target) for x in example.inputs))
    whole = (np.nan_to_num(np.round(x)) for x in example.inputs)
    return Example(tuple((np.abs(x) if target != "int64" else x).astype(target) for x in whole))


def draw_bools(count: int) -> Draw:
    def draw_example(draw: st.DrawFn, dtype: str, limit: int) -> Example:
        pair = draw(broadcasting_shapes(limit=limit))
        return Example(tuple(x > 0 for x in values(draw, pair, "float64"))[:count])

    return draw_example


def draw_where(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Each of the three drops axes, or has 1s in their place."""
    shape = draw(shapes(limit=limit))
    parts = []
    for _ in range(3):
        part = [n if draw(st.booleans()) else 1 for n in shape]
        parts.append(tuple(part[draw(st.integers(0, len(part))) if draw(st.booleans()) else 0 :]))
    c, a, b = values(draw, tuple(parts), dtype)
    return Example((c > 0, a, b))


def draw_clip(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    x = values(draw, (draw(shapes(limit=limit)),), dtype)
    if draw(st.booleans()):  # values at the bounds
        x = tuple(np.round(v) for v in x)
    low, high = draw(st.sampled_from(((-1, 1), (0, None), (None, 0.3), (1, 1), (None, None))))
    return Example(x, {"low": low, "high": high})


def draw_clip_smooth(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    x = values(draw, (draw(shapes(limit=limit)),), dtype, kinks=(-1.0, 0.5))
    return Example(x, {"low": -1.0, "high": 0.5})


def draw_clip_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    return Example(values(draw, (shape, shape), dtype, kinks=(-1.0, 0.5)), {"low": -1, "high": 0.5})


def big_pair() -> Example:
    return Example((random((300, 1001)), random((1001,), seed=1)))


def big_where() -> Example:
    c = random((300, 1)) > 0
    return Example((c, random((300, 1001), seed=1), random((1001,), seed=2)))


# A broadcast operand's gradient is a sum: exact only where nothing is added up.
CASES = [
    Case("maximum", draw_pair, exact=frozenset((0,)), smooth=draw_apart, big=big_pair),
    Case("minimum", draw_pair, exact=frozenset((0,)), smooth=draw_apart),
    Case("clip", draw_clip, exact=ALL, smooth=draw_clip_smooth),
    Case("clip_grad", draw_clip_grad, exact=ALL),
    Case("where", draw_where, exact=frozenset((0, 2)), scale="absolute", big=big_where),
    Case("equal", draw_comparison, differentiable=False),
    Case("not_equal", draw_comparison, differentiable=False),
    Case("less", draw_comparison, differentiable=False, big=big_pair),
    Case("less_equal", draw_comparison, differentiable=False),
    Case("greater", draw_comparison, differentiable=False, composite=True),
    Case("greater_equal", draw_comparison, differentiable=False, composite=True),
    Case("logical_and", draw_bools(2), differentiable=False, composite=True),
    Case("logical_or", draw_bools(2), differentiable=False, composite=True),
    Case("logical_not", draw_bools(1), differentiable=False, composite=True),
]
