"""Operations written in Python: recorded, differentiated and checked like the engine's own."""

from __future__ import annotations

import gc
import runpy
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import pygan as pg
from pygan.testing import check_grads, check_op

rng = np.random.default_rng(0)


@pg.register_op
class Cube(pg.Op):
    name = "test_cube"
    per_sample = True
    factor: float = 1.0
    save_outputs = False

    def forward(self, x):
        return x.dtype.type(self.factor) * x * x * x

    def vjp(self, inputs, outputs, cotangents):
        (x,), (dy,) = inputs, cotangents
        return pg.ops.scale(pg.ops.square(x) * dy, 3 * self.factor)


@pg.register_op
class SumAndArgmax(pg.Op):
    """Two outputs, one of them without a gradient, and an integer input."""

    name = "test_weighted_sum"
    outputs = 2

    def forward(self, x, w, index):
        return (x * w)[:, index].sum(axis=1), (x * w).argmax(axis=1)

    def vjp(self, inputs, outputs, cotangents, needs):
        x, w, index = inputs
        dy, no_gradient = cotangents
        assert no_gradient is None
        assert needs[2] is False
        with pg.no_grad():
            mask = Mask(width=x.shape[1])(index)
        d = pg.ops.mul(dy.reshape(-1, 1), pg.ops.astype(mask, x.dtype))
        return d * w if needs[0] else None, d * x if needs[1] else None, None


@pg.register_op
class Mask(pg.Op):
    name = "test_mask"
    differentiable = False
    width: int

    def forward(self, index):
        return np.isin(np.arange(self.width), index)[None]


@pg.register_op
class TanhOfOutput(pg.Op):
    """vjp from the output alone; a jvp of its own."""

    name = "test_tanh"
    save_inputs = False

    def forward(self, x):
        return np.tanh(x)

    def vjp(self, inputs, outputs, cotangents):
        return [(1.0 - pg.ops.square(outputs[0])) * cotangents[0]]

    def jvp(self, inputs, outputs, tangents):
        return ((1.0 - pg.ops.square(outputs[0])) * tangents[0],)


def test_value_and_three_orders() -> None:
    x = pg.tensor(rng.standard_normal((3, 4)), requires_grad=True)
    y = Cube(factor=2.0)(x)
    np.testing.assert_array_equal(y.numpy(), 2 * x.numpy() * x.numpy() * x.numpy())
    assert not y.is_leaf
    check_op(Cube(factor=2.0), [x], order=3)
    (dx,) = pg.grad(pg.apply(Cube(), x).sum(), [x], create_graph=True)
    np.testing.assert_allclose(dx.numpy(), 3 * x.numpy() ** 2)
    with pg.no_grad():
        assert not Cube()(x).requires_grad


def test_several_outputs_integer_inputs_and_needs() -> None:
    x, w, index = rng.standard_normal((3, 5)), rng.standard_normal((3, 5)), np.array([0, 3])
    check_op(SumAndArgmax(), [x, w, index])
    y, largest = SumAndArgmax()(pg.tensor(x, requires_grad=True), pg.tensor(w), pg.tensor(index))
    assert y.requires_grad
    assert not largest.requires_grad
    assert largest.dtype == np.int64
    y.sum().backward()


@pytest.mark.parametrize("op", [TanhOfOutput(), Cube()])
def test_tangents_own_and_by_two_vjps(op: pg.Op) -> None:
    check_op(op, [rng.standard_normal((3, 4))])


def test_tangent_by_two_vjps_from_the_output_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TanhOfOutput._traits, "has_jvp", False)
    check_op(TanhOfOutput(), [rng.standard_normal((3, 4))])


EXAMPLE = str(Path(__file__).parent.parent / "examples" / "user_op.py")


