"""Cases of index, scan and sort: everything along one axis."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Draw, Example, random, values
from pygan.testing.strategies import axes, seeds, shapes

ALL = frozenset((0, 1, 2))


def draw_line(draw: st.DrawFn, limit: int) -> tuple[tuple, int]:
    """A shape and one of its axes, from either end"""
    shape = draw(shapes(min_rank=1, limit=limit))
    return shape, draw(st.integers(-len(shape), len(shape) - 1))


def draw_indices(draw: st.DrawFn, shape: tuple, extent: int) -> np.ndarray:
    """Some equal, some from the end"""
    return np.random.default_rng(draw(seeds)).integers(-extent, extent, shape)


def gather_shapes(draw: st.DrawFn, limit: int) -> tuple[tuple, int, tuple, tuple]:
    """(x, axis, indices, y)"""
    shape, axis = draw_line(draw, limit // 4)
    index = draw(st.sampled_from(((), (1,), (5,), (2, 3), (7,))))
    at = axis % len(shape)
    return shape, axis, index, (*shape[:at], *index, *shape[at + 1 :])


def draw_gather(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, axis, index, _ = gather_shapes(draw, limit)
    indices = draw_indices(draw, index, shape[axis])
    return Example((*values(draw, (shape,), dtype), indices), {"axis": axis})


def draw_scatter_add(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, axis, index, y = gather_shapes(draw, limit)
    indices = draw_indices(draw, index, shape[axis])
    return Example((*values(draw, (y,), dtype), indices), {"shape": shape, "axis": axis})


def draw_embedding(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    table = (draw(st.integers(1, 7)), draw(st.sampled_from((1, 3, 16, 33))))
    indices = draw_indices(draw, draw(st.sampled_from(((), (4,), (2, 3)))), table[0])
    return Example((*values(draw, (table,), dtype), indices))


def draw_along(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, axis = draw_line(draw, limit // 2)
    taken = list(shape)
    taken[axis] = draw(st.sampled_from((1, 2, 7)))
    indices = draw_indices(draw, tuple(taken), shape[axis])
    return Example((*values(draw, (shape,), dtype), indices), {"axis": axis})


def draw_scatter_along(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    (x, indices), hyper = (e := draw_along(draw, dtype, limit)).inputs, e.hyper
    (y,) = values(draw, (indices.shape,), dtype)
    return Example((y, indices), {"shape": x.shape, **hyper})


def draw_one_hot(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    classes = draw(st.sampled_from((1, 2, 10)))
    shape = draw(shapes(max_rank=3, limit=limit // classes))
    indices = np.random.default_rng(draw(seeds)).integers(0, classes, shape)
    dtype = draw(st.sampled_from((dtype, "int64", "uint8", "bool")))
    return Example((indices,), {"classes": classes, "dtype": dtype})


def draw_cumsum(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape, axis = draw_line(draw, limit)
    hyper = {"axis": axis, "reverse": draw(st.booleans())}
    return Example(values(draw, (shape,), dtype), hyper)


def apart(draw: st.DrawFn, shape: tuple, dtype: str) -> np.ndarray:
    """Values that differ by more than a difference quotient moves them"""
    size = math.prod(shape)
    order = np.random.default_rng(draw(seeds)).permutation(size)
    return np.asarray(4 * (order + 0.5) / size - 2, dtype).reshape(shape)


def line(smooth: bool = False, **hyper: st.SearchStrategy) -> Draw:
    def draw_example(draw: st.DrawFn, dtype: str, limit: int) -> Example:
        shape, axis = draw_line(draw, limit)
        if smooth:
            x = apart(draw, shape, dtype)
        else:
            (x,) = values(draw, (shape,), dtype)
            x = np.round(x) if draw(st.booleans()) else x  # ties, 0 and -0
        settings = {name: draw(strategy) for name, strategy in hyper.items()}
        if "k" in settings:
            settings["k"] = min(settings["k"], shape[axis])
        return Example((x,), {"axis": axis, **settings})

    return draw_example


def median(smooth: bool = False) -> Draw:
    def draw_example(draw: st.DrawFn, dtype: str, limit: int) -> Example:
        shape = draw(shapes(limit=limit))
        (x,) = values(draw, (shape,), dtype)
        if smooth:
            x = apart(draw, shape, dtype)
        elif draw(st.booleans()):
            x = np.round(x)
        return Example((x,), {"axis": draw(axes(len(shape))), "keepdims": draw(st.booleans())})

    return draw_example


counts, either = st.integers(1, 6), st.booleans()


def big_gather() -> Example:
    indices = np.random.default_rng(1).integers(-50, 50, 3000)
    return Example((random((50, 333)), indices), {"axis": 0})


def big_along() -> Example:
    indices = np.random.default_rng(1).integers(-40, 40, (600, 700))
    return Example((random((600, 40)), indices), {"axis": 1})


def big_line(*shape: int, **hyper):
    return lambda: Example((random(shape),), hyper)


CASES = [
    Case("gather", draw_gather, exact=ALL, big=big_gather),
    Case("scatter_add", draw_scatter_add, exact=ALL),
    Case("take_along_axis", draw_along, exact=ALL, big=big_along),
    Case("scatter_add_along_axis", draw_scatter_along, exact=ALL),
    Case("embedding", draw_embedding, exact=ALL, composite=True),
    Case("one_hot", draw_one_hot, differentiable=False),
    Case("cumsum", draw_cumsum, scale="absolute", big=big_line(9000, 7, 9, axis=0)),
    Case(
        "sort",
        line(descending=either),
        exact=ALL,
        smooth=line(True, descending=either),
        big=big_line(3, 70_001, axis=1),
    ),
    Case(
        "topk",
        line(k=counts, largest=either),
        exact=ALL,
        smooth=line(True, k=counts, largest=either),
        big=big_line(70_001, 3, k=100, axis=0),
    ),
    Case("argsort", line(descending=either), differentiable=False, composite=True),
    Case(
        "median",
        median(),
        exact=ALL,
        smooth=median(True),
        big=big_line(70_000, 3, axis=0),
    ),
]
