# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Choosing between elements: extrema of two, bounds, comparisons, where.

Ties go to the first operand; at a bound the gradient passes. Comparisons are bool and have no
derivative.
"""

from __future__ import annotations

import numpy as np

from pygan.reference.shape import sum_to

__all__ = [
    "clip", "clip_grad", "equal", "greater", "greater_equal", "less", "less_equal", "logical_and",
    "logical_not", "logical_or", "maximum", "minimum", "not_equal", "where",
]  # fmt: skip


def maximum(a, b):
    """``y = max(a, b)``, NaN where one is NaN"""
    return np.maximum(a, b)


def maximum_vjp(dy, a, b):
    """``da = dy where not a < b``, ``db = dy`` elsewhere"""
    return where_vjp(dy, ~(a < b), a, b)


def maximum_vjp2(ddx, dy, a, b):
    """``ddy = dda or ddb``, whose operand was chosen"""
    return where_vjp2(ddx, dy, ~(a < b), a, b)


def minimum(a, b):
    """``y = min(a, b)``, NaN where one is NaN"""
    return np.minimum(a, b)


def minimum_vjp(dy, a, b):
    """``da = dy where not b < a``, ``db = dy`` elsewhere"""
    return where_vjp(dy, ~(b < a), a, b)


def minimum_vjp2(ddx, dy, a, b):
    """``ddy = dda or ddb``, whose operand was chosen"""
    return where_vjp2(ddx, dy, ~(b < a), a, b)


def where(condition, a, b):
    """``y = a where condition, else b``"""
    return np.where(condition, a, b)


def where_vjp(dy, condition, a, b):
    """``da = dy where condition``, ``db = dy`` elsewhere"""
    zero = dy.dtype.type(0)
    da, db = np.where(condition, dy, zero), np.where(condition, zero, dy)
    return sum_to(da, a.shape), sum_to(db, b.shape)


def where_vjp2(ddx, dy, condition, a, b):
    """``ddy = dda where condition, else ddb``"""
    return np.where(condition, *ddx), np.zeros_like(a), np.zeros_like(b)


def _inside(x, low, high):
    """``low <= x <= high``, None: no bound"""
    above = True if low is None else x >= x.dtype.type(low)
    return np.logical_and(above, True if high is None else x <= x.dtype.type(high)) & (x == x)


def clip(x, low=None, high=None):
    """``y = min(max(x, low), high)``"""
    y = x if low is None else np.maximum(x, x.dtype.type(low))
    return y.copy() if high is None else np.minimum(y, x.dtype.type(high))


def clip_vjp(dy, x, low=None, high=None):
    """``dx = dy where low <= x <= high, else 0``"""
    return (clip_grad(dy, x, low, high),)


def clip_vjp2(ddx, dy, x, low=None, high=None):
    """The same mask again"""
    return clip_grad(ddx[0], x, low, high), np.zeros_like(x)


def clip_grad(dy, x, low=None, high=None):
    """``g = dy where low <= x <= high, else 0``: linear in dy, constant in x"""
    return np.where(_inside(x, low, high), dy, dy.dtype.type(0))


def clip_grad_vjp(dg, dy, x, low=None, high=None):
    """``ddy = dg`` under the same mask, ``dx = 0``"""
    return clip_grad(dg, x, low, high), np.zeros_like(x)


def clip_grad_vjp2(ddx, dg, dy, x, low=None, high=None):
    """``L = <clip_grad(dg, x), dddy>``; the cotangent of dx = 0 leads nowhere"""
    return clip_grad(ddx[0], x, low, high), np.zeros_like(dy), np.zeros_like(x)


def equal(a, b):
    """``y = [a = b]``"""
    return np.equal(a, b)


def not_equal(a, b):
    """``y = [a != b]``: true for NaN"""
    return np.not_equal(a, b)


def less(a, b):
    """``y = [a < b]``"""
    return np.less(a, b)


def less_equal(a, b):
    """``y = [a <= b]``"""
    return np.less_equal(a, b)


def greater(a, b):
    """``y = [a > b]``"""
    return np.greater(a, b)


def greater_equal(a, b):
    """``y = [a >= b]``"""
    return np.greater_equal(a, b)


def logical_and(a, b):
    """``y = a and b``"""
    return np.logical_and(a, b)


def logical_or(a, b):
    """``y = a or b``"""
    return np.logical_or(a, b)


def logical_not(x):
    """``y = not x``"""
    return np.logical_not(x)
