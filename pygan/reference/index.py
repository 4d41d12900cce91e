# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Reading and adding at indices along an axis: linear in the values, two adjoint pairs.

Indices are int64, negative ones count from the end, and they have no cotangents. Equal indices add
up, in their order.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "embedding", "gather", "one_hot", "scatter_add", "scatter_add_along_axis", "take_along_axis",
]  # fmt: skip


def gather(x, indices, axis=0):
    """``y[a, k, b] = x[a, indices[k], b]``; a, k, b: any number of axes"""
    return np.take(x, indices, axis)


def gather_vjp(dy, x, indices, axis=0):
    """``dx = scatter_add(dy)``"""
    return (scatter_add(dy, indices, x.shape, axis),)


def gather_vjp2(ddx, dy, x, indices, axis=0):
    """``ddy = gather(ddx)``"""
    return gather(ddx[0], indices, axis), np.zeros_like(x)


def scatter_add(y, indices, shape, axis=0):
    """``x[a, indices[k], b] += y[a, k, b]``, from zeros: the adjoint of :func:`gather`"""
    x = np.zeros(shape, y.dtype)
    before = (slice(None),) * (axis % len(shape))
    np.add.at(x, (*before, indices), y)
    return x


def scatter_add_vjp(dx, y, indices, shape, axis=0):
    """``dy = gather(dx)``"""
    return (gather(dx, indices, axis),)


def scatter_add_vjp2(ddy, dx, y, indices, shape, axis=0):
    """``ddx = scatter_add(ddy)``"""
    return scatter_add(ddy[0], indices, shape, axis), np.zeros_like(y)


def take_along_axis(x, indices, axis):
    """``y[a, k, b] = x[a, indices[a, k, b], b]``"""
    return np.take_along_axis(x, indices, axis)


def take_along_axis_vjp(dy, x, indices, axis):
    """``dx = scatter_add_along_axis(dy)``"""
    return (scatter_add_along_axis(dy, indices, x.shape, axis),)


def take_along_axis_vjp2(ddx, dy, x, indices, axis):
    """``ddy = take_along_axis(ddx)``"""
    return take_along_axis(ddx[0], indices, axis), np.zeros_like(x)


def scatter_add_along_axis(y, indices, shape, axis):
    """``x[a, indices[a, k, b], b] += y[a, k, b]``, from zeros: the adjoint of take_along_axis"""
    x = np.zeros(shape, y.dtype)
    places = list(np.ix_(*(np.arange(n) for n in y.shape)))
    places[axis] = indices
    np.add.at(x, tuple(places), y)
    return x


def scatter_add_along_axis_vjp(dx, y, indices, shape, axis):
    """``dy = take_along_axis(dx)``"""
    return (take_along_axis(dx, indices, axis),)


def scatter_add_along_axis_vjp2(ddy, dx, y, indices, shape, axis):
    """``ddx = scatter_add_along_axis(ddy)``"""
    return scatter_add_along_axis(ddy[0], indices, shape, axis), np.zeros_like(y)


def embedding(table, indices):
    """``y[k] = table[indices[k]]``: gather along axis 0"""
    return gather(table, indices)


def embedding_vjp(dy, table, indices):
    """``dtable`` = the sum of dy over the places of each entry"""
    return gather_vjp(dy, table, indices)


def embedding_vjp2(ddx, dy, table, indices):
    """``ddy = embedding(ddtable)``"""
    return gather_vjp2(ddx, dy, table, indices)


def one_hot(indices, classes, dtype="float32"):
    """``y[k, c] = 1 where c = indices[k], else 0``; it has no derivative"""
    return (indices[..., None] == np.arange(classes)).astype(dtype)
