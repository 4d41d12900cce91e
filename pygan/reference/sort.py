# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Order along an axis. A sort is a permutation P that depends on x: ``y = P x``, ``dx = P^T dy``.

P is piecewise constant, so it carries no gradient. Stable: equal values keep their order. NaN
counts as the largest.
"""

from __future__ import annotations

import math

import numpy as np

from pygan.reference.index import scatter_add_along_axis
from pygan.reference.reduce import _axes

__all__ = ["argsort", "median", "sort", "topk"]


def argsort(x, axis=-1, descending=False):
    """``i`` with ``x[i_0] <= x[i_1] <= ...``; it has no derivative"""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # the stable order of -x, but NaN first: backwards the ascending order of x backwards
    back = np.argsort(np.flip(x, axis), axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(back, axis)


def sort(x, axis=-1, descending=False):
    """``y_j = x[i_j]``, ``i = argsort(x)``: (values, int64 indices)"""
    index = argsort(x, axis, descending)
    return np.take_along_axis(x, index, axis), index


def sort_vjp(dy, x, axis=-1, descending=False):
    """``dx[i_j] = dy_j``"""
    return (scatter_add_along_axis(dy, argsort(x, axis, descending), x.shape, axis),)


def sort_vjp2(ddx, dy, x, axis=-1, descending=False):
    """``ddy_j = ddx[i_j]``"""
    return np.take_along_axis(ddx[0], argsort(x, axis, descending), axis), np.zeros_like(x)


def _top(x, k, axis, largest):
    return np.take(argsort(x, axis, descending=largest), np.arange(k), axis)


def topk(x, k, axis=-1, largest=True):
    """The first k of ``sort(x, axis, descending=largest)``: (values, int64 indices)"""
    index = _top(x, k, axis, largest)
    return np.take_along_axis(x, index, axis), index


def topk_vjp(dy, x, k, axis=-1, largest=True):
    """``dx[i_j] = dy_j``, 0 elsewhere"""
    return (scatter_add_along_axis(dy, _top(x, k, axis, largest), x.shape, axis),)


def topk_vjp2(ddx, dy, x, k, axis=-1, largest=True):
    """``ddy_j = ddx[i_j]``"""
    return np.take_along_axis(ddx[0], _top(x, k, axis, largest), axis), np.zeros_like(x)


def _lines(x, axis):
    """x as (lines, n), the reduced axes last; and the indices (lines, 2) of the middle values"""
    axes = _axes(x.shape, axis)
    order = [i for i in range(x.ndim) if i not in axes]
    lines = x.transpose(*order, *axes).reshape(-1, math.prod(x.shape[i] for i in axes))
    n = lines.shape[1]
    index = argsort(lines, 1, descending=True)[:, [n // 2, (n - 1) // 2]]
    return lines, index


def median(x, axis=None, keepdims=False):
    """``y = (x[i] + x[j]) / 2``, i and j the places of the middle values: one for an odd number"""
    return np.median(x, _axes(x.shape, axis), keepdims=keepdims)


def median_vjp(dy, x, axis=None, keepdims=False):
    """``dx[i] = dx[j] = dy / 2``; ``dx[i] = dy`` where i = j"""
    lines, index = _lines(x, axis)
    half = np.repeat(dy.reshape(-1, 1) * dy.dtype.type(0.5), 2, axis=1)
    axes = _axes(x.shape, axis)
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    dx = scatter_add_along_axis(half, index, lines.shape, 1)
    return (dx.reshape([x.shape[i] for i in order]).transpose(np.argsort(order)),)


def median_vjp2(ddx, dy, x, axis=None, keepdims=False):
    """``ddy = (ddx[i] + ddx[j]) / 2``"""
    index = _lines(x, axis)[1]
    i, j = np.take_along_axis(_lines(ddx[0], axis)[0], index, 1).T
    return ((i + j) * dy.dtype.type(0.5)).reshape(dy.shape), np.zeros_like(x)
