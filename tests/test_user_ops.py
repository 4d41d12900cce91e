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


# Mistakes.


def broken(forward=lambda self, x: x * 2, **attributes):
    """An op of this forward, and what else is given."""
    space = {"name": "test_broken", "forward": forward, "vjp": lambda self, x, y, dy: dy}
    return pg.register_op(type("Broken", (pg.Op,), {**space, **attributes}))()


@pytest.mark.parametrize(
    ("returned", "error", "match"),
    [
        (lambda x: x.tolist(), pg.ShapeError, "returned 3 results, expected 1"),
        (lambda x: "no", pg.DTypeError, "returned a str as output 0: return NumPy arrays"),
        (lambda x: 1.0, pg.DTypeError, "returned a float as output 0"),
        (lambda x: None, pg.DTypeError, "returned a NoneType"),
        (lambda x: pg.tensor(x), pg.DTypeError, "returned a Tensor as output 0"),
        (lambda x: x.astype(np.float16), pg.DTypeError, r"returned float16 \(3,\).*use float32"),
        (lambda x: x.astype(complex), pg.DTypeError, "returned complex128"),
        (lambda x: x.astype(np.float32), pg.DTypeError, "float32 .* for float64 inputs"),
        (lambda x: (x, x), pg.ShapeError, "returned 2 results, expected 1"),
        (lambda x: x.reshape((1,) * 8 + (3,)), pg.ShapeError, "at most 8 axes"),
    ],
)
def test_forward_results_are_checked(returned, error: type, match: str) -> None:
    op = broken(lambda self, x: returned(x))
    with pytest.raises(error, match=match) as caught:
        op(pg.tensor(np.ones(3)))
    assert "test_broken" in str(caught.value) + " ".join(getattr(caught.value, "__notes__", []))


@pytest.mark.parametrize(
    ("returned", "error", "match"),
    [
        (lambda x, dy: (dy, dy), pg.ShapeError, "vjp of user op 'test_broken' returned 2 results"),
        (lambda x, dy: np.ones(3), pg.DTypeError, "returned a ndarray for input 0: return a tens"),
        (lambda x, dy: 0.0, pg.DTypeError, "returned a float for input 0.*None for zero"),
        (lambda x, dy: dy.sum(), pg.ShapeError, r"shape \(\) for input 0 of shape \(3,\)"),
        (lambda x, dy: dy.astype("float32"), pg.DTypeError, "returned float32 for input 0"),
    ],
)
def test_vjp_results_are_checked(returned, error: type, match: str) -> None:
    op = broken(vjp=lambda self, inputs, outputs, dy: returned(inputs[0], dy[0]))
    x = pg.tensor(np.ones(3), requires_grad=True)
    with pytest.raises(error, match=match):
        op(x).sum().backward()
    assert x.grad is None


def test_jvp_results_are_checked() -> None:
    op = broken(jvp=lambda self, x, y, tx: tx[0].sum())
    x = pg.tensor(np.ones(3), requires_grad=True)
    with pytest.raises(pg.ShapeError, match="jvp of user op 'test_broken' returned shape"):
        pg.jvp([op(x)], [x], [x.detach()])


def test_a_cotangent_for_an_integer_input_is_refused() -> None:
    op = broken(lambda self, x, i: x[i], vjp=lambda self, x, y, dy: (dy[0], dy[0]))
    x = pg.tensor(np.ones(2), requires_grad=True)
    with pytest.raises(pg.DTypeError, match=r"input 1, int64 \(2,\), which has no derivative"):
        op(x, pg.tensor(np.array([0, 1]))).sum().backward()


@pytest.mark.parametrize("where", ["forward", "vjp", "jvp"])
def test_exceptions_carry_through_with_the_ops_name(where: str) -> None:
    class OwnError(Exception):
        pass

    def fails(*args):
        raise OwnError("this is mine")

    fails.__name__ = where
    op = broken(**{where: fails})
    x = pg.tensor(np.ones(3), requires_grad=True)

    def run():
        y = op(x)
        y.sum().backward() if where == "vjp" else pg.jvp([y], [x], [x.detach()])

    with pytest.raises(OwnError, match="this is mine") as caught:
        run()
    assert caught.value.__notes__ == [f"in the {where} of user op 'test_broken'"]
    Cube()(x).sum().backward()  # everything stays usable
    np.testing.assert_array_equal(x.grad.numpy(), [3, 3, 3])


