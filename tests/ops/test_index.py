"""Indices: what they may be, what an error says, the order of additions."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

DTYPES = ("float32", "float64", "int64", "uint8", "bool")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gathers_move_every_dtype(dtype: str, axis: int) -> None:
    x = np.random.default_rng(0).integers(0, 200, (4, 5, 3)).astype(dtype)
    index = np.array([[0, -1, 2], [2, 2, -3]])
    y = pg.ops.gather(pg.tensor(x), pg.tensor(index), axis=axis).numpy()
    np.testing.assert_array_equal(y, np.take(x, index, axis), strict=True)
    places = np.argsort(x, axis)
    y = pg.ops.take_along_axis(pg.tensor(x), pg.tensor(places), axis=axis).numpy()
    np.testing.assert_array_equal(y, np.sort(x, axis), strict=True)


def test_gather_at_one_index_drops_the_axis() -> None:
    x = np.arange(12.0).reshape(3, 4)
    y = pg.ops.gather(pg.tensor(x), pg.tensor(np.int64(-1)), axis=1)
    np.testing.assert_array_equal(y.numpy(), x[:, -1], strict=True)


def test_equal_indices_add_up_in_their_order() -> None:
    """0.1 first or last is another number in float32: 1e8 - 1e8 must come before it."""
    y = np.array([1e8, -1e8, 0.1, 1.0], np.float32)
    x = pg.ops.scatter_add(pg.tensor(y), pg.tensor([2, -1, 2, 0]), (3,))
    np.testing.assert_array_equal(x.numpy(), np.array([1.0, 0, 0.1], np.float32), strict=True)


@pytest.mark.parametrize("columns", [1, 63, 64, 65, 200])
def test_a_table_read_often(columns: int) -> None:
    """The gradient of an embedding: many rows of y for each row of the table."""
    rng = np.random.default_rng(columns)
    index = rng.integers(0, 7, 5000)
    dy = rng.standard_normal((5000, columns)).astype(np.float32)
    table = pg.tensor(np.zeros((7, columns), np.float32), requires_grad=True)
    y = pg.ops.embedding(table, pg.tensor(index))
    expected = np.zeros((7, columns), np.float32)
    np.add.at(expected, index, dy)
    before = pg.get_num_threads()
    try:
        for threads in (1, 4):
            pg.set_num_threads(threads)
            (dx,) = pg.grad(y, [table], [pg.tensor(dy)], retain_graph=True)
            assert dx.numpy().tobytes() == expected.tobytes()
    finally:
        pg.set_num_threads(before)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([[0, 1], [5, 9]], r"gather: index 5 at \[1, 0\] is out of range for axis 0 of \(5, 3\)"),
        ([0, -6], r"index -6 at \[1\] is out of range .* of extent 5: expected -5 to 4"),
        ([2**40], "index 1099511627776"),
    ],
)
def test_an_index_out_of_range_is_named(index: list, message: str) -> None:
    x = pg.zeros((5, 3))
    with pytest.raises(pg.ShapeError, match=message):
        pg.ops.gather(x, pg.tensor(index))
    rows = pg.zeros((*np.shape(index), 3))
    with pytest.raises(pg.ShapeError, match=message.replace("gather", "scatter_add")):
        pg.ops.scatter_add(rows, pg.tensor(index), (5, 3))


def test_shapes_and_dtypes_that_do_not_fit() -> None:
    x, index = pg.zeros((5, 3)), pg.tensor([0, 1])
    with pytest.raises(pg.DTypeError, match="gather: the indices must be int64, got float32"):
        pg.ops.gather(x, pg.zeros((2,)))
    with pytest.raises(pg.ShapeError, match="gather: axis 2 is out of range"):
        pg.ops.gather(x, index, axis=2)
    with pytest.raises(pg.ShapeError, match=r"take_along_axis: indices \(2,\) for x \(5, 3\)"):
        pg.ops.take_along_axis(x, index, axis=0)
    with pytest.raises(pg.ShapeError, match=r"scatter_add: y \(5, 3\) .* expected \(2, 3\)"):
        pg.ops.scatter_add(x, index, (5, 3))
    with pytest.raises(pg.DTypeError, match="scatter_add: needs float32 or float64"):
        pg.ops.scatter_add(index, index, (5,))
    with pytest.raises(pg.ShapeError, match=r"embedding: the table must be \(entries, features\)"):
        pg.ops.embedding(pg.zeros((5,)), index)
    with pytest.raises(pg.ShapeError, match="there is nothing to take"):
        pg.ops.gather(pg.zeros((0, 3)), index)


def test_nothing_from_nothing() -> None:
    none = pg.tensor(np.zeros((0,), np.int64))
    x = pg.tensor(np.zeros((0, 3)), requires_grad=True)
    y = pg.ops.gather(x, none)
    assert y.shape == (0, 3)
    assert pg.grad(y.sum(), [x])[0].shape == (0, 3)
    assert pg.ops.one_hot(none, 4).shape == (0, 4)
    full = pg.ops.scatter_add(pg.zeros((0, 3)), none, (2, 3))
    np.testing.assert_array_equal(full.numpy(), np.zeros((2, 3)))


def test_one_hot_refuses_other_classes() -> None:
    for bad in (-1, 3):
        with pytest.raises(pg.ShapeError, match=rf"one_hot: index {bad} at \[1\] .* 3 classes"):
            pg.ops.one_hot(pg.tensor([0, bad]), 3)
    with pytest.raises(pg.ShapeError, match="classes must be at least 1"):
        pg.ops.one_hot(pg.tensor([0]), 0)
