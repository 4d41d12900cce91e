# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Matrix products: bilinear, so every derivative is one again."""

from __future__ import annotations

import numpy as np

from pygan.reference.shape import sum_to

__all__ = ["matmul"]


def _t(x, transposed=True):
    return x.swapaxes(-1, -2) if transposed else x


def matmul(a, b, transpose_a=False, transpose_b=False):
    """``y = A B``, ``y_ij = sum_k A_ik B_kj``

    ``A = a`` or ``a^T`` (..., m, k), ``B = b`` or ``b^T`` (..., k, n) -> (..., m, n): the last two
    axes, the others broadcast.
    """
    return np.matmul(_t(a, transpose_a), _t(b, transpose_b))


def matmul_vjp(dy, a, b, transpose_a=False, transpose_b=False):
    """``dA = dy B^T``, ``dB = A^T dy``"""
    da = np.matmul(dy, _t(_t(b, transpose_b)))
    db = np.matmul(_t(_t(a, transpose_a)), dy)
    return sum_to(_t(da, transpose_a), a.shape), sum_to(_t(db, transpose_b), b.shape)


def matmul_vjp2(ddx, dy, a, b, transpose_a=False, transpose_b=False):
    """``L = <dy, ddA B + A ddB>``: ``dA = dy ddB^T``, ``dB = ddA^T dy``"""
    dda, ddb = ddx
    how = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    ddy = matmul(dda, b, **how) + matmul(a, ddb, **how)
    return ddy, matmul_vjp(dy, a, ddb, **how)[0], matmul_vjp(dy, dda, b, **how)[1]
