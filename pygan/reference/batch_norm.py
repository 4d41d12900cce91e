# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Batch normalisation over all axes but the last (Ioffe and Szegedy, 2015).

m(.) is the mean over those axes, one number a channel. With the deviation's inverse
``r = (var + eps)^(-1/2)`` and ``h = (x - mean) r`` the vjp of x -> h is

    ``dx = r P dh,  P dh = dh - m(dh) - h m(h dh)``

P takes away what normalising makes invisible: a common shift and a common stretch.

``parts=k``: x is k batches of one size, one after the other along the first axis, each with mean
and var of its own; weight and bias are shared, so their gradients add up.
"""

from __future__ import annotations

import numpy as np

from pygan.reference.leaky_relu import leaky_relu, leaky_relu_grad

__all__ = [
    "batch_norm",
    "batch_norm_eval",
    "batch_norm_grad",
    "batch_norm_leaky_relu",
    "batch_norm_leaky_relu_grad",
]


def _by_parts(f):
    """f of each part alone: what has x's rank is cut and joined again, (C,) gradients are added."""

    def joined(*args, parts=1, **named):
        if parts == 1:
            return f(*args, **named)
        rank = max(np.ndim(a) for arg in args for a in (arg if isinstance(arg, tuple) else (arg,)))

        def cut(a, p):
            if isinstance(a, tuple):
                return tuple(cut(one, p) for one in a)
            return np.split(a, parts)[p] if np.ndim(a) == rank else a

        found = [f(*(cut(a, p) for a in args), **named) for p in range(parts)]
        return tuple(
            np.concatenate(r) if r[0].ndim == rank else sum(r) for r in zip(*found, strict=True)
        )

    joined.__name__, joined.__doc__ = f.__name__, f.__doc__
    return joined


def _over(x):
    return tuple(range(x.ndim - 1))


def _mean(x):
    return x.mean(axis=_over(x))


def _sum(x):
    return x.sum(axis=_over(x))


def batch_norm(x, weight, bias, eps=1e-5, parts=1):
    """``y = weight h + bias`` -> (y, mean, var)

    x (..., C); weight, bias, mean, var (C,), or mean and var (parts, C). var is biased; mean and
    var carry no gradient.
    """
    if parts > 1:
        found = [batch_norm(part, weight, bias, eps) for part in np.split(x, parts)]
        y, mean, var = zip(*found, strict=True)
        return np.concatenate(y), np.stack(mean), np.stack(var)
    mean, _, h, var = _normalise(x, eps)
    return weight * h + bias, mean, var


def _normalise(x, eps):
    mean = _mean(x)
    var = _mean((x - mean) ** 2)
    r = 1 / np.sqrt(var + x.dtype.type(eps))
    return mean, r, (x - mean) * r, var


def _project(g, h):
    """``P g = g - m(g) - h m(h g)``"""
    return g - _mean(g) - h * _mean(h * g)


@_by_parts
def batch_norm_vjp(dy, x, weight, bias, eps=1e-5):
    """``dx = r P(weight dy)``, ``dweight = sum h dy``, ``dbias = sum dy``"""
    _, r, h, _ = _normalise(x, eps)
    return r * _project(weight * dy, h), _sum(h * dy), _sum(dy)


@_by_parts
def batch_norm_vjp2(ddx, dy, x, weight, bias, eps=1e-5):
    """``L = q + <dy, ddw h + ddb>`` with ``q = r <g, P ddx>``, ``g = weight dy``

    P is symmetric, so ddy and dweight read L as linear in dy and weight. x enters through h
    (``dL/dh = c``) and through r (``dr/dx = -r^2 h / n``).
    """
    ddx, ddw, ddb = ddx
    _, r, h, _ = _normalise(x, eps)
    g, back = weight * dy, r * _project(ddx, h)
    c = ddw * dy - r * (g * _mean(h * ddx) + ddx * _mean(h * g))
    dx = r * _project(c, h) - r * h * _mean(g * back)
    return weight * back + ddw * h + ddb, dx, _sum(dy * back), np.zeros_like(bias)


@_by_parts
def batch_norm_grad(x, weight, dy, eps=1e-5):
    """``(dx, dweight, dbias)``: batch_norm's first order as an operation of its own"""
    return batch_norm_vjp(dy, x, weight, weight, eps)


@_by_parts
def batch_norm_grad_vjp(dout, x, weight, dy, eps=1e-5):
    """``dout``: cotangents of (dx, dweight, dbias). Its vjp is batch_norm's second order."""
    ddy, dx, dweight, _ = batch_norm_vjp2(dout, dy, x, weight, weight, eps)
    return dx, dweight, ddy


