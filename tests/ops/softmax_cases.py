"""Cases of softmax."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from ops.scales import TermScale
from pygan.reference import softmax
from pygan.testing.strategies import fill, seeds, shapes, sizes


def draw_softmax(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(min_rank=1, limit=limit))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    reach = draw(st.sampled_from((2.0, 2.0, 20.0)))
    return Example(values(draw, (shape,), dtype, -reach, reach), {"axis": axis})


def draw_logits(draw: st.DrawFn, dtype: str, limit: int) -> tuple:
    """Logits (N, K); targets: classes, or weights of which some are 0."""
    rows, classes = draw(sizes), draw(sizes)
    while rows * classes > limit // 2:
        rows, classes = (rows + 1) // 2, (classes + 1) // 2
    (x,) = values(draw, ((rows, classes),), dtype, -5, 5)
    rng = np.random.default_rng(draw(seeds))
    if draw(st.booleans()):
        return x, rng.integers(0, classes, rows)
    t = fill(rng, x.shape, dtype, 0, 1)
    return x, np.where(t < 0.2, t.dtype.type(0), t)


def draw_cross_entropy(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return Example(draw_logits(draw, dtype, limit))


def draw_cross_entropy_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    x, t = draw_logits(draw, dtype, limit)
    return Example((x, t, *values(draw, (x.shape[:1],), dtype)))


def draw_reduced(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    reduction, smoothing = st.sampled_from(("mean", "sum", "none")), st.sampled_from((0.0, 0.1))
    hyper = {"reduction": draw(reduction), "label_smoothing": draw(smoothing)}
    return Example(draw_logits(draw, dtype, limit), hyper)


def many_rows() -> tuple[np.ndarray, ...]:
    return random((2000, 37)), random((2000, 37), seed=1)


TERMS = TermScale(softmax, "softmax", "log_softmax")

CASES = [
    Case(
        "softmax",
        draw_softmax,
        scale=TERMS,
        flops=lambda e, y: 4.0 * y[0].size,
        big=lambda: Example((random((40, 33, 301)),), {"axis": 1}),
    ),
    Case(
        "log_softmax",
        draw_softmax,
        scale=TERMS,
        big=lambda: Example((random((300, 333)),), {"axis": -1}),
        flops=lambda e, y: 4.0 * y[0].size,
    ),
    Case(
        "softmax_cross_entropy",
        draw_cross_entropy,
        scale=TERMS,
        big=lambda: Example(many_rows()),
        flops=lambda e, y: 5.0 * e.inputs[0].size,
    ),
    Case(
        "softmax_cross_entropy_grad",
        draw_cross_entropy_grad,
        scale=TERMS,
        flops=lambda e, y: 6.0 * y[0].size,
        big=lambda: Example((*many_rows(), random((2000,), seed=2))),
    ),
    Case("cross_entropy_with_logits", draw_reduced, scale=TERMS, composite=True),
]