def test_example_runs(capsys: pytest.CaptureFixture) -> None:
    runpy.run_path(EXAMPLE, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "swish: value, vjp to second order and jvp are right"
    assert lines[-1].startswith("gradient penalty through it: ")


def test_numba_kernel_gives_the_same_values() -> None:
    pytest.importorskip("numba")
    names = runpy.run_path(EXAMPLE, run_name="__main__")
    x = rng.standard_normal((4, 3))
    ours, theirs = (names[k](beta=2.0)(pg.tensor(x)).numpy() for k in ("Swish", "NumbaSwish"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    check_op(names["NumbaSwish"](beta=2.0), [x])


# The engine around it.


def test_traced_with_its_parent() -> None:
    x = pg.tensor(rng.standard_normal(3), requires_grad=True)
    with pg.trace() as events:
        y = Cube()(x).sum()
        y.backward()
    assert events[0]["op"] == "test_cube"
    assert {e["op"] for e in events if e["parent"] == "test_cube"} == {"square", "mul", "scale"}


def test_check_finite_names_it() -> None:
    x = pg.tensor(np.array([1e200]))
    made = pytest.raises(pg.NonFiniteError, match="test_cube made a non-finite value: its output")
    with np.errstate(over="ignore"), pg.check_finite(), made:
        Cube()(x)


def test_in_a_gradient_penalty() -> None:
    w = pg.tensor(rng.standard_normal((2, 3)), requires_grad=True)
    real, fake = (pg.tensor(rng.standard_normal((4, 2))) for _ in range(2))
    alpha = rng.random(4)

    def penalty(activation, w: pg.Tensor) -> pg.Tensor:
        return pg.ops.gradient_penalty(
            lambda x: activation(x @ w).sum(axis=1), real, fake, alpha=alpha
        )

    ours, native = penalty(TanhOfOutput(), w), penalty(pg.ops.tanh, w)
    assert ours.item() == pytest.approx(native.item(), rel=1e-12)
    (a,), (b,) = pg.grad(ours, [w]), pg.grad(native, [w])
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def test_in_many_threads_at_once() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(50):
                x = pg.tensor(np.arange(6.0), requires_grad=True)
                Cube()(x).sum().backward()
                np.testing.assert_array_equal(x.grad.numpy(), 3 * np.arange(6.0) ** 2)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []


def test_graph_owns_the_op_and_lets_it_go() -> None:
    nodes = pg._core.live_nodes()
    op = Cube(factor=3.0)
    alive = weakref.ref(op)
    y = op(pg.tensor(np.ones(2), requires_grad=True))
    del op
    gc.collect()
    assert alive() is not None
    y.sum().backward()
    del y
    gc.collect()
    assert alive() is None
    assert pg._core.live_nodes() == nodes


def test_results_are_copies_and_inputs_read_only() -> None:
    buffer = np.zeros(3)

    @pg.register_op
    class Reuses(pg.Op):
        name = "test_reuses_its_buffer"
        differentiable = False

        def forward(self, x):
            with pytest.raises(ValueError, match="read-only"):
                x[0] = 1
            buffer[:] = x
            return buffer[::-1]

    first = Reuses()(pg.tensor(np.arange(3.0)))
    Reuses()(pg.tensor(np.ones(3)))
    np.testing.assert_array_equal(first.numpy(), [2, 1, 0])


# Values must not leave the graph inside a vjp.

EXPORTS = {
    "numpy": lambda t: t.numpy(),
    "asarray": np.asarray,
    "interface": lambda t: t.__array_interface__,
    "dlpack": np.from_dlpack,
    "item": lambda t: t.sum().item(),
    "float": lambda t: float(t.sum()),
    "bool": lambda t: bool(t.sum()),
    "tensor": pg.tensor,
}


@pytest.mark.parametrize("how", EXPORTS)
@pytest.mark.parametrize("method", ["vjp", "jvp"])
def test_values_do_not_leave_a_derivative(how: str, method: str) -> None:
    @pg.register_op
    class Leaks(pg.Op):
        name = "test_leaks"

        def forward(self, x):
            return x * 2

        def vjp(self, inputs, outputs, cotangents):
            EXPORTS[how](cotangents[0])
            return cotangents

        jvp = vjp

    x = pg.tensor(np.ones(2), requires_grad=True)
    y = Leaks()(x)
    with pytest.raises(pg.Error, match=f"within the {method} of user op 'test_leaks'.*pygan.ops"):
        y.backward(pg.ones(2, "float64")) if method == "vjp" else pg.jvp([y], [x], [x])
    EXPORTS[how](y.detach())  # and afterwards they do again


def test_kernels_that_a_vjp_runs_read_values() -> None:
    @pg.register_op
    class Outer(pg.Op):
        name = "test_outer"

        def forward(self, x):
            return np.exp(x)

        def vjp(self, inputs, outputs, cotangents):
            return Inner()(cotangents[0], outputs[0])

    @pg.register_op
    class Inner(pg.Op):
        name = "test_inner"

        def forward(self, dy, y):
            return pg.tensor(dy).numpy() * y  # exports, in a kernel

        def vjp(self, inputs, outputs, cotangents):
            (dy, y), (dx,) = inputs, cotangents
            return dx * y, dx * dy

    check_op(Outer(), [rng.standard_normal(4)], order=3)


def test_printing_a_tensor_in_a_vjp_is_fine() -> None:
    @pg.register_op
    class Prints(pg.Op):
        name = "test_prints"

        def forward(self, x):
            return x + 0

        def vjp(self, inputs, outputs, cotangents):
            assert "Tensor(" in repr(cotangents[0])
            return cotangents

    Prints()(pg.tensor(np.ones(2), requires_grad=True)).sum().backward()


def test_check_grads_takes_it_as_a_function() -> None:
    check_grads(lambda x, y: Cube()(x) * y, [rng.standard_normal(3), rng.standard_normal(3)], 2)
