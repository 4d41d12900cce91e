"""Whose memory is whose, and numbers too large for their type."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys

import numpy as np
import pytest

import pygan as pg


def test_gradients_of_leaves_share_no_memory() -> None:
    a, b = (pg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    cotangent = pg.tensor([10.0, 20.0])
    (a + b).backward(cotangent)
    a.grad.assign_([0.0, 0.0])
    assert b.grad.numpy().tolist() == [10, 20]
    assert cotangent.numpy().tolist() == [10, 20]


def test_exported_memory_outlives_a_change_of_dtype() -> None:
    layer = pg.nn.Linear(300, 300)
    view = np.asarray(layer.weight)
    before = view.copy()
    layer.to("float64")
    gc.collect()
    pg._core.trim_memory()
    keep = [pg.full((300, 300), 7.0) for _ in range(3)]
    assert len(keep) == 3
    np.testing.assert_array_equal(view, before)


def test_a_frozen_leaf_is_the_same_variable_when_thawed() -> None:
    x = pg.tensor([3.0], requires_grad=True)
    y = (x * 2.0).sum()
    x.requires_grad_(False)
    assert not (x * x).requires_grad
    x.requires_grad_(True)
    (dx,) = pg.grad(y, [x])
    assert dx.numpy().tolist() == [2]


def test_backward_leaves_a_frozen_leaf_alone() -> None:
    x, w = (pg.tensor([3.0], requires_grad=True) for _ in range(2))
    y = (x * w).sum()
    w.requires_grad_(False)
    y.backward()
    assert x.grad.numpy().tolist() == [3]
    assert w.grad is None


def test_from_numpy_of_a_wrong_dtype_keeps_no_reference() -> None:
    a = np.zeros(3, np.int16)
    before = sys.getrefcount(a)
    for _ in range(10):
        with pytest.raises(pg.DTypeError, match="int16"):
            pg.from_numpy(a)
    assert sys.getrefcount(a) == before


def test_copies_are_deep_and_pickles_refused() -> None:
    x = pg.tensor([1.0], requires_grad=True)
    y = copy.deepcopy(x)
    y.assign_([5.0])
    assert x.item() == 1
    assert y.requires_grad
    with pytest.raises(TypeError, match="safetensors"):
        pickle.dumps(x)


def test_numbers_that_a_dtype_cannot_hold_are_refused() -> None:
    for value, dtype in [([300], "uint8"), ([-1], "uint8"), ([float("nan")], "int64")]:
        with pytest.raises(pg.DTypeError):
            pg.tensor(value, dtype=dtype)


def test_large_indices_steps_and_settings_are_refused() -> None:
    x = pg.tensor(np.arange(4.0))
    with pytest.raises(IndexError):
        x[2**70]
    for step in (2**60, 2**62):
        with pytest.raises(pg.ShapeError):
            pg.ops.slice(x, [0], [step], (17,))
    with pytest.raises(pg.ShapeError):
        pg.ops.unslice(pg.tensor(np.full(5, 7.0)), [0], [2**62], (4,))
    image, w = pg.ones((1, 5, 5, 1)), pg.ones((3, 3, 1, 1))
    for setting in ("stride", "padding", "dilation"):
        with pytest.raises(pg.ShapeError, match="2\\^31"):
            pg.ops.conv2d(image, w, **{setting: 2**63 - 1})
    with pytest.raises(pg.ShapeError, match="2\\^31"):
        pg.ops.conv_transpose2d(image, w, stride=2**62)


def test_iteration_and_mixed_operands() -> None:
    x = pg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [row.numpy().tolist() for row in x] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError):
        list(pg.tensor(1.0))
    with pytest.raises(pg.DTypeError, match=r"pygan\.tensor"):
        np.zeros(1) + pg.tensor([1.0])


def test_integers_have_no_derivative() -> None:
    x = pg.tensor([1.5], requires_grad=True)
    with pytest.raises(pg.DTypeError, match="no derivative"):
        pg.grad(pg.ops.astype(x, "int64"), [x])
    with pytest.raises(pg.DTypeError, match="cotangent"):
        pg.grad(x * x, [x], [pg.tensor([1.0], "float64")])


@pytest.mark.parametrize("variable", ["PYGAN_CPU", "PYGAN_NUM_THREADS"])
def test_a_wrong_environment_is_a_configuration_error(variable: str) -> None:
    code = "import pygan as pg; pg.ones(3) + pg.ones(3); pg.get_num_threads()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), variable: "nonsense"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert f"pygan.errors.ConfigError: {variable}=nonsense" in run.stderr


def test_a_trace_left_open_does_not_break_the_exit() -> None:
    code = "import pygan as pg; pg._core.set_trace(print); pg.ones(3) + pg.ones(3)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
