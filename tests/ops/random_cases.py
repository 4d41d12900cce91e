"""Cases of random: keys of any seed, stream and draw."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from pygan.testing.strategies import shapes

ALL = frozenset((0, 1, 2))
KEY = np.array([5, 6, 7], np.int64)


def draw_key(draw: st.DrawFn) -> np.ndarray:
    seed, word = st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1)
    return np.array([draw(seed), draw(word), draw(word)], np.int64)


def draw_random(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return Example((draw_key(draw),), {"shape": draw(shapes(limit=limit)), "dtype": dtype})


def draw_bernoulli(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_random(draw, dtype, limit)
    return Example(example.inputs, {"p": draw(st.floats(0, 1)), **example.hyper})


def draw_permutation(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return Example((draw_key(draw),), {"n": draw(st.integers(0, limit))})


def draw_dropout(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    (x,) = values(draw, (draw(shapes(limit=limit)),), dtype)
    p = draw(st.sampled_from((0.0, 0.1, 0.5, 0.9)))
    return Example((x, draw_key(draw)), {"p": p})


CASES = [
    Case("uniform", draw_random, differentiable=False),
    Case("normal", draw_random, differentiable=False),
    Case(
        "bernoulli",
        draw_bernoulli,
        differentiable=False,
        big=lambda: Example((KEY,), {"p": 0.3, "shape": (300_001,)}),
    ),
    Case(
        "permutation",
        draw_permutation,
        differentiable=False,
        big=lambda: Example((KEY,), {"n": 100_003}),
    ),
    Case(
        "dropout",
        draw_dropout,
        exact=ALL,
        big=lambda: Example((random((300, 1001)), KEY), {"p": 0.3}),
    ),
]
