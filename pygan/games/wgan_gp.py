"""WGAN-GP: the Wasserstein game with a gradient penalty (Gulrajani et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pygan.games.base import Game, OptimizerSpec, Penalty
from pygan.ops.gradient_penalty import check_penalty

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["WGANGP"]


def _adam() -> OptimizerSpec:
    return OptimizerSpec("adam", lr=1e-4, betas=(0.0, 0.9))


@dataclass(frozen=True, kw_only=True)
class WGANGP(Game):
    """D is a critic whose mean difference estimates the Wasserstein-1 distance; G makes it small.

    ::

        d_loss = mean(D(fake)) - mean(D(real)),   plus   weight * mean_b (|dD/dx^ (x^_b)| - 1)^2
        g_loss = -mean(D(fake))

    with x^ drawn on straight lines between real and fake samples: `pygan.ops.gradient_penalty`.
    The penalty keeps the critic close to 1-Lipschitz. D must treat samples one by one: no batch
    normalisation in D (`check_d_norm`). D's output is a score, not a logit.

    Args:
        weight: lambda, the factor of the gradient penalty.

    Source: Gulrajani et al. 2017, "Improved training of Wasserstein GANs", algorithm 1: lambda 10,
    n_critic 5, Adam with 1e-4, beta1 0, beta2 0.9.
    """

    name: ClassVar[str] = "wgan-gp"
    default_d_norm: ClassVar[str | None] = None

    weight: float = 10.0
    n_critic: int = 5
    d_optimizer: OptimizerSpec = field(default_factory=_adam)
    g_optimizer: OptimizerSpec = field(default_factory=_adam)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_penalty("wgan-gp", self.weight)

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        return (Penalty("wgan-gp", self.weight), *self.extra_penalties)

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return d_fake.mean() - d_real.mean()

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return -d_fake.mean()
