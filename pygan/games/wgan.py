"""WGAN: the Wasserstein game with weight clipping (Arjovsky et al. 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pygan.errors import ConfigError
from pygan.games.base import Game, OptimizerSpec

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["WGAN"]


def _rmsprop() -> OptimizerSpec:
    return OptimizerSpec("rmsprop", lr=5e-5)


@dataclass(frozen=True, kw_only=True)
class WGAN(Game):
    """D is a critic whose mean difference estimates the Wasserstein-1 distance; G makes it small.

    ::

        d_loss = mean(D(fake)) - mean(D(real));   then each parameter w of D <- clip(w, -clip, clip)
        g_loss = -mean(D(fake))

    Clipping keeps the critic Lipschitz, with some constant: the loss is the distance times that.
    It follows each of the n_critic updates, in the same transaction, over all trained parameters
    of D (the scales of a batch normalisation too). D's output is a score, not a logit.

    Args:
        clip: c > 0.

    Raises:
        ConfigError: c is not a positive number.

    Source: Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1: RMSProp with 5e-5, c 0.01,
    n_critic 5. `pygan.games.WGANGP` replaces clipping by a penalty.
    """

    name: ClassVar[str] = "wgan"

    clip: float = 0.01
    n_critic: int = 5
    d_optimizer: OptimizerSpec = field(default_factory=_rmsprop)
    g_optimizer: OptimizerSpec = field(default_factory=_rmsprop)

    def __post_init__(self) -> None:
        super().__post_init__()
        number = isinstance(self.clip, (int, float)) and not isinstance(self.clip, bool)
        if not (number and math.isfinite(self.clip) and self.clip > 0):
            raise ConfigError(f"{self.name}: clip must be finite and > 0, got {self.clip!r}")
        object.__setattr__(self, "clip", float(self.clip))

    @property
    def d_clip(self) -> float | None:
        return self.clip

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return d_fake.mean() - d_real.mean()

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return -d_fake.mean()
