"""Gradient penalties: what D's gradients, at points that each kind chooses, cost D."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import pygan as pg
from pygan import _core
from pygan._core import Tensor
from pygan._suggest import unknown
from pygan.errors import ConfigError, DTypeError, ShapeError

if TYPE_CHECKING:  # pygan.random imports pygan.ops
    from pygan.random import Stream

__all__ = [
    "KINDS",
    "check_penalty",
    "gradient_penalty",
    "output_and_penalty",
    "penalty_draws",
    "seed_alpha",
    "shared_samples",
]

#: Ops by which the output for one sample depends on its neighbours in the batch, and their names
#: for the user: the second is how a BatchNorm runs that a ReLU follows.
_ACROSS_SAMPLES = {"batch_norm": "batch_norm", "batch_norm_leaky_relu": "batch_norm"}

#: DRAGAN's noise, in standard deviations of the real batch.
_NOISE_SCALE = 0.5

_alpha_stream: Stream | None = None


@dataclass(frozen=True)
class _Kind:
    """Which samples a kind reads, what it draws, and what gradients cost: ``norm_penalty``'s."""

    samples: tuple[str, ...]
    draws: tuple[str, ...]
    cost: str
    factor: float = 1.0  # of the weight


_KINDS = {
    "wgan-gp": _Kind(("real", "fake"), ("alpha",), "two-sided"),
    "wgan-lp": _Kind(("real", "fake"), ("alpha",), "one-sided"),
    "r1": _Kind(("real",), (), "squared", 0.5),
    "r2": _Kind(("fake",), (), "squared", 0.5),
    "dragan": _Kind(("real",), ("alpha", "noise"), "two-sided"),
    "zero-centred": _Kind(("real", "fake"), ("alpha",), "squared"),
}

#: The kinds that exist.
KINDS = tuple(_KINDS)


def check_penalty(kind: str, weight: float) -> None:
    """Raises ConfigError for an unknown kind, or a weight that is negative or not finite."""
    if kind not in KINDS:
        raise unknown("kind of gradient penalty", kind, KINDS)
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not (number and math.isfinite(weight) and weight >= 0):
        raise ConfigError(f"gradient_penalty: weight must be finite and >= 0, got {weight!r}")


def penalty_draws(
    kind: str,
    stream: Stream,
    shape: tuple[int, ...],
    dtype: Any = "float32",
    device: str = "cpu",
) -> dict[str, Tensor]:
    """What a penalty of this kind draws for samples of ``shape`` (N, ...), from ``stream``.

    Arguments of `gradient_penalty`: ``alpha`` (N,) and ``noise`` (N, ...), uniform in [0, 1); each
    only where the kind has a use for it, so r1 and r2 give {}.
    """
    shapes: dict[str, tuple[int, ...]] = {"alpha": shape[:1], "noise": shape}
    return {name: stream.uniform(shapes[name], dtype, device) for name in _KINDS[kind].draws}


def seed_alpha(seed: int = 0) -> None:
    """Starts the stream behind ``alpha=None``, ``gradient_penalty.alpha``, again with this seed."""
    global _alpha_stream
    _alpha_stream = pg.random.Stream(seed, "gradient_penalty.alpha")


def _draws(kind: str, given: dict[str, Any], like: Tensor) -> dict[str, Tensor]:
    """alpha (N,) and noise (N, ...), as far as the kind draws them."""
    n, shape = like.shape[0], like.shape
    wanted = _KINDS[kind].draws
    for name, value in given.items():
        if value is not None and name not in wanted:
            raise ConfigError(f"gradient_penalty: kind {kind!r} has no {name}; leave it out")
    values = {name: given[name] for name in wanted if given[name] is not None}
    if len(values) < len(wanted):
        if _alpha_stream is None:
            seed_alpha()
        assert _alpha_stream is not None
        values = penalty_draws(kind, _alpha_stream, shape, like.dtype, like.device) | values
    result: dict[str, Tensor] = {}
    for name, value in values.items():
        tensor = value
        if not isinstance(value, Tensor):
            tensor = pg.tensor(np.asarray(value, like.dtype), device=like.device)
        expected = (n,) if name == "alpha" else shape
        if tensor.shape != expected:
            what = "one coefficient per sample" if name == "alpha" else "one value per element"
            raise ShapeError(
                f"gradient_penalty: {name} must be {expected}, {what}, "
                f"got {tensor.shape} for samples {shape}"
            )
        if tensor.dtype != like.dtype:
            raise DTypeError(
                f"gradient_penalty: {name} is {tensor.dtype}, the samples {like.dtype}"
            )
        result[name] = tensor.detach()
    return result


