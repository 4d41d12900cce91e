"""The three convolutions: exact on small integers, closed under differentiation, clear errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pygan as pg
from pygan.reference import conv2d as reference
from pygan.testing.strategies import ConvGeometry, conv_geometries, float_dtypes, seeds


@given(conv_geometries(), float_dtypes, seeds)
def test_small_integers_are_exact(g: ConvGeometry, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w, y = (rng.integers(-3, 4, shape).astype(dtype) for shape in (g.x, g.w, g.y))
    np.testing.assert_array_equal(
        pg.ops.conv2d(pg.tensor(x), pg.tensor(w), **g.settings).numpy(),
        reference.conv2d(x, w, **g.settings),
    )
    up = {**g.settings, "output_padding": g.output_padding}
    np.testing.assert_array_equal(
        pg.ops.conv_transpose2d(pg.tensor(y), pg.tensor(w), **up).numpy(),
        reference.conv_transpose2d(y, w, **up),
    )
    np.testing.assert_array_equal(
        pg.ops.conv2d_weight_grad(pg.tensor(x), pg.tensor(y), g.w[:2], **g.settings).numpy(),
        reference.conv2d_weight_grad(x, y, g.w[:2], **g.settings),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (5, 3, 2), ((3, 6), 1, 0)])
def test_transpose_to_few_channels_is_exact(
    dtype: str, channels: int, kernel: object, stride: int, padding: int
) -> None:
    """All taps of a pixel are multiplied at once, and added up."""
    rng = np.random.default_rng(channels)
    kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    how = {"stride": stride, "padding": padding}
    for n, h, v, k in ((2, 5, 7, 16), (3, 1, 4, 33)):
        y = rng.integers(-3, 4, (n, h, v, k)).astype(dtype)
        w = rng.integers(-3, 4, (kh, kw, channels, k)).astype(dtype)
        x = pg.ops.conv_transpose2d(pg.tensor(y), pg.tensor(w), **how).numpy()
        np.testing.assert_array_equal(x, reference.conv_transpose2d(y, w, **how))


@given(conv_geometries(), seeds)
def test_adjoints(g: ConvGeometry, seed: int) -> None:
    """<conv2d(x, w), y> = <x, conv_transpose2d(y, w)> = <w, conv2d_weight_grad(x, y)>"""
    rng = np.random.default_rng(seed)
    x, w, y = (pg.tensor(rng.standard_normal(shape)) for shape in (g.x, g.w, g.y))
    up = pg.ops.conv_transpose2d(y, w, output_padding=g.output_padding, **g.settings)
    products = [
        (pg.ops.conv2d(x, w, **g.settings) * y).sum().item(),
        (up * x).sum().item(),
        (pg.ops.conv2d_weight_grad(x, y, g.w[:2], **g.settings) * w).sum().item(),
    ]
    np.testing.assert_allclose(products, products[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "conv2d_weight_grad"])
def test_derivatives_are_convolutions(name: str) -> None:
    x = pg.tensor(np.ones((1, 6, 6, 2)), requires_grad=True)
    w = pg.tensor(np.ones((1, 4, 4, 2)) if name.endswith("grad") else np.ones((3, 3, 2, 2)))
    w.requires_grad_(True)
    args = {"kernel_size": 3} if name.endswith("grad") else {}
    with pg.trace() as events:
        y = getattr(pg.ops, name)(x, w, **args)
        dx, dw = pg.grad(y, [x, w], [y.detach()], create_graph=True)
        pg.grad([dx, dw], [x, w], [dx.detach(), dw.detach()])
    family = {"conv2d", "conv_transpose2d", "conv2d_weight_grad"}
    assert {e["op"] for e in events} - {"add"} == family


@pytest.mark.parametrize("settings", [
    {"kernel": 4, "stride": 2, "padding": 1}, {"kernel": 5, "stride": 1, "padding": 2},
    {"kernel": 7, "stride": 3, "padding": 0}, {"kernel": 1, "stride": 2, "padding": 0},
])  # fmt: skip
@pytest.mark.parametrize("channels", [(1, 64), (3, 33), (64, 3), (48, 96)], ids=str)
def test_shapes_of_real_networks(settings: dict, channels: tuple) -> None:
    rng = np.random.default_rng(0)
    c_in, c_out = channels
    conv = {"stride": settings["stride"], "padding": settings["padding"]}
    x = rng.integers(-2, 3, (3, 13, 16, c_in)).astype(np.float32)
    w = rng.integers(-2, 3, (settings["kernel"],) * 2 + (c_in, c_out)).astype(np.float32)
    y = pg.ops.conv2d(pg.tensor(x), pg.tensor(w), **conv).numpy()
    np.testing.assert_array_equal(y, reference.conv2d(x, w, **conv))
    up = pg.ops.conv_transpose2d(pg.tensor(y / 8), pg.tensor(w), **conv).numpy()
    np.testing.assert_array_equal(up, reference.conv_transpose2d(y / 8, w, **conv))
    dw = pg.ops.conv2d_weight_grad(pg.tensor(x), pg.tensor(y), settings["kernel"], **conv).numpy()
    np.testing.assert_array_equal(
        dw, reference.conv2d_weight_grad(x, y, settings["kernel"], **conv)
    )


def test_the_promised_shapes() -> None:
    x, w = pg.zeros((2, 4, 4, 8)), pg.zeros((4, 4, 5, 8))
    assert pg.ops.conv_transpose2d(x, w, stride=2, padding=1).shape == (2, 8, 8, 5)


ERRORS = [
    (lambda x, w: pg.ops.conv2d(x, w, groups=2), pg.ShapeError, "channels"),
    (lambda x, w: pg.ops.conv2d(x, w, stride=0), pg.ShapeError, "stride"),
    (lambda x, w: pg.ops.conv2d(x, w, padding=-1), pg.ShapeError, "padding"),
    (lambda x, w: pg.ops.conv2d(x, w, dilation=3), pg.ShapeError, "does not fit"),
    (lambda x, w: pg.ops.conv2d(x[0], w), pg.ShapeError, "N, H, W, C"),
    (lambda x, w: pg.ops.conv2d(x, w.astype("float64")), pg.DTypeError, "conv2d"),
    (lambda x, w: pg.ops.conv2d(x, w, stride="two"), pg.Error, "stride"),
    (lambda x, w: pg.ops.conv2d(x, w, stride=(1, 2, 3)), pg.Error, "stride"),
    (lambda x, w: pg.ops.conv_transpose2d(x, w, output_padding=1), pg.ShapeError, "output_padding"),
    (lambda x, w: pg.ops.conv_transpose2d(x, w, padding=9), pg.ShapeError, "empty"),
    (lambda x, w: pg.ops.conv_transpose2d(x[..., :1], w), pg.ShapeError, "channels"),
    (lambda x, w: pg.ops.conv2d_weight_grad(x, x, 3), pg.ShapeError, "needs dout"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    call, error, text = ERRORS[case]
    with pytest.raises(error, match=text):
        call(pg.zeros((2, 5, 5, 3)), pg.zeros((3, 3, 3, 3)))


@given(data=st.data())
def test_nan_outside_the_window_does_not_leak(data: st.DataObject) -> None:
    """A pixel that no window covers may hold anything."""
    n = data.draw(st.integers(2, 9))
    x = np.ones((1, n, n, 3), np.float32)
    x[:, 1::2] = np.nan
    y = pg.ops.conv2d(pg.tensor(x), pg.ones((1, 2, 3, 4)), stride=(2, 1)).numpy()
    np.testing.assert_array_equal(y, 6)
