# ruff: noqa: ANN001, ANN003, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Pooling over windows of images (N, H, W, C); sizes are ints or pairs (height, width).

Both pools are linear once it is known what they select: an average never asks, a maximum notes its
place. So each has an adjoint, and ``dx = f^T dy``, ``ddy = f(ddx)``.
"""

from __future__ import annotations

import numpy as np

__all__ = ["avg_pool2d", "avg_pool2d_grad", "max_pool2d", "put_pixels", "take_pixels"]


def _pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


def _windows(size, kernel_size, stride, padding, dilation=1):
    """(H', W'), and for each tap (r, s) in order where every window reads in the padded image."""
    kernel, stride = _pair(kernel_size), _pair(kernel_size if stride is None else stride)
    padding, dilation = _pair(padding), _pair(dilation)
    h, w = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    (sh, sw), (dh, dw) = stride, dilation
    taps = [
        np.s_[:, r * dh : r * dh + sh * h : sh, s * dw : s * dw + sw * w : sw]
        for r, s in np.ndindex(*kernel)
    ]
    return (h, w), taps


def _pad(x, padding, value=0):
    ph, pw = _pair(padding)
    return np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=value)


def _counts(size, dtype, kernel_size, stride, padding, count_include_pad):
    """d(i, j), (1, H', W', 1): the pixels of each window, with or without the padding's"""
    (h, w), taps = _windows(size, kernel_size, stride, padding)
    if count_include_pad:
        return np.full((1, h, w, 1), len(taps), dtype)
    inside = _pad(np.ones((1, *size, 1), dtype), padding)
    return sum(inside[tap] for tap in taps)


def avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    """``y[n, i, j, c] = 1 / d(i, j) sum_{r, s} x[n, i s - p + r, j s - p + s, c]``

    x is zero outside the image. d is the window's size, or without ``count_include_pad`` its pixels
    within the image.
    """
    xp = _pad(x, padding)
    _, taps = _windows(x.shape[1:3], kernel_size, stride, padding)
    d = _counts(x.shape[1:3], x.dtype, kernel_size, stride, padding, count_include_pad)
    return sum(xp[tap] for tap in taps) / d


def avg_pool2d_vjp(dy, x, **pool):
    """``dx = avg_pool2d_grad(dy)``"""
    return (avg_pool2d_grad(dy, x.shape[1:3], **pool),)


def avg_pool2d_vjp2(ddx, dy, x, **pool):
    """``ddy = avg_pool2d(ddx)``"""
    return avg_pool2d(ddx[0], **pool), np.zeros_like(x)


def avg_pool2d_grad(dy, size, kernel_size, stride=None, padding=0, count_include_pad=True):
    """The adjoint of :func:`avg_pool2d`: each window's ``dy / d`` added to every pixel in it."""
    size, (ph, pw) = _pair(size), _pair(padding)
    share = dy / _counts(size, dy.dtype, kernel_size, stride, padding, count_include_pad)
    dx = _pad(np.zeros((dy.shape[0], *size, dy.shape[3]), dy.dtype), padding)
    for tap in _windows(size, kernel_size, stride, padding)[1]:
        dx[tap] += share
    return dx[:, ph : ph + size[0], pw : pw + size[1]]


def avg_pool2d_grad_vjp(ddx, dy, size, **pool):
    """``ddy = avg_pool2d(ddx)``"""
    return (avg_pool2d(ddx, **pool),)


def avg_pool2d_grad_vjp2(dddy, ddx, dy, size, **pool):
    """``dddx = avg_pool2d_grad(dddy)``"""
    return avg_pool2d_grad(dddy[0], size, **pool), np.zeros_like(dy)


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1):
    """``y[n, i, j, c] = max_{r, s} x[n, i s - p + r d, j s - p + s d, c]`` and its place.

    (values, int64 indices ``h W + w`` of the first maximum). The padding is -inf that never wins: a
    window of -inf has its first pixel's index. NaN is larger than every number.
    """
    (n, height, width, c), (h, w) = x.shape, _pair(padding)
    place = _pad(np.arange(height * width).reshape(1, height, width, 1), (h, w), -1)
    (h, w), taps = _windows((height, width), kernel_size, stride, (h, w), dilation)
    value = np.full((n, h, w, c), -np.inf, x.dtype)
    index = np.full((n, h, w, c), -1)
    xp = _pad(x, padding)
    for tap in taps:
        v, p = xp[tap], place[tap]
        larger = (v > value) | (np.isnan(v) & ~np.isnan(value)) | (index < 0)
        better = larger & (p >= 0)
        value, index = np.where(better, v, value), np.where(better, p, index)
    return value, index


def max_pool2d_vjp(dy, x, **pool):
    """``dx`` = dy at the places of the maxima, summed where windows share one"""
    return (put_pixels(dy, max_pool2d(x, **pool)[1], x.shape[1:3]),)


def max_pool2d_vjp2(ddx, dy, x, **pool):
    """``ddy`` = ddx at the same places"""
    return take_pixels(ddx[0], max_pool2d(x, **pool)[1]), np.zeros_like(x)


def _places(indices):
    """(N, P, C) indices of the pixels, as an index into (N, H W, C)"""
    n, h, w, c = indices.shape
    return np.arange(n)[:, None, None], indices.reshape(n, h * w, c), np.arange(c)


def take_pixels(x, indices):
    """``y[n, i, j, c] = x[n, indices[n, i, j, c], c]``, pixels counted row-major"""
    n, h, w, c = x.shape
    return x.reshape(n, h * w, c)[_places(indices)].reshape(indices.shape)


def take_pixels_vjp(dy, x, indices):
    """``dx = put_pixels(dy)``"""
    return (put_pixels(dy, indices, x.shape[1:3]),)


def take_pixels_vjp2(ddx, dy, x, indices):
    """``ddy = take_pixels(ddx)``"""
    return take_pixels(ddx[0], indices), np.zeros_like(x)


def put_pixels(y, indices, size):
    """``x[n, indices[n, i, j, c], c] += y[n, i, j, c]``: the adjoint of :func:`take_pixels`"""
    (n, _, _, c), (h, w) = y.shape, _pair(size)
    x = np.zeros((n, h * w, c), y.dtype)
    np.add.at(x, _places(indices), y.reshape(n, -1, c))
    return x.reshape(n, h, w, c)


def put_pixels_vjp(dx, y, indices, size):
    """``dy = take_pixels(dx)``"""
    return (take_pixels(dx, indices),)


def put_pixels_vjp2(ddy, dx, y, indices, size):
    """``ddx = put_pixels(ddy)``"""
    return put_pixels(ddy[0], indices, size), np.zeros_like(y)
