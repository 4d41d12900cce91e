"""Cases of interpolate and norm_penalty."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from pygan.testing.strategies import fill, seeds, shapes


def draw_interpolate(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = (draw(st.sampled_from((1, 2, 5, 33))), *draw(shapes(0, 3, limit // 80 + 1)))
    real, fake = values(draw, (shape, shape), dtype)
    return Example((real, fake, fill(np.random.default_rng(draw(seeds)), shape[:1], dtype)))


def draw_norm_penalty(draw: st.DrawFn, dtype: str, limit: int, flat: bool = True) -> Example:
    """Samples of lengths that are mostly near 1, away from the one-sided kink; some of length 0."""
    shape = (draw(st.sampled_from((1, 2, 5, 33))), *draw(shapes(1, 3, limit // 80 + 1)))
    (g,) = values(draw, (shape,), dtype)
    rng = np.random.default_rng(draw(seeds))
    length = rng.choice((0.3, 0.8, 1.2, 1.9, 40.0), shape[0])
    norm = np.sqrt((g.astype("float64") ** 2).reshape(len(g), -1).sum(1))
    scale = length / np.where(norm > 0, norm, 1.0)
    if flat:
        scale = np.where(rng.random(shape[0]) < 0.1, 0.0, scale)
    g = (g * scale.reshape(-1, *[1] * (g.ndim - 1))).astype(dtype)
    cost = draw(st.sampled_from(("two-sided", "one-sided", "squared")))
    return Example((g,), {"cost": cost, "weight": draw(st.sampled_from((1.0, 10.0, 0.5)))})


def draw_smooth_norm_penalty(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return draw_norm_penalty(draw, dtype, limit, flat=False)


CASES = [
    Case(
        "interpolate",
        draw_interpolate,
        flops=lambda e, y: 3.0 * y[0].size,
        big=lambda: Example((random((9, 70, 71)), random((9, 70, 71), seed=1), random((9,)))),
    ),
    Case(
        "norm_penalty",
        draw_norm_penalty,
        smooth=draw_smooth_norm_penalty,
        flops=lambda e, y: 2.0 * e.inputs[0].size,
        big=lambda: Example((random((37, 70, 71)),)),
    ),
]
