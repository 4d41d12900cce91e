# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Cumulative sums. Linear: the adjoint is the sum from the other end."""

from __future__ import annotations

import numpy as np

__all__ = ["cumsum"]


def cumsum(x, axis, reverse=False):
    """``y_i = sum_{j <= i} x_j``; with ``reverse`` ``sum_{j >= i} x_j``"""
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def cumsum_vjp(dy, x, axis, reverse=False):
    """``dx_j = sum_{i >= j} dy_i``: cumsum from the other end"""
    return (cumsum(dy, axis, not reverse),)


def cumsum_vjp2(ddx, dy, x, axis, reverse=False):
    """``ddy = cumsum(ddx)``"""
    return cumsum(ddx[0], axis, reverse), np.zeros_like(x)
