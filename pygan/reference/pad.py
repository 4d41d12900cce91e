# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Borders: constant, mirrored or repeated. A border is a copy, so its cotangent goes to its source.

constant is affine in x (its derivatives do not see the value), the others are linear.
"""

from __future__ import annotations

import numpy as np

__all__ = ["pad", "pad_axis", "pad_axis_grad"]


def _sources(n, widths, mode):
    """m(i) for -before <= i < n + after: the element of the axis that place i is a copy of"""
    i = np.arange(-widths[0], n + widths[1])
    if mode == "replicate":
        return np.clip(i, 0, n - 1)
    return (n - 1) - np.abs((n - 1) - np.abs(i))  # mirrored at 0, then at n - 1


def pad_axis(x, axis, widths, mode="reflect"):
    """``y[before + i] = x[m(i)]`` along ``axis``

    reflect: ``m(i) = |i|``, mirrored again at n - 1; replicate: the nearest element of x.
    """
    return np.take(x, _sources(x.shape[axis], widths, mode), axis)


def pad_axis_vjp(dy, x, axis, widths, mode="reflect"):
    """``dx = pad_axis_grad(dy)``"""
    return (pad_axis_grad(dy, axis, widths, mode),)


def pad_axis_vjp2(ddx, dy, x, axis, widths, mode="reflect"):
    """``ddy = pad_axis(ddx)``"""
    return pad_axis(ddx[0], axis, widths, mode), np.zeros_like(x)


def pad_axis_grad(dy, axis, widths, mode="reflect"):
    """``x[m(i)] += y[before + i]``: the adjoint of :func:`pad_axis`; inner places first"""
    rows, (before, after) = np.moveaxis(dy, axis, 0), widths
    n = len(rows) - before - after
    place = np.arange(len(rows)) - before
    border = (place < 0) | (place >= n)
    dx = rows[~border].copy()
    np.add.at(dx, _sources(n, widths, mode)[border], rows[border])
    return np.moveaxis(dx, 0, axis)


def pad_axis_grad_vjp(ddx, dy, axis, widths, mode="reflect"):
    """``ddy = pad_axis(ddx)``"""
    return (pad_axis(ddx, axis, widths, mode),)


def pad_axis_grad_vjp2(dddy, ddx, dy, axis, widths, mode="reflect"):
    """``dddx = pad_axis_grad(dddy)``"""
    return pad_axis_grad(dddy[0], axis, widths, mode), np.zeros_like(dy)


def pad(x, widths, mode="constant", value=0.0):
    """``y`` = x with ``widths[i] = (before, after)`` elements around it along axis i"""
    if mode == "constant":
        return np.pad(x, widths, constant_values=value)
    for axis, border in enumerate(widths):
        x = pad_axis(x, axis, border, mode)
    return x


def pad_vjp(dy, x, widths, mode="constant", value=0.0):
    """``dx`` = dy without its border, to which the border's copies are added"""
    for axis, (before, after) in reversed(list(enumerate(widths))):
        if mode == "constant":
            dy = np.take(dy, np.arange(before, dy.shape[axis] - after), axis)
        else:
            dy = pad_axis_grad(dy, axis, (before, after), mode)
    return (dy,)


def pad_vjp2(ddx, dy, x, widths, mode="constant", value=0.0):
    """``ddy = pad(ddx)`` with zeros for the value"""
    return pad(ddx[0], widths, mode), np.zeros_like(x)
