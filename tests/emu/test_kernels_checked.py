"""Every op's kernels under the checker, in many schedules and in one block: nothing is reported,
and the bits are those of the forward schedule."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ops.case import Case, Example
from ops.compare import outputs_of

import pygan as pg
from pygan.testing.strategies import float_dtypes

pytestmark = pytest.mark.emu

OPS = sorted(name for name, case in CASES.items() if not case.composite)
SCHEDULES = ["forward", "reverse", *(f"random:{seed}" for seed in range(20))]
CHECKED = ["forward", "reverse", "random:0"]


def run(case: Case, example: Example) -> list[np.ndarray]:
    xs = [pg.tensor(x, device="emu") for x in example.inputs]
    return [y.numpy() for y in outputs_of(case.call(*xs, **example.hyper))]


def assert_same_bits(a: list[np.ndarray], b: list[np.ndarray], what: str) -> None:
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape, what
        assert x.tobytes() == y.tobytes(), what


@pytest.mark.parametrize("name", OPS)
@given(data=st.data())
@settings(max_examples=4, derandomize=True, database=None, phases=[Phase.generate])
def test_nothing_is_reported_and_the_schedule_does_not_show(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    example = data.draw(case.examples(data.draw(float_dtypes)))
    expected = run(case, example)
    for schedule in SCHEDULES:
        with pg.emu.schedule(schedule):
            assert_same_bits(run(case, example), expected, f"{name} {schedule} {example}")
            if schedule in CHECKED:
                with pg.emu.check(traffic=False):
                    assert_same_bits(run(case, example), expected, f"{name} checked {example}")
    with pg.emu.most_blocks(1), pg.emu.check(traffic=False):
        assert_same_bits(run(case, example), expected, f"{name} in one block {example}")