def _check_samples(kind: str, given: dict[str, Any]) -> list[Tensor]:
    """The samples that the kind reads, detached."""
    names = _KINDS[kind].samples
    for name in names:
        x = given[name]
        if not isinstance(x, Tensor) or x.dtype not in (np.float32, np.float64):
            what = f"a {x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
            raise DTypeError(f"gradient_penalty: {name} must be a float tensor, got {what}")
    samples: list[Tensor] = [given[name].detach() for name in names]
    first, last = samples[0], samples[-1]
    if first.shape != last.shape or first.ndim < 2 or first.shape[0] == 0:
        both = "both " if len(names) == 2 else ""
        raise ShapeError(
            f"gradient_penalty: {' and '.join(names)} must {both}be (N, ...) with N >= 1, "
            f"got {' and '.join(str(x.shape) for x in samples)}"
        )
    if first.dtype != last.dtype:
        raise DTypeError(f"gradient_penalty: real is {first.dtype}, fake is {last.dtype}")
    return samples


def _points(samples: list[Tensor], draws: dict[str, Tensor]) -> Tensor:
    """x^: between two samples, around one, or the sample itself."""
    if "noise" in draws:
        real = samples[0]
        alpha = draws["alpha"].reshape(-1, *[1] * (real.ndim - 1))
        deviation = pg.ops.sqrt(pg.ops.square(real - real.mean()).mean())
        return real + alpha * (deviation * _NOISE_SCALE) * draws["noise"]
    if "alpha" in draws:
        return pg.ops.interpolate(*samples, draws["alpha"])
    return samples[0]


def _run(D: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, _core.Recording]:
    """D(x) and what it recorded, refused where D is in training mode of batch normalisation."""
    out, recording = _core.capture(D, x)
    for op in recording.ops:
        if op in _ACROSS_SAMPLES:
            raise ConfigError(
                f"gradient_penalty: D ran {_ACROSS_SAMPLES[op]} in training mode, by which its "
                "output for one sample depends on the others, and the penalty asks for the "
                "gradient of each output in its own sample; build D with norm=None, or call "
                "D.eval() first"
            )
    if not isinstance(out, Tensor) or out.ndim < 1 or out.shape[0] != x.shape[0]:
        got = out.shape if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(
            f"gradient_penalty: D must return one row per sample, ({x.shape[0]}, ...), got {got}"
        )
    return out, recording


def gradient_penalty(
    D: Callable[[Tensor], Tensor],
    real: Tensor | None,
    fake: Tensor | None,
    kind: str = "wgan-gp",
    weight: float = 10.0,
    alpha: Any = None,
    noise: Any = None,
    fused: bool | Literal["auto"] = "auto",
    report: Callable[[str], object] | None = None,
) -> Tensor:
    """Penalty on the gradients of D at points x^; differentiable in D's weights.

    ::

        g_b = d D(x^)_b / d x^_b                   |.| over all axes of a sample, not of the batch
        wgan-gp:       weight   * mean_b (|g_b| - 1)^2           x^ = u real + (1 - u) fake
        wgan-lp:       weight   * mean_b max(0, |g_b| - 1)^2     x^ as wgan-gp (one-sided)
        zero-centred:  weight   * mean_b |g_b|^2                 x^ as wgan-gp
        dragan:        weight   * mean_b (|g_b| - 1)^2           x^ = real + u s/2 noise
        r1:            weight/2 * mean_b |g_b|^2                 x^ = real
        r2:            weight/2 * mean_b |g_b|^2                 x^ = fake

    with u uniform in [0, 1), one per *sample*; noise uniform in [0, 1), one per element; s the
    standard deviation of all elements of the real batch (biased). DRAGAN is here as in its authors'
    code; their equation has normal noise of a fixed variance.

    Several outputs of one sample (patches, heads) are summed. g is the gradient of the outputs' sum
    over the batch: where D mixes samples (minibatch statistics), of the others' outputs too. Batch
    normalisation in training mode raises. At |g_b| = 0 the norm has derivative 0. real and fake are
    detached: the penalty has no gradient in the generator.

    Args:
        D: any callable of one batch; labels and the like are closed over. It runs once, on x^.
        real: samples, (N, ...), float32 or float64; not read by r2, which takes None.
        fake: samples of the same shape and dtype; not read by r1 and dragan, which take None.
        kind: one of the above.
        weight: lambda; of r1 and r2 it is gamma.
        alpha: u, (N,), tensor or array; None draws from the stream ``gradient_penalty.alpha``,
            which starts with seed 0 in each process (`seed_alpha` starts it again).
        noise: as the samples; None draws from the same stream, after alpha.
        fused: "auto" takes the fused pass where it can: D's recorded operations become one, whose
            gradient costs a tangent pass and one of weight gradients (and one more backward where
            D is smooth) instead of a double backward. False takes the generic double backward,
            True raises where the fused pass cannot be had. Both give the same up to rounding.
        report: called with the way taken: ``"fused pass"``, or
            ``"generic double backward (matmul may mix samples)"``, with the reason.

    Returns:
        A scalar, recorded: its gradients in D's weights come by differentiating the gradient.

    Raises:
        ConfigError: unknown kind, bad weight, alpha or noise for a kind that has none,
            training-mode batch normalisation within D, or ``fused=True`` where that cannot be.
        ShapeError, DTypeError: samples, alpha, noise or D's output that do not fit.

    Source: Gulrajani et al. 2017, "Improved training of Wasserstein GANs", equation 3, algorithm 1
    (wgan-gp); Petzka et al. 2018, "On the regularization of Wasserstein GANs" (wgan-lp); Mescheder
    et al. 2018, "Which training methods for GANs do actually converge?", section 4.1 (r1, r2);
    Kodali et al. 2017, "On convergence and stability of GANs" (dragan); Thanh-Tung et al. 2019,
    "Improving generalization and stability of generative adversarial networks" (zero-centred).
    """
    _check_call(D, kind, weight, fused)
    samples = _check_samples(kind, {"real": real, "fake": fake})
    with pg.no_grad():
        x = _points(samples, _draws(kind, {"alpha": alpha, "noise": noise}, samples[0]))
    return _evaluate(D, x, kind, weight, fused, report, share=False)[1]


