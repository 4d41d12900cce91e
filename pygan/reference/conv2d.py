# ruff: noqa: ANN001, ANN003, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Two-dimensional convolutions: three operations, each one's derivatives are the other two.

Images (N, H, W, C). ``stride``, ``padding``, ``dilation``, ``output_padding``: an int or a pair
(height, width). With ``groups`` = g the channels fall into g blocks that do not see each other.

One kernel tap (r, q) pairs the strided view ``x[:, r d :: s, q d :: s, :]`` of the padded
input with the whole output, by one matrix product over channels. The three operations are the
three ways to sum over taps:

==================  =======================  ============================
operation           for each tap             adjoint in
==================  =======================  ============================
conv2d              ``y += x_tap w_tap``     (x: conv_transpose2d, w: conv2d_weight_grad)
conv_transpose2d    ``x_tap += y w_tap^T``   (y: conv2d, w: conv2d_weight_grad)
conv2d_weight_grad  ``w_tap = x_tap^T y``    (x: conv_transpose2d, y: conv2d)
==================  =======================  ============================
"""

from __future__ import annotations

import numpy as np

__all__ = ["conv2d", "conv2d_weight_grad", "conv_transpose2d"]


def _pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


def _taps(kernel, out, stride, dilation):
    """(r, q, index): where tap (r, q) of every output position reads in the padded input."""
    (kh, kw), (h, w), (sh, sw), (dh, dw) = kernel, out, _pair(stride), _pair(dilation)
    for r in range(kh):
        for q in range(kw):
            top, left = r * dh, q * dw
            yield r, q, np.s_[:, top : top + sh * h : sh, left : left + sw * w : sw]


def _rows(x, groups):
    """(N, H, W, C) -> (groups, N H W, C / groups)"""
    return x.reshape(-1, groups, x.shape[-1] // groups).transpose(1, 0, 2)


def _image(rows, shape):
    """The way back: (groups, N H W, C / groups) -> (N, H, W, C)"""
    return rows.transpose(1, 0, 2).reshape(shape)


def _blocks(tap, groups):
    """One tap of a weight: (C_in / groups, C_out) -> (groups, C_in / groups, C_out / groups)"""
    return tap.reshape(tap.shape[0], groups, -1).transpose(1, 0, 2)


def _pad(x, padding):
    ph, pw = _pair(padding)
    return np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))


def conv2d(x, w, stride=1, padding=0, dilation=1, groups=1):
    """``y[n, i, j, o] = sum_{r, q, c} x[n, i s + r d - p, j s + q d - p, c] w[r, q, c, o]``

    x (N, H, W, C_in), w (kh, kw, C_in / groups, C_out) -> (N, H', W', C_out),
    ``H' = floor((H + 2 p - d (kh - 1) - 1) / s) + 1``. Zero outside x.
    """
    out = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            x.shape[1:3], w.shape[:2], _pair(stride), _pair(padding), _pair(dilation), strict=True
        )
    )
    shape = (x.shape[0], *out, w.shape[3])
    xp = _pad(x, padding)
    y = np.zeros((groups, shape[0] * out[0] * out[1], shape[3] // groups), x.dtype)
    for r, q, at in _taps(w.shape[:2], out, stride, dilation):
        y += _rows(xp[at], groups) @ _blocks(w[r, q], groups)
    return _image(y, shape)


def conv2d_vjp(dy, x, w, stride=1, padding=0, dilation=1, groups=1):
    """``dx = conv_transpose2d(dy, w)`` of x's size, ``dw = conv2d_weight_grad(x, dy)``"""
    dx = _scatter(dy, w, x.shape[1:3], stride, padding, dilation, groups)
    return dx, conv2d_weight_grad(x, dy, w.shape[:2], stride, padding, dilation, groups)


def conv2d_vjp2(ddx, dy, x, w, **conv):
    """``L = <dy, conv(ddx, w) + conv(x, ddw)>``"""
    ddx, ddw = ddx
    ddy = conv2d(ddx, w, **conv) + conv2d(x, ddw, **conv)
    return ddy, conv2d_vjp(dy, x, ddw, **conv)[0], conv2d_vjp(dy, ddx, w, **conv)[1]