@_by_parts
def batch_norm_grad_vjp2(ddx, dout, x, weight, dy, eps=1e-5):
    """batch_norm's third order, along the direction ``ddx = (c_x, c_weight, c_dy)``

    All these are derivatives of one scalar, ``S = <batch_norm(x), dy>``, and derivatives commute:
    instead of going backward a third time, differentiate both lower orders along c. A complex step
    does it without cancellation: ``Im f(x + i h c) / h`` for a tiny h.
    """
    h = x.dtype.type(1e-20)
    cx, cweight, cdy = (1j * h * c for c in ddx)
    at = dy + cdy, x + cx, weight + cweight, weight + cweight, eps
    first, (ddy, dx, dweight, _) = batch_norm_vjp(*at), batch_norm_vjp2(dout, *at)
    return tuple(g.imag / h for g in (*first, dx, dweight, ddy))


def batch_norm_leaky_relu(x, weight, bias, negative_slope=0.01, eps=1e-5, parts=1):
    """``y = leaky_relu(weight h + bias)`` -> (y, mean, var)"""
    y, mean, var = batch_norm(x, weight, bias, eps, parts)
    return leaky_relu(y, negative_slope), mean, var


@_by_parts
def batch_norm_leaky_relu_vjp(dy, x, weight, bias, negative_slope=0.01, eps=1e-5):
    """batch_norm's, of ``g = dy where weight h + bias > 0, else slope dy``"""
    y = batch_norm(x, weight, bias, eps)[0]
    return batch_norm_vjp(leaky_relu_grad(dy, y, negative_slope), x, weight, bias, eps)


@_by_parts
def batch_norm_leaky_relu_vjp2(ddx, dy, x, weight, bias, negative_slope=0.01, eps=1e-5):
    """batch_norm's, and ``ddy`` is g's cotangent under the same mask, which is constant"""
    y = batch_norm(x, weight, bias, eps)[0]
    dg, *rest = batch_norm_vjp2(ddx, leaky_relu_grad(dy, y, negative_slope), x, weight, bias, eps)
    return leaky_relu_grad(dg, y, negative_slope), *rest


@_by_parts
def batch_norm_leaky_relu_grad(x, weight, bias, dy, negative_slope=0.01, eps=1e-5):
    """``(dx, dweight, dbias)``: batch_norm_leaky_relu's first order as an operation of its own"""
    return batch_norm_leaky_relu_vjp(dy, x, weight, bias, negative_slope, eps)


@_by_parts
def batch_norm_leaky_relu_grad_vjp(dout, x, weight, bias, dy, negative_slope=0.01, eps=1e-5):
    """``dout``: cotangents of (dx, dweight, dbias)"""
    args = dout, dy, x, weight, bias, negative_slope, eps
    ddy, dx, dweight, dbias = batch_norm_leaky_relu_vjp2(*args)
    return dx, dweight, dbias, ddy


@_by_parts
def batch_norm_leaky_relu_grad_vjp2(ddx, dout, x, weight, bias, dy, negative_slope=0.01, eps=1e-5):
    """batch_norm_grad's, with the mask before and behind it; bias acts through the mask only"""
    y = batch_norm(x, weight, bias, eps)[0]
    cx, cweight, _, cdy = ddx
    cg, g = (leaky_relu_grad(v, y, negative_slope) for v in (cdy, dy))
    *first, dx, dweight, dg = batch_norm_grad_vjp2((cx, cweight, cg), dout, x, weight, g, eps)
    return *first, dx, dweight, np.zeros_like(bias), leaky_relu_grad(dg, y, negative_slope)


def batch_norm_eval(x, weight, bias, mean, var, eps=1e-5):
    """``y = weight (x - mean) r + bias``, ``r = (var + eps)^(-1/2)``: differentiable in all five"""
    return (x - mean) * _r(var, eps) * weight + bias


def _r(var, eps):
    return 1 / np.sqrt(var + var.dtype.type(eps))


def batch_norm_eval_vjp(dy, x, weight, bias, mean, var, eps=1e-5):
    """``dx = weight r dy``, ``dmean = -sum dx``, ``dvar = -1/2 sum weight r^2 h dy``"""
    r = _r(var, eps)
    h, dx = (x - mean) * r, dy * (weight * r)
    return dx, _sum(h * dy), _sum(dy), -_sum(dx), -weight * r * r * _sum(h * dy) / 2


def batch_norm_eval_vjp2(ddx, dy, x, weight, bias, mean, var, eps=1e-5):
    """``L = <dy, weight r u + ddw h + ddb - 1/2 ddv weight r^2 h>`` with ``u = ddx - ddm``"""
    ddx, ddw, ddb, ddm, ddv = ddx
    r = _r(var, eps)
    h, u, k = (x - mean) * r, ddx - ddm, ddw - ddv * weight * r * r / 2
    dx = dy * (k * r)
    dvar = -r * r / 2 * _sum(dy * (weight * r * u + (k - ddv * weight * r * r) * h))
    dweight = _sum(dy * (r * u - ddv * r * r * h / 2))
    return weight * r * u + k * h + ddb, dx, dweight, np.zeros_like(bias), -_sum(dx), dvar
