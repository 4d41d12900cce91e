# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204
# Arguments are arrays; annotations would hide the formulas.
"""Forward mode: a number that carries its tangent through any formula.

``Dual(x, tx)`` stands for ``x + h tx`` with ``h^2 = 0``, so every operation follows from its
derivative. Values may be Duals themselves, for the tangent of a tangent.

It gives second orders for nothing. With ``S = <f(x), dy>``, `f_vjp` is dS/dx, and the L of `f_vjp2`
is the derivative of S along ddx. Derivatives commute, so the gradients of L are the tangents, along
ddx, of the gradients of S: of f itself for dy, of f_vjp for x.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Dual", "tangent"]

_RULES = {
    np.add: lambda y, a, b, ta, tb: ta + tb,
    np.subtract: lambda y, a, b, ta, tb: ta - tb,
    np.multiply: lambda y, a, b, ta, tb: ta * b + a * tb,
    np.divide: lambda y, a, b, ta, tb: (ta - y * tb) / b,
    np.negative: lambda y, a, ta: -ta,
    np.square: lambda y, a, ta: 2 * a * ta,
    np.sqrt: lambda y, a, ta: ta / (2 * y),
}


class Dual(np.lib.mixins.NDArrayOperatorsMixin):
    """A value and its tangent, two arrays of one shape."""

    def __init__(self, value, tangent):
        self.value, self.tangent = value, tangent

    @property
    def shape(self):
        return self.value.shape

    @property
    def ndim(self):
        return self.value.ndim

    @property
    def size(self):
        return self.value.size

    @property
    def dtype(self):
        return self.value.dtype

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        if method != "__call__" or ufunc not in _RULES or settings:
            return NotImplemented
        values = [x.value if isinstance(x, Dual) else x for x in inputs]
        tangents = [x.tangent if isinstance(x, Dual) else x * 0 for x in inputs]
        y = ufunc(*values)
        return Dual(y, _RULES[ufunc](y, *values, *tangents))

    def _linear(self, f):
        return Dual(f(self.value), f(self.tangent))

    def sum(self, axis=None, keepdims=False):
        return self._linear(lambda x: x.sum(axis=axis, keepdims=keepdims))

    def mean(self, axis=None, keepdims=False):
        return self._linear(lambda x: x.mean(axis=axis, keepdims=keepdims))

    def reshape(self, *shape):
        return self._linear(lambda x: x.reshape(*shape))


def tangent(f, at, along):
    """``d/dh f(at + h along)`` at h = 0, a tuple where f gives one; at, along: tuples of arrays"""
    y = f(*(Dual(x, tx) for x, tx in zip(at, along, strict=True)))
    return tuple(v.tangent for v in y) if isinstance(y, tuple) else y.tangent
