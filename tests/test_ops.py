"""Every registered operation at orders 0, 1 and 2: against the reference, and by differences.

A room's own file, ops/test_<room>.py, adds what its operations promise beyond that.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from devices import DEVICES
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.case import SMALL, Case, Example
from ops.compare import TABLES, Table, compare, engine_orders, floating, outputs_of

import pygan as pg
from pygan.testing import check_grads
from pygan.testing.strategies import float_dtypes, seeds

REGISTERED = pg._core.registered_ops()
DIFFERENTIABLE = sorted(name for name, case in CASES.items() if case.differentiable)
NON_DIFFERENTIABLE = sorted(name for name, case in CASES.items() if not case.differentiable)
BIG = sorted(name for name, case in CASES.items() if case.big)


def test_every_registered_op_has_a_case_and_back() -> None:
    cases = {name for name, case in CASES.items() if not case.composite}
    assert cases == set(REGISTERED), "add the missing case to ops/<room>_cases.py, or the op"
    for name, case in CASES.items():
        if not case.composite:
            assert REGISTERED[name]["differentiable"] == case.differentiable, name


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_against_reference(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    example = data.draw(case.examples(data.draw(float_dtypes)))
    compare(case, example, data.draw(seeds))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("device", DEVICES)
@given(data=st.data())
@settings(max_examples=settings.default.max_examples // 2)
def test_on_device_against_reference(device: str, name: str, data: st.DataObject) -> None:
    case = CASES[name]
    dtype = data.draw(float_dtypes) if device == "emu" else "float32"
    compare(case, data.draw(case.examples(dtype)), data.draw(seeds), device)


LINEAR = sorted(name for name, case in CASES.items() if case.scale == "absolute")
# weights that are no sums of powers of 2: their products with small integers are rounded
FRACTIONAL: set[str] = set()


@pytest.mark.parametrize("name", [name for name in LINEAR if name not in FRACTIONAL])
@pytest.mark.parametrize("device", DEVICES)
@given(data=st.data())
@settings(max_examples=max(4, settings.default.max_examples // 20))
def test_small_integers_are_exact(device: str, name: str, data: st.DataObject) -> None:
    """On every device the CPU's bits, whatever the order of additions."""
    case = CASES[name]
    drawn = data.draw(case.examples("float32"))
    inputs = tuple(np.round(x) if floating(x) else x for x in drawn.inputs)
    example = Example(inputs, drawn.hyper)
    rng = np.random.default_rng(data.draw(seeds))
    ys = outputs_of(case.call(*(pg.tensor(x) for x in inputs), **example.hyper))[: case.outputs]
    dys = [rng.integers(-3, 4, y.shape).astype(np.float32) for y in ys] if _grows(case, ys) else []
    ddxs = [rng.integers(-3, 4, x.shape).astype(np.float32) for x in inputs if floating(x)]
    here = engine_orders(case, example, dys, ddxs)
    there = engine_orders(case, example, dys, ddxs, device)
    for order, (a, b) in enumerate(zip(here, there, strict=True)):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            np.testing.assert_array_equal(
                y, x, err_msg=f"{name} {example} order {order} result {i}"
            )


