# ruff: noqa: ANN001, ANN002, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Moving, repeating and cutting values: all linear, so ``dx = f^T dy`` and ``ddy = f(ddx)``."""

from __future__ import annotations

import numpy as np

__all__ = [
    "broadcast_to", "concat", "expand_dims", "flip", "reshape", "roll", "slice", "split",
    "squeeze", "stack", "sum_to", "to", "transpose", "unslice",
]  # fmt: skip


def broadcast_to(x, shape):
    """``y = x``, repeated along new axes and axes of size 1"""
    return np.broadcast_to(x, shape).copy()


def broadcast_to_vjp(dy, x, shape):
    """``dx = sum_to(dy)``"""
    return (sum_to(dy, x.shape),)


def broadcast_to_vjp2(ddx, dy, x, shape):
    """``ddy = broadcast_to(ddx)``"""
    return broadcast_to(ddx[0], shape), np.zeros_like(x)


def sum_to(x, shape):
    """The adjoint of :func:`broadcast_to`: the sum over every axis that it would repeat."""
    new = x.ndim - len(shape)
    x = x.sum(axis=tuple(range(new))) if new else x
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
    return x.sum(axis=repeated, keepdims=True) if repeated else x


def sum_to_vjp(dy, x, shape):
    """``dx = broadcast_to(dy)``"""
    return (broadcast_to(dy, x.shape),)


def sum_to_vjp2(ddx, dy, x, shape):
    """``ddy = sum_to(ddx)``"""
    return sum_to(ddx[0], shape), np.zeros_like(x)


def to(x, device=None):
    """``y = x``, a copy; NumPy's arrays have one device"""
    return x.copy()


def to_vjp(dy, x, device=None):
    """``dx = dy``"""
    return (dy.copy(),)


def to_vjp2(ddx, dy, x, device=None):
    """``ddy = ddx``"""
    return ddx[0].copy(), np.zeros_like(x)


def reshape(x, shape):
    """``y = x`` in another shape, row-major; one -1 is inferred"""
    return x.reshape(shape)


def reshape_vjp(dy, x, shape):
    """``dx = reshape(dy)``"""
    return (dy.reshape(x.shape),)


def reshape_vjp2(ddx, dy, x, shape):
    """``ddy = reshape(ddx)``"""
    return ddx[0].reshape(dy.shape), np.zeros_like(x)


def transpose(x, axes=None):
    """``y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...]``; None reverses"""
    return x.transpose(axes)


def transpose_vjp(dy, x, axes=None):
    """``dx`` = dy under the inverse permutation"""
    return (dy.transpose(None if axes is None else np.argsort([a % x.ndim for a in axes])),)


def transpose_vjp2(ddx, dy, x, axes=None):
    """``ddy = transpose(ddx)``"""
    return transpose(ddx[0], axes), np.zeros_like(x)


def _places(start, step, shape):
    return np.ix_(*(a + b * np.arange(n) for a, b, n in zip(start, step, shape, strict=True)))


def slice(x, start, step, shape):
    """``y[i] = x[start + step i]`` an axis; steps may be negative, ``shape`` is y's"""
    return x[_places(start, step, shape)]


def slice_vjp(dy, x, start, step, shape):
    """``dx = unslice(dy)``"""
    return (unslice(dy, start, step, x.shape),)


def slice_vjp2(ddx, dy, x, start, step, shape):
    """``ddy = slice(ddx)``"""
    return slice(ddx[0], start, step, shape), np.zeros_like(x)


def unslice(y, start, step, shape):
    """``x[start + step i] = y[i]``, 0 elsewhere: the adjoint of :func:`slice`; ``shape`` is x's"""
    x = np.zeros(shape, y.dtype)
    x[_places(start, step, y.shape)] = y
    return x


def unslice_vjp(dx, y, start, step, shape):
    """``dy = slice(dx)``"""
    return (slice(dx, start, step, y.shape),)


def unslice_vjp2(ddy, dx, y, start, step, shape):
    """``ddx = unslice(ddy)``"""
    return unslice(ddy[0], start, step, shape), np.zeros_like(y)


def concat(*xs, axis=0):
    """``y`` = the xs one after another along ``axis``"""
    return np.concatenate(xs, axis)


def concat_vjp(dy, *xs, axis=0):
    """``dx_k`` = its part of dy"""
    return tuple(np.split(dy, np.cumsum([x.shape[axis] for x in xs])[:-1], axis))


def concat_vjp2(ddx, dy, *xs, axis=0):
    """``ddy = concat(ddx)``"""
    return concat(*ddx, axis=axis), *(np.zeros_like(x) for x in xs)


def expand_dims(x, axis):
    """``y`` = x with a new axis of size 1"""
    return np.expand_dims(x, axis)


def expand_dims_vjp(dy, x, axis):
    """``dx = reshape(dy)``"""
    return (dy.reshape(x.shape),)


def expand_dims_vjp2(ddx, dy, x, axis):
    """``ddy = expand_dims(ddx)``"""
    return np.expand_dims(ddx[0], axis), np.zeros_like(x)


def squeeze(x, axis=None):
    """``y`` = x without axes of size 1; None: without all of them"""
    return np.squeeze(x, axis)


def squeeze_vjp(dy, x, axis=None):
    """``dx = reshape(dy)``"""
    return (dy.reshape(x.shape),)


def squeeze_vjp2(ddx, dy, x, axis=None):
    """``ddy = squeeze(ddx)``"""
    return np.squeeze(ddx[0], axis), np.zeros_like(x)


def stack(*xs, axis=0):
    """``y`` = the xs along a new axis"""
    return np.stack(xs, axis)


def stack_vjp(dy, *xs, axis=0):
    """``dx_k`` = its row of dy"""
    return tuple(np.moveaxis(dy, axis, 0))


def stack_vjp2(ddx, dy, *xs, axis=0):
    """``ddy = stack(ddx)``"""
    return stack(*ddx, axis=axis), *(np.zeros_like(x) for x in xs)


def split(x, sections, axis=0):
    """``y_k`` = part k of x: ``sections`` equal ones, or cut at the places that it lists"""
    return tuple(np.split(x, sections, axis))


def split_vjp(dy, x, sections, axis=0):
    """``dx = concat(dy_1, dy_2, ...)``"""
    return (np.concatenate(dy, axis),)


def split_vjp2(ddx, dy, x, sections, axis=0):
    """``ddy = split(ddx)``"""
    return *split(ddx[0], sections, axis), np.zeros_like(x)


def flip(x, axis=None):
    """``y_i = x_(n - 1 - i)`` along the axes; None: all"""
    return np.flip(x, axis)


def flip_vjp(dy, x, axis=None):
    """``dx = flip(dy)``"""
    return (np.flip(dy, axis),)


def flip_vjp2(ddx, dy, x, axis=None):
    """``ddy = flip(ddx)``"""
    return np.flip(ddx[0], axis), np.zeros_like(x)


def roll(x, shift, axis):
    """``y[(i + shift) mod n] = x[i]``"""
    return np.roll(x, shift, axis)


def roll_vjp(dy, x, shift, axis):
    """``dx`` = dy rolled back"""
    return (np.roll(dy, -shift, axis),)


def roll_vjp2(ddx, dy, x, shift, axis):
    """``ddy = roll(ddx)``"""
    return np.roll(ddx[0], shift, axis), np.zeros_like(x)
