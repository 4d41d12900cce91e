"""One example of one op: the engine against the reference at orders 0, 1 and 2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import pygan as pg
from ops.case import Case, Example
from ops.scales import TermScale
from pygan.testing import assert_close, error_ratio, magnitude_scale, perturbation_scale

ORDERS = (0, 1, 2)

#: Of a perturbation scale; many where an error is over the bound that few have given.
DRAWS, MANY_DRAWS = 4, 64


@dataclass
class Table:
    """What a run has checked: (op, order) -> number of examples and worst error over its bound."""

    rows: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    raising: set[str] = field(default_factory=set)  # declared non-differentiable, and seen to raise

    def add(self, name: str, order: int, ratio: float) -> None:
        cell = self.rows.setdefault(name, {}).setdefault(order, [0, 0.0])
        cell[0] += 1
        cell[1] = max(cell[1], ratio)

    def empty_cells(self, names: list[str]) -> list[str]:
        return [
            f"{name} order {order}"
            for name in names
            for order in ORDERS
            if order not in self.rows.get(name, {}) and not (order and name in self.raising)
        ]

    def lines(self) -> list[str]:
        lines = [f"{'op':<20}" + "".join(f"{f'order {k}':>18}" for k in ORDERS)]
        for name in sorted(self.rows):
            cells = []
            for k in ORDERS:
                if k in self.rows[name]:
                    count, worst = self.rows[name][k]
                    cells.append(f"{int(count):>9} {worst:>8.2g}")
                else:
                    cells.append("raises" if name in self.raising else "-")
            lines.append(f"{name:<20}" + "".join(f"{c:>18}" for c in cells))
        return lines


TABLES = {device: Table() for device in ("cpu", "emu", "cuda")}


def floating(x: np.ndarray) -> bool:
    return np.issubdtype(np.asarray(x).dtype, np.floating)


def outputs_of(y: object) -> list:
    return list(y) if isinstance(y, tuple | list) else [y]


class Orders:
    """The reference's forward, vjp and vjp2 as functions of flat lists of arrays.

    order 0: x... -> y...   order 1: (dy..., x...) -> dx...   order 2: (ddx..., dy..., x...)
    -> (ddy..., dx...). x counts integer inputs too, dx and ddx do not.
    """

    def __init__(self, case: Case, example: Example, forward: Callable | None = None) -> None:
        reference = case.reference
        self.hyper = example.hyper
        self.forward = forward or reference.forward
        self.vjp, self.vjp2 = reference.vjp, reference.vjp2
        self.dys = case.outputs
        self.wanted = sum(floating(x) for x in example.inputs)

    def __call__(self, order: int, *args: np.ndarray) -> tuple[np.ndarray, ...]:
        if order == 0:
            return tuple(outputs_of(self.forward(*args, **self.hyper)))
        ddx, args = (args[: self.wanted], args[self.wanted :]) if order == 2 else ((), args)
        dy, x = args[: self.dys], args[self.dys :]
        dy = dy[0] if self.dys == 1 else dy
        y = self.vjp2(ddx, dy, *x, **self.hyper) if order == 2 else self.vjp(dy, *x, **self.hyper)
        return tuple(y)


def engine_orders(
    case: Case, example: Example, dys: list, ddxs: list, device: str = "cpu"
) -> list[list[np.ndarray]]:
    """The engine's outputs, first order and second order, in the reference's arrangement."""
    xs = [pg.tensor(x, requires_grad=floating(x), device=device) for x in example.inputs]
    outputs = outputs_of(case.call(*xs, **example.hyper))
    for y in outputs:
        assert y.device == device, f"{case.name}: {y!r} left device {device}"
    results = [[y.numpy() for y in outputs]]
    if not dys:
        return results
    ys, wanted = outputs[: case.outputs], [x for x in xs if x.requires_grad]
    dout = [pg.tensor(d, requires_grad=True, device=device) for d in dys]
    dxs = pg.grad(ys, wanted, dout, create_graph=True)
    results.append([d.numpy() for d in dxs])
    second = pg.grad(list(dxs), [*dout, *wanted], [pg.tensor(d, device=device) for d in ddxs])
    return [*results, [d.numpy() for d in second]]


def wide(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [a.astype(np.float64) if floating(a) else a for a in arrays]


@dataclass
class Expected:
    """What the engine must give for an example, at each of its orders.

    dys, ddxs: the cotangents of orders 1 and 2, empty where there is no derivative.
    same: the reference in the example's precision; truth: in double precision, None where the bits
    must be those of ``same``; scales: of each result's error bound; finer: the same scales of an
    order, looked for longer.
    """

    dys: list
    ddxs: list
    same: list[tuple]
    truth: list[tuple | None]
    scales: list[list]
    finer: Callable[[int], list] = field(default=lambda order: [])


def expect(case: Case, example: Example, seed: int) -> Expected:
    rng = np.random.default_rng(seed)
    orders = Orders(case, example)
    x = list(example.inputs)
    y = orders(0, *x)
    differentiable = case.differentiable and floating(y[0]) and orders.wanted > 0
    # Random cotangents, never ones: a wrong sign or a missing factor must show.
    dys = [rng.standard_normal(v.shape).astype(v.dtype) for v in y[: case.outputs]]
    ddxs = [rng.standard_normal(v.shape).astype(v.dtype) for v in x if floating(v)]
    if not differentiable:
        dys = ddxs = []
    expected = Expected(dys, ddxs, [], [], [])
    for order, arguments in enumerate([x, [*dys, *x], [*ddxs, *dys, *x]][: 3 if dys else 1]):
        exact = order in case.exact or not case.differentiable
        args = wide(arguments)
        expected.same.append(orders(order, *arguments))
        expected.truth.append(None if exact else orders(order, *args))
        expected.scales.append([] if exact else scale_of(case, example, order, args, rng))
    all_arguments = [x, [*dys, *x], [*ddxs, *dys, *x]]
    # A new generator: what it gives must not depend on who asked before.
    expected.finer = lambda order: scale_of(
        case, example, order, wide(all_arguments[order]), np.random.default_rng(seed), MANY_DRAWS
    )
    return expected


def check(
    case: Case,
    example: Example,
    expected: Expected,
    device: str = "cpu",
    table: Table | None = None,
) -> None:
    """Raises AssertionError where the engine is not as good as the precision allows.

    What was seen goes into `table`, by default the device's, which the run prints."""
    table = TABLES[device] if table is None else table
    results = engine_orders(case, example, expected.dys, expected.ddxs, device)
    for order, actual in enumerate(results):
        same, truth = expected.same[order], expected.truth[order]
        what = f"{case.name} order {order} {example}"
        assert len(actual) == len(same), f"{what}: {len(actual)} results, expected {len(same)}"
        if truth is None:
            for i, (a, b) in enumerate(zip(actual, same, strict=True)):
                assert a.dtype == b.dtype, f"{what}: result {i} is {a.dtype}, expected {b.dtype}"
                np.testing.assert_array_equal(a, b, err_msg=f"{what}: result {i}", strict=True)
            table.add(case.name, order, 0.0)
            continue
        scales, ratio = expected.scales[order], 0.0
        for i, (a, t, s) in enumerate(zip(actual, truth, same, strict=True)):
            if a.shape == t.shape and error_ratio(a, t, s, scales[i]) > 1:
                # The scale is a largest value, of which few draws may have found a small part.
                scales = list(np.maximum(scales, expected.finer(order)))
            ratio = max(ratio, assert_close(a, t, s, scales[i], f"{what}: result {i}"))
        table.add(case.name, order, ratio)


def compare(
    case: Case, example: Example, seed: int, device: str = "cpu", table: Table | None = None
) -> None:
    """The engine against the reference, at all of the example's orders."""
    check(case, example, expect(case, example, seed), device, table)


def scale_of(
    case: Case,
    example: Example,
    order: int,
    args: list,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> list:
    if isinstance(case.scale, TermScale):
        orders = Orders(case, example)
        if case.name in case.scale.values:  # by name, when the scale has put its own there
            room = case.scale.room
            orders.forward = lambda *a, **h: getattr(room, case.name)(*a, **h)
        return case.scale(lambda *a: orders(order, *a), args)
    if callable(case.scale):
        return case.scale(order, *args, **example.hyper)
    if case.scale == "absolute":
        like = case if case.scale_of is None else Case(case.scale_of, case.draw)
        orders = Orders(like, example)
        return magnitude_scale(lambda *a: orders(order, *a), args)
    orders = Orders(case, example)
    return perturbation_scale(lambda *a: orders(order, *a), args, rng, draws)
