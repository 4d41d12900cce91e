"""The hinge game (Lim and Ye 2017, Miyato et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pygan as pg
from pygan.games.base import Game

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["Hinge"]


@dataclass(frozen=True, kw_only=True)
class Hinge(Game):
    """D separates real from fake with a margin, as a support vector machine; G raises D's output.

    ::

        d_loss = mean(max(0, 1 - D(real))) + mean(max(0, 1 + D(fake)))
        g_loss = -mean(D(fake))

    Samples beyond the margin (D(real) > 1, D(fake) < -1) no longer change D; G's slope never
    vanishes. D's output is a score, not a logit. D has spectral normalisation unless another norm
    is asked for, as in the second paper.

    Source: Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral normalization
    for generative adversarial networks", equations 16 and 17. The optimizers are DCGAN's: Adam,
    2e-4, beta1 0.5, beta2 0.999.
    """

    name: ClassVar[str] = "hinge"
    default_d_norm: ClassVar[str | None] = "spectral"

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return pg.ops.relu(1.0 - d_real).mean() + pg.ops.relu(1.0 + d_fake).mean()

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return -d_fake.mean()