def _grows(case: Case, ys: list) -> bool:
    """Does it have derivatives?"""
    return case.differentiable and floating(ys[0].numpy())


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
@settings(max_examples=max(4, settings.default.max_examples // 25))
def test_against_differences(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    example = data.draw(case.examples("float64", data.draw(st.sampled_from((SMALL, 200))), True))

    def f(*xs: pg.Tensor) -> list:
        return outputs_of(case.call(*xs, **example.hyper))[: case.outputs]

    check_grads(f, example.inputs, order=2, name=f"{name} {example}")


@pytest.mark.parametrize("name", NON_DIFFERENTIABLE)
def test_declared_non_differentiable_and_raises(name: str) -> None:
    case = CASES[name]
    if not case.composite:
        assert not REGISTERED[name]["differentiable"]
    example = _any_example(case.examples("float64", SMALL))
    xs = [pg.tensor(x) for x in example.inputs]
    for x in xs:
        if floating(x.numpy()):
            x.requires_grad_(True)
        else:
            with pytest.raises(pg.Error, match=r"requires? (a )?grad"):
                x.requires_grad_(True)
    with pg.trace() as events:
        ys = outputs_of(case.call(*xs, **example.hyper))
    assert case.composite or name in [e["op"] for e in events]
    for y in ys:
        assert not y.requires_grad
        with pytest.raises(pg.Error, match="requires a gradient"):
            y.backward(y)
        # integer inputs cannot be asked for, integer outputs not differentiated, and a float of a
        # float (Bernoulli numbers of a probability) does not depend on it
        with pytest.raises(pg.Error, match=r"require a gradient|no derivative|do not depend"):
            pg.grad(y, [x for x in xs if x.requires_grad] or xs, [y], unused="raise")
    for table in TABLES.values():
        table.raising.add(name)


@pytest.mark.parametrize("name", BIG)
def test_threads_do_not_change_a_bit(name: str) -> None:
    case = CASES[name]
    example: Example = case.big()
    before = pg.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 4):
            pg.set_num_threads(threads)
            rng = np.random.default_rng(0)
            xs = [pg.tensor(x) for x in example.inputs]
            ys = outputs_of(case.call(*xs, **example.hyper))[: case.outputs]
            ys = ys if case.differentiable else []  # nothing beyond order 0
            dys = [rng.standard_normal(y.shape).astype(np.float32) for y in ys]
            ddxs = [rng.standard_normal(x.shape) for x in example.inputs if floating(x)]
            ddxs = [ddx.astype(np.float32) for ddx in ddxs]
            results.append(engine_orders(case, example, dys, ddxs))
    finally:
        pg.set_num_threads(before)
    for threads, other in zip((2, 4), results[1:], strict=True):
        for order, (a, b) in enumerate(zip(results[0], other, strict=True)):
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                assert x.tobytes() == y.tobytes(), (
                    f"{name} order {order} result {i}: {threads} threads change its bits"
                )


@pytest.mark.parametrize("name", [n for n in BIG if n in ("matmul", "conv2d", "sum", "batch_norm")])
def test_big_examples_against_reference(name: str) -> None:
    case = CASES[name]
    compare(case, case.big(), seed=1)


@pytest.mark.parametrize("name", [n for n in BIG if CASES[n].flops])
def test_traced_flops(name: str) -> None:
    case = CASES[name]
    example = case.big()
    with pg.trace() as events:
        ys = outputs_of(case.call(*(pg.tensor(x) for x in example.inputs), **example.hyper))
    event = next(e for e in events if e["op"] == name)
    outputs = tuple(y.numpy() for y in ys)
    assert event["flops"] == case.count_flops(example, outputs)
    assert event["bytes"] == case.count_bytes(example, outputs)


def test_table_has_no_empty_cell(request: pytest.FixtureRequest) -> None:
    ran = {item.name for item in request.session.items}
    needed = {f"test_against_reference[{name}]" for name in CASES}
    needed |= {
        f"test_declared_non_differentiable_and_raises[{name}]" for name in NON_DIFFERENTIABLE
    }
    if not needed <= ran:
        pytest.skip("only some operations were selected")
    assert TABLES["cpu"].empty_cells(sorted(CASES)) == []


@pytest.mark.parametrize("device", DEVICES)
def test_table_of_device_has_no_empty_cell(device: str, request: pytest.FixtureRequest) -> None:
    ran = {item.name for item in request.session.items}
    if not {f"test_on_device_against_reference[{device}-{name}]" for name in CASES} <= ran:
        pytest.skip("only some operations were selected")
    TABLES[device].raising.update(NON_DIFFERENTIABLE)  # said of the op, not of the device
    assert TABLES[device].empty_cells(sorted(CASES)) == []


def test_empty_cells_are_seen() -> None:
    table = Table()
    table.add("add", 0, 0.1)
    table.raising.add("uniform")
    assert table.empty_cells(["add", "uniform"]) == [
        "add order 1",
        "add order 2",
        "uniform order 0",
    ]


def test_no_float_op_is_left_undifferentiated() -> None:
    for name in DIFFERENTIABLE:
        example = CASES[name].examples("float64", SMALL, True)
        assert any(floating(x) for x in _any_example(example).inputs), name


def _any_example(strategy: st.SearchStrategy) -> Example:
    found: list[Example] = []

    @given(strategy)
    @settings(max_examples=1, derandomize=True, database=None)
    def draw(example: Example) -> None:
        found.append(example)

    draw()
    return found[0]
