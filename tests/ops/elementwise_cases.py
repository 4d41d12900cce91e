"""Cases of elementwise, functions, leaky_relu and losses."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Draw, Example, random, values
from pygan.reference import functions
from pygan.reference.shape import sum_to
from pygan.testing.strategies import broadcasting_shapes, fill, seeds, shapes

ALL = frozenset((0, 1, 2))
DTYPES = ("float32", "float64", "int64", "uint8", "bool")


def binary(kinks: tuple[float, ...] = (), zeros: bool = False) -> Draw:
    def draw_example(draw: st.DrawFn, dtype: str, limit: int) -> Example:
        pair = draw(broadcasting_shapes(limit=limit))
        a, b = values(draw, pair, dtype)
        if kinks:
            b = fill(np.random.default_rng(draw(seeds)), pair[1], dtype, kinks=kinks, margin=0.3)
        if zeros:
            b = np.where(np.abs(b) < 0.7, b.dtype.type(0), b)  # a third of them
        return Example((a, b))

    return draw_example


def unary(low: float = -2.0, high: float = 2.0, kinks: tuple[float, ...] = (), **hyper) -> Draw:
    def draw_example(draw: st.DrawFn, dtype: str, limit: int) -> Example:
        x = values(draw, (draw(shapes(limit=limit)),), dtype, low, high, kinks)
        return Example(x, {name: draw(strategy) for name, strategy in hyper.items()})

    return draw_example


def big_unary(**hyper) -> Example:
    return Example((random((300, 1001)),), hyper)


def draw_astype(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    source = draw(st.sampled_from((dtype, dtype, *DTYPES)))
    low, high = (0, 200) if source == "uint8" else (-200, 200)
    (x,) = values(draw, (draw(shapes(limit=limit)),), "float64", low, high)
    target = draw(st.sampled_from(DTYPES))
    if target == "uint8":
        x = np.abs(x)  # what a negative float becomes there is the processor's choice
    return Example((x.astype(source),), {"dtype": target})


def draw_grad_pair(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    dy, x = values(draw, (shape, shape), dtype, kinks=(0.0,))
    return Example((dy, x), {"negative_slope": draw(slopes)})


def draw_logits(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    x, t = values(draw, (shape, shape), dtype, -20, 20)
    return Example((x, np.asarray((t + 20) / 40)))


def draw_one_target(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    shape = draw(shapes(limit=limit))
    (x,) = values(draw, (shape,), dtype, -20, 20)
    return Example((x,), {"target": draw(st.sampled_from((0.0, 1.0, 0.9, -0.5)))})


def draw_one_target_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_one_target(draw, dtype, limit)
    dy = fill(np.random.default_rng(draw(seeds)), (), dtype)
    return Example((*example.inputs, dy), example.hyper)


def draw_pow(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Any exponents of positive bases; integers of any base; 2 and 3 of 0 too."""
    a, b = values(draw, draw(broadcasting_shapes(limit=limit)), dtype)
    bases = draw(st.sampled_from(("positive", "any", "zeros")))
    if bases == "positive":
        return Example((np.abs(a) + a.dtype.type(0.3), np.where(np.abs(b) < 0.4, 0 * b, b)))
    if bases == "any":
        return Example((a + np.copysign(a.dtype.type(0.3), a), np.round(b)))
    return Example((np.where(np.abs(a) < 0.7, 0 * a, a), 2 + (b > 0).astype(dtype)))


def pow_scale(order: int, *args: np.ndarray) -> list[float]:
    """The formulas on absolute values: moved, a negative base has no real power."""
    a, b = np.abs(args[-2]), args[-1]
    y, log_a = a**b, np.abs(functions._log_base(a, b))
    slope, second = (np.abs(functions._falling_pow(a, b, k)) for k in (1, 2))
    if order == 0:
        return [y.max(initial=0)]
    dy = np.abs(args[-3])
    terms = [(slope * dy, a.shape), (y * log_a * dy, b.shape)]
    if order == 2:
        dda, ddb = np.abs(args[0]), np.abs(args[1])
        mixed = a ** (b - 1) + slope * log_a
        terms = [
            (slope * dda + y * log_a * ddb, dy.shape),
            (dy * (second * dda + mixed * ddb), a.shape),
            (dy * (mixed * dda + y * log_a**2 * ddb), b.shape),
        ]
    return [sum_to(term, shape).max(initial=0) for term, shape in terms]


