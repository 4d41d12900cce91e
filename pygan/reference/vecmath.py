"""float32 log and cos, the same bits as csrc/core/vecmath.h, which they follow line by line.

Elementary functions of a C library differ in their last bit from one processor to the next. A fixed
sequence of IEEE additions, multiplications, divisions and bit moves does not: so random normals are
the same numbers everywhere, and NumPy can reproduce them.
"""

from __future__ import annotations

import numpy as np

__all__ = ["cos", "log"]

F = np.float32
U = np.uint32
_ONE = U(0x3F800000)  # the bits of 1.0
_TWO_23 = U(0x4B000000)  # the bits of 2^23
_SQRT_HALF = U(0x3F3504F3)  # the bits of sqrt(1/2)
_LN2_HIGH, _LN2_LOW = F(float.fromhex("0x1.62e4p-1")), F(float.fromhex("0x1.7f7d1cp-20"))
_ROUND = F(1.5 * 2**23)  # adding it rounds to an integer, ties to even
# pi / 2 in four parts: n times each of the first three is exact for |n| < 2^13
_HALF_PI = [
    F(float.fromhex(h)) for h in ("0x1.92p0", "0x1.fb4p-12", "0x1.444p-24", "0x1.68c234p-39")
]


def _polynomial(x: np.ndarray, *coefficients: float) -> np.ndarray:
    """``c0 + x (c1 + x (c2 + ...))``, by Horner's rule, each operation rounded to float32"""
    y = F(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        y = F(c) + x * y
    return y


def log(x: np.ndarray) -> np.ndarray:
    """``ln x`` of positive normal float32 numbers.

    ``x = 2^e (1 + f)`` with ``sqrt(1/2) <= 1 + f < sqrt(2)``, ``s = f / (2 + f)``, ``z = s^2``:
    ``ln(1 + f) = 2 atanh(s) = f - (f^2 / 2 - s (f^2 / 2 + z series(z)))``.
    """
    shifted = x.view(U) + (_ONE - _SQRT_HALF)
    biased = (_TWO_23 | (shifted >> U(23))).view(F)
    e = biased - F(2**23 + 127)
    f = ((shifted & U(2**23 - 1)) + _SQRT_HALF).view(F) - F(1)
    s = f / (F(2) + f)
    z = s * s
    half = F(0.5) * f * f
    series = _polynomial(z, 0.66666776, 0.39977565, 0.29871604)
    tail = s * (half + z * series) + e * _LN2_LOW
    return e * _LN2_HIGH + (f - (half - tail))


def _subtract_quadrants(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``x - n pi / 2 = r + tail``: the tail holds what rounding r lost"""
    p1, p2, p3, p4 = _HALF_PI
    a = x - n * p1  # exact
    b = a - n * p2
    r = b - n * p3
    lost = ((a - b) - n * p2) + ((b - r) - n * p3)
    return r, lost - n * p4


def cos(x: np.ndarray) -> np.ndarray:
    """``cos x`` of float32 numbers, |x| <= 1e4.

    ``x = n pi/2 + r``, ``|r| <= pi/4``: by n's last two bits plus one, +-cos r or +-sin r.
    """
    shifted = x * F(0.6366197723675814) + _ROUND  # 2 / pi; n in the low bits
    quadrant = shifted.view(U) + U(1)
    r, tail = _subtract_quadrants(x, shifted - _ROUND)
    z = r * r
    half = F(0.5) * z
    w = F(1) - half  # cos r = w + (what rounding w lost) + z^2 series; sin(r + t) = sin r + t cos r
    series = _polynomial(z, -0.16666667, 0.008333373, -0.00019850295, 2.804357e-06)
    sine = r + (r * (z * series) + tail * w)
    series = _polynomial(z, 0.041666646, -0.0013887312, 2.4432744e-05)
    cosine = w + (((F(1) - w) - half) + (z * z * series - r * tail))
    y = np.where(quadrant & U(1), cosine, sine)
    return (y.view(U) ^ ((quadrant & U(2)) << U(30))).view(F)
