# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Softmax along an axis, and the cross-entropy of logits (N, K).

A common shift of x changes nothing, so the maximum is taken away first: no power overflows. The
Jacobian of softmax is ``J = diag(p) - p p^T``, symmetric; it takes away what a shift would do.
Targets are probabilities (N, K), or int64 classes (N,), which stand for rows of 0 with a 1.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "cross_entropy_with_logits",
    "log_softmax",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_grad",
]


def _total(x, axis=1):
    return x.sum(axis=axis, keepdims=True)


def softmax(x, axis=-1):
    """``p_k = e^(x_k) / sum_j e^(x_j)``"""
    power = np.exp(x - x.max(axis=axis, keepdims=True))
    return power / _total(power, axis)


def _jacobian(p, d, axis=1):
    """``J d = p (d - <p, d>)``"""
    return p * (d - _total(p * d, axis))


def softmax_vjp(dy, x, axis=-1):
    """``dx = J dy``"""
    return (_jacobian(softmax(x, axis), dy, axis),)


def softmax_vjp2(ddx, dy, x, axis=-1):
    """``L = <ddx, J dy>``: ``dL/dp = ddx (dy - <p, dy>) - dy <p, ddx>``, and J once more"""
    (c,), p = ddx, softmax(x, axis)
    dp = c * (dy - _total(p * dy, axis)) - dy * _total(p * c, axis)
    return _jacobian(p, c, axis), _jacobian(p, dp, axis)


def log_softmax(x, axis=-1):
    """``y_k = x_k - log sum_j e^(x_j)``"""
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(_total(np.exp(x), axis))


def log_softmax_vjp(dy, x, axis=-1):
    """``dx = dy - p sum dy``"""
    return (dy - softmax(x, axis) * _total(dy, axis),)


def log_softmax_vjp2(ddx, dy, x, axis=-1):
    """``L = <ddx, dy> - <p, ddx> sum dy``"""
    (c,), p = ddx, softmax(x, axis)
    return c - _total(p * c, axis), -_total(dy, axis) * _jacobian(p, c, axis)


def _weights(logits, targets):
    """Targets as (N, K)."""
    if targets.dtype.kind == "f":
        return targets
    return np.eye(logits.shape[1], dtype=logits.dtype)[targets]


def _given(targets, dt):
    """Classes have no cotangent."""
    return (dt,) if targets.dtype.kind == "f" else ()


def softmax_cross_entropy(logits, targets):
    """``loss_i = -sum_k t_ik log_softmax(x_i)_k``"""
    y, t = log_softmax(logits, 1), _weights(logits, targets)
    return -np.where(t == 0, t, t * y).sum(1)  # 0 inf = 0


def softmax_cross_entropy_vjp(dy, logits, targets):
    """``dx = dy (p sum t - t)``, ``dt = -dy log_softmax(x)``"""
    dx = softmax_cross_entropy_grad(logits, targets, dy)
    return dx, *_given(targets, -dy[:, None] * log_softmax(logits, 1))


def softmax_cross_entropy_vjp2(ddx, dy, logits, targets):
    """``L = sum_i dy_i (<ddx, p> sum t - <ddx, t> - <ddt, log p>)``"""
    c, p, t = ddx[0], softmax(logits, 1), _weights(logits, targets)
    d, total = dy[:, None], _total(t)
    along = _total(c * p)
    ddy, dx = along * total - _total(c * t), d * total * _jacobian(p, c)
    if len(ddx) == 2:
        ddy = ddy - _total(ddx[1] * log_softmax(logits, 1))
        dx = dx - d * (ddx[1] - p * _total(ddx[1]))
    return ddy[:, 0], dx, *_given(targets, d * (along - c))


def softmax_cross_entropy_grad(logits, targets, dy):
    """``dx = dy (p sum t - t)``: softmax minus target where t adds up to 1"""
    t = _weights(logits, targets)
    return dy[:, None] * (softmax(logits, 1) * _total(t) - t)


def softmax_cross_entropy_grad_vjp(dout, logits, targets, dy):
    """``L = sum_i dy_i (<dout, p> sum t - <dout, t>)``: softmax_cross_entropy's second order"""
    none = (np.zeros_like(targets),) if targets.dtype.kind == "f" else ()
    ddy, *dx = softmax_cross_entropy_vjp2((dout, *none), dy, logits, targets)
    return *dx, ddy


def softmax_cross_entropy_grad_vjp2(ddx, dout, logits, targets, dy):
    """Its third order: every term of the vjp, differentiated along ``ddx = (c_x, c_t, c_dy)``.

    The derivatives of one scalar commute. Along c_x, p moves by ``J c_x`` and ``J dout`` by
    ``J (dout (c_x - <p, c_x>) - c_x <p, dout>)``.
    """
    cx, *ct, cdy = ddx
    p, t, d = softmax(logits, 1), _weights(logits, targets), dy[:, None]
    total, tangent = _total(t), _jacobian(p, cx)
    dt = ct[0] if ct else np.zeros_like(logits)
    ddout = cdy[:, None] * (p * total - t) + d * (tangent * total + p * _total(dt) - dt)
    pull = _jacobian(p, dout)
    turned = _jacobian(p, dout * (cx - _total(p * cx)) - cx * _total(p * dout))
    scaled = cdy[:, None] * total + d * _total(dt)
    along = _total(dout * p)
    dx = scaled * pull + d * total * turned
    dtargets = cdy[:, None] * (along - dout) + d * _total(dout * tangent)
    ddy = _total(dout * tangent) * total + along * _total(dt) - _total(dout * dt)
    return ddout, dx, *_given(targets, dtargets), ddy[:, 0]


def _smooth(logits, targets, label_smoothing):
    t = _weights(logits, targets)
    a = t.dtype.type(label_smoothing)
    return (1 - a) * t + a / t.dtype.type(t.shape[1])


def _share(logits, reduction):
    """What a row's loss counts in the result: a number of the logits' dtype."""
    n = logits.shape[0] if reduction == "mean" else 1
    return np.full(logits.shape[0], logits.dtype.type(1) / logits.dtype.type(n))


def cross_entropy_with_logits(logits, targets, reduction="mean", label_smoothing=0.0):
    """softmax_cross_entropy with targets ``(1 - a) t + a / K``; its mean, its sum or all of it"""
    y = softmax_cross_entropy(logits, _smooth(logits, targets, label_smoothing))
    return y if reduction == "none" else y.mean() if reduction == "mean" else y.sum()


def cross_entropy_with_logits_vjp(dy, logits, targets, reduction="mean", label_smoothing=0.0):
    """Linear in what the rows count, and in t: ``dt = (1 - a) dt'``"""
    t = _smooth(logits, targets, label_smoothing)
    dx, dt = softmax_cross_entropy_vjp(dy * _share(logits, reduction), logits, t)
    return dx, *_given(targets, logits.dtype.type(1 - label_smoothing) * dt)


def cross_entropy_with_logits_vjp2(ddx, dy, logits, targets, reduction="mean", label_smoothing=0.0):
    """Likewise"""
    t, share = _smooth(logits, targets, label_smoothing), _share(logits, reduction)
    a = logits.dtype.type(1 - label_smoothing)
    ddt = a * ddx[1] if len(ddx) == 2 else np.zeros_like(logits)
    ddy, dx, dt = softmax_cross_entropy_vjp2((ddx[0], ddt), dy * share, logits, t)
    ddy = ddy * share
    return ddy if reduction == "none" else ddy.sum(), dx, *_given(targets, a * dt)
