# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Channels to pixels and back (Shi et al. 2016): each is the other's inverse and adjoint."""

from __future__ import annotations

import numpy as np

__all__ = ["pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(x, r):
    """``y[n, h r + i, w r + j, c] = x[n, h, w, c r^2 + i r + j]``"""
    n, h, w, c = x.shape
    y = x.reshape(n, h, w, c // r**2, r, r).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, h * r, w * r, c // r**2)


def pixel_shuffle_vjp(dy, x, r):
    """``dx = pixel_unshuffle(dy)``"""
    return (pixel_unshuffle(dy, r),)


def pixel_shuffle_vjp2(ddx, dy, x, r):
    """``ddy = pixel_shuffle(ddx)``"""
    return pixel_shuffle(ddx[0], r), np.zeros_like(x)


def pixel_unshuffle(x, r):
    """``y[n, h, w, c r^2 + i r + j] = x[n, h r + i, w r + j, c]``"""
    n, h, w, c = x.shape
    y = x.reshape(n, h // r, r, w // r, r, c).transpose(0, 1, 3, 5, 2, 4)
    return y.reshape(n, h // r, w // r, c * r**2)


def pixel_unshuffle_vjp(dy, x, r):
    """``dx = pixel_shuffle(dy)``"""
    return (pixel_shuffle(dy, r),)


def pixel_unshuffle_vjp2(ddx, dy, x, r):
    """``ddy = pixel_unshuffle(ddx)``"""
    return pixel_unshuffle(ddx[0], r), np.zeros_like(x)
