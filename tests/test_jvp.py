"""<J u, v> = <u, J^T v>: tangents against cotangents, for every registered op."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st

import pygan as pg

OPS = [name for name, case in CASES.items() if case.differentiable]


@pytest.mark.parametrize("name", OPS)
def test_tangents_are_adjoint_to_cotangents(name: str) -> None:
    case = CASES[name]

    @settings(max_examples=30)
    @given(case.examples("float64"), st.integers(0, 2**32 - 1))
    def check(example, seed) -> None:
        rng = np.random.default_rng(seed)
        xs = [pg.tensor(x, requires_grad=x.dtype.kind == "f") for x in example.inputs]
        wanted = [x for x in xs if x.requires_grad]
        # tangents for some of the inputs: the others are constants here
        wanted = [x for x in wanted if rng.random() < 0.5] or wanted
        ys = case.call(*xs, **example.hyper)
        ys = list(ys if isinstance(ys, list | tuple) else [ys])[: case.outputs]
        if any(y.dtype.kind != "f" for y in ys):
            return  # astype to integers: nothing to differentiate
        u = [pg.tensor(rng.standard_normal(x.shape), x.dtype) for x in wanted]
        v = [pg.tensor(rng.standard_normal(y.shape), y.dtype) for y in ys]
        ty = pg.jvp(ys, wanted, u)
        dx = pg.grad(ys, wanted, v)
        left = [t.numpy() * w.numpy() for t, w in zip(ty, v, strict=True)]
        right = [d.numpy() * w.numpy() for d, w in zip(dx, u, strict=True)]
        # Products, and what cancels inside a tangent: softmax's is y (tx - <y, tx>), whose terms
        # are as large as the output times the tangent however small their difference is.
        largest = max((float(np.abs(t.numpy()).max(initial=0)) for t in u), default=0.0)
        scale = sum(float(np.abs(p).sum()) for p in left + right)
        scale += largest * sum(
            float(np.nansum(np.abs(y.numpy() * w.numpy()))) for y, w in zip(ys, v, strict=True)
        )
        gap = sum(float(p.sum()) for p in left) - sum(float(p.sum()) for p in right)
        bound = (
            1e-10 if all(t.dtype == "float64" for t in [*ys, *wanted]) else 1e-6
        )  # astype(float32)
        assert abs(gap) <= bound * max(scale, 1e-300)

    check()


@pytest.mark.parametrize("name", OPS)
def test_tangents_are_recorded(name: str) -> None:
    """d<J u, v> / dx = d<u, J^T v> / dx: a tangent can be differentiated like a cotangent"""
    case = CASES[name]

    @settings(max_examples=4)
    @given(case.examples("float64"), st.integers(0, 2**32 - 1))
    def check(example, seed) -> None:
        rng = np.random.default_rng(seed)
        xs = [pg.tensor(x, requires_grad=x.dtype.kind == "f") for x in example.inputs]
        wanted = [x for x in xs if x.requires_grad]
        # tangents for some of the inputs: the others are constants here
        wanted = [x for x in wanted if rng.random() < 0.5] or wanted
        ys = case.call(*xs, **example.hyper)
        ys = list(ys if isinstance(ys, list | tuple) else [ys])[: case.outputs]
        if any(t.dtype != "float64" for t in [*ys, *wanted]):
            return
        u = [pg.tensor(rng.standard_normal(x.shape)) for x in wanted]
        v = [pg.tensor(rng.standard_normal(y.shape)) for y in ys]
        sides = []
        for tangents, weights in (
            (pg.jvp(ys, wanted, u), v),
            (pg.grad(ys, wanted, v, create_graph=True), u),
        ):
            linked = [(t, w) for t, w in zip(tangents, weights, strict=True) if t.requires_grad]
            ts, ws = [t for t, _ in linked], [w for _, w in linked]
            sides.append([d.numpy() for d in pg.grad(ts, wanted, ws, retain_graph=True)])
        for a, b in zip(*sides, strict=True):
            scale = max(1.0, float(np.abs(b).max(initial=0.0)))
            assert float(np.abs(a - b).max(initial=0.0)) <= 1e-9 * scale

    check()


def test_tangent_of_a_composition_equals_differences() -> None:
    rng = np.random.default_rng(0)
    x, u = rng.standard_normal((2, 6, 6, 2)), rng.standard_normal((2, 6, 6, 2))
    w = pg.tensor(rng.standard_normal((3, 3, 2, 4)))

    def f(a: np.ndarray, on: bool = False) -> tuple[pg.Tensor, pg.Tensor]:
        t = pg.tensor(a, requires_grad=on)
        return t, pg.ops.norm(pg.ops.softplus(pg.ops.conv2d(t, w, stride=2, padding=1)), axis=3)

    t, y = f(x, on=True)
    (ty,) = pg.jvp([y], [t], [pg.tensor(u)])
    h = 1e-6
    differences = (f(x + h * u)[1].numpy() - f(x - h * u)[1].numpy()) / (2 * h)
    np.testing.assert_allclose(ty.numpy(), differences, rtol=1e-6, atol=1e-8)


def test_tangent_can_be_differentiated() -> None:
    x = pg.tensor([0.3, -0.7], "float64", requires_grad=True)
    y = pg.ops.tanh(x)
    (ty,) = pg.jvp([y], [x], [pg.ones(2, "float64")])  # 1 - tanh^2
    (d,) = pg.grad(ty.sum(), [x])
    t = np.tanh(x.numpy())
    np.testing.assert_allclose(d.numpy(), -2 * t * (1 - t**2), rtol=1e-12)


def test_mistakes_are_named() -> None:
    x = pg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(pg.ShapeError, match="tangent"):
        pg.jvp([x * x], [x], [pg.ones(3)])
    with pytest.raises(pg.Error, match="does not require a gradient"):
        pg.jvp([x * x], [pg.ones(2)], [pg.ones(2)])
