# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Reductions over axes. ``axis``: None (all), an int or a tuple; ``keepdims`` keeps them as 1s."""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "argmax",
    "argmin",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "put_reduced",
    "sum",
    "take_reduced",
]


def _axes(shape, axis):
    """The reduced axes, sorted, from 0."""
    if axis is None:
        return tuple(range(len(shape)))
    axis = (axis,) if isinstance(axis, int) else axis
    return tuple(sorted(a % len(shape) for a in axis))


def _kept(shape, axis):
    """``shape`` with 1s in place of the reduced axes: reduced values in it broadcast against x."""
    axes = _axes(shape, axis)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _spread(dy, shape, axis):
    """Reduced values, with or without their 1s, repeated over the reduced axes."""
    return np.broadcast_to(dy.reshape(_kept(shape, axis)), shape)


def sum(x, axis=None, keepdims=False):
    """``y = sum_i x_i``"""
    return np.sum(x, axis=_axes(x.shape, axis), keepdims=keepdims)


def sum_vjp(dy, x, axis=None, keepdims=False):
    """``dx_i = dy``"""
    return (_spread(dy, x.shape, axis).copy(),)


def sum_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``ddy = sum_i ddx_i``"""
    return sum(ddx[0], axis, keepdims), np.zeros_like(x)


def _count(x, axis):
    return x.dtype.type(math.prod(x.shape[a] for a in _axes(x.shape, axis)))


def mean(x, axis=None, keepdims=False):
    """``y = 1/n sum_i x_i``"""
    return sum(x, axis, keepdims) / _count(x, axis)


def mean_vjp(dy, x, axis=None, keepdims=False):
    """``dx_i = dy / n``"""
    return sum_vjp(dy / _count(x, axis), x, axis, keepdims)


def mean_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``ddy = mean(ddx)``"""
    return mean(ddx[0], axis, keepdims), np.zeros_like(x)


def norm(x, axis=None, keepdims=False):
    """``y = |x| = (sum_i x_i^2)^(1/2)``, its derivative at 0 is 0"""
    return np.sqrt(sum(x * x, axis, keepdims))


def _unit(x, axis):
    """``n = |x|`` and ``u = x / |x|`` (0 at 0)"""
    n = norm(x, axis, keepdims=True)
    n = np.where(n == 0, x.dtype.type(np.inf), n)
    return n, x / n


def norm_vjp(dy, x, axis=None, keepdims=False):
    """``dx = dy u`` with the unit vector ``u = x / |x|``"""
    return (_spread(dy, x.shape, axis) * _unit(x, axis)[1],)


def norm_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``L = sum dy <u, ddx>``: ``ddy = <u, ddx>``, ``dx = dy (ddx - u <u, ddx>) / |x|``"""
    n, u = _unit(x, axis)
    along = sum(u * ddx[0], axis, keepdims=True)
    dx = _spread(dy, x.shape, axis) * (ddx[0] - u * along) / n
    return along.reshape(dy.shape), dx


def _rows(x, axis):
    """x with the reduced axes last and flattened: (kept..., R); what an index of max counts in."""
    axes = _axes(x.shape, axis)
    kept = [i for i in range(x.ndim) if i not in axes]
    return x.transpose(*kept, *axes).reshape(*(x.shape[i] for i in kept), -1)


def logsumexp(x, axis=None, keepdims=False):
    """``y = log sum_i e^x_i = m + log sum_i e^(x_i - m)``, m the largest, kept finite"""
    big = np.finfo(x.dtype).max
    m = np.clip(x.max(axis, keepdims=True), -big, big)
    with np.errstate(divide="ignore"):
        y = m + np.log(np.exp(x - m).sum(axis, keepdims=True))
    return y.reshape(_kept(x.shape, axis)) if keepdims else y.reshape(_rows(x, axis).shape[:-1])


def _shares(x, axis):
    """``p_i = e^(x_i - y)``: softmax"""
    y = np.maximum(logsumexp(x, axis, True), -np.finfo(x.dtype).max)
    return np.exp(x - y)


def logsumexp_vjp(dy, x, axis=None, keepdims=False):
    """``dx_i = dy p_i``"""
    return (dy.reshape(_kept(x.shape, axis)) * _shares(x, axis),)


def logsumexp_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``ddy = <p, ddx>``, ``dx_i = dy p_i (ddx_i - <p, ddx>)``"""
    p = _shares(x, axis)
    along = (p * ddx[0]).sum(axis, keepdims=True)
    return along.reshape(dy.shape), dy.reshape(_kept(x.shape, axis)) * p * (ddx[0] - along)