def test_a_value_that_was_not_kept_says_so() -> None:
    op = broken(save_inputs=(), vjp=lambda self, x, y, dy: x[0] * dy[0])
    with pytest.raises(pg.Error, match="was not kept") as caught:
        op(pg.tensor(np.ones(3), requires_grad=True)).sum().backward()
    assert "test_broken" in caught.value.__notes__[0]


def test_a_kept_value_that_changed_is_refused() -> None:
    x = pg.tensor(np.ones(3), requires_grad=True)
    y = Cube()(x).sum()
    x.assign_(np.zeros(3))
    with pytest.raises(pg.Error, match=r"test_cube: .*changed in place"):
        y.backward()


def test_per_sample_is_checked() -> None:
    with pytest.raises(pg.ShapeError, match="per_sample = True promises one row a sample"):
        broken(lambda self, x: x.sum(axis=0), per_sample=True)(pg.tensor(np.ones((3, 2))))
    with pytest.raises(AssertionError, match="depends on the other rows"):
        check_op(broken(lambda self, x: x - x.mean(axis=0), per_sample=True), [np.eye(3)])


def test_inputs_are_checked() -> None:
    with pytest.raises(pg.DTypeError, match="test_cube: input 0 is a ndarray, not"):
        Cube()(np.ones(3))
    with pytest.raises(pg.DTypeError, match=r"test_broken: mixed dtypes float32 \(2,\), float64"):
        broken(lambda self, a, b: a + b)(pg.ones(2), pg.ones(2, "float64"))
    with pytest.raises(pg.ConfigError, match=r"Cube is a class: pass an instance, Cube\("):
        pg.apply(Cube, pg.ones(2))
    with pytest.raises(pg.ConfigError, match="not a registered op: decorate"):
        pg.apply(type("Plain", (pg.Op,), {"name": "test_plain"})(), pg.ones(2))
    with pytest.raises(TypeError, match="positional argument") as caught:
        Cube()(pg.ones(2), pg.ones(2))
    assert "test_cube" in caught.value.__notes__[0]


def test_hyper_parameters_do_not_change() -> None:
    op = Cube(factor=2.0)
    assert repr(op) == "Cube(factor=2.0)"
    with pytest.raises(AttributeError, match="cannot assign to field 'factor'"):
        op.factor = 3.0
    for value in (np.ones(2), [1, 2], pg.ones(2), ([],)):
        with pytest.raises(
            pg.ConfigError, match=r"hyper-parameter 'factor' is a .*arrays are inputs"
        ):
            Cube(factor=value)


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({"name": "conv2d"}, "the engine has an op of this name"),
        ({"name": "pad"}, "the engine has an op of this name"),
        ({"name": "test_cube"}, r"the name is taken by .*Cube: choose another"),
        ({"name": "two words"}, "needs an attribute name"),
        ({"name": None}, "needs an attribute name"),
        ({"forward": pg.Op.forward}, "defines no forward"),
        ({"outputs": 0}, "outputs must be 1 to 32"),
        ({"save_inputs": (0, 40)}, "save_inputs must be True, False or indices"),
        ({"save_outputs": "x"}, "save_outputs must be"),
        ({"__init__": lambda self: None}, "defines __init__"),
        ({"outputs": 2, "__annotations__": {"outputs": int}}, "outputs must not be annotated"),
    ],
)
def test_classes_that_are_refused(attributes: dict, match: str) -> None:
    before = pg.registered_ops()
    with pytest.raises(pg.ConfigError, match=match):
        broken(**{"name": "test_refused", **attributes})
    assert pg.registered_ops() == before


def test_an_op_without_vjp_must_say_so() -> None:
    with pytest.raises(pg.ConfigError, match="write one, or set differentiable = False"):
        pg.register_op(type("No", (pg.Op,), {"name": "test_no", "forward": lambda self, x: x}))
    with pytest.raises(pg.ConfigError, match=r"not a subclass of pygan\.Op"):
        pg.register_op(dict)


def test_registry_tells_ours_from_theirs() -> None:
    ops = pg.registered_ops()
    assert ops["test_cube"] == {"differentiable": True, "fused": False, "user": True}
    assert ops["test_mask"]["differentiable"] is False
    assert ops["conv2d"]["user"] is False
    assert "test_cube" not in pg._core.registered_ops()
    assert not hasattr(pg.ops, "test_cube")


def test_defining_it_again_replaces_it() -> None:
    one, two = broken(), broken(lambda self, x: x * 5)
    x = pg.ones(1)
    assert (one(x).item(), two(x).item()) == (2, 5)


def test_check_grads_takes_it_as_a_function() -> None:
    check_grads(lambda x, y: Cube()(x) * y, [rng.standard_normal(3), rng.standard_normal(3)], 2)
