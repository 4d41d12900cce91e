# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Functions of each element: exponentials, sines, powers, activations.

``dx = f'(x) dy``, so ``L = <f'(x) dy, ddx>`` has ``ddy = f'(x) ddx`` and ``dx = f''(x) dy ddx``.
"""

from __future__ import annotations

import math

import numpy as np

from pygan.reference.shape import sum_to

__all__ = [
    "cos", "elu", "erf", "exp", "gelu", "gelu_tanh", "log", "pow", "power", "sigmoid", "silu",
    "sin", "softplus", "tanh",
]  # fmt: skip


def exp(x):
    """``y = e^x``"""
    return np.exp(x)


def exp_vjp(dy, x):
    """``dx = e^x dy``"""
    return (np.exp(x) * dy,)


def exp_vjp2(ddx, dy, x):
    """``f'' = e^x``"""
    y = np.exp(x)
    return y * ddx[0], y * dy * ddx[0]


def log(x):
    """``y = ln x``"""
    return np.log(x)


def log_vjp(dy, x):
    """``dx = dy / x``"""
    return (dy / x,)


def log_vjp2(ddx, dy, x):
    """``f'' = -1 / x^2``"""
    return ddx[0] / x, -dy * ddx[0] / (x * x)


def tanh(x):
    """``y = (e^x - e^-x) / (e^x + e^-x)``"""
    return np.tanh(x)


def tanh_vjp(dy, x):
    """``dx = (1 - y^2) dy``"""
    y = np.tanh(x)
    return ((1 - y * y) * dy,)


def tanh_vjp2(ddx, dy, x):
    """``f'' = -2 y (1 - y^2)``"""
    y = np.tanh(x)
    slope = 1 - y * y
    return slope * ddx[0], -2 * y * slope * dy * ddx[0]


def sigmoid(x):
    """``y = 1 / (1 + e^-x)``, with e^-|x| so that nothing overflows"""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


def sigmoid_vjp(dy, x):
    """``dx = y (1 - y) dy``, ``1 - y = sigmoid(-x)``: the difference would cancel near y = 1"""
    return (sigmoid(x) * sigmoid(-x) * dy,)


def sigmoid_vjp2(ddx, dy, x):
    """``f'' = y (1 - y) (1 - 2 y)``"""
    y, rest = sigmoid(x), sigmoid(-x)
    return y * rest * ddx[0], y * rest * (rest - y) * dy * ddx[0]


def softplus(x):
    """``y = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)``"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_vjp(dy, x):
    """``dx = sigmoid(x) dy``"""
    return (sigmoid(x) * dy,)


def softplus_vjp2(ddx, dy, x):
    """``f'' = sigmoid'``"""
    s = sigmoid(x)
    return s * ddx[0], s * sigmoid(-x) * dy * ddx[0]


def sin(x):
    """``y = sin x``"""
    return np.sin(x)


def sin_vjp(dy, x):
    """``dx = cos x dy``"""
    return (np.cos(x) * dy,)


def sin_vjp2(ddx, dy, x):
    """``f'' = -sin x``"""
    return np.cos(x) * ddx[0], -np.sin(x) * dy * ddx[0]


def cos(x):
    """``y = cos x``"""
    return np.cos(x)


def cos_vjp(dy, x):
    """``dx = -sin x dy``"""
    return (-np.sin(x) * dy,)


def cos_vjp2(ddx, dy, x):
    """``f'' = -cos x``"""
    return -np.sin(x) * ddx[0], -np.cos(x) * dy * ddx[0]


def erf(x):
    """``y = 2/sqrt(pi) int_0^x e^(-t^2) dt``"""
    return np.array([math.erf(v) for v in x.flat], x.dtype).reshape(x.shape)


def _erf_slope(x):
    return x.dtype.type(2 / math.sqrt(math.pi)) * np.exp(-x * x)


def erf_vjp(dy, x):
    """``dx = 2/sqrt(pi) e^(-x^2) dy``"""
    return (_erf_slope(x) * dy,)


def erf_vjp2(ddx, dy, x):
    """``f'' = -2 x f'``"""
    slope = _erf_slope(x)
    return slope * ddx[0], -2 * x * slope * dy * ddx[0]


# Powers.


def power(x, a):
    """``y = x^a``, a a number"""
    return np.power(x, x.dtype.type(a))


def _falling(x, a, k):
    """The k-th derivative of ``x^a``: ``a (a - 1) ... x^(a - k)``, 0 where that factor is"""
    factor = math.prod(a - i for i in range(k))
    return np.zeros_like(x) if factor == 0 else x.dtype.type(factor) * power(x, a - k)


def power_vjp(dy, x, a):
    """``dx = a x^(a - 1) dy``"""
    return (_falling(x, a, 1) * dy,)


def power_vjp2(ddx, dy, x, a):
    """``f'' = a (a - 1) x^(a - 2)``"""
    return _falling(x, a, 1) * ddx[0], _falling(x, a, 2) * dy * ddx[0]


def pow(a, b):
    """``y = a^b``: 1 for b = 0 whatever a, NaN for a negative a and a b that is not an integer"""
    return np.power(a, b)


