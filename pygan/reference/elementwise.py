# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Elementwise arithmetic with NumPy's broadcasting.

A function of one variable has ``dx = f'(x) dy``, and so ``L = <f'(x) dy, ddx>`` has
``ddy = f'(x) ddx`` and ``dx = f''(x) dy ddx``. A broadcast input is summed back by :func:`sum_to`.
"""

from __future__ import annotations

import numpy as np

from pygan.reference.shape import sum_to

__all__ = [
    "abs", "add", "astype", "div", "divide_no_nan", "mul", "neg", "scale", "shift", "sign", "sqrt",
    "square", "sub",
]  # fmt: skip


# Two variables.


def add(a, b):
    """``y = a + b``"""
    return a + b


def add_vjp(dy, a, b):
    """``da = dy``, ``db = dy``"""
    return sum_to(dy, a.shape), sum_to(dy, b.shape)


def add_vjp2(ddx, dy, a, b):
    """``ddy = dda + ddb``"""
    dda, ddb = ddx
    return dda + ddb, np.zeros_like(a), np.zeros_like(b)


def sub(a, b):
    """``y = a - b``"""
    return a - b


def sub_vjp(dy, a, b):
    """``da = dy``, ``db = -dy``"""
    return sum_to(dy, a.shape), sum_to(-dy, b.shape)


def sub_vjp2(ddx, dy, a, b):
    """``ddy = dda - ddb``"""
    dda, ddb = ddx
    return dda - ddb, np.zeros_like(a), np.zeros_like(b)


def mul(a, b):
    """``y = a b``"""
    return a * b


def mul_vjp(dy, a, b):
    """``da = b dy``, ``db = a dy``"""
    return sum_to(b * dy, a.shape), sum_to(a * dy, b.shape)


def mul_vjp2(ddx, dy, a, b):
    """``L = sum dy (b dda + a ddb)``"""
    dda, ddb = ddx
    return b * dda + a * ddb, sum_to(dy * ddb, a.shape), sum_to(dy * dda, b.shape)


def div(a, b):
    """``y = a / b``"""
    return a / b


def div_vjp(dy, a, b):
    """``da = dy / b``, ``db = -dy a / b^2``"""
    return sum_to(dy / b, a.shape), sum_to(-dy * (a / b) / b, b.shape)


def div_vjp2(ddx, dy, a, b):
    """``L = sum dy (dda / b - ddb a / b^2)``"""
    dda, ddb = ddx
    y, u, v = a / b, dda / b, ddb / b
    ddy = u - v * y
    return ddy, sum_to(-dy * v / b, a.shape), sum_to(-dy * (u - 2 * v * y) / b, b.shape)


def divide_no_nan(a, b):
    """``y = a / b``, and 0 where b = 0; so are its derivatives there"""
    zero = b == 0
    return np.where(zero, a.dtype.type(0), a / np.where(zero, b.dtype.type(1), b))


def divide_no_nan_vjp(dy, a, b):
    """``da = dy / b``, ``db = -dy a / b^2``"""
    q = divide_no_nan
    return sum_to(q(dy, b), a.shape), sum_to(q(-dy * q(a, b), b), b.shape)


def divide_no_nan_vjp2(ddx, dy, a, b):
    """As :func:`div_vjp2`"""
    q = divide_no_nan
    y, u, v = q(a, b), q(ddx[0], b), q(ddx[1], b)
    ddy = u - v * y
    return ddy, sum_to(q(-dy * v, b), a.shape), sum_to(q(-dy * (u - 2 * v * y), b), b.shape)


# One variable.


def neg(x):
    """``y = -x``"""
    return -x


def neg_vjp(dy, x):
    """``dx = -dy``"""
    return (-dy,)


def neg_vjp2(ddx, dy, x):
    """``ddy = -ddx``"""
    return -ddx[0], np.zeros_like(x)


def abs(x):
    """``y = |x|``"""
    return np.abs(x)


def abs_vjp(dy, x):
    """``dx = sign(x) dy``, 0 at 0"""
    return (np.sign(x) * dy,)


def abs_vjp2(ddx, dy, x):
    """``ddy = sign(x) ddx``"""
    return np.sign(x) * ddx[0], np.zeros_like(x)


def sign(x):
    """``y = -1, 0 or 1``; NaN stays NaN. Flat between its steps: declared non-differentiable"""
    return np.sign(x)


def sqrt(x):
    """``y = x^(1/2)``"""
    return np.sqrt(x)


def sqrt_vjp(dy, x):
    """``dx = dy / (2 y)``"""
    return (dy / (2 * np.sqrt(x)),)


def sqrt_vjp2(ddx, dy, x):
    """``f'' = -1 / (4 y^3)``"""
    y = np.sqrt(x)
    return ddx[0] / (2 * y), -dy * ddx[0] / (4 * x * y)


def square(x):
    """``y = x^2``"""
    return x * x


def square_vjp(dy, x):
    """``dx = 2 x dy``"""
    return (2 * x * dy,)


def square_vjp2(ddx, dy, x):
    """``f'' = 2``"""
    return 2 * x * ddx[0], 2 * dy * ddx[0]


def scale(x, a):
    """``y = a x``, a a number"""
    return x * x.dtype.type(a)


def scale_vjp(dy, x, a):
    """``dx = a dy``"""
    return (scale(dy, a),)


def scale_vjp2(ddx, dy, x, a):
    """``ddy = a ddx``"""
    return scale(ddx[0], a), np.zeros_like(x)


def shift(x, a):
    """``y = x + a``, a a number"""
    return x + x.dtype.type(a)


def shift_vjp(dy, x, a):
    """``dx = dy``"""
    return (dy,)


def shift_vjp2(ddx, dy, x, a):
    """``ddy = ddx``"""
    return ddx[0], np.zeros_like(x)


def astype(x, dtype):
    """``y = x``, rounded to another dtype"""
    return x.astype(dtype)


def astype_vjp(dy, x, dtype):
    """``dx = dy``, rounded back"""
    return (dy.astype(x.dtype),)


def astype_vjp2(ddx, dy, x, dtype):
    """``ddy = ddx``"""
    return ddx[0].astype(dy.dtype), np.zeros_like(x)
