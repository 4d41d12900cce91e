"""Tensors beside NumPy: dtypes, views, indexing, errors; checked mode and the trace."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import pygan as pg

rng = np.random.default_rng(0)


def variable(*shape: int, dtype: str = "float64") -> pg.Tensor:
    return pg.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "matmul"])
def test_mixed_dtypes_raise_and_name_the_op(op: str) -> None:
    with pytest.raises(pg.DTypeError, match=rf"{op}.*float32.*float64"):
        getattr(pg.ops, op)(pg.zeros((2, 2), "float32"), pg.zeros((2, 2), "float64"))


def test_numpy_views_are_read_only() -> None:
    x = variable(3)
    for view in (x.numpy(), np.asarray(x), np.from_dlpack(x), (x * 2.0).numpy()):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1
    owner = pg.tensor(np.arange(3.0)).numpy()
    gc.collect()
    np.testing.assert_array_equal(owner, [0, 1, 2])  # the view keeps the memory


def test_numpy_does_not_take_over_arithmetic() -> None:
    assert pg.Tensor.__array_ufunc__ is None
    with pytest.raises(TypeError):
        _ = np.ones(3) * variable(3)
    with pytest.raises(TypeError):
        _ = variable(3) + np.ones(3)


def test_numbers_on_either_side_take_the_tensors_dtype() -> None:
    x = pg.tensor(np.array([1, 2], "float32"), requires_grad=True)
    for y, expected in ((1 - x, [0, -1]), (2 / x, [2, 1]), (3 * x, [3, 6]), (x - 1, [0, 1])):
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y.numpy(), expected)
    (dx,) = pg.grad((2 / x).sum(), [x])
    np.testing.assert_array_equal(dx.numpy(), [-2, -0.5])


def test_tensor_copies_and_from_numpy_aliases() -> None:
    a = np.zeros(3)
    copy, alias = pg.tensor(a), pg.from_numpy(a)
    a[0] = 5
    assert copy.numpy()[0] == 0
    assert alias.numpy()[0] == 5
    assert pg.tensor(1.5).dtype == "float32"
    assert pg.tensor([1, 2]).dtype == "int64"
    assert pg.tensor(np.float64(1)).dtype == "float64"


INDICES = [
    np.s_[0], np.s_[-1], np.s_[1:3], np.s_[::-1], np.s_[::2, 1:], np.s_[..., 0], np.s_[None, 1],
    np.s_[:, None, ::-2], np.s_[3:0:-1, -2], np.s_[2:2],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing_is_numpys(index: object) -> None:
    a = rng.standard_normal((4, 5))
    x = pg.tensor(a, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.numpy(), a[index])
    dy = rng.standard_normal(y.shape)
    (dx,) = pg.grad(y, [x], [pg.tensor(dy)])
    expected = np.zeros_like(a)
    expected[index] = dy
    np.testing.assert_array_equal(dx.numpy(), expected)


def test_errors_derive_from_pythons() -> None:
    with pytest.raises(ValueError, match="add"):
        pg.ops.add(pg.zeros(2), pg.zeros(3))
    with pytest.raises(TypeError):
        pg.ops.exp(pg.tensor([1, 2]))
    with pytest.raises(IndexError):
        _ = pg.zeros((2, 2))[2]


def test_check_finite_names_the_first_op() -> None:
    x = variable(3)
    with pg.check_finite():
        pg.ops.exp(x)
        with pytest.raises(pg.NonFiniteError, match="log"):
            pg.ops.exp(pg.ops.log(x * 0.0 - 1.0))
    with pytest.raises(FloatingPointError), pg.check_finite():
        pg.ops.div(x, pg.zeros((3,), "float64"))
    assert np.isnan(pg.ops.log(x * 0.0 - 1.0).numpy()).all()


def test_trace_tells_op_parent_shapes_and_work() -> None:
    x = variable(2, 3)
    with pg.trace() as events:
        pg.grad(pg.ops.exp(x).sum(), [x])
    first = events[0]
    assert first["op"] == "exp"
    assert first["parent"] == ""
    assert first["inputs"] == ["float64 (2, 3) on cpu"]
    assert first["bytes"] == 2 * 6 * 8
    assert first["flops"] == 6
    assert first["seconds"] >= 0
    assert "exp" in {e["parent"] for e in events}
    count = len(events)
    pg.ops.exp(x)
    assert len(events) == count