def draw_pow_smooth(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    a, b = values(draw, draw(broadcasting_shapes(limit=limit)), dtype)
    return Example((np.abs(a) + a.dtype.type(0.5), b))


def draw_power(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    (x,) = values(draw, (draw(shapes(limit=limit)),), dtype, 0.3, 2.0)
    a = draw(st.sampled_from((0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -1.5, 1.7, 5)))
    if a in (0.0, 1.0, 2.0, 3.0, 5) and draw(st.booleans()):
        x = x * np.random.default_rng(draw(seeds)).choice((-1, 0, 1), x.shape).astype(dtype)
    return Example((x,), {"a": a})


def engine_power(x, a):
    import pygan as pg

    return pg.ops.pow(x, a)


def engine_gelu_tanh(x):
    import pygan as pg

    return pg.ops.gelu(x, approximate="tanh")


slopes = st.sampled_from((0.0, 0.01, 0.2, 1.0, -0.5))
numbers = st.sampled_from((0.0, 1.0, -1.0, 0.1, 3.0, -2.5))
positive = unary(0.1, 4.0)
off_zero = unary(kinks=(0.0,))

CASES = [
    Case("add", binary(), scale="absolute"),
    Case("sub", binary(), scale="absolute", scale_of="add"),
    Case("mul", binary(), scale="absolute"),
    Case("div", binary(kinks=(0.0,))),
    Case("divide_no_nan", binary(zeros=True), smooth=binary(kinks=(0.0,))),
    Case("neg", unary(), exact=ALL),
    Case("exp", unary(-4, 4)),
    Case("log", positive),
    Case("abs", unary(), exact=ALL, smooth=unary(kinks=(0.0,))),
    Case("sign", unary(), differentiable=False),
    Case("sqrt", positive),
    Case("square", unary(), scale="absolute"),
    Case("tanh", unary(-3, 3), big=big_unary),
    Case("sigmoid", unary(-20, 20)),
    Case("softplus", unary(-20, 20)),
    Case("sin", unary(-20, 20)),
    Case("cos", unary(-20, 20)),
    Case("erf", unary(-3, 3)),
    Case("power", draw_power, engine_power, smooth=unary(0.4, 2.0, a=st.sampled_from((2.0, -1.5)))),
    Case("pow", draw_pow, scale=pow_scale, smooth=draw_pow_smooth),
    Case("elu", unary(-4, 4, kinks=(0.0,), alpha=st.sampled_from((1.0, 0.3, -0.5)))),
    Case("gelu", unary(-4, 4)),
    Case("gelu_tanh", unary(-4, 4), engine_gelu_tanh),
    Case("silu", unary(-10, 10)),
    Case("scale", unary(a=numbers), scale="absolute"),
    Case("shift", unary(a=numbers)),
    Case("astype", draw_astype, exact=ALL, smooth=unary(dtype=st.just("float64"))),
    Case("leaky_relu", unary(kinks=(0.0,), negative_slope=slopes), exact=ALL, big=big_unary),
    Case("leaky_relu_grad", draw_grad_pair, exact=ALL),
    Case("relu", off_zero, exact=ALL),
    Case(
        "logistic_loss",
        draw_one_target,
        flops=lambda e, y: 5.0 * e.inputs[0].size,
        big=lambda: Example((random((41, 33, 31)),), {"target": 0.9}),
    ),
    Case(
        "logistic_loss_grad",
        draw_one_target_grad,
        flops=lambda e, y: 4.0 * y[0].size,
        big=lambda: Example((random((41, 33, 31)), random(())), {"target": 0.9}),
    ),
    Case("bce_with_logits", draw_logits, flops=lambda e, y: 5.0 * y[0].size),
]