def _scatter(y, w, size, stride, padding, dilation, groups):
    """y (N, H', W', C_out) added to every place it was read from -> (N, *size, C_in)"""
    (ph, pw), (h, wd) = _pair(padding), size
    channels = w.shape[2] * groups
    xp = _pad(np.zeros((y.shape[0], h, wd, channels), y.dtype), padding)
    rows = _rows(y, groups)
    for r, q, at in _taps(w.shape[:2], y.shape[1:3], stride, dilation):
        part = xp[at]
        part += _image(rows @ _blocks(w[r, q], groups).swapaxes(1, 2), part.shape)
    return xp[:, ph : ph + h, pw : pw + wd]


def conv_transpose2d(x, w, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """``y[n, i s + r d - p, j s + q d - p, o] += sum_c x[n, i, j, c] w[r, q, o, c]``

    x (N, H, W, C_in), w (kh, kw, C_out / groups, C_in) -> (N, H', W', C_out),
    ``H' = (H - 1) s - 2 p + d (kh - 1) + 1 + output_padding``, output_padding < stride: the adjoint
    of conv2d with the same w. Its padding crops.
    """
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + more
        for n, k, s, p, d, more in zip(
            x.shape[1:3], w.shape[:2], _pair(stride), _pair(padding), _pair(dilation),
            _pair(output_padding), strict=True,
        )
    )  # fmt: skip
    return _scatter(x, w, size, stride, padding, dilation, groups)


def conv_transpose2d_vjp(dy, x, w, output_padding=0, **conv):
    """``dx = conv2d(dy, w)``, ``dw = conv2d_weight_grad(dy, x)``"""
    return conv2d(dy, w, **conv), conv2d_weight_grad(dy, x, w.shape[:2], **conv)


def conv_transpose2d_vjp2(ddx, dy, x, w, output_padding=0, **conv):
    """``L = <dy, conv_transpose2d(ddx, w) + conv_transpose2d(x, ddw)>``"""
    ddx, ddw = ddx
    up = {**conv, "output_padding": output_padding}
    ddy = conv_transpose2d(ddx, w, **up) + conv_transpose2d(x, ddw, **up)
    return ddy, conv2d(dy, ddw, **conv), conv2d_weight_grad(dy, ddx, w.shape[:2], **conv)


def conv2d_weight_grad(x, dout, kernel_size, stride=1, padding=0, dilation=1, groups=1):
    """``dw[r, q, c, o] = sum_{n, i, j} x[n, i s + r d - p, j s + q d - p, c] dout[n, i, j, o]``

    x (N, H, W, C_in), dout (N, H', W', C_out) -> (kh, kw, C_in / groups, C_out)
    """
    kernel = _pair(kernel_size)
    xp, rows = _pad(x, padding), _rows(dout, groups)
    w = np.empty((*kernel, x.shape[3] // groups, dout.shape[3]), x.dtype)
    for r, q, at in _taps(kernel, dout.shape[1:3], stride, dilation):
        block = _rows(xp[at], groups).swapaxes(1, 2) @ rows  # (groups, C_in/g, C_out/g)
        w[r, q] = block.transpose(1, 0, 2).reshape(w.shape[2:])
    return w


def conv2d_weight_grad_vjp(ddw, x, dout, kernel_size, **conv):
    """``dx = conv_transpose2d(dout, ddw)`` of x's size, ``ddout = conv2d(x, ddw)``"""
    return conv2d_vjp(dout, x, ddw, **conv)[0], conv2d(x, ddw, **conv)


def conv2d_weight_grad_vjp2(ddx, ddw, x, dout, kernel_size, **conv):
    """``L = <ddw, weight_grad(ddx, dout) + weight_grad(x, dddout)>``"""
    ddx, dddout = ddx
    g = conv2d_weight_grad(ddx, dout, kernel_size, **conv)
    g += conv2d_weight_grad(x, dddout, kernel_size, **conv)
    return g, conv2d_vjp(dddout, x, ddw, **conv)[0], conv2d(ddx, ddw, **conv)
