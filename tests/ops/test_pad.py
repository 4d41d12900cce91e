"""Padding: NumPy's borders by every dtype, folded gradients by hand, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg

NUMPYS = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("mode", NUMPYS)
def test_borders_are_numpys(mode: str, dtype: str) -> None:
    a = np.random.default_rng(0).integers(0, 2, (4, 3, 5)).astype(dtype)
    widths = ((3, 1), (0, 2), (2, 4))
    y = pg.ops.pad(pg.tensor(a), widths, mode=mode)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.numpy(), np.pad(a, widths, NUMPYS[mode]))


def test_by_hand() -> None:
    x = pg.tensor([1.0, 2.0, 3.0])
    assert pg.ops.pad(x, ((2, 1),), "reflect").numpy().tolist() == [3, 2, 1, 2, 3, 2]
    assert pg.ops.pad(x, ((2, 1),), "replicate").numpy().tolist() == [1, 1, 1, 2, 3, 3]
    assert pg.ops.pad(x, ((1, 1),), value=-0.5).numpy().tolist() == [-0.5, 1, 2, 3, -0.5]
    assert pg.ops.pad(x, ((0, 1),), value=-np.inf).numpy().tolist() == [1, 2, 3, -np.inf]


def test_the_border_folds_back() -> None:
    dy = pg.tensor([1.0, 10, 100, 1000, 10000, 100000])
    for mode, expected in (("reflect", [100, 101010, 10001]), ("replicate", [111, 1000, 110000])):
        x = pg.tensor([1.0, 2, 3], requires_grad=True)
        (dx,) = pg.grad(pg.ops.pad(x, ((2, 1),), mode), [x], [dy])
        assert dx.numpy().tolist() == expected


def test_long_rows_fold_back() -> None:
    """Rows that are cut into tiles."""
    dy = np.random.default_rng(0).integers(-9, 9, (7, 10_001)).astype(np.float32)
    expected = dy[1:4].copy()
    expected[1] += dy[0]
    expected[1] += dy[4]
    expected[0] += dy[5]
    back = pg.ops.pad_axis_grad(pg.tensor(dy[:6]), 0, (1, 2))
    np.testing.assert_array_equal(back.numpy(), expected)


def test_the_value_is_not_in_the_tangent() -> None:
    x = pg.tensor([1.0, 2.0], "float64", requires_grad=True)
    y = pg.ops.pad(x, ((1, 0),), value=5.0)
    (ty,) = pg.jvp([y], [x], [pg.tensor([3.0, 4.0], "float64")])
    assert ty.numpy().tolist() == [0, 3, 4]


def test_empty_axes() -> None:
    x = pg.zeros((0, 3))
    assert pg.ops.pad(x, ((0, 0), (1, 1)), "reflect").shape == (0, 5)
    with pytest.raises(pg.ShapeError, match="extent 0"):
        pg.ops.pad(x, ((1, 0), (0, 0)), "replicate")


ERRORS = [
    (lambda x: pg.ops.pad(x, ((0, 0), (3, 0)), "reflect"), pg.ShapeError, "below the extent 3"),
    (lambda x: pg.ops.pad(x, ((0, 2), (0, 0)), "reflect"), pg.ShapeError, "use replicate"),
    (lambda x: pg.ops.pad(x, ((0, -1), (0, 0)), "replicate"), pg.ShapeError, "negative width"),
    (lambda x: pg.ops.pad(x, ((0, 1 << 40), (0, 0))), pg.ShapeError, "below 2"),
    (lambda x: pg.ops.pad(x, ((1, 1),), "replicate"), pg.ShapeError, "each of the 2 axes"),
    (lambda x: pg.ops.pad(x, ((1, 1), (0, 0)), "wrap"), pg.ConfigError, 'unknown mode "wrap"'),
    (lambda x: pg.ops.pad(x, ((1, 1), (0, 0)), "reflect", 2.0), pg.ConfigError, "mode constant"),
    (lambda x: pg.ops.pad(x.astype("uint8"), ((1, 1), (0, 0)), value=256), pg.ConfigError, "uint8"),
    (lambda x: pg.ops.pad(x.astype("int64"), ((1, 1), (0, 0)), value=0.5), pg.ConfigError, "int64"),
    (lambda x: pg.ops.pad_axis(x, 2, (1, 1)), pg.ShapeError, "axis 2"),
    (lambda x: pg.ops.pad_axis(x, 0, (1, 1), "constant"), pg.ConfigError, "use pad"),
    (lambda x: pg.ops.pad_axis_grad(x, 0, (2, 1)), pg.ShapeError, "smaller than its border"),
    (lambda x: pg.ops.pad_axis_grad(x, 1, (1, 1)), pg.ShapeError, "below the extent 1"),
    (lambda x: pg.ops.pad_axis_grad(x.astype("uint8"), 0, (0, 1)), pg.DTypeError, "float"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    call, error, text = ERRORS[case]
    with pytest.raises(error, match=text):
        call(pg.zeros((2, 3)))
