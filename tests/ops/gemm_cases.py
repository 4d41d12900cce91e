"""Cases of matmul, conv2d, batch_norm and random."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from pygan.testing.strategies import (
    broadcasting_shapes,
    conv_geometries,
    fill,
    seeds,
    shapes,
    sizes,
)


def draw_matmul(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    m, k, n = (draw(sizes) for _ in range(3))
    while m * k > limit or k * n > limit or m * n > limit:
        m, k, n = ((v + 1) // 2 for v in (m, k, n))
    rows = limit // max(m * k, k * n)
    batch_a, batch_b = draw(broadcasting_shapes(max_rank=2, limit=min(9, rows)))
    ta, tb = draw(st.booleans()), draw(st.booleans())
    a = (*batch_a, *((k, m) if ta else (m, k)))
    b = (*batch_b, *((n, k) if tb else (k, n)))
    return Example(values(draw, (a, b), dtype), {"transpose_a": ta, "transpose_b": tb})


def draw_conv2d(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    g = draw(conv_geometries(limit=4 * limit))
    return Example(values(draw, (g.x, g.w), dtype), g.settings)


def draw_conv_transpose2d(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    g = draw(conv_geometries(limit=4 * limit))
    hyper = {**g.settings, "output_padding": g.output_padding}
    return Example(values(draw, (g.y, g.w), dtype), hyper)


def draw_weight_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    g = draw(conv_geometries(limit=4 * limit))
    return Example(values(draw, (g.x, g.y), dtype), {**g.settings, "kernel_size": g.w[:2]})


def draw_batch(
    draw: st.DrawFn, dtype: str, limit: int, rows: tuple[int, ...] = (5, 6, 7), parts: int = 1
) -> tuple:
    """x (..., C) of at least five rows a part, and numbers for what else is (C,).

    Two rows become -1 and 1 whatever x is: the derivative is a difference of equal numbers, and
    its relative error says nothing. Of three and four much cancels too; test_batch_norm.py bounds
    the derivatives of so few rows by what cancels.
    """
    shape = draw(shapes(min_rank=1, max_rank=3, limit=limit // 4))
    shape = (parts * draw(st.sampled_from(rows)), *shape)
    offset = draw(st.sampled_from((0.0, 0.0, 3.0, -10.0)))
    (x,) = values(draw, (shape,), dtype, offset - 2, offset + 2)
    return x, np.random.default_rng(draw(seeds))


epsilons = st.sampled_from((1e-5, 1e-3, 0.1))
numbers_of_parts = st.sampled_from((1, 1, 2, 3))


def draw_batch_norm(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    parts = draw(numbers_of_parts)
    x, rng = draw_batch(draw, dtype, limit, parts=parts)
    affine = (fill(rng, x.shape[-1:], dtype) for _ in range(2))
    return Example((x, *affine), {"eps": draw(epsilons), "parts": parts})


def draw_batch_norm_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    parts = draw(numbers_of_parts)
    x, rng = draw_batch(draw, dtype, limit, parts=parts)
    inputs = x, fill(rng, x.shape[-1:], dtype), fill(rng, x.shape, dtype)
    return Example(inputs, {"eps": draw(epsilons), "parts": parts})


def draw_batch_norm_eval(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    x, rng = draw_batch(draw, dtype, limit)
    affine = [fill(rng, x.shape[-1:], dtype) for _ in range(3)]
    var = fill(rng, x.shape[-1:], dtype, 0.1, 3)
    return Example((x, *affine, var), {"eps": draw(epsilons)})


def draw_activated(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    """Each channel's bias puts the kink into a wide gap between its values.

    Beside the kink rounding decides about the mask: there no two precisions need agree. Of three
    rows the mask leaves two or one, and what was said of two rows holds: terms of 1 cancel to a few
    percent, and one rounding of a term is more than the result's bound.
    """
    parts = draw(numbers_of_parts)
    x, rng = draw_batch(draw, dtype, limit, rows=(6, 7, 9), parts=parts)
    eps, weight = draw(epsilons), fill(rng, x.shape[-1:], dtype)
    wide = x.astype(np.float64).reshape(parts, -1, x.shape[-1])
    centred = wide - wide.mean(1, keepdims=True)
    h = centred / np.sqrt(wide.var(1, keepdims=True) + eps) * weight
    h = np.sort(h.reshape(-1, x.shape[-1]), axis=0)
    widest = np.diff(h, axis=0).argmax(0), np.arange(len(weight))
    bias = -(h[widest] + np.diff(h, axis=0)[widest] / 2)
    slope = draw(st.sampled_from((0.0, 0.2, 1.0, 1.5)))
    inputs = x, weight, bias.astype(dtype)
    return Example(inputs, {"negative_slope": slope, "eps": eps, "parts": parts})


def draw_activated_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_activated(draw, dtype, limit)
    dy = fill(np.random.default_rng(draw(seeds)), example.inputs[0].shape, dtype)
    return Example((*example.inputs, dy), example.hyper)


def batch_norm_leaky_relu_grad(x, weight, bias, dy, negative_slope, eps, parts=1):
    import pygan as pg

    with pg.enable_grad():
        inputs = [
            t if t.requires_grad else t.detach().requires_grad_(True) for t in (x, weight, bias)
        ]
        y = pg.ops.batch_norm_leaky_relu(*inputs, negative_slope, eps, parts)[0]
        return pg.grad(y, inputs, [dy], create_graph=True)


def batch_norm_grad(x, weight, dy, eps, parts=1):
    """The fused backward pass has no function of its own: it is what grad of batch_norm runs."""
    import pygan as pg

    with pg.enable_grad():
        x, weight = (t if t.requires_grad else t.detach().requires_grad_(True) for t in (x, weight))
        bias = pg.zeros(weight.shape, weight.dtype, weight.device).requires_grad_(True)
        y = pg.ops.batch_norm(x, weight, bias, eps, parts)[0]
        return pg.grad(y, [x, weight, bias], [dy], create_graph=True)


def conv_flops(example: Example, outputs: tuple[np.ndarray, ...]) -> float:
    """a multiplication and an addition for each position, tap and pair of channels"""
    return 2.0 * outputs[0].size * math.prod(example.inputs[1].shape[:3])


def conv_transpose_flops(example: Example, outputs: tuple[np.ndarray, ...]) -> float:
    return 2.0 * example.inputs[0].size * math.prod(example.inputs[1].shape[:3])


def weight_grad_flops(example: Example, outputs: tuple[np.ndarray, ...]) -> float:
    return 2.0 * example.inputs[1].size * math.prod(outputs[0].shape[:3])


def matmul_flops(example: Example, outputs: tuple[np.ndarray, ...]) -> float:
    a = example.inputs[0]
    return 2.0 * outputs[0].size * a.shape[-2 if example.hyper.get("transpose_a") else -1]


STRIDE_2 = {"stride": 2, "padding": 1}

CASES = [
    Case(
        "matmul",
        draw_matmul,
        scale="absolute",
        flops=matmul_flops,
        big=lambda: Example((random((333, 401)), random((401, 257), seed=1))),
    ),
    Case(
        "conv2d",
        draw_conv2d,
        scale="absolute",
        flops=conv_flops,
        big=lambda: Example((random((5, 17, 17, 32)), random((4, 4, 32, 48), seed=1)), STRIDE_2),
    ),
    Case(
        "conv_transpose2d",
        draw_conv_transpose2d,
        scale="absolute",
        flops=conv_transpose_flops,
        big=lambda: Example((random((5, 9, 9, 48)), random((4, 4, 32, 48), seed=1)), STRIDE_2),
    ),
    Case(
        "conv2d_weight_grad",
        draw_weight_grad,
        scale="absolute",
        flops=weight_grad_flops,
        big=lambda: Example(
            (random((5, 18, 18, 32)), random((5, 9, 9, 48), seed=1)),
            {**STRIDE_2, "kernel_size": 4},
        ),
    ),
    Case(
        "batch_norm",
        draw_batch_norm,
        flops=lambda e, y: 8.0 * y[0].size,
        big=lambda: Example((random((40, 33, 31, 17)), random((17,)), random((17,)))),
    ),
    Case(
        "batch_norm_grad",
        draw_batch_norm_grad,
        batch_norm_grad,
        outputs=3,
        big=lambda: Example(
            (random((40, 33, 31, 17)), random((17,)), random((40, 33, 31, 17), seed=1)),
            {"eps": 1e-5},
        ),
    ),
    Case(
        "batch_norm_leaky_relu",
        draw_activated,
        flops=lambda e, y: 9.0 * y[0].size,
        big=lambda: Example((random((40, 33, 31, 17)), random((17,)), random((17,)))),
    ),
    Case(
        "batch_norm_leaky_relu_grad",
        draw_activated_grad,
        batch_norm_leaky_relu_grad,
        outputs=3,
        big=lambda: Example(
            (
                *(random((40, 33, 31, 17)), random((17,)), random((17,))),
                random((40, 33, 31, 17), seed=1),
            ),
            {"negative_slope": 0.2, "eps": 1e-5},
        ),
    ),
    Case("batch_norm_eval", draw_batch_norm_eval, flops=lambda e, y: 3.0 * y[0].size),
]