def _falling_pow(a, b, k):
    """The k-th derivative of ``a^b`` in a, 0 where that is the derivative of a constant at a = 0"""
    factor = math.prod(b - a.dtype.type(i) for i in range(k))
    return factor * np.power(np.where((a == 0) & (factor == 0), a.dtype.type(1), a), b - k)


def _log_base(a, b):
    """``ln|a|``, 0 where a = 0 and b >= 0: there ``0^b`` is constant in b, but for its step at 0"""
    return np.log(np.where((a == 0) & (b >= 0), a.dtype.type(1), np.abs(a)))


def pow_vjp(dy, a, b):
    """``da = b a^(b - 1) dy``, ``db = y ln|a| dy``"""
    da, db = _falling_pow(a, b, 1) * dy, np.power(a, b) * _log_base(a, b) * dy
    return sum_to(da, a.shape), sum_to(db, b.shape)


def pow_vjp2(ddx, dy, a, b):
    """``L = sum dy (b a^(b-1) dda + y ln|a| ddb)``; mixed derivative ``a^(b-1) (1 + b ln|a|)``"""
    dda, ddb = ddx
    y, slope, log_a = np.power(a, b), _falling_pow(a, b, 1), _log_base(a, b)
    mixed = np.power(a, b - 1) + slope * log_a
    da = dy * (_falling_pow(a, b, 2) * dda + mixed * ddb)
    db = dy * (mixed * dda + y * log_a**2 * ddb)
    return slope * dda + y * log_a * ddb, sum_to(da, a.shape), sum_to(db, b.shape)


# Activations.


def elu(x, alpha=1.0):
    """``y = x where x > 0, else alpha (e^x - 1)``"""
    return np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))


def _elu_tail(x, alpha):
    """``alpha e^x where x <= 0, else 0``: what f' and f'' are there"""
    return np.where(x > 0, x.dtype.type(0), x.dtype.type(alpha) * np.exp(np.minimum(x, 0)))


def elu_vjp(dy, x, alpha=1.0):
    """``dx = dy where x > 0, else alpha e^x dy``"""
    return (((x > 0) + _elu_tail(x, alpha)) * dy,)


def elu_vjp2(ddx, dy, x, alpha=1.0):
    """``f'' = 0 where x > 0, else alpha e^x``"""
    tail = _elu_tail(x, alpha)
    return ((x > 0) + tail) * ddx[0], tail * dy * ddx[0]


def _normal(x):
    """The standard normal distribution ``Phi(x)`` and its density ``phi(x)``"""
    one = x.dtype.type(1)
    density = x.dtype.type(1 / math.sqrt(2 * math.pi)) * np.exp(-x * x / 2)
    return (one + erf(x * x.dtype.type(math.sqrt(0.5)))) / 2, density


def gelu(x):
    """``y = x Phi(x)``"""
    return x * _normal(x)[0]


def gelu_vjp(dy, x):
    """``dx = (Phi + x phi) dy``"""
    cdf, density = _normal(x)
    return ((cdf + x * density) * dy,)


def gelu_vjp2(ddx, dy, x):
    """``f'' = (2 - x^2) phi``"""
    cdf, density = _normal(x)
    return (cdf + x * density) * ddx[0], (2 - x * x) * density * dy * ddx[0]


def _gelu_tanh(x):
    """``(1 + tanh u) / 2`` and its first two derivatives, ``u = sqrt(2/pi) (x + 0.044715 x^3)``"""
    c, k = x.dtype.type(math.sqrt(2 / math.pi)), x.dtype.type(0.044715)
    t = np.tanh(c * (x + k * x * x * x))
    du, ddu = c * (1 + 3 * k * x * x), 6 * c * k * x
    slope = (1 - t * t) / 2
    return (1 + t) / 2, slope * du, slope * (ddu - 2 * t * du * du)


def gelu_tanh(x):
    """``y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2``"""
    return x * _gelu_tanh(x)[0]


def gelu_tanh_vjp(dy, x):
    """``f = x g``: ``dx = (g + x g') dy``"""
    g, dg, _ = _gelu_tanh(x)
    return ((g + x * dg) * dy,)


def gelu_tanh_vjp2(ddx, dy, x):
    """``f'' = 2 g' + x g''``"""
    g, dg, ddg = _gelu_tanh(x)
    return (g + x * dg) * ddx[0], (2 * dg + x * ddg) * dy * ddx[0]


def silu(x):
    """``y = x s``, ``s = sigmoid(x)``"""
    return x * sigmoid(x)


def silu_vjp(dy, x):
    """``dx = s (1 + x (1 - s)) dy``"""
    return (sigmoid(x) * (1 + x * sigmoid(-x)) * dy,)


def silu_vjp2(ddx, dy, x):
    """``f'' = s (1 - s) (2 + x (1 - 2 s))``"""
    s, rest = sigmoid(x), sigmoid(-x)
    return s * (1 + x * rest) * ddx[0], s * rest * (2 + x * (rest - s)) * dy * ddx[0]
