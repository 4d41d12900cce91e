"""Mistakes in operations written in Python: one clear line that names the op."""

from __future__ import annotations

import numpy as np
import pytest
from test_user_ops import Cube

import pygan as pg
from pygan.testing import check_op


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
