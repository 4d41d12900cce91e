"""check_op, and mistakes planted in users' ops: all caught, at the order they are in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cases import CASES
from ops.case import Example
from ops.compare import Table, compare
from test_testing import MISTAKES, WRONG, planted

import pygan as pg
from pygan.testing import check_grads, check_op

rng = np.random.default_rng(0)


@pg.register_op
class Planted(pg.Op):
    name = "test_planted"
    mistake: Callable
    order: int  # the first order that is wrong; 0: none

    def forward(self, *inputs):
        return self.mistake(*map(pg.tensor, inputs))[0].numpy()

    def gradient(self, of: int, inputs, cotangents):
        """The gradient of the right function (0) or of the mistaken one (1), recorded."""
        with pg.enable_grad():
            x = [
                x.reshape(x.shape) if x.requires_grad else x.detach().requires_grad_(True)
                for x in inputs
            ]
            return pg.grad(self.mistake(*x)[of], x, list(cotangents), create_graph=True)

    def vjp(self, inputs, outputs, cotangents):
        right, wrong = (self.gradient(of, inputs, cotangents) for of in (0, 1))
        if self.order == 2:
            return [planted(r, w) for r, w in zip(right, wrong, strict=True)]
        return wrong if self.order == 1 else right


@pg.register_op
class PlantedTangent(Planted):
    name = "test_planted_tangent"

    def jvp(self, inputs, outputs, tangents):
        x = [x.detach().requires_grad_(True) for x in inputs]
        return pg.jvp([Planted(mistake=self.mistake, order=1)(*x)], x, list(tangents))


def test_the_classic_mistakes_are_planted() -> None:
    assert {f.__name__ for f in MISTAKES} >= {
        "dropped_term",
        "tap_off_by_one",
        "transposed_index",
        "missing_scale",
        "missing_mask",
        "norm_over_the_batch",
    }


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_op_catches(mistake: Callable) -> None:
    inputs = MISTAKES[mistake]
    check_op(Planted(mistake=mistake, order=0), inputs)
    for order in (1, 2):
        with pytest.raises(AssertionError, match=f"test_planted: gradient of order {order}"):
            check_op(Planted(mistake=mistake, order=order), inputs)
    check_grads(Planted(mistake=mistake, order=2), inputs, order=1)  # its first order is right
    with pytest.raises(AssertionError, match="test_planted_tangent: jvp against vjp"):
        check_op(PlantedTangent(mistake=mistake, order=0), inputs)


def test_check_op_catches_wrong_values() -> None:
    def drifting(x: pg.Tensor) -> pg.Tensor:
        return x + rng.standard_normal()

    def widening(x: pg.Tensor) -> pg.Tensor:
        return pg.ops.astype(x, "float64")

    def single(x: pg.Tensor) -> pg.Tensor:  # rounds to 2^-10
        return pg.ops.sub(pg.ops.add(x, 3.0 * 2**13), 3.0 * 2**13)

    for op, match in (
        (drifting, "drifting: output 0 differs when it runs again"),
        (widening, "widening: output 0 is float64 for float32 inputs"),
        (single, "single: output 0 in float32"),
        (lambda x: x.detach() * 2.0, "no output carries a gradient"),
    ):
        with pytest.raises(AssertionError, match=match):
            check_op(op, [rng.standard_normal(5)])


@pytest.mark.parametrize("mistake", [m for m in WRONG if m != "second order only"])
def test_comparison_with_the_reference_catches_the_second_order_alone(mistake: str) -> None:
    name, gradient_of, inputs, hyper = WRONG[mistake]

    def both(*x):
        return getattr(pg.ops, name)(*x, **hyper), gradient_of(*x, **hyper)

    for order, expected in ((0, None), (2, f"{name} order 2")):
        op = Planted(mistake=both, order=order)
        case = dataclasses.replace(CASES[name], engine=lambda *x, op=op, **_: op(*x))
        if expected is None:
            compare(case, Example(inputs, hyper), 1, table=Table())
            continue
        with pytest.raises(AssertionError, match=expected):
            compare(case, Example(inputs, hyper), 1, table=Table())


def test_page_for_users_runs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 2
    exec("\n".join(blocks), {"__name__": "page"})
