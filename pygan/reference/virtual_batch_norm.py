# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Virtual and reference batch normalisation (Salimans et al. 2016, "Improved techniques", 3.4).

Statistics of a fixed reference batch of n examples stand in for those of the batch, so that its
examples do not see one another. For one example x of the batch, over its positions,

    ``mu = (n mu_ref + mu_x) / (n + 1)``
    ``var = (n (var_ref + (mu_ref - mu)^2) + var_x + (mu_x - mu)^2) / (n + 1)``

With the example's share ``a = 1 / (n + 1)`` and ``d = mu_x - mu_ref`` these are

    ``mu = mu_ref + a d``,  ``var = (1 - a) var_ref + a var_x + a (1 - a) d^2``

and reference batch normalisation is a = 0. The reference batch goes through the network beside x.
"""

from __future__ import annotations

import numpy as np

from pygan.reference.dual import tangent

__all__ = ["reference_batch_norm", "virtual_batch_norm", "virtual_batch_norm_grad"]


def _share(ref):
    return ref.dtype.type(1 / (ref.shape[0] + 1))


def _statistics(x, ref, a, eps):
    """(x - mu_x, d, h and r of x), (ref - mu_ref, h and r of ref); x as (N, P, C), ref (n P, C)"""
    channels, eps = x.shape[-1], x.dtype.type(eps)
    x, ref = x.reshape(x.shape[0], -1, channels), ref.reshape(-1, channels)
    mean, ref_mean = x.mean(axis=1, keepdims=True), ref.mean(axis=0)
    own, other, d = x - mean, ref - ref_mean, mean - ref_mean
    ref_var = (other * other).mean(axis=0)
    var = (1 - a) * ref_var + a * (own * own).mean(axis=1, keepdims=True) + a * (1 - a) * d * d
    r, ref_r = 1 / np.sqrt(var + eps), 1 / np.sqrt(ref_var + eps)
    h = (x - (ref_mean + a * d)) * r
    return (own, d, h, r), (other, other * ref_r, ref_r)


def _forward(x, ref, weight, bias, a, eps):
    (_, _, h, _), (_, ref_h, _) = _statistics(x, ref, a, eps)
    y, y_ref = weight * h + bias, weight * ref_h + bias
    return y.reshape(x.shape), y_ref.reshape(ref.shape)


def _backward(dy, dy_ref, x, ref, weight, a, eps):
    """dx, dref, dweight, dbias

    x enters through itself and its statistics, ref through everybody's: with g = weight dy,
    ``dmu = -r sum g``, ``dvar = -1/2 r^2 sum h g``, and ``dd = 2 a (1 - a) d dvar``.
    """
    (own, d, h, r), (other, ref_h, ref_r) = _statistics(x, ref, a, eps)
    dy, dy_ref = dy.reshape(h.shape), dy_ref.reshape(ref_h.shape)
    g, g_ref = weight * dy, weight * dy_ref
    dmu, dvar = -r * g.sum(axis=1, keepdims=True), -r * r * (h * g).sum(axis=1, keepdims=True) / 2
    dd = 2 * a * (1 - a) * d * dvar
    dx = r * g + (a * dmu + dd + 2 * a * dvar * own) / h.dtype.type(h.shape[1])
    to_mean, to_var = ((1 - a) * dmu - dd).sum(axis=(0, 1)), (2 * (1 - a) * dvar).sum(axis=(0, 1))
    dref = ref_r * (g_ref - g_ref.mean(axis=0) - ref_h * (ref_h * g_ref).mean(axis=0))
    dref = dref + (to_mean + to_var * other) / h.dtype.type(ref_h.shape[0])
    dweight = (h * dy).sum(axis=(0, 1)) + (ref_h * dy_ref).sum(axis=0)
    dbias = dy.sum(axis=(0, 1)) + dy_ref.sum(axis=0)
    return dx.reshape(x.shape), dref.reshape(ref.shape), dweight, dbias


def _second(ddx, dy, inputs, a, eps):
    """The tangents of y and of the vjp along ddx (see `pygan.reference.dual`)"""
    x, ref, weight, _ = inputs
    ddy = tangent(lambda *at: _forward(*at, a, eps), inputs, ddx)
    along = (*(d * 0 for d in dy), *ddx[:3])
    return *ddy, *tangent(lambda *at: _backward(*at, a, eps), (*dy, x, ref, weight), along)


def virtual_batch_norm(x, ref, weight, bias, eps=1e-5):
    """``y = weight (x - mu) (var + eps)^(-1/2) + bias`` -> (y, y_ref); y_ref is batch_norm(ref)

    x (N, ..., C), ref (n, ..., C); weight, bias (C,).
    """
    return _forward(x, ref, weight, bias, _share(ref), eps)


def virtual_batch_norm_vjp(dy, x, ref, weight, bias, eps=1e-5):
    """Both outputs reach ref, weight and bias; dx is of y alone"""
    return _backward(*dy, x, ref, weight, _share(ref), eps)


def virtual_batch_norm_vjp2(ddx, dy, x, ref, weight, bias, eps=1e-5):
    """Tangents along ddx"""
    return _second(ddx, dy, (x, ref, weight, bias), _share(ref), eps)


def reference_batch_norm(x, ref, weight, bias, eps=1e-5):
    """The same with a = 0: mean and variance are those of ref"""
    return _forward(x, ref, weight, bias, ref.dtype.type(0), eps)


def reference_batch_norm_vjp(dy, x, ref, weight, bias, eps=1e-5):
    """As virtual_batch_norm"""
    return _backward(*dy, x, ref, weight, ref.dtype.type(0), eps)


def reference_batch_norm_vjp2(ddx, dy, x, ref, weight, bias, eps=1e-5):
    """As virtual_batch_norm"""
    return _second(ddx, dy, (x, ref, weight, bias), ref.dtype.type(0), eps)


def virtual_batch_norm_grad(x, ref, weight, dy, dy_ref, own=True, eps=1e-5):
    """``(dx, dref, dweight, dbias)``: the first order as an operation; own: virtual, or a = 0"""
    a = _share(ref) if own else ref.dtype.type(0)
    return _backward(dy, dy_ref, x, ref, weight, a, eps)


def virtual_batch_norm_grad_vjp(dout, x, ref, weight, dy, dy_ref, own=True, eps=1e-5):
    """The second order"""
    a = _share(ref) if own else ref.dtype.type(0)
    ddy, ddy_ref, *dx, _ = _second(dout, (dy, dy_ref), (x, ref, weight, weight), a, eps)
    return *dx, ddy, ddy_ref


def virtual_batch_norm_grad_vjp2(ddx, dout, x, ref, weight, dy, dy_ref, own=True, eps=1e-5):
    """The third: the tangents of both lower orders along ddx"""
    at = x, ref, weight, dy, dy_ref
    first = tangent(lambda *at: virtual_batch_norm_grad(*at, own, eps), at, ddx)
    second = tangent(
        lambda *at: virtual_batch_norm_grad_vjp(at[:4], *at[4:], own, eps),
        (*dout, *at),
        (*(d * 0 for d in dout), *ddx),
    )
    return *first, *second
