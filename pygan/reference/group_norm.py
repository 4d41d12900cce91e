# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Norms of each sample by itself: group (Wu, He), instance (Ulyanov et al.), layer (Ba et al.).

x (N, ..., C) is seen as (N, P, G, D): P positions, G groups of D channels; m(.) is the mean over P
and D. Instance norm has groups of one channel. Layer norm over the last k axes has one group and
one position: those axes are its channels. The vjp is that of batch_norm with this m.
"""

from __future__ import annotations

import math

import numpy as np

from pygan.reference.dual import tangent

__all__ = ["group_norm", "group_norm_grad", "instance_norm", "layer_norm"]


def _mean(x):
    return x.mean(axis=(1, 3), keepdims=True)


def _split(x, groups):
    """(N, ..., C) as (N, P, G, D), (C,) as (G, D)"""
    if x.ndim == 1:
        return x.reshape(groups, -1)
    return x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)


def _normalise(x, groups, eps):
    x = _split(x, groups)
    centred = x - _mean(x)
    r = 1 / np.sqrt(_mean(centred * centred) + x.dtype.type(eps))
    return r, centred * r


def group_norm(x, weight, bias, groups, eps=1e-5):
    """``y = weight h + bias``, ``h = (x - m(x)) / (m((x - m(x))^2) + eps)^(1/2)``"""
    _, h = _normalise(x, groups, eps)
    return (_split(weight, groups) * h + _split(bias, groups)).reshape(x.shape)


def group_norm_vjp(dy, x, weight, bias, groups, eps=1e-5):
    """``dx = r (g - m(g) - h m(h g))`` with ``g = weight dy``; ``dweight = sum h dy``"""
    r, h = _normalise(x, groups, eps)
    dy = _split(dy, groups)
    g = _split(weight, groups) * dy
    dx = r * (g - _mean(g) - h * _mean(h * g))
    dweight, dbias = (h * dy).sum(axis=(0, 1)), dy.sum(axis=(0, 1))
    return dx.reshape(x.shape), dweight.reshape(weight.shape), dbias.reshape(bias.shape)


def group_norm_vjp2(ddx, dy, x, weight, bias, groups, eps=1e-5):
    """The tangents of y and of the vjp along ddx (see `pygan.reference.dual`)"""
    ddy = tangent(lambda *at: group_norm(*at, groups, eps), (x, weight, bias), ddx)
    at, along = (dy, x, weight, bias), (dy * 0, *ddx)
    return ddy, *tangent(lambda *at: group_norm_vjp(*at, groups, eps), at, along)


def group_norm_grad(x, weight, dy, groups, eps=1e-5):
    """``(dx, dweight, dbias)``: group_norm's first order as an operation of its own"""
    return group_norm_vjp(dy, x, weight, weight, groups, eps)


def group_norm_grad_vjp(dout, x, weight, dy, groups, eps=1e-5):
    """group_norm's second order; ``dout``: cotangents of (dx, dweight, dbias)"""
    ddy, dx, dweight, _ = group_norm_vjp2(dout, dy, x, weight, weight, groups, eps)
    return dx, dweight, ddy


def group_norm_grad_vjp2(ddx, dout, x, weight, dy, groups, eps=1e-5):
    """Its third order: the tangents of both lower ones along ``ddx = (c_x, c_weight, c_dy)``"""
    at = x, weight, dy
    first = tangent(lambda *at: group_norm_grad(*at, groups, eps), at, ddx)
    second = tangent(
        lambda *at: group_norm_grad_vjp(at[:3], *at[3:], groups, eps),
        (*dout, *at),
        (*(d * 0 for d in dout), *ddx),
    )
    return *first, *second


def instance_norm(x, weight, bias, eps=1e-5):
    """group_norm with groups of one channel: over the positions of each sample"""
    return group_norm(x, weight, bias, x.shape[-1], eps)


def instance_norm_vjp(dy, x, weight, bias, eps=1e-5):
    """As group_norm"""
    return group_norm_vjp(dy, x, weight, bias, x.shape[-1], eps)


def instance_norm_vjp2(ddx, dy, x, weight, bias, eps=1e-5):
    """As group_norm"""
    return group_norm_vjp2(ddx, dy, x, weight, bias, x.shape[-1], eps)


def _rows(x, axes):
    return x.reshape(-1, math.prod(x.shape[-axes:]))


def layer_norm(x, weight, bias, axes=1, eps=1e-5):
    """group_norm over the last ``axes`` axes, which weight and bias have the shape of"""
    y = group_norm(_rows(x, axes), weight.reshape(-1), bias.reshape(-1), 1, eps)
    return y.reshape(x.shape)


def layer_norm_vjp(dy, x, weight, bias, axes=1, eps=1e-5):
    """As group_norm"""
    flat = _rows(x, axes), weight.reshape(-1), bias.reshape(-1)
    grads = group_norm_vjp(_rows(dy, axes), *flat, 1, eps)
    return tuple(g.reshape(a.shape) for g, a in zip(grads, (x, weight, bias), strict=True))


def layer_norm_vjp2(ddx, dy, x, weight, bias, axes=1, eps=1e-5):
    """As group_norm"""
    flat = _rows(x, axes), weight.reshape(-1), bias.reshape(-1)
    ddx = _rows(ddx[0], axes), ddx[1].reshape(-1), ddx[2].reshape(-1)
    grads = group_norm_vjp2(ddx, _rows(dy, axes), *flat, 1, eps)
    return tuple(g.reshape(a.shape) for g, a in zip(grads, (dy, x, weight, bias), strict=True))