def output_and_penalty(
    D: Callable[[Tensor], Tensor],
    x: Tensor,
    kind: str = "r1",
    weight: float = 10.0,
    fused: bool | Literal["auto"] = "auto",
    report: Callable[[str], object] | None = None,
) -> tuple[Tensor, Tensor]:
    """D(x) and the penalty at the samples themselves, from one forward pass: for a loss of D(x).

    ::

        out, penalty = output_and_penalty(D, real, "r1", gamma)
        loss = game_loss(out, D(fake)) + penalty

    In the fused pass the loss's own backward joins the penalty's: it costs weight gradients only
    where D is piecewise linear and gives one number a sample (five passes over D in all, instead of
    seven), and nothing where the penalty runs a backward anyway (six instead of nine). Both outputs
    are exact and may be differentiated to any order, together or alone.

    Args:
        D, weight, fused, report: as for `gradient_penalty`.
        x: samples, (N, ...); detached: out has no gradient in them, so it serves D's loss only.
        kind: ``"r1"`` or ``"r2"``, the same of real samples and of fakes.

    Returns:
        D(x) as D gives it, and the penalty, a scalar.

    Raises:
        ConfigError: as `gradient_penalty`, or another kind. ShapeError, DTypeError: likewise.
    """
    _check_call(D, kind, weight, fused)
    if shared_samples(kind) is None:
        raise ConfigError(
            f"output_and_penalty: kind {kind!r} is not taken at the samples themselves; "
            'call it with "r1" or "r2"'
        )
    (x,) = _check_samples(kind, {"real": x, "fake": x})
    return _evaluate(D, x, kind, weight, fused, report, share=True)


def shared_samples(kind: str) -> Literal["real", "fake"] | None:
    """The samples at which this kind is taken, so that a loss of D there can share its pass."""
    at: dict[str, Literal["real", "fake"]] = {"r1": "real", "r2": "fake"}
    return at.get(kind)


def _check_call(D: Any, kind: str, weight: float, fused: Any) -> None:
    check_penalty(kind, weight)
    if fused is not True and fused is not False and fused != "auto":
        raise ConfigError(f'gradient_penalty: fused must be True, False or "auto", got {fused!r}')
    if not callable(D):
        raise ConfigError(f"gradient_penalty: D must be a network or a function, got {D!r}")


def _evaluate(
    D: Callable[[Tensor], Tensor],
    x: Tensor,
    kind: str,
    weight: float,
    fused: bool | Literal["auto"],
    report: Callable[[str], object] | None,
    share: bool,
) -> tuple[Tensor, Tensor]:
    """D(x), meant for a loss only where it is shared, and the penalty at x."""
    recorded = pg.is_grad_enabled()
    x = x.detach().requires_grad_(True)
    cost, factor = _KINDS[kind].cost, float(weight) * _KINDS[kind].factor
    with pg.enable_grad():  # even under no_grad, the value needs the first gradient
        out, recording = _run(D, x)
        value, why = None, "as asked"
        if fused:
            value, shared, why = _core.fused_penalty(recording, x, out, cost, factor, share)
            out = out if shared is None else shared
            if value is None and fused is True:
                raise ConfigError(f"gradient_penalty: no fused pass: {why}")
        ran = "fused pass" if value is not None else f"generic double backward ({why})"
        if value is None:
            # The sum's gradient is each sample's own, since no sample acts on another's output. A D
            # that ignores its input has gradient zero, and that is what the penalty then sees.
            (g,) = pg.grad(
                out.sum(), [x], create_graph=recorded, retain_graph=recorded, unused="zero"
            )
            value, _ = pg.ops.norm_penalty(g, cost, factor)
    if report is not None:
        report(ran + (", shared with the loss" if share else ""))
    return (out, value) if recorded else (out.detach(), value.detach())
