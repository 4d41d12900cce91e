# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""What gradient penalties are made of: points between samples, and the cost of gradient lengths."""

from __future__ import annotations

import numpy as np

__all__ = ["interpolate", "norm_penalty"]


def _column(c, x):
    """c (N,) against x (N, ...)"""
    return c.reshape(-1, *[1] * (x.ndim - 1))


def _dot(a, b):
    """``<a_b, b_b>`` of each sample: (N, ...), (N, ...) -> (N,)"""
    return (a * b).reshape(len(a), -1).sum(axis=1)


def interpolate(real, fake, u):
    """``x_b = u_b real_b + (1 - u_b) fake_b``: real, fake (N, ...), u (N,)"""
    u = _column(u, real)
    return u * real + (1 - u) * fake


def interpolate_vjp(dy, real, fake, u):
    """``dreal = u dy``, ``dfake = (1 - u) dy``, ``du = <real - fake, dy>``"""
    c = _column(u, real)
    return c * dy, (1 - c) * dy, _dot(real - fake, dy)


def interpolate_vjp2(ddx, dy, real, fake, u):
    """``L = <dy, u ddr + (1 - u) ddf + ddu (real - fake)>``"""
    ddr, ddf, ddu = ddx
    c, k = _column(u, real), _column(ddu, real)
    ddy = c * ddr + (1 - c) * ddf + k * (real - fake)
    return ddy, k * dy, -k * dy, _dot(ddr - ddf, dy)


def _cost(cost, n):
    """cost(n), cost'(n), cost''(n)"""
    if cost == "squared":
        return n * n, 2 * n, 2 + 0 * n
    above = n - 1
    if cost == "one-sided":
        above = np.where(above > 0, above, 0)
    return above * above, 2 * above, (2 if cost == "two-sided" else 2 * (above > 0)) + 0 * n


def _ratio(a, b):
    """a / b, and 0 where b = 0"""
    return np.divide(a, b, out=np.zeros_like(b), where=b != 0)


def _share(g, weight):
    return g.dtype.type(weight) / g.dtype.type(len(g))


def norm_penalty(g, cost="two-sided", weight=1.0):
    """``P = weight mean_b cost(|g_b|)``, ``c_b = weight / N cost'(|g_b|) / |g_b|`` -> (P, c)

    g (N, ...), the norm over all axes of one sample; P (); c (N,), 0 where ``g_b = 0``, without a
    gradient of its own. cost: "two-sided" ``(n - 1)^2``, "one-sided" ``max(0, n - 1)^2``, "squared"
    ``n^2``.
    """
    n = np.sqrt(_dot(g, g))
    value, slope, _ = _cost(cost, n)
    k = _share(g, weight)
    ratio = 2 + 0 * n if cost == "squared" else _ratio(slope, n)
    return k * value.sum(dtype=g.dtype), k * ratio


def norm_penalty_vjp(dy, g, cost="two-sided", weight=1.0):
    """``dg_b = c_b g_b dy``"""
    return (_column(norm_penalty(g, cost, weight)[1], g) * g * dy,)


def norm_penalty_vjp2(ddx, dy, g, cost="two-sided", weight=1.0):
    """``L = dy sum_b c_b <g_b, ddg_b>``

    With n = |g_b|: ``dc/dn = k (cost''(n) - cost'(n) / n) / n``, and ``dn/dg = g / n``.
    """
    (ddg,) = ddx
    c = norm_penalty(g, cost, weight)[1]
    n, along = np.sqrt(_dot(g, g)), _dot(g, ddg)
    _, slope, curvature = _cost(cost, n)
    bend = _share(g, weight) * _ratio(_ratio(_ratio(curvature * n - slope, n), n), n)
    return np.sum(c * along, dtype=g.dtype), dy * (
        _column(c, g) * ddg + _column(bend * along, g) * g
    )
