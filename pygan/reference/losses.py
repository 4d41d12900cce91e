# ruff: noqa: ANN001, ANN201, ANN202
# Arguments are arrays; annotations would hide the formulas.
"""Losses, from logits: a discriminator's unbounded output x, with sigmoid(x) its probability."""

from __future__ import annotations

from pygan.reference.functions import sigmoid, softplus

__all__ = ["bce_with_logits"]


def bce_with_logits(logits, targets):
    """``y = -t ln sigmoid(x) - (1 - t) ln(1 - sigmoid(x)) = softplus(x) - t x``, elementwise"""
    return softplus(logits) - targets * logits


def bce_with_logits_vjp(dy, logits, targets):
    """``dx = (sigmoid(x) - t) dy``, ``dt = -x dy``"""
    return (sigmoid(logits) - targets) * dy, -logits * dy


def bce_with_logits_vjp2(ddx, dy, logits, targets):
    """``L = sum dy ((sigmoid(x) - t) ddx - x ddt)``"""
    ddx, ddt = ddx
    s = sigmoid(logits)
    return (s - targets) * ddx - logits * ddt, dy * (s * sigmoid(-logits) * ddx - ddt), -dy * ddx
