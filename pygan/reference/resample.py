# ruff: noqa: ANN001, ANN003, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Images to another size: a matrix along each axis, so ``dx = A^T dy`` and ``ddy = A ddx``.

Pixel i covers [i, i + 1), its centre is i + 1/2: output pixel o lies over the input at
``s = (o + 1/2) step - 1/2`` with ``step = in / out``. :func:`matrix` has the weights.
"""

from __future__ import annotations

import numpy as np

__all__ = ["resample", "resample_grad", "resize", "upsample"]


def _triangle(d):
    return np.maximum(0, 1 - np.abs(d))


def _cubic(d, a):
    """Keys' kernel (1981): 1 at 0, 0 at other integers, with a continuous derivative"""
    d = np.abs(d)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def matrix(n, size, mode="bilinear", align_corners=False, antialias=False, scale=None):
    """A, (size, n): ``y[o] = sum_i A[o, i] x[i]``; float64, its rows sum to 1.

    nearest: 1 at ``floor(o step)``; nearest-exact: 1 at ``floor((o + 1/2) step)``;
    bilinear, bicubic: the kernel at ``s - i`` (a = -3/4), i moved to the edge where it is outside;
    antialias: the kernel at ``(s - i) / max(step, 1)`` (a = -1/2), divided by the sum of the row.
    """
    o, i = np.arange(size)[:, None], np.arange(n)
    step = n / size if scale is None else 1 / scale
    s = (o + 0.5) * step - 0.5
    if align_corners:
        s = o * ((n - 1) / max(size - 1, 1))
    if mode == "nearest":
        place = o * n // size if scale is None else np.floor(o * step)
        return (i == np.minimum(place, n - 1)).astype(float)
    if mode == "nearest-exact":
        place = (2 * o + 1) * n // (2 * size) if scale is None else np.floor((o + 0.5) * step)
        return (i == np.minimum(place, n - 1)).astype(float)
    if antialias:
        d = (s - i) / max(step, 1)
        a = _triangle(d) if mode == "bilinear" else _cubic(d, -0.5)
        return a / a.sum(axis=1, keepdims=True)
    a = np.zeros((size, n))
    for k in range(-1, 3):
        at = np.floor(s) + k
        weight = _triangle(s - at) if mode == "bilinear" else _cubic(s - at, -0.75)
        a += weight * (i == np.clip(at, 0, n - 1))
    return a


def _along(a, x, axis):
    """``y[..., o, ...] = sum_i A[o, i] x[..., i, ...]``"""
    return np.moveaxis(np.tensordot(a.astype(x.dtype), x, (1, axis)), 0, axis)


def resample(x, axis, size, **how):
    """``y[..., o, ...] = sum_i A[o, i] x[..., i, ...]``, ``size`` elements along ``axis``"""
    return _along(matrix(x.shape[axis], size, **how), x, axis)


def resample_vjp(dy, x, axis, size, **how):
    """``dx = A^T dy``"""
    return (resample_grad(dy, axis, x.shape[axis], **how),)


def resample_vjp2(ddx, dy, x, axis, size, **how):
    """``ddy = A ddx``"""
    return resample(ddx[0], axis, size, **how), np.zeros_like(x)


def resample_grad(dy, axis, size, **how):
    """``x = A^T dy`` with ``size`` elements along ``axis``: the adjoint of :func:`resample`"""
    return _along(matrix(size, dy.shape[axis], **how).T, dy, axis)


def resample_grad_vjp(ddx, dy, axis, size, **how):
    """``ddy = A ddx``"""
    return (resample(ddx, axis, dy.shape[axis], **how),)


def resample_grad_vjp2(dddy, ddx, dy, axis, size, **how):
    """``dddx = A^T dddy``"""
    return resample_grad(dddy[0], axis, size, **how), np.zeros_like(dy)


def _pair(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)


def resize(x, size, **how):
    """``y[n, :, :, c] = A_H x[n, :, :, c] A_W^T``"""
    return resample(resample(x, 1, _pair(size)[0], **how), 2, _pair(size)[1], **how)


def resize_vjp(dy, x, size, **how):
    """``dx = A_H^T dy A_W``"""
    return (resample_grad(resample_grad(dy, 2, x.shape[2], **how), 1, x.shape[1], **how),)


def resize_vjp2(ddx, dy, x, size, **how):
    """``ddy = A_H ddx A_W^T``"""
    return resize(ddx[0], size, **how), np.zeros_like(x)


def upsample(x, scale, **how):
    """:func:`resize` to ``floor(H s)``, where centres follow s itself: ``step = 1 / s``"""
    for axis, s in zip((1, 2), _pair(scale), strict=True):
        x = resample(x, axis, int(np.floor(x.shape[axis] * s)), scale=s, **how)
    return x


def upsample_vjp(dy, x, scale, **how):
    """``dx = A_H^T dy A_W``"""
    for axis, s in zip((1, 2), _pair(scale), strict=True):
        dy = resample_grad(dy, axis, x.shape[axis], scale=s, **how)
    return (dy,)


def upsample_vjp2(ddx, dy, x, scale, **how):
    """``ddy = A_H ddx A_W^T``"""
    return upsample(ddx[0], scale, **how), np.zeros_like(x)
