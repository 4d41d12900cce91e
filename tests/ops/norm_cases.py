"""Cases of group_norm and virtual_batch_norm."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ops.case import Case, Example, random, values
from pygan.testing.strategies import fill, seeds, shapes

epsilons = st.sampled_from((1e-5, 1e-3, 0.1))
offsets = st.sampled_from((0.0, 0.0, 3.0, -10.0))
LEAST = 5
"""Values a statistic is over. Two would become -1 and 1 whatever they are: the derivative is a
difference of equal numbers, and its relative error says nothing. Of three and four much cancels
too: test_norms.py bounds the derivatives of so few by what cancels."""


def draw_sample(draw: st.DrawFn, limit: int) -> tuple[int, ...]:
    """The shape of one sample: at least LEAST positions, then channels."""
    return draw(st.sampled_from((LEAST, 6, 7))), *draw(shapes(1, 2, limit // 40 + 1))


def grouped(draw: st.DrawFn, dtype: str, limit: int, *more: str) -> Example:
    samples, groups = draw(st.sampled_from((1, 2, 5))), draw(st.sampled_from((1, 2, 3)))
    *positions, width = draw_sample(draw, limit)
    shape, rng = (samples, *positions, groups * width), np.random.default_rng(draw(seeds))
    offset = draw(offsets)
    (x,) = values(draw, (shape,), dtype, offset - 2, offset + 2)
    channels = shape[-1:]
    rest = (fill(rng, shape if name == "dy" else channels, dtype) for name in more)
    return Example((x, *rest), {"groups": groups, "eps": draw(epsilons)})


def draw_group_norm(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return grouped(draw, dtype, limit, "weight", "bias")


def draw_group_norm_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    return grouped(draw, dtype, limit, "weight", "dy")


def draw_instance_norm(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_group_norm(draw, dtype, limit)
    return Example(example.inputs, {"eps": example.hyper["eps"]})


def draw_layer_norm(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    kept, sample = draw(shapes(0, 2, limit // 60 + 1)), draw_sample(draw, limit)
    offset = draw(offsets)
    (x,) = values(draw, ((*kept, *sample),), dtype, offset - 2, offset + 2)
    rng = np.random.default_rng(draw(seeds))
    affine = (fill(rng, sample, dtype) for _ in range(2))
    return Example((x, *affine), {"axes": len(sample), "eps": draw(epsilons)})


def draw_with_reference(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    samples, n = draw(st.sampled_from((1, 2, 5))), draw(st.sampled_from((1, 2, 4)))
    sample, offset = draw_sample(draw, limit), draw(offsets)
    x, ref = values(draw, ((samples, *sample), (n, *sample)), dtype, offset - 2, offset + 2)
    rng = np.random.default_rng(draw(seeds))
    affine = (fill(rng, sample[-1:], dtype) for _ in range(2))
    return Example((x, ref, *affine), {"eps": draw(epsilons)})


def draw_reference_grad(draw: st.DrawFn, dtype: str, limit: int) -> Example:
    example = draw_with_reference(draw, dtype, limit)
    x, ref, weight, _ = example.inputs
    rng = np.random.default_rng(draw(seeds))
    inputs = x, ref, weight, fill(rng, x.shape, dtype), fill(rng, ref.shape, dtype)
    return Example(inputs, {"own": draw(st.booleans()), **example.hyper})


def group_norm(x, weight, bias, groups, eps=1e-5):
    import pygan as pg

    return pg.ops.group_norm(x, groups, weight, bias, eps)


def layer_norm(x, weight, bias, axes, eps=1e-5):
    import pygan as pg

    return pg.ops.layer_norm(x, axes, weight, bias, eps)


def backward(f, inputs, cotangents):
    """A fused backward pass has no function of its own: it is what grad of the forward runs."""
    import pygan as pg

    with pg.enable_grad():
        inputs = [t if t.requires_grad else t.detach().requires_grad_(True) for t in inputs]
        weight = inputs[-1]
        bias = pg.zeros(weight.shape, weight.dtype, weight.device).requires_grad_(True)
        y = f(*inputs, bias)
        outputs = list(y) if isinstance(y, tuple) else [y]
        return pg.grad(outputs, [*inputs, bias], cotangents, create_graph=True)


def group_norm_grad(x, weight, dy, groups, eps):
    return backward(lambda x, w, b: group_norm(x, w, b, groups, eps), [x, weight], [dy])


def virtual_batch_norm_grad(x, ref, weight, dy, dy_ref, own, eps):
    import pygan as pg

    f = pg.ops.virtual_batch_norm if own else pg.ops.reference_batch_norm
    return backward(lambda *inputs: f(*inputs, eps), [x, ref, weight], [dy, dy_ref])


def with_reference(*extra: tuple) -> tuple[np.ndarray, ...]:
    """x, ref, weight and what `extra` has the shape of"""
    x, ref = random((33, 15, 13, 17)), random((9, 15, 13, 17), seed=1)
    more = (random(x.shape if e == "x" else ref.shape if e == "ref" else (17,)) for e in extra)
    return x, ref, random((17,), seed=2), *more


CASES = [
    Case(
        "group_norm",
        draw_group_norm,
        group_norm,
        big=lambda: Example(
            (random((33, 15, 13, 18)), random((18,)), random((18,))), {"groups": 3}
        ),
    ),
    Case(
        "group_norm_grad",
        draw_group_norm_grad,
        group_norm_grad,
        outputs=3,
        big=lambda: Example(
            (random((33, 15, 13, 18)), random((18,)), random((33, 15, 13, 18), seed=1)),
            {"groups": 3, "eps": 1e-5},
        ),
    ),
    Case("instance_norm", draw_instance_norm, composite=True),
    Case("layer_norm", draw_layer_norm, layer_norm, composite=True),
    Case(
        "virtual_batch_norm",
        draw_with_reference,
        outputs=2,
        big=lambda: Example(with_reference("bias")),
    ),
    Case("reference_batch_norm", draw_with_reference, outputs=2),
    Case(
        "virtual_batch_norm_grad",
        draw_reference_grad,
        virtual_batch_norm_grad,
        outputs=4,
        big=lambda: Example(with_reference("x", "ref"), {"own": True, "eps": 1e-5}),
    ),
]
