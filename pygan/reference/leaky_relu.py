# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Rectifiers. The mask is x > 0, so the derivative at 0 is the one from the left; NaN stays NaN."""

from __future__ import annotations

import numpy as np

__all__ = ["leaky_relu", "leaky_relu_grad", "relu"]


def leaky_relu(x, negative_slope=0.01):
    """``y = x where x > 0, else negative_slope x``"""
    return np.where(x > 0, x, x.dtype.type(negative_slope) * x)


def leaky_relu_vjp(dy, x, negative_slope=0.01):
    """``dx = dy where x > 0, else negative_slope dy``"""
    return (leaky_relu_grad(dy, x, negative_slope),)


def leaky_relu_vjp2(ddx, dy, x, negative_slope=0.01):
    """Linear between its kinks: the same mask again, and nothing for x"""
    return leaky_relu_grad(ddx[0], x, negative_slope), np.zeros_like(x)


def leaky_relu_grad(dy, x, negative_slope=0.01):
    """``g = dy where x > 0, else negative_slope dy``: linear in dy, constant in x"""
    return np.where(x > 0, dy, dy.dtype.type(negative_slope) * dy)


def leaky_relu_grad_vjp(dg, dy, x, negative_slope=0.01):
    """``ddy = dg`` under the same mask, ``dx = 0``"""
    return leaky_relu_grad(dg, x, negative_slope), np.zeros_like(x)


def leaky_relu_grad_vjp2(ddx, dg, dy, x, negative_slope=0.01):
    """``L = <leaky_relu_grad(dg, x), dddy>``; the cotangent of dx = 0 leads nowhere"""
    return leaky_relu_grad(ddx[0], x, negative_slope), np.zeros_like(dy), np.zeros_like(x)


def relu(x):
    """``y = max(x, 0)``"""
    return np.maximum(x, 0)


def relu_vjp(dy, x):
    """``dx = dy where x > 0, else 0``"""
    return leaky_relu_vjp(dy, x, 0)


def relu_vjp2(ddx, dy, x):
    """The same mask again"""
    return leaky_relu_vjp2(ddx, dy, x, 0)