def max(x, axis=None, keepdims=False):
    """``y = max_i x_i`` and its place: (values, int64 indices of the first maximum).

    An index counts row-major within the reduced axes. It carries no gradient.
    """
    rows = _rows(x, axis)
    index = rows.argmax(-1)
    shape = _kept(x.shape, axis) if keepdims else rows.shape[:-1]
    value = np.take_along_axis(rows, index[..., None], -1)
    return value.reshape(shape), index.reshape(shape)


def max_vjp(dy, x, axis=None, keepdims=False):
    """``dx_i = dy where i is the first maximum, else 0``"""
    return (put_reduced(dy, max(x, axis)[1], x.shape, axis),)


def max_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``ddy`` = ddx at the same places"""
    return take_reduced(ddx[0], max(x, axis)[1], axis, keepdims), np.zeros_like(x)


def min(x, axis=None, keepdims=False):
    """``y = min_i x_i`` and its place, as :func:`max`"""
    value, index = max(-x, axis, keepdims)
    return -value, index


def min_vjp(dy, x, axis=None, keepdims=False):
    """``dx_i = dy where i is the first minimum, else 0``"""
    return max_vjp(dy, -x, axis, keepdims)


def min_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``ddy`` = ddx at the same places"""
    return max_vjp2(ddx, dy, -x, axis, keepdims)


def argmax(x, axis=None, keepdims=False):
    """``argmax_i x_i``, the first; row-major within the reduced axes; the first NaN if any"""
    return max(x, axis, keepdims)[1]


def argmin(x, axis=None, keepdims=False):
    """``argmin_i x_i``, the first; row-major within the reduced axes; the first NaN if any"""
    return min(x, axis, keepdims)[1]


def take_reduced(x, indices, axis=None, keepdims=False):
    """``y = x[indices]``, one element of each row of reduced axes"""
    rows = _rows(x, axis)
    value = np.take_along_axis(rows, indices.reshape(*rows.shape[:-1], 1), -1)
    return value.reshape(_kept(x.shape, axis) if keepdims else rows.shape[:-1])


def take_reduced_vjp(dy, x, indices, axis=None, keepdims=False):
    """``dx`` = dy at indices, 0 elsewhere"""
    return (put_reduced(dy, indices, x.shape, axis),)


def take_reduced_vjp2(ddx, dy, x, indices, axis=None, keepdims=False):
    """``ddy`` = ddx at indices"""
    return take_reduced(ddx[0], indices, axis, keepdims), np.zeros_like(x)


def put_reduced(y, indices, shape, axis=None):
    """``x[indices] = y``, 0 elsewhere: the adjoint of :func:`take_reduced`"""
    out = np.zeros(shape, y.dtype)
    place = take_reduced(np.arange(math.prod(shape)).reshape(shape), indices, axis)
    out.flat[place] = y.reshape(place.shape)
    return out


def put_reduced_vjp(dx, y, indices, shape, axis=None):
    """``dy`` = dx at indices"""
    return (take_reduced(dx, indices, axis).reshape(y.shape),)


def put_reduced_vjp2(ddy, dx, y, indices, shape, axis=None):
    """``ddx`` = ddy at indices, 0 elsewhere"""
    return put_reduced(ddy[0], indices, shape, axis), np.zeros_like(y)
