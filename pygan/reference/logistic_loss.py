# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""The cross-entropy of sigmoid(x) against one constant target t, the mean over n logits.

With s = sigmoid(x) and s' = sigmoid(-x) = 1 - s the slope is ``(1 - t) s - t s'``: for t = 0 or 1
nothing cancels, as it would in s - t. Its derivative is s s', and that one's s s' (s' - s).
"""

from __future__ import annotations

import numpy as np

from pygan.reference.functions import sigmoid, softplus

__all__ = ["logistic_loss", "logistic_loss_grad"]


def _slope(x, t):
    return (1 - t) * sigmoid(x) - t * sigmoid(-x)


def _bend(x):
    return sigmoid(x) * sigmoid(-x)


def logistic_loss(logits, target):
    """``y = mean(softplus(x) - t x)``, a scalar; each summand as

    ``(1 - t) max(x, 0) + t max(-x, 0) + softplus(-|x|)``, in which nothing cancels for t in [0, 1]
    """
    linear = (1 - target) * np.maximum(logits, 0) + target * np.maximum(-logits, 0)
    return (linear + softplus(-np.abs(logits))).mean()


def logistic_loss_vjp(dy, logits, target):
    """``dx = dy/n ((1 - t) s - t s')``"""
    return (dy / logits.size * _slope(logits, target),)


def logistic_loss_vjp2(ddx, dy, logits, target):
    """``L = dy <ddx, slope> / n``"""
    (ddx,) = ddx
    n = logits.size
    return (ddx * _slope(logits, target)).sum() / n, dy / n * ddx * _bend(logits)


def logistic_loss_grad(logits, dy, target):
    """``dx``: logistic_loss's first order as an operation of its own"""
    return logistic_loss_vjp(dy, logits, target)[0]


def logistic_loss_grad_vjp(dout, logits, dy, target):
    """``dlogits = dy/n s s' dout``, ``ddy = <dout, slope> / n``"""
    ddy, dx = logistic_loss_vjp2((dout,), dy, logits, target)
    return dx, ddy


def logistic_loss_grad_vjp2(ddx, dout, logits, dy, target):
    """``L = <cx, dy/n s s' dout> + cy <dout, slope> / n``"""
    (cx, cy), n, x = ddx, logits.size, logits
    bend, slope = _bend(x), _slope(x, target)
    ddout = (dy * cx * bend + cy * slope) / n
    dx = dout * (dy * cx * bend * (sigmoid(-x) - sigmoid(x)) + cy * bend) / n
    return ddout, dx, (cx * dout * bend).sum() / n
