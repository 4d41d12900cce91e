"""Gradient penalty: how far D's gradients are from length 1, on lines between real and fake."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import pygan as pg
from pygan._core import Tensor
from pygan._suggest import unknown
from pygan.errors import ConfigError, DTypeError, ShapeError

if TYPE_CHECKING:  # pygan.random imports pygan.ops
    from pygan.random import Stream

__all__ = ["KINDS", "check_penalty", "gradient_penalty", "seed_alpha"]

#: The kinds that exist.
KINDS = ("wgan-gp",)

#: Ops by which the output for one sample depends on its neighbours in the batch.
_ACROSS_SAMPLES = ("batch_norm",)

_alpha_stream: Stream | None = None


def check_penalty(kind: str, weight: float) -> None:
    """Raises ConfigError for an unknown kind, or a weight that is negative or not finite."""
    if kind not in KINDS:
        raise unknown("kind of gradient penalty", kind, KINDS)
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not (number and math.isfinite(weight) and weight >= 0):
        raise ConfigError(f"gradient_penalty: weight must be finite and >= 0, got {weight!r}")


def seed_alpha(seed: int = 0) -> None:
    """Starts the stream behind ``alpha=None``, ``gradient_penalty.alpha``, again with this seed."""
    global _alpha_stream
    _alpha_stream = pg.random.Stream(seed, "gradient_penalty.alpha")


def _coefficients(alpha: Any, like: Tensor) -> Tensor:
    """u, one per sample, as (N, 1, ..., 1) in the dtype of the samples."""
    n = like.shape[0]
    if alpha is None:
        if _alpha_stream is None:
            seed_alpha()
        assert _alpha_stream is not None
        alpha = _alpha_stream.uniform((n,), like.dtype)
    elif not isinstance(alpha, Tensor):
        alpha = pg.tensor(np.asarray(alpha, like.dtype), device=like.device)
    if alpha.shape != (n,):
        raise ShapeError(
            f"gradient_penalty: alpha must be ({n},), one coefficient per sample, "
            f"got {alpha.shape} for samples {like.shape}"
        )
    if alpha.dtype != like.dtype:
        raise DTypeError(f"gradient_penalty: alpha is {alpha.dtype}, the samples {like.dtype}")
    return alpha.detach().reshape(n, *[1] * (like.ndim - 1))


def _check_samples(real: Any, fake: Any) -> None:
    for name, x in (("real", real), ("fake", fake)):
        if not isinstance(x, Tensor) or x.dtype not in (np.float32, np.float64):
            what = f"a {x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
            raise DTypeError(f"gradient_penalty: {name} must be a float tensor, got {what}")
    if real.shape != fake.shape or real.ndim < 2 or real.shape[0] == 0:
        raise ShapeError(
            "gradient_penalty: real and fake must both be (N, ...) with N >= 1, "
            f"got {real.shape} and {fake.shape}"
        )
    if real.dtype != fake.dtype:
        raise DTypeError(f"gradient_penalty: real is {real.dtype}, fake is {fake.dtype}")


def _run(D: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """D(x), refused where samples interact: then no output has a gradient of its own."""
    with pg.trace() as events:
        out = D(x)
    for event in events:
        if event["op"] in _ACROSS_SAMPLES:
            raise ConfigError(
                f"gradient_penalty: D ran {event['op']} in training mode, by which its output for "
                "one sample depends on the others, and the penalty asks for the gradient of each "
                "output in its own sample; build D with norm=None, or call D.eval() first"
            )
    if not isinstance(out, Tensor) or out.ndim < 1 or out.shape[0] != x.shape[0]:
        got = out.shape if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(
            f"gradient_penalty: D must return one row per sample, ({x.shape[0]}, ...), got {got}"
        )
    return out


def gradient_penalty(
    D: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    kind: str = "wgan-gp",
    weight: float = 10.0,
    alpha: Any = None,
) -> Tensor:
    """Penalty on the gradients of D between real and fake samples; differentiable in D's weights.

    ::

        x^ = u real + (1 - u) fake                 u uniform in [0, 1), one per *sample*
        g_b = d D(x^)_b / d x^_b
        wgan-gp:  weight * mean_b (|g_b| - 1)^2    |.| over all axes of a sample, not of the batch

    Several outputs of one sample (patches, heads) are summed. At |g_b| = 0 the norm has derivative
    0. real and fake are detached: the penalty has no gradient in the generator.

    Args:
        D: any callable of one batch; labels and the like are closed over. It runs once, on x^.
        real: samples, (N, ...), float32 or float64.
        fake: samples of the same shape and dtype.
        kind: "wgan-gp".
        weight: lambda.
        alpha: u, (N,), tensor or array; None draws from the stream ``gradient_penalty.alpha``,
            which starts with seed 0 in each process (`seed_alpha` starts it again).

    Returns:
        A scalar, recorded: its gradients in D's weights come by differentiating the gradient.

    Raises:
        ConfigError: unknown kind, bad weight, or training-mode batch normalisation within D.
        ShapeError, DTypeError: samples, alpha or D's output that do not fit.

    Source: Gulrajani et al. 2017, "Improved training of Wasserstein GANs", equation 3, algorithm 1.
    """
    check_penalty(kind, weight)
    _check_samples(real, fake)
    recorded = pg.is_grad_enabled()
    with pg.no_grad():
        u = _coefficients(alpha, real)
        x = u * real.detach() + (1.0 - u) * fake.detach()
    x = x.detach().requires_grad_(True)
    with pg.enable_grad():  # even under no_grad, the value needs the first gradient
        out = _run(D, x)
        # The sum's gradient is each sample's own, since no sample acts on another's output. A D
        # that ignores its input has gradient zero, and that is what the penalty then sees.
        (g,) = pg.grad(out.sum(), [x], create_graph=recorded, unused="zero")
        norms = pg.ops.norm(g.reshape(g.shape[0], -1), axis=1)
        value = pg.ops.square(norms - 1.0).mean() * float(weight)
    return value if recorded else value.detach()
